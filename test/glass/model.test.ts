import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planNode } from '../../src/announce/nodePlan.ts';
import { Glass, type GlassInput } from '../../src/glass/build.ts';
import { applyPatch, diff } from '../../src/glass/diff.ts';
import type { Snapshot } from '../../src/glass/view.ts';
import { projectNodeState } from '../../src/view/nodeState.ts';
import {
  NOW,
  type RawCluster,
  before,
  configObject,
  inputOf,
  largeCluster,
  node,
  nodeState,
  service,
  session,
  sightOf,
  slice,
  smallCluster,
} from './fixture.ts';

function snapshotOf(cluster: RawCluster): Snapshot {
  return new Glass().update(inputOf(cluster));
}

const EMPTY: RawCluster = { config: [], services: [], slices: [], nodes: [], nodeStates: [] };

describe('a snapshot of a small cluster', () => {
  const snapshot = snapshotOf(smallCluster());
  const vip = (id: string) => snapshot.vips.find((row) => row.id === id);
  const nodesOf = (id = ''): readonly string[] => snapshot.sets.find((set) => set.id === id)?.nodes ?? [];

  it('has every address once, in order of numbers, IPv4 first', () => {
    const ids = snapshot.vips.map(({ id }) => id);
    expect(ids).toHaveLength(16);
    expect(ids.slice(0, 2)).toEqual(['192.168.7.240', '192.168.7.241']);
    expect(ids.at(-1)).toBe('2001:db8:5::1');
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('tells the owner of layer 2, and the nodes of BGP', () => {
    expect(vip('192.168.7.242')).toMatchObject({
      pool: 'office',
      state: 'announced',
      owners: [{ node: 'rack1-c', since: before(350), interfaces: ['eth1'] }],
      bgp: '',
      services: [{ name: 'office/nas', ports: ['443/TCP'], policy: 'Cluster' }],
    });
    expect(nodesOf(vip('198.51.100.1')?.bgp)).toHaveLength(6);
    expect(vip('198.51.100.1')?.peers).toEqual(['tor-1', 'tor-2']);
    // externalTrafficPolicy Local.
    expect(nodesOf(vip('198.51.100.7')?.bgp)).toEqual(['rack1-a', 'rack2-b']);
  });

  it('says why nobody announces one', () => {
    expect(vip('198.51.100.40')).toMatchObject({ state: 'silent', why: { reason: 'NoEndpoints', anchor: 'noendpoints' } });
  });

  it('has the worst problem first, each with its section', () => {
    expect(snapshot.problems.map(({ severity, reason, name, nodes }) => [severity, reason, name, ...nodes])).toEqual([
      ['error', 'HoldTimerExpired', 'tor-2', 'rack2-b'],
      ['error', 'NoPoolMatches', 'lab/sandbox'],
      ['warning', 'NoEndpoints', '198.51.100.40'],
      ['warning', 'PoolNearlyFull', 'office'],
      ['warning', 'UnknownField', 'names'],
      ['info', 'NodeDrains', 'rack2-c'],
    ]);
  });

  it('counts pools, sessions and what nodes do', () => {
    expect(snapshot.pools.find(({ id }) => id === 'edge')?.usage).toEqual({ ipv4: { used: 9, free: 55 }, ipv6: { used: 1, free: 65_535 } });
    expect(snapshot.pools.find(({ id }) => id === 'reserved')?.usage).toEqual({ ipv4: { used: 1, free: 15 } });
    expect(snapshot.peers.map(({ id, up, sessions }) => [id, up, sessions])).toEqual([
      ['tor-1', 6, 6],
      ['tor-2', 5, 6],
    ]);
    expect(snapshot.nodes.find(({ id }) => id === 'rack1-a')).toMatchObject({ owned: 2, routed: 10, sessionsUp: 2, sessions: 2 });
    expect(snapshot.nodes.find(({ id }) => id === 'rack2-c')?.drain).toEqual({ phase: 'Draining', reason: 'Cordoned', since: before(35) });
  });

  it('has no secret in it', () => {
    const text = JSON.stringify(snapshot);
    expect(text).not.toMatch(/hunter/);
    expect(snapshot.peers.map(({ protection }) => protection)).toEqual(['TCP MD5', 'TCP MD5']);
  });
});

describe('what is wrong', () => {
  const l2 = [configObject('IPAddressPool', 'p', { addresses: ['192.0.2.0/24'] }), configObject('L2Advertisement', 'l', {})];
  const claim = (seconds: number): object => ({ ip: '192.0.2.1', services: ['default/web'], interfaces: ['eth0'], since: before(seconds) });
  const base = {
    ...EMPTY,
    config: l2,
    services: [service('web', ['192.0.2.1'])],
    slices: [slice('web', ['a'])],
    nodes: [node('a', 0), node('b', 1)],
  };
  const reasons = (cluster: RawCluster, more: Partial<GlassInput['head']> = {}): string[] =>
    new Glass().update(inputOf(cluster, NOW, more)).problems.map(({ reason }) => reason);

  it('is an owner that is missing, and one too many', () => {
    const silent = { ...base, nodeStates: [nodeState('a', {}), nodeState('b', {})] };
    expect(reasons(silent)).toEqual(['NotOnTheWire']);
    const two = { ...base, nodeStates: [nodeState('a', { claims: [claim(5)] }), nodeState('b', { claims: [claim(500)] })] };
    expect(reasons(two)).toEqual(['TwoOwners']);
    expect(snapshotOf(two).vips[0]?.state).toBe('contested');
    // What a node said before it died is not what another one says now.
    const dead = { ...two, nodes: [node('a', 0, { ready: false }), node('b', 1)] };
    expect(reasons(dead)).toEqual(['NodeNotReady']);
    expect(snapshotOf(dead).vips[0]?.owners.map((owner) => owner.node)).toEqual(['b']);
  });

  it('is a session that is not there for any node that is to announce', () => {
    const peer = configObject('BGPPeer', 'r', { myASN: 1, peerASN: 2, peerAddress: '10.9.9.9' });
    const config = [l2[0]!, peer, configObject('BGPAdvertisement', 'b', {})];
    const down = (name: string) => nodeState(name, { bgp: [session('r', '10.9.9.9', { state: 'Active', lastError: 'ECONNREFUSED' })] });
    const made = snapshotOf({ ...base, config, nodeStates: [down('a'), down('b')] });
    expect(made.problems.map(({ reason, nodes, message }) => [reason, nodes.length, message])).toEqual([
      ['ConnectionRefused', 2, 'the router refuses connections: nothing listens there for this node (ECONNREFUSED)'],
    ]);
    const half = snapshotOf({ ...base, config, nodeStates: [down('a'), nodeState('b', { bgp: [session('r', '10.9.9.9')] })] });
    expect(half.vips[0]).toMatchObject({ state: 'partly' });
  });

  it('is no session that a drained node does not need', () => {
    const peer = configObject('BGPPeer', 'r', { myASN: 1, peerASN: 2, peerAddress: '10.9.9.9' });
    const drained = nodeState('a', { bgp: [session('r', '10.9.9.9')], drain: { phase: 'Drained', reason: 'Cordoned', since: before(5) } });
    const config = [l2[0]!, peer, configObject('BGPAdvertisement', 'b', {})];
    const made = snapshotOf({ ...base, config, nodeStates: [drained, nodeState('b', { bgp: [session('r', '10.9.9.9')] })] });
    expect(made.sets).toEqual([{ id: expect.any(String), nodes: ['b'] }]);
    expect(made.problems.map(({ severity, reason, name }) => [severity, reason, name])).toEqual([['info', 'NodeDrains', 'a']]);
  });

  it('is a node without a speaker, a dead one, no leader and what cannot be read', () => {
    const dead = { ...EMPTY, nodes: [node('a', 0), node('b', 1, { ready: false })] };
    const made = new Glass().update(
      inputOf(dead, NOW, {
        leader: undefined,
        missing: ['the endpointslices are not listed yet: list endpointslices: 403 forbidden'],
      } as unknown as Partial<GlassInput['head']>),
    );
    expect(made.problems.map(({ reason }) => reason).toSorted()).toEqual([
      'ControllerNotRunning',
      'NodeNotReady',
      'RightMissing',
      'SpeakerNotRunning',
      'SpeakerNotRunning',
    ]);
  });

  it('is one problem when many nodes see it, and leads to the section that is meant', () => {
    const seen = { problems: [{ reason: 'AddressInUse', object: '192.0.2.1', message: '02:00:00:00:00:01 on eth0 uses 192.0.2.1 too' }] };
    const many = { ...base, nodeStates: [nodeState('a', { ...seen, claims: [claim(5)] }), nodeState('b', seen)] };
    expect(snapshotOf(many).problems).toMatchObject([{ reason: 'AddressInUse', anchor: 'addressinuse-1', nodes: ['a', 'b'] }]);
  });

  it('has a section for every code that can be linked to', () => {
    const text = readFileSync(resolve(import.meta.dirname, '../../docs/troubleshoot.md'), 'utf8');
    const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => heading.toLowerCase().replaceAll(' ', '-'));
    for (const reason of ['nodedrains', 'twoowners', 'poolnearlyfull', 'notread', 'rightmissing', 'crdmissing', 'nodenotready'])
      expect(headings).toContain(reason);
    expect(headings.filter((heading) => heading === 'addressinuse')).toHaveLength(2);
  });
});

describe('the nodes of a VIP', () => {
  const labels = fc.constantFrom<Record<string, string>>({}, { rack: '1' }, { rack: '2' });
  const selectors = fc.constantFrom<object[] | undefined>(undefined, [{ matchLabels: { rack: '1' } }], [{ matchLabels: { rack: '2' } }]);
  const world = fc.record({
    nodes: fc.array(fc.record({ labels, excluded: fc.boolean() }), { minLength: 1, maxLength: 4 }),
    peers: fc.array(fc.record({ nodeSelectors: selectors }), { maxLength: 3 }),
    advertisements: fc.array(
      fc.record({
        nodeSelectors: selectors,
        pools: fc.constantFrom(['one'], ['two'], undefined),
        peers: fc.constantFrom(undefined, ['peer-0'], ['peer-1']),
        onlyWithEndpoints: fc.boolean(),
      }),
      { maxLength: 3 },
    ),
    services: fc.array(
      fc.record({ pools: fc.constantFrom([1], [2], [1, 2], [3]), local: fc.boolean(), on: fc.array(fc.nat(3), { maxLength: 2 }) }),
      { minLength: 1, maxLength: 3 },
    ),
  });
  const without = (spec: object): object => Object.fromEntries(Object.entries(spec).filter(([, value]) => value !== undefined));

  it('are those whose own plan has a route for it', () => {
    let announced = 0;
    fc.assert(
      fc.property(world, ({ nodes, peers, advertisements, services }) => {
        const cluster: RawCluster = {
          config: [
            configObject('IPAddressPool', 'one', { addresses: ['10.1.0.0/24'] }),
            configObject('IPAddressPool', 'two', { addresses: ['10.2.0.0/24'] }),
            ...peers.map((peer, place) =>
              configObject('BGPPeer', `peer-${place}`, without({ myASN: 1, peerASN: 2, peerAddress: `10.9.0.${place + 1}`, ...peer })),
            ),
            ...advertisements.map(({ pools, ...rest }, place) =>
              configObject('BGPAdvertisement', `adv-${place}`, without({ ...rest, ipAddressPools: pools })),
            ),
          ],
          services: services.map(({ pools, local }, place) =>
            service(
              `s${place}`,
              pools.map((pool) => `10.${pool}.0.${place + 1}`),
              { spec: { externalTrafficPolicy: local ? 'Local' : 'Cluster' } },
            ),
          ),
          slices: services.map(({ on }, place) =>
            slice(
              `s${place}`,
              on.map((each) => `n${each}`),
            ),
          ),
          nodes: nodes.map(({ labels: own, excluded }, place) =>
            node(`n${place}`, place, {
              labels: { ...own, ...(excluded ? { 'node.kubernetes.io/exclude-from-external-load-balancers': '' } : {}) },
            }),
          ),
          nodeStates: nodes.map((_, place) =>
            nodeState(`n${place}`, { bgp: peers.map((_, peer) => session(`peer-${peer}`, `10.9.0.${peer + 1}`)) }),
          ),
        };
        const input = sightOf(cluster);
        const made = new Glass().update(inputOf(cluster));
        const expected = new Map<string, string[]>(made.vips.map(({ id }) => [id, []]));
        for (const { name } of input.nodes) {
          const prefixes = new Set(planNode(input, name, 1).plan.peers.flatMap(({ routes }) => routes.flatMap((set) => set.prefixes)));
          for (const [ip, names] of expected) if ([...prefixes].some((prefix) => prefix === `${ip}/32`)) names.push(name);
        }
        for (const { id, bgp, why } of made.vips) {
          expect([id, made.sets.find((set) => set.id === bgp)?.nodes ?? []]).toEqual([id, expected.get(id)]);
          expect([id, bgp === '' && why === undefined]).toEqual([id, false]);
          if (bgp !== '') announced++;
        }
      }),
    );
    expect(announced).toBeGreaterThan(10);
  });
});

describe('the history of a VIP', () => {
  const pool = configObject('IPAddressPool', 'p', { addresses: ['192.0.2.0/24'] });
  const base = {
    ...EMPTY,
    config: [pool, configObject('L2Advertisement', 'l', {})],
    nodes: [node('a', 0), node('b', 1)],
    slices: [slice('web', ['a'])],
  };
  const at = (second: number): string => before(-second);
  const owned = (by: string | undefined, since = 0, name = 'web'): RawCluster => ({
    ...base,
    services: [service(name, ['192.0.2.1'])],
    nodeStates: ['a', 'b'].map((each) =>
      nodeState(each, {
        claims: each === by ? [{ ip: '192.0.2.1', services: [`default/${name}`], interfaces: ['eth0'], since: at(since) }] : [],
      }),
    ),
  });

  it('has one move where two reports came one after the other, and every other move', () => {
    const glass = new Glass();
    glass.update(inputOf(base, at(0)));
    glass.update(inputOf(owned(undefined), at(1)));
    glass.update(inputOf(owned('a', 3), at(4)));
    glass.update(inputOf(owned(undefined), at(100)));
    glass.update(inputOf(owned('b', 101), at(102)));
    const row = glass.update(inputOf(owned('a', 200), at(201))).vips[0];
    glass.update(inputOf(base, at(300)));
    expect(glass.moves('192.0.2.1').toReversed()).toEqual([
      { what: 'assigned', at: at(1), services: ['default/web'] },
      { what: 'owner', at: at(3), from: [], to: ['a'] },
      { what: 'owner', at: at(101), from: ['a'], to: ['b'] },
      { what: 'owner', at: at(200), from: ['b'], to: ['a'] },
      { what: 'released', at: at(300), services: ['default/web'] },
    ]);
    expect(row).toMatchObject({ since: at(200), moves: 4 });
  });

  it('begins with what was found', () => {
    const glass = new Glass();
    glass.update(inputOf(owned('a', -50), at(0)));
    expect(glass.moves('192.0.2.1')).toEqual([{ what: 'found', at: at(0), services: ['default/web'], nodes: ['a'] }]);
  });

  it('is bounded', () => {
    const glass = new Glass();
    for (let round = 0; round < 100; round++) glass.update(inputOf(owned(round % 2 === 0 ? 'a' : 'b', round * 60), at(round * 60)));
    expect(glass.moves('192.0.2.1')).toHaveLength(32);
    expect(glass.moves('192.0.2.1')[0]).toMatchObject({ from: ['a'], to: ['b'], at: at(99 * 60) });
  });
});

describe('what changed between two snapshots', () => {
  it('is little, and makes the one into the other', () => {
    const glass = new Glass();
    const large = largeCluster(200, 20);
    const first = glass.update(inputOf(large));
    expect(glass.update(inputOf(large, before(-5)))).toBe(first);
    const nodeStates = large.nodeStates.map((state, place) => (place === 3 ? nodeState('node-004', {}) : state));
    const services = large.services.slice(1);
    const second = glass.update(inputOf({ ...large, nodeStates, services }, before(-10)));
    const patch = diff(first, second)!;
    expect(applyPatch(first, JSON.parse(JSON.stringify(patch)))).toEqual(second);
    expect(patch.sections.vips?.gone).toEqual(['10.200.0.1']);
    expect(patch.sections.pools).toBeUndefined();
    expect(patch.head).toBeUndefined();
  });

  it('holds for any two', () => {
    const clusters = [EMPTY, smallCluster(), largeCluster(20, 5), { ...smallCluster(), services: [], nodeStates: [] }];
    for (const one of clusters) {
      for (const other of clusters) {
        const glass = new Glass();
        const first = glass.update(inputOf(one));
        const second = glass.update(inputOf(other, before(-1)));
        const patch = diff(first, second);
        expect(patch === undefined ? first : applyPatch(first, patch)).toEqual(second);
      }
    }
  });
});

describe('a NodeState', () => {
  it.each([undefined, null, 7, {}, { metadata: {} }, { metadata: { name: '' } }])('is not read out of %j', (object) => {
    expect(projectNodeState(object)).toBeUndefined();
  });

  it('of any shape is read as far as it can be', () => {
    fc.assert(
      fc.property(fc.anything(), fc.anything(), (bgp, claims) => {
        const report = projectNodeState({ metadata: { name: 'a' }, status: { bgp, claims, bfd: claims, problems: [bgp], drain: claims } });
        expect(report?.node).toBe('a');
      }),
    );
  });
});
