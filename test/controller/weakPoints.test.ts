/**
 * What MetalLB 0.16 is weak at in allocation and configuration, shown not to be so here. Shown elsewhere:
 * the order of pools, the turn of addresses and shared addresses in test/ipam/plan.test.ts and test/ipam/allocator.test.ts;
 * two replicas and reservations in controller.test.ts, kill.test.ts and claims.test.ts; one malformed object among good ones in
 * controller.test.ts and surface.test.ts; services_allocated_total in surface.test.ts; the webhook in webhook.test.ts;
 * selectors that match no namespace in test/ipam/plan.test.ts; events that come once in test/speaker/parts.test.ts.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { KINDS, crdOf } from '../../src/api/crd.ts';
import { CONFIG_KINDS, type RawObjects, parseConfig } from '../../src/config/parse.ts';
import { NAMESPACE } from './fixtures.ts';
import { METALLB_CRDS } from './metallb.ts';
import { eventsAbout, getService, ips, poolObject, serviceObject, startCluster, until } from './support.ts';

const file = (path: string): string => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');
const serviceRef = (name: string) => ({ apiVersion: 'v1', kind: 'Service', namespace: 'default', name });

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
