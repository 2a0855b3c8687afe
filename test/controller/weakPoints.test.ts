/** What MetalLB 0.16 is weak at in allocation, configuration and webhooks (W13 to W20, W22, W24 and W25), shown not to be so here. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { KINDS, crdOf } from '../../src/api/crd.ts';
import { CONFIG_KINDS, type RawObjects, parseConfig } from '../../src/config/parse.ts';
import { NAMESPACE } from './fixtures.ts';
import { METALLB_CRDS } from './metallb.ts';
import { conditionOf, eventsAbout, getService, ips, poolObject, serviceObject, startCluster, until } from './support.ts';

const file = (path: string): string => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');
const serviceRef = (name: string) => ({ apiVersion: 'v1', kind: 'Service', namespace: 'default', name });

/** Where else the tests of a weak point are, by their names. */
const SHOWN: Readonly<Record<string, readonly (readonly [file: string, test: string])[]>> = {
  'W13: an event on every look': [
    ['test/controller/weakPoints.test.ts', 'about a second family that cannot be had come once'],
    ['test/controller/controller.test.ts', 'tells each thing once, and writes nothing when nothing changed'],
    ['test/speaker/parts.test.ts', 'come once per transition, not once per plan'],
  ],
  'W14: pools in random order, a freed address at once, a free one rather than a shared one': [
    ['test/ipam/plan.test.ts', 'selected pools by priority, 0 last, before general ones, equals by name'],
    ['test/ipam/plan.test.ts', 'does not depend on the order in which Services and pools are listed'],
    ['test/ipam/allocator.test.ts', 'gives an address that was just freed last'],
    ['test/ipam/plan.test.ts', 'an address that is shared already goes before a free one, in whatever pool it is'],
  ],
  'W15: one replica, no reservation': [
    ['test/controller/controller.test.ts', 'has one leader of two replicas, and the other takes over where the first stopped'],
    ['test/controller/kill.test.ts', 'never give an address twice and never change one'],
    ['test/controller/claims.test.ts', 'keep an address for a Service that is deleted and made again'],
  ],
  'W16: one address in no pool holds up a whole configuration': [
    ['test/announce/nodePlan.test.ts', 'goes on with the others when one address is in no pool'],
  ],
  'W17: one bad object makes all stale': [
    ['test/controller/controller.test.ts', 'leaves the rest working when a pool is malformed, keeps what it gave, and says what is wrong'],
    ['test/controller/surface.test.ts', 'says on every malformed object what is wrong with it, once, and goes on'],
  ],
  'W18: webhooks that look away': [
    ['test/controller/webhook.test.ts', 'looks at a BGPPeer with disableMP like at any other (W18)'],
    ['test/controller/webhook.test.ts', 'refuses an edit that takes an address from a running Service, unless that is meant'],
    ['test/ipam/admission.test.ts', 'that gives away what a node has from now on is refused for the Services that would lose it'],
  ],
  'W19: no reason for what is assigned and not announced': [
    ['test/speaker/parts.test.ts', 'say, from one node only, that nobody was asked to announce the address'],
    ['test/speaker/parts.test.ts', "say announceFailed, and not nodeAssigned, when the advertisement's interfaces are not there"],
  ],
  'W20: ready before anything is known, killed at once': [
    ['test/controller/weakPoints.test.ts', 'says what is missing until every list is in'],
    ['test/controller/weakPoints.test.ts', 'and no pod is killed before it has said good-bye'],
  ],
  'W22: a metric that is never set': [['test/controller/surface.test.ts', 'answers probes and metrics, MetalLB’s names among them']],
  'W24: a conversion that drops fields': [
    ['test/controller/weakPoints.test.ts', 'and every other kind has one version, so that no conversion can drop a field'],
    ['test/controller/weakPoints.test.ts', 'keeps the fields that the conversion of MetalLB drops'],
  ],
  'W24b: no holdTime is none': [['test/controller/weakPoints.test.ts', 'without a holdTime has the default, not none']],
  'W24c: selectors that match no namespace match all': [
    ['test/ipam/plan.test.ts', 'a namespaceSelector that matches no namespace takes no namespace'],
    ['test/controller/weakPoints.test.ts', 'that selects no namespace serves no namespace, and every Service that waits says so (W24c)'],
  ],
  'W25: a role that lists all Secrets': [['test/controller/weakPoints.test.ts', 'may list or watch Secrets or ConfigMaps']],
};

describe('every weak point has its tests', () => {
  it.each(Object.entries(SHOWN))('%s', (_weakness, tests) => {
    const titles = ([path, title]: readonly [string, string]): boolean =>
      file(path)
        .split('\n')
        .some((line) => /^\s*(?:it(?:\.\w+)?\(|\{? ?name:|export |`)/.test(line) && line.includes(title));
    expect(tests.filter((test) => !titles(test))).toEqual([]);
  });
});

interface Rule {
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

describe('events', () => {
  it('about a second family that cannot be had come once, however often the Service is looked at, over restarts too', async () => {
    const cluster = await startCluster();
    try {
      const { lab, start } = cluster;
      await lab.create(poolObject('p', ['192.0.2.0/24']));
      const one = await start('one');
      await lab.create(serviceObject('a', { ipFamilyPolicy: 'PreferDualStack' }));
      await until('the event', async () => (await eventsAbout(lab, 'a')).some((text) => text.startsWith('AdditionalAssignFailed')));
      for (let round = 0; round < 5; round++) {
        await lab.patch(serviceRef('a'), { metadata: { labels: { round: String(round) } } });
        // What comes after it is planned after it.
        await lab.create(serviceObject(`r${round}`));
        await until('another address', async () => ips(await getService(lab, `r${round}`)).length > 0);
      }
      await one.close();
      const two = await start('two');
      await lab.create(serviceObject('last'));
      await until('an address from the second', async () => ips(await getService(lab, 'last')).length > 0);
      await two.close();
      const told = (await eventsAbout(lab, 'a')).map((text) => text.split(':')[0]);
      expect(new Set(told)).toEqual(new Set(['AdditionalAssignFailed x1', 'IPAllocated x1']));
      expect(told).toHaveLength(2);
    } finally {
      await cluster.close();
    }
  }, 60_000);
});

describe('pools that overlap', () => {
  it('as a cluster may have them from MetalLB: the younger one is out of force and says so, and nobody is renumbered', async () => {
    const cluster = await startCluster({ objects: [...METALLB_CRDS] });
    try {
      const { lab, start } = cluster;
      const pool = (name: string, addresses: string): object => ({
        apiVersion: 'metallb.io/v1beta1',
        kind: 'IPAddressPool',
        metadata: { name, namespace: NAMESPACE },
        spec: { addresses: [addresses] },
      });
      await lab.create(pool('old', '192.0.2.0/25'));
      await lab.create(pool('young', '192.0.2.64/26'));
      await lab.create(pool('apart', '198.51.100.0/24'));
      const had = { a: ['192.0.2.9', 'old'], b: ['192.0.2.70', 'old'], c: ['192.0.2.80', 'young'] } as const;
      for (const [name, [ip, from]] of Object.entries(had)) {
        await lab.create(serviceObject(name, {}, { 'metallb.io/ip-allocated-from-pool': from }));
        await lab.patch(serviceRef(name), { status: { loadBalancer: { ingress: [{ ip }] } } }, { subresource: 'status' });
      }
      await start('one', { apiGroup: 'metallb.io' });
      await lab.create(serviceObject('new', {}, { 'metallb.io/address-pool': 'apart' }));
      await until('an address', async () => ips(await getService(lab, 'new'))[0] === '198.51.100.0');
      // MetalLB's CRD has no room for a condition.
      const said = async (name: string): Promise<string | undefined> =>
        (await eventsAbout(lab, name)).find((text) => text.startsWith('OverlappingPools x1: '));
      expect(await until('the event', () => said('young'))).toContain('192.0.2.64/26 overlaps with 192.0.2.0/25 of IPAddressPool old');
      expect(await said('old')).toBeUndefined();
      for (const [name, [ip]] of Object.entries(had)) expect([name, ips(await getService(lab, name))]).toEqual([name, [ip]]);
    } finally {
      await cluster.close();
    }
  }, 60_000);
});

describe('a pool', () => {
  it('that selects no namespace serves no namespace, and every Service that waits says so (W24c)', async () => {
    const cluster = await startCluster();
    try {
      const { lab, start } = cluster;
      const selectors = { namespaceSelectors: [{ matchLabels: { team: 'nobody' } }], serviceSelectors: [{ matchLabels: { tier: 'web' } }] };
      await lab.create(poolObject('p', ['192.0.2.0/24'], { serviceAllocation: selectors }));
      await lab.create({ ...serviceObject('a'), metadata: { name: 'a', namespace: 'default', labels: { tier: 'web' } } });
      await start('one');
      const condition = await until('a condition', async () => conditionOf(await getService(lab, 'a')));
      expect(condition).toMatchObject({
        status: 'False',
        reason: 'NoPoolMatches',
        message: "No IPAddressPool takes this Service: p (it does not take the Service's namespace).",
      });
      expect(ips(await getService(lab, 'a'))).toEqual([]);
    } finally {
      await cluster.close();
    }
  });
});

describe('/readyz', () => {
  it('says what is missing until every list is in', async () => {
    const cluster = await startCluster();
    try {
      const { lab, start } = cluster;
      lab.faults.status({ code: 503, match: { resource: 'services' } });
      lab.faults.status({ code: 503, match: { resource: 'nodes' } });
      const one = await start('one');
      const ready = async (): Promise<string> => (await fetch(`http://127.0.0.1:${one.port}/readyz`)).text();
      await until('the others', async () => /^the services are not listed yet.*\nthe nodes are not listed yet.*\n$/.test(await ready()));
      expect((await fetch(`http://127.0.0.1:${one.port}/readyz`)).status).toBe(503);
      lab.faults.clear();
      await until('all of them', async () => (await ready()) === 'ok\n', 40_000);
    } finally {
      await cluster.close();
    }
  }, 60_000);

  it('and no pod is killed before it has said good-bye', () => {
    const grace = (name: string): number => Number(/terminationGracePeriodSeconds: (\d+)/.exec(file(`manifests/base/${name}.yaml`))?.[1]);
    expect(grace('controller')).toBeGreaterThanOrEqual(10);
    expect(grace('speaker')).toBeGreaterThanOrEqual(10);
  });
});

describe('BGPPeer', () => {
  const empty = Object.fromEntries(CONFIG_KINDS.map((kind) => [kind, []])) as unknown as RawObjects;
  const parse = (spec: object): ReturnType<typeof parseConfig> => {
    const metadata = { name: 'router', namespace: NAMESPACE };
    return parseConfig({ ...empty, BGPPeer: [{ apiVersion: 'metallb.io/v1beta2', kind: 'BGPPeer', metadata, spec }] }, { generation: 1 });
  };

  it('and every other kind has one version, so that no conversion can drop a field', () => {
    for (const kind of KINDS) {
      const { spec } = crdOf(kind) as { spec: { versions: { served: boolean; storage: boolean }[]; conversion?: unknown } };
      expect({
        kind: kind.kind,
        versions: spec.versions.map(({ served, storage }) => [served, storage]),
        conversion: spec.conversion,
      }).toEqual({
        kind: kind.kind,
        versions: [[true, true]],
        conversion: undefined,
      });
    }
  });

  it('keeps the fields that the conversion of MetalLB drops', () => {
    const spec = {
      myASN: 64512,
      localASN: 64999,
      dynamicASN: 'external',
      peerAddress: '10.0.0.1',
      vrf: 'red',
      connectTime: '5s',
      enableGracefulRestart: true,
      dualStackAddressFamily: true,
      disableMP: false,
      passwordSecret: { name: 'key', namespace: NAMESPACE },
    };
    const { config, problems } = parse(spec);
    expect(problems.filter(({ severity }) => severity === 'error')).toEqual([]);
    expect(config.peers[0]).toMatchObject({
      localAsn: 64999,
      peerAsn: 'external',
      vrf: 'red',
      connectTimeMs: 5000,
      gracefulRestart: true,
      dualStackAddressFamily: true,
    });
  });

  it('without a holdTime has the default, not none', () => {
    expect(parse({ myASN: 64512, peerASN: 64513, peerAddress: '10.0.0.1' }).config.peers[0]?.holdTimeMs).toBe(90_000);
  });
});

describe('no program', () => {
  it('may list or watch Secrets or ConfigMaps', () => {
    const roles = parseAllDocuments(file('manifests/base/rbac.yaml')).map((document) => document.toJS() as { rules?: readonly Rule[] });
    const rules = roles.flatMap(({ rules: list = [] }) => list);
    const wide = rules.filter(
      ({ resources, verbs }) =>
        resources.some((resource) => ['secrets', 'configmaps', '*'].includes(resource)) &&
        verbs.some((verb) => ['list', 'watch', '*'].includes(verb)),
    );
    expect(rules.length).toBeGreaterThan(5);
    expect(wide).toEqual([]);
  });
});
