import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { Controller } from '../../controller/main.ts';
import { nodeStatus } from '../../speaker/nodeStatus.ts';
import { type PeerReport, type HeardReport, type WireProblem, cannotOpen } from '../../speaker/report.ts';
import { examine } from '../../src/cli/doctor/examine.ts';
import type { Snapshot } from '../../src/glass/view.ts';
import type { Mac } from '../../src/net/mac.ts';
import { ANNOUNCED, ESTABLISHED } from '../../src/view/announced.ts';
import { readCluster } from '../../src/view/cluster.ts';
import { explain } from '../../src/view/explain.ts';
import { Judge } from '../../src/view/judgement.ts';
import { statusOf } from '../../src/view/status.ts';
import { plansOf, readWorld } from '../../src/view/world.ts';
import { type Raw, type RawCluster, calm, listRaw, named, speak } from '../cli/explainSupport.ts';
import { Executable } from '../cli/support.ts';
import { NAMESPACE } from '../controller/fixtures.ts';
import {
  type Cluster,
  type Seen,
  conditionOf,
  eventsAbout,
  getService,
  serviceObject,
  startCluster,
  until,
} from '../controller/support.ts';
import { need } from '../support/need.ts';
import { PAGE_NEED } from '../glass/stand.ts';
import { BROKEN } from '../cli/doctor/facts.ts';
import { ip } from '../speaker/support.ts';
import { documents } from '../support/apiClient.ts';
import { FLAGS, QUICK, store } from './store.ts';
import { ADDRESS_ROWS, nameOf, startAddresses } from './addressRows.ts';
import { type Row, WIRE_ROWS, startBase } from './wireRows.ts';

/** What tests say of a Service everywhere, in the order in which somebody would look. */
interface Said {
  readonly condition: string | undefined;
  readonly explain: string | undefined;
  readonly page: string | undefined;
  readonly event: boolean;
  readonly status: boolean;
}

let cluster: Cluster;
let controller: Controller;
let base: RawCluster;
let serial = 0;

async function said(service: string, uid: string, code: string): Promise<Said> {
  const raw = await listRaw(cluster.kubeconfig);
  const stored = raw.services.find(({ metadata }) => metadata.name === service);
  const conditions = (stored?.status['conditions'] ?? []) as readonly { type: string; reason: string }[];
  const seen = readCluster(raw, { nowMs: Date.now() });
  const explanation = explain(seen, 'default', service);
  const { problems } = statusOf(seen, new Judge(seen));
  const { vips, problems: shown } = await snapshot();
  const key = `default/${service}`;
  const vip = vips.find(({ services }) => services.some(({ name }) => name === key));
  const page = vip === undefined ? shown.find(({ name }) => name === key)?.reason : (vip.why?.reason ?? 'Announced');
  const events = (await cluster.lab.list({ apiVersion: 'v1', kind: 'Event' })) as unknown as {
    involvedObject: { uid?: string };
    reason: string;
  }[];
  return {
    condition: conditions.find(({ type }) => type === ANNOUNCED)?.reason,
    explain: explanation.causes[0]?.reason ?? 'Announced',
    page,
    event: events.some(({ involvedObject, reason }) => involvedObject.uid === uid && reason === code),
    status: code === 'Announced' || problems.some(({ reason }) => reason === code),
  };
}

/** Waits until everybody says so. @returns what is said, and what is to be */
async function told(service: string, uid: string, code: string): Promise<readonly [Said | undefined, Said]> {
  const wanted: Said = { condition: code, explain: code, page: code, event: true, status: true };
  let latest: Said | undefined;
  await until(code, async () => {
    latest = await said(service, uid, code);
    return JSON.stringify(latest) === JSON.stringify(wanted);
  }).catch(() => undefined);
  return [latest, wanted];
}

/** Another Service of the name each time: nothing that was said of the one before is said of it. */
function fresh(service: string): { readonly raw: RawCluster; readonly uid: string } {
  const raw = structuredClone(base);
  const uid = `uid-${++serial}`;
  const one = named(raw.services, service);
  (one.metadata as { uid?: string }).uid = uid;
  one.status['conditions'] = (one.status['conditions'] as { type: string }[]).filter(({ type }) => type !== ANNOUNCED);
  return { raw, uid };
}

const page = (): string => `http://127.0.0.1:${controller.glassPort}/api/snapshot`;

async function snapshot(): Promise<Snapshot> {
  return (await (await fetch(page())).json()) as Snapshot;
}

async function stage({ by, broken, wire = calm, after, isNew, service = 'web' }: Row): Promise<string> {
  const { raw, uid } = fresh(service);
  if (isNew === true) {
    store(cluster, { ...raw, config: { ...raw.config, BGPAdvertisement: [], L2Advertisement: [] } });
    await until('nothing to be remembered', async () => (await snapshot()).advertisements.length === 0);
  }
  if (by === 'bgp') raw.config.L2Advertisement = [];
  if (by === 'layer2') raw.config.BGPAdvertisement = [];
  broken?.(raw);
  await speak(raw, wire);
  store(cluster, raw);
  if (after === undefined) return uid;
  // What was good before goes on: so it has to have been seen.
  const { BGPAdvertisement, L2Advertisement, IPAddressPool } = raw.config;
  const wanted = [
    ...BGPAdvertisement.map(({ metadata }) => `BGP ${metadata.name}`),
    ...L2Advertisement.map(({ metadata }) => `layer 2 ${metadata.name}`),
    ...IPAddressPool.map(({ metadata }) => metadata.name),
  ].toSorted();
  await until('the controller to see it', async () => {
    const { advertisements, pools } = await snapshot();
    return (
      [...advertisements, ...pools]
        .map(({ id }) => id)
        .toSorted()
        .join() === wanted.join()
    );
  });
  after(raw);
  store(cluster, raw);
  return uid;
}

need(PAGE_NEED).describe('condition, event, explain, status and page give one code for one cause', () => {
  beforeAll(async () => {
    ({ cluster, controller, raw: base } = await startBase(FLAGS, QUICK));
  }, 60_000);

  afterAll(async () => {
    await cluster?.close();
  });

  it('has enough of them', () => expect(Object.keys(WIRE_ROWS).length).toBeGreaterThan(45));

  it.each(Object.entries(WIRE_ROWS))('%s', async (_, row) => {
    const uid = await stage(row);
    const [is, wanted] = await told(row.service ?? 'web', uid, row.live ?? row.reason ?? 'Announced');
    expect(is).toEqual(wanted);
  });
});

need(PAGE_NEED).describe('and so they do where there is no address', () => {
  beforeAll(async () => {
    ({ cluster, controller } = await startAddresses(FLAGS, QUICK));
  }, 60_000);

  afterAll(async () => {
    await cluster?.close();
  });

  it.each(Object.entries(ADDRESS_ROWS))('%s', async (row, { reason }) => {
    const name = nameOf(row);
    const { metadata } = await getService(cluster.lab, name);
    const [is, wanted] = await told(name, metadata.uid, reason);
    expect(is).toEqual(wanted);
  });
});

interface NodeRow {
  readonly problem?: WireProblem;
  readonly lastError?: string;
  readonly broken?: (cluster: RawCluster) => void;
  /** The object that the event is about. */
  readonly on: 'Node' | 'BGPPeer';
  /** Of the facts that `heraldlb doctor` gathers. */
  readonly doctor?: string;
  readonly reason: string;
}

const VIP = ip('198.51.100.0');

/** What is wrong on a node, or with a session of it. */
const NODE_ROWS: Readonly<Record<string, NodeRow>> = {
  'port 179 taken': {
    problem: { reason: 'CannotListen', port: 179, error: 'EADDRINUSE' },
    on: 'Node',
    doctor: 'another BGP daemon, where routers are to connect',
    reason: 'CannotListen',
  },
  'another BFD daemon': {
    problem: { reason: 'CannotReceiveBfd', port: 3784, error: 'EADDRINUSE' },
    on: 'Node',
    doctor: 'another BFD daemon',
    reason: 'CannotReceiveBfd',
  },
  'the port of the mesh taken': {
    problem: { reason: 'NoMeshPort', port: 7483, error: 'EADDRINUSE' },
    on: 'Node',
    doctor: 'the port of the mesh taken',
    reason: 'NoMeshPort',
  },
  'a speaker that is not heard': { problem: { reason: 'LivenessUnknown', node: 'n2' }, on: 'Node', reason: 'LivenessUnknown' },
  'an interface that cannot be opened': {
    problem: { reason: 'CannotOpenInterface', interface: 'eth0', error: 'ENETDOWN' },
    on: 'Node',
    reason: 'CannotOpenInterface',
  },
  'no capability NET_RAW': { problem: cannotOpen('eth0', 'EPERM'), on: 'Node', doctor: 'no NET_RAW', reason: 'CapabilityMissing' },
  'no capability NET_ADMIN': {
    problem: { reason: 'CapabilityMissing', capability: 'NET_ADMIN', what: 'no TCP MD5 and no TCP-AO', peer: 'tor' },
    on: 'BGPPeer',
    doctor: 'no NET_ADMIN',
    reason: 'CapabilityMissing',
  },
  'no capability NET_BIND_SERVICE': {
    problem: { reason: 'CapabilityMissing', capability: 'NET_BIND_SERVICE', what: 'no BGP connections are accepted' },
    on: 'Node',
    doctor: 'no NET_BIND_SERVICE',
    reason: 'CapabilityMissing',
  },
  'an interface that is not there': {
    problem: { reason: 'NoUsableInterface', ip: VIP, interfaces: ['eth7'] },
    on: 'Node',
    doctor: 'an interface that is not there',
    reason: 'NoUsableInterface',
  },
  'another host that answers for a VIP': {
    problem: { reason: 'AddressInUse', ip: VIP, mac: '02:00:00:00:00:99' as Mac, interface: 'eth0' },
    on: 'Node',
    doctor: 'a conflict that the speaker has seen',
    reason: 'AddressInUse',
  },
  'nodes without an address of one family': {
    broken: ({ nodes }) => {
      named(nodes, 'n2').status['addresses'] = [{ type: 'InternalIP', address: '2001:db8:7::2' }];
    },
    on: 'Node',
    reason: 'NoCommonFamily',
  },
  'a kernel without TCP MD5': {
    problem: { reason: 'CannotSetKey', peer: 'tor', error: 'ENOPROTOOPT' },
    on: 'BGPPeer',
    doctor: 'no TCP MD5 for a peer with a password',
    reason: 'CannotSetKey',
  },
  'a kernel without TCP-AO': {
    problem: { reason: 'NoTcpAo', peer: 'tor' },
    on: 'BGPPeer',
    doctor: 'no TCP-AO for a peer that is to use it',
    reason: 'NoTcpAo',
  },
  'a router too far away': { problem: { reason: 'RouterTooFar', peer: 'tor', least: 255 }, on: 'BGPPeer', reason: 'RouterTooFar' },
  'a router without BGP': { lastError: 'ECONNREFUSED', on: 'BGPPeer', doctor: 'a router without BGP', reason: 'ConnectionRefused' },
  'a firewall before the router': { lastError: 'ETIMEDOUT', on: 'BGPPeer', doctor: 'a firewall before the router', reason: 'NoAnswer' },
  'no route to the router': { lastError: 'EHOSTUNREACH', on: 'BGPPeer', doctor: 'no route to the router', reason: 'NoRouteToRouter' },
};

/** A NodeState as the speaker of n1 would write it. */
function stateOf(raw: RawCluster, { problem, lastError }: NodeRow): Raw {
  const result = plansOf(readWorld(raw, { nowMs: Date.now() })).all.find(({ plan }) => plan.node === 'n1');
  if (result === undefined) throw new Error('there is no n1');
  const now = '2026-01-01T00:00:00Z';
  const peer = {
    name: 'tor',
    address: ip('192.0.2.254'),
    port: 179,
    since: now,
    families: [],
    desired: 2,
    counters: {} as PeerReport['counters'],
  };
  const peers: PeerReport[] =
    lastError === undefined ? [{ ...peer, state: 'Established' }] : [{ ...peer, state: 'Active', lastError: { at: now, text: lastError } }];
  const report: HeardReport = { generation: 1, peers, bfd: [], claims: new Map(), problems: problem === undefined ? [] : [problem] };
  const status = nodeStatus({ result, report, problems: [], version: 'test', startedAt: now, now, before: undefined });
  return { metadata: { name: 'n1', namespace: NAMESPACE }, spec: {}, status };
}

need(PAGE_NEED).describe('what is wrong without a Service has one code in NodeState, event, doctor, status and page', () => {
  beforeAll(async () => {
    ({ cluster, controller, raw: base } = await startBase(FLAGS, QUICK));
  }, 60_000);

  afterAll(async () => {
    await cluster?.close();
  });

  it.each(Object.entries(NODE_ROWS))('%s', async (_, row) => {
    const { raw } = fresh('web');
    row.broken?.(raw);
    await speak(raw, calm);
    const state = stateOf(raw, row);
    raw.nodeStates = [...raw.nodeStates.filter(({ metadata }) => metadata.name !== 'n1'), state];
    for (const { key } of cluster.lab.store.list('events')) cluster.lab.store.remove('events', key);
    store(cluster, raw);
    const { reason, on, doctor } = row;
    const ready = (state.status['conditions'] as { reason: string }[])[0];
    expect(ready?.reason).toBe(reason);
    expect(doctor === undefined ? reason : examine(factsOf(doctor))[0]?.reason).toBe(reason);
    await until('the event', async () => {
      const events = (await cluster.lab.list({ apiVersion: 'v1', kind: 'Event' })) as unknown as {
        involvedObject: Raw['metadata'] & { kind: string };
        reason: string;
      }[];
      const name = on === 'Node' ? 'n1' : 'tor';
      return events.some((event) => event.reason === reason && event.involvedObject.kind === on && event.involvedObject.name === name);
    });
    await until('the page', async () => (await snapshot()).problems.some((problem) => problem.reason === reason));
    const seen = readCluster(await listRaw(cluster.kubeconfig), { nowMs: Date.now() });
    expect(statusOf(seen, new Judge(seen)).problems.map((problem) => problem.reason)).toContain(reason);
    if (on === 'BGPPeer') await until("the peer's condition", async () => (await establishedOf('tor')) === reason);
  });
});

async function establishedOf(name: string): Promise<string | undefined> {
  const peer = (await cluster.lab.get({ apiVersion: 'heraldlb.io/v1', kind: 'BGPPeer', namespace: NAMESPACE, name })) as unknown as Seen;
  return conditionOf(peer, ESTABLISHED)?.reason;
}

function factsOf(doctor: string): Parameters<typeof examine>[0] {
  const found = BROKEN.find(([name]) => name === doctor);
  if (found === undefined) throw new Error(`doctor has no ${doctor}`);
  return found[1];
}

interface StoredDefinition {
  readonly spec: {
    readonly versions: readonly {
      readonly schema: {
        readonly openAPIV3Schema: { readonly properties: { readonly spec: { readonly properties: Record<string, unknown> } } };
      };
    }[];
  };
}

need(PAGE_NEED).describe('what the controller may not read, or is not there', () => {
  afterEach(async () => {
    await cluster?.close();
  });

  const says = async (reason: string): Promise<void> => {
    await until('the page', async () => (await snapshot()).problems.some((problem) => problem.reason === reason));
    await until('the event', async () => (await eventsAbout(cluster.lab, NAMESPACE)).some((text) => text.startsWith(`${reason} `)));
  };

  it('a right that is missing', async () => {
    const roles = documents(readFileSync(resolve(import.meta.dirname, '../../manifests/base/rbac.yaml'), 'utf8')) as unknown as {
      metadata: { name: string };
      rules?: { resources: string[] }[];
    }[];
    for (const role of roles) if (role.rules !== undefined) role.rules = role.rules.filter(({ resources }) => !resources.includes('pods'));
    const token = { 'token-of-controller': { name: `system:serviceaccount:${NAMESPACE}:heraldlb-controller` } };
    cluster = await startCluster({ rbac: true, tokens: token, objects: roles });
    controller = await cluster.start('one', { ...FLAGS, kubeconfig: cluster.kubeconfigFor('token-of-controller') }, QUICK);
    await says('RightMissing');
    expect(examine(factsOf('a right that is missing'))[0]?.reason).toBe('RightMissing');
  });

  it('no pool at all', async () => {
    cluster = await startCluster();
    await cluster.lab.create(serviceObject('web'));
    controller = await cluster.start('one', FLAGS, QUICK);
    const { metadata } = await getService(cluster.lab, 'web');
    const [is, wanted] = await told('web', metadata.uid, 'NoPools');
    expect(is).toEqual(wanted);
  });

  const definition = { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' };

  it('a kind that is not defined: the rest is shown, and nothing is said of what depends on it', async () => {
    ({ cluster, controller } = await startBase(FLAGS, QUICK));
    await controller.close();
    const manifest = await cluster.lab.get({ ...definition, name: 'l2advertisements.heraldlb.io' });
    for (const plural of ['l2advertisements', 'bgpadvertisements'])
      await cluster.lab.delete({ ...definition, name: `${plural}.heraldlb.io` });
    controller = await cluster.start('two', FLAGS, QUICK);
    const reason = 'CrdMissing';
    await says(reason);
    const { uid } = (await getService(cluster.lab, 'web')).metadata;
    await until('the condition', async () => conditionOf(await getService(cluster.lab, 'web'), ANNOUNCED)?.reason === reason);
    await until('the event', async () => (await eventsAbout(cluster.lab, 'web')).some((text) => text.startsWith(`${reason} `)));
    expect(uid).not.toBe('');
    const { problems, vips, nodes, pools } = await snapshot();
    expect(problems.slice(0, 2).map((problem) => [problem.reason, problem.severity])).toEqual([
      [reason, 'error'],
      [reason, 'error'],
    ]);
    expect(problems[0]?.message).toMatch(/the (bgp|l2)advertisements are not listed yet: .*404/);
    expect([vips.length, nodes.length, pools.length]).toEqual([3, 3, 2]);
    expect([...new Set(vips.map(({ why }) => why?.reason))]).toEqual([reason]);
    await expect(listRaw(cluster.kubeconfig)).rejects.toThrow(reason);
    expect(examine(factsOf('nothing installed'))[0]?.reason).toBe(reason);
    // Installed, the one is there at once, and the other one is still said to be missing.
    await cluster.lab.create({ ...manifest, metadata: { name: manifest.metadata.name } });
    await until(
      'one to be left',
      async () => (await snapshot()).problems.filter((problem) => problem.reason === reason && problem.kind === 'Controller').length === 1,
    );
  }, 60_000);

  it('a definition of another version', async () => {
    ({ cluster, controller } = await startBase(FLAGS, QUICK));
    await controller.close();
    const reason = 'CrdOutdated';
    const name = 'bgppeers.heraldlb.io';
    const stored = structuredClone(await cluster.lab.get({ ...definition, name })) as unknown as StoredDefinition;
    for (const { schema } of stored.spec.versions) delete schema.openAPIV3Schema.properties.spec.properties['ttlSecurityHops'];
    cluster.lab.store.put('apiextensions.k8s.io/customresourcedefinitions', name, stored as never);
    controller = await cluster.start('two', FLAGS, QUICK);
    await until('the page', async () => (await snapshot()).problems.some((problem) => problem.reason === reason && problem.name === name));
    await until('an event of the definition', async () =>
      (await eventsAbout(cluster.lab, name)).some((text) => text.startsWith(`${reason} `)),
    );
    await until('an event of the object', async () =>
      (await eventsAbout(cluster.lab, 'tor')).some((text) => text.startsWith(`${reason} `)),
    );
    const peer = (await cluster.lab.get({
      apiVersion: 'heraldlb.io/v1',
      kind: 'BGPPeer',
      namespace: NAMESPACE,
      name: 'tor',
    })) as unknown as Seen;
    expect(conditionOf(peer, 'Warning')).toMatchObject({ reason, message: expect.stringContaining('spec.ttlSecurityHops') as string });
    const seen = readCluster(await listRaw(cluster.kubeconfig), { nowMs: Date.now() });
    expect(statusOf(seen, new Judge(seen)).problems.map((problem) => problem.reason)).toContain(reason);
    expect(explain(seen, 'default', 'web').causes.at(-1)?.reason).toBe(reason);
    expect(examine(factsOf('definitions of an earlier version'))[0]?.reason).toBe(reason);
  }, 60_000);

  it('an API server that is away: the page goes on with what it knows, and says so', async () => {
    ({ cluster, controller } = await startBase(FLAGS, QUICK));
    const reason = 'ApiUnreachable';
    await until('the page', async () => (await snapshot()).vips.length > 0);
    await cluster.lab.stop();
    const program = await Executable.build();
    try {
      const { code, err } = await program.run(cluster.kubeconfig, 'explain', 'service', 'default/web');
      expect([code, err]).toEqual([2, expect.stringContaining(`${reason} (docs/troubleshoot.md#`) as string]);
    } finally {
      program.close();
    }
    await until('the page', async () => (await snapshot()).problems.some((problem) => problem.reason === reason));
    expect((await snapshot()).vips.map(({ services }) => services[0]?.name)).toContain('default/web');
    expect(examine(factsOf('no API server'))[0]?.reason).toBe(reason);
    await cluster.lab.restart();
    await until('it to be over', async () => !(await snapshot()).problems.some((problem) => problem.reason === reason));
  }, 60_000);
});
