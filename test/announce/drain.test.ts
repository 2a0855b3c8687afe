import { array, assert, boolean, constantFrom, integer, property, record, subarray } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_DRAIN_TRIGGERS, DRAIN_LABEL, type DrainTrigger, type OwnDrain, drainReason, drainText } from '../../src/announce/drain.ts';
import { type DrainEffect, type DrainState, UNKNOWN_DRAIN, drainMachine, drainStatus, ownDrain } from '../../src/announce/drainPhase.ts';
import { drainTriggersText, parseDrainTriggers } from '../../src/announce/drainTriggers.ts';
import { PlanMemory, planNode } from '../../src/announce/nodePlan.ts';
import type { NodePlan } from '../../src/announce/plan.ts';
import type { AnnounceSnapshot } from '../../src/announce/snapshot.ts';
import { EXCLUDE_LABEL } from '../../src/cluster/node.ts';
import { projectNode } from '../../src/cluster/project.ts';
import { instant } from '../../src/machine.ts';
import { blockContains, blockOfPrefix } from '../../src/net/block.ts';
import type { Ip } from '../../src/net/ip.ts';
import { bgpAdvertisement, config, node, peer, pool, service, slice, snapshot } from './support.ts';

const GRACEFUL_SHUTDOWN = 0xffff0000;

describe('what begins a drain', () => {
  it.each([
    ['Cordoned', { unschedulable: true }, 'cordoned'],
    ['DrainRequested', { labels: { [DRAIN_LABEL]: '' } }, 'drain requested'],
    ['NodeDeleted', { deleting: true }, 'the Node is being deleted'],
    ['NodeShutdown', { shuttingDown: true }, 'the machine is being shut down'],
    [
      'NodeTainted',
      { taints: [{ key: 'node.kubernetes.io/out-of-service', value: 'nodeshutdown', effect: 'NoExecute' }] },
      'tainted node.kubernetes.io/out-of-service',
    ],
  ] as const)('%s', (reason, changes, words) => {
    const found = drainReason(node('node1', changes), DEFAULT_DRAIN_TRIGGERS);
    expect(found).toMatchObject({ reason });
    expect(found && drainText(found)).toBe(words);
    expect(drainReason(node('node1', changes), [])).toBeUndefined();
  });

  it('is nothing of what a healthy or a merely silent node shows', () => {
    const taints = [{ key: 'node.kubernetes.io/unreachable', value: '', effect: 'NoExecute' }];
    expect(drainReason(node('node1', { ready: false, taints }), DEFAULT_DRAIN_TRIGGERS)).toBeUndefined();
  });

  // The texts are the kubelet's: one complaint, or one among several, with the reason that it gives for all of them.
  it.each([
    ['node is shutting down', 'False', true],
    ['container runtime network not ready: NetworkReady=false,node is shutting down', 'False', true],
    ['kubelet is posting ready status', 'True', undefined],
    ['PLEG is not healthy', 'False', undefined],
  ])('reads "%s"', (message, status, expected) => {
    const ready = { type: 'Ready', status, reason: status === 'True' ? 'KubeletReady' : 'KubeletNotReady', message };
    expect(projectNode({ metadata: { name: 'node1' }, status: { conditions: [ready] } })?.shuttingDown).toBe(expected);
  });
});

describe('--drain-on', () => {
  it.each<[string, readonly DrainTrigger[]]>([
    ['none', []],
    ['cordon', ['cordon']],
    ['label, shutdown', ['label', 'shutdown']],
    ['deletion,taint:example.com/repair,taint:broken', ['deletion', { taint: 'example.com/repair' }, { taint: 'broken' }]],
    [drainTriggersText(DEFAULT_DRAIN_TRIGGERS), DEFAULT_DRAIN_TRIGGERS],
  ])('takes %s', (list, expected) => {
    expect(parseDrainTriggers(list)).toEqual(expected);
    expect(parseDrainTriggers(drainTriggersText(expected))).toEqual(expected);
  });

  it.each([
    ['cordoned', /`cordoned` is none of cordon, label, deletion, shutdown, taint:KEY and none/],
    ['', /empty.*none/],
    ['cordon,', /empty/],
    ['cordon,none', /`none` stands alone/],
    ['taint:', /`` is no key of a taint/],
    ['taint:a b', /`a b` is no key/],
    ['taint:UPPER.example/x', /no key/],
  ])('refuses "%s"', (list, why) => {
    expect(parseDrainTriggers(list)).toMatchObject({ fault: expect.stringMatching(why) });
  });
});

describe('the drain over time', () => {
  const cordoned = { reason: 'Cordoned' } as const;
  const machine = drainMachine(5000);

  class Run {
    state: DrainState = UNKNOWN_DRAIN;
    nowMs = 1000;

    send(event: Parameters<typeof machine.step>[1]): readonly DrainEffect[] {
      const [state, effects] = machine.step(this.state, event, { now: instant(this.nowMs), random: () => 0 });
      this.state = state;
      return effects;
    }

    news(event: Parameters<typeof machine.step>[1]): string[] {
      return this.send(event).map((effect) => (effect.type === 'tell' ? effect.news : effect.type));
    }
  }

  it('gives notice, withdraws after the wait, and is over when nothing is left', () => {
    const run = new Run();
    expect(run.news({ type: 'node' })).toEqual([]);
    expect(run.news({ type: 'node', reason: cordoned })).toEqual(['replan', 'DrainStarted']);
    expect(ownDrain(run.state)).toEqual({ reason: cordoned, withdraw: false });
    expect(machine.deadline(run.state)).toBe(6000);
    run.nowMs = 5999;
    expect(run.news({ type: 'tick' })).toEqual([]);
    expect(run.news({ type: 'left', count: 0 })).toEqual([]);
    run.nowMs = 6000;
    expect(run.news({ type: 'tick' })).toEqual(['replan']);
    expect(ownDrain(run.state)).toEqual({ reason: cordoned, withdraw: true });
    expect(machine.deadline(run.state)).toBeUndefined();
    expect(drainStatus(run.state)?.phase).toBe('Draining');
    run.nowMs = 6100;
    expect(run.news({ type: 'left', count: 0 })).toEqual(['Drained']);
    expect(drainStatus(run.state)).toEqual({ phase: 'Drained', reason: cordoned, since: 6100, left: 0 });
    expect(run.news({ type: 'left', count: 0 })).toEqual([]);
  });

  it('is not over while something is left, and again not when something comes back', () => {
    const run = new Run();
    run.send({ type: 'node' });
    run.send({ type: 'node', reason: cordoned });
    run.nowMs = 6000;
    run.send({ type: 'tick' });
    expect(run.news({ type: 'left', count: 2 })).toEqual([]);
    expect(drainStatus(run.state)).toEqual({ phase: 'Draining', reason: cordoned, since: 1000, left: 2 });
    run.nowMs = 9000;
    expect(run.news({ type: 'left', count: 0 })).toEqual(['Drained']);
    run.nowMs = 9500;
    expect(run.news({ type: 'left', count: 1 })).toEqual([]);
    expect(drainStatus(run.state)).toEqual({ phase: 'Draining', reason: cordoned, since: 9500, left: 1 });
  });

  it.each([0, 5000])('ends at once, %i ms after its begin', (laterMs) => {
    const run = new Run();
    run.send({ type: 'node' });
    run.send({ type: 'node', reason: cordoned });
    run.nowMs += laterMs;
    run.send({ type: 'tick' });
    expect(run.news({ type: 'node' })).toEqual(['replan', 'DrainEnded']);
    expect(ownDrain(run.state)).toBeUndefined();
    expect(drainStatus(run.state)).toBeUndefined();
    expect(machine.deadline(run.state)).toBeUndefined();
  });

  it('begins at its end in a process that begins on a draining node, and tells no news of that', () => {
    const run = new Run();
    expect(run.news({ type: 'node', reason: cordoned })).toEqual(['replan']);
    expect(ownDrain(run.state)).toEqual({ reason: cordoned, withdraw: true });
    expect(run.news({ type: 'left', count: 0 })).toEqual([]);
    expect(drainStatus(run.state)?.phase).toBe('Drained');
  });

  it('goes on where a second reason comes', () => {
    const run = new Run();
    run.send({ type: 'node' });
    run.send({ type: 'node', reason: cordoned });
    run.nowMs = 3000;
    expect(run.news({ type: 'node', reason: { reason: 'NodeShutdown' } })).toEqual(['replan']);
    expect(machine.deadline(run.state)).toBe(6000);
    expect(run.news({ type: 'node', reason: { reason: 'NodeShutdown' } })).toEqual([]);
  });
});

const NOTICE: OwnDrain = { reason: { reason: 'Cordoned' }, withdraw: false };
const WITHDRAW: OwnDrain = { reason: { reason: 'Cordoned' }, withdraw: true };
const cordoned = node('node1', { unschedulable: true });

/** node1 is cordoned; both nodes have an endpoint. */
function cluster(changes: Partial<AnnounceSnapshot> = {}): AnnounceSnapshot {
  return snapshot({ nodes: [cordoned, node('node2')], slices: [slice('web', ['node1', 'node2'])], ...changes });
}

function told(plan: NodePlan): Record<string, readonly [localPref: number | undefined, isGoing: boolean]> {
  const sets = plan.peers.flatMap(({ routes }) => routes);
  return Object.fromEntries(
    sets.flatMap(({ attributes, prefixes }) =>
      prefixes.map((prefix) => [prefix, [attributes.localPref, attributes.communities.includes(GRACEFUL_SHUTDOWN)] as const]),
    ),
  );
}

describe('what a draining node announces by BGP', () => {
  // RFC 8326 §4.2, whatever the advertisement says.
  it('is about to go: community and least preference', () => {
    const { bgpAdvertisements } = { bgpAdvertisements: [bgpAdvertisement('bgp', { localPref: 300, communities: [7] })] };
    const { plan } = planNode(cluster({ config: config({ peers: [peer('tor')], bgpAdvertisements }), drain: NOTICE }), 'node1', 1);
    expect(plan.peers[0]?.routes).toEqual([
      { attributes: { localPref: 0, communities: [7, GRACEFUL_SHUTDOWN], largeCommunities: [] }, prefixes: ['192.0.2.1/32'] },
    ]);
  });

  it('is nothing once others do, with the reason', () => {
    const { plan, verdicts } = planNode(cluster({ drain: WITHDRAW }), 'node1', 1);
    expect(told(plan)).toEqual({});
    expect(verdicts[0]?.bgp).toEqual({ announced: false, ineligible: { reason: 'NodeDraining', drain: { reason: 'Cordoned' } } });
    expect(plan.peers).toHaveLength(1);
    expect(plan.farewell).toBe('node node1 drained: cordoned');
  });

  it('is as ever again when the drain ends, from the same memory', () => {
    const memory = new PlanMemory();
    const before = planNode(cluster({ nodes: [node('node1'), node('node2')] }), 'node1', 1, memory).plan;
    planNode(cluster({ drain: NOTICE }), 'node1', 2, memory);
    planNode(cluster({ drain: WITHDRAW }), 'node1', 3, memory);
    expect(planNode(cluster({ nodes: [node('node1'), node('node2')] }), 'node1', 1, memory).plan).toEqual(before);
  });

  const red = [{ matchLabels: { 'kubernetes.io/hostname': 'node1' } }];
  const local = [service('web', ['192.0.2.1'], { externalTrafficPolicy: 'Local' })];
  it.each<[string, Partial<AnnounceSnapshot>]>([
    ['every node drains', { nodes: [cordoned, node('node2', { unschedulable: true })] }],
    ['the other is not ready', { nodes: [cordoned, node('node2', { ready: false })] }],
    ['the other has no network', { nodes: [cordoned, node('node2', { networkUnavailable: true })] }],
    ['the other is excluded', { nodes: [cordoned, node('node2', { labels: { [EXCLUDE_LABEL]: '' } })] }],
    ['there is no other', { nodes: [cordoned] }],
    ['the endpoints of a Local Service are here', { services: local, slices: [slice('web', ['node1'])] }],
    [
      'the advertisement wants endpoints, and they are here',
      {
        config: config({ peers: [peer('tor')], bgpAdvertisements: [bgpAdvertisement('bgp', { onlyWithEndpoints: true })] }),
        slices: [slice('web', ['node1'])],
      },
    ],
    [
      'the advertisement is for this node',
      { config: config({ peers: [peer('tor')], bgpAdvertisements: [bgpAdvertisement('bgp', { nodeSelectors: red })] }) },
    ],
    [
      'the other has no peer',
      { config: config({ peers: [peer('tor', { nodeSelectors: red })], bgpAdvertisements: [bgpAdvertisement('bgp')] }) },
    ],
    [
      "the other's advertisements contradict each other",
      {
        config: config({
          peers: [peer('tor')],
          bgpAdvertisements: [
            bgpAdvertisement('bgp', { localPref: 100 }),
            bgpAdvertisement('more', { localPref: 200, nodeSelectors: [{ matchLabels: { 'kubernetes.io/hostname': 'node2' } }] }),
          ],
        }),
      },
    ],
  ])('stays, as about to go, where %s; and a restart keeps it', (_, changes) => {
    const { plan, verdicts } = planNode(cluster({ ...changes, drain: WITHDRAW }), 'node1', 1);
    expect(told(plan)).toEqual({ '192.0.2.1/32': [0, true] });
    expect(verdicts[0]?.bgp.announced).toBe(true);
    expect(plan.farewell).toBeUndefined();
    expect(planNode(cluster({ ...changes, drain: NOTICE }), 'node1', 1).plan.farewell).toBeUndefined();
  });

  it('stays for the one family that no other node announces', () => {
    const peers = [peer('tor', { dualStackAddressFamily: true, nodeSelectors: red }), peer('four')];
    const both = cluster({
      config: config({ peers, bgpAdvertisements: [bgpAdvertisement('bgp')] }),
      services: [service('web', ['192.0.2.1', '2001:db8::1'])],
      drain: WITHDRAW,
    });
    expect(told(planNode(both, 'node1', 1).plan)).toEqual({ '2001:db8::1/128': [0, true] });
  });

  it('goes when the endpoints here are gone', () => {
    const gone = cluster({ services: local, slices: [slice('web', ['node2'])], drain: WITHDRAW });
    expect(told(planNode(gone, 'node1', 1).plan)).toEqual({});
    expect(planNode(gone, 'node1', 1).plan.farewell).toBeDefined();
  });
});

describe('never dark', () => {
  const NODES = ['node1', 'node2', 'node3'];
  const on = (...names: string[]) => names.map((name) => ({ matchLabels: { 'kubernetes.io/hostname': name } }));
  const nodes = record({
    ready: boolean(),
    drains: boolean(),
    withdraws: boolean(),
    excluded: integer({ min: 0, max: 5 }).map((dice) => dice === 0),
  });
  const services = record({
    addresses: array(integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 2 }),
    local: boolean(),
    endpoints: subarray(NODES),
    colour: constantFrom('red', 'blue'),
  });
  const advertisements = record({
    nodes: subarray(NODES),
    peers: subarray(['tor', 'spine']),
    pools: constantFrom<'all' | string[]>('all', ['main'], ['other']),
    localPref: constantFrom(undefined, undefined, 200),
    length: constantFrom(32, 32, 30),
    onlyWithEndpoints: boolean(),
  });
  const peers = record({ nodes: subarray(NODES), dual: boolean() });
  const scene = record({
    nodes: array(nodes, { minLength: 3, maxLength: 3 }),
    services: array(services, { minLength: 1, maxLength: 4 }),
    advertisements: array(advertisements, { minLength: 1, maxLength: 3 }),
    peers: array(peers, { minLength: 2, maxLength: 2 }),
  });
  type Scene = typeof scene extends { generate: (...args: never[]) => { readonly value: infer T } } ? T : never;

  const addressOf = (number: number): string => (number < 9 ? `192.0.2.${number}` : `2001:db8::${number}`);

  function clusterOf({ nodes: states, services: wanted, advertisements: said, peers: routers }: Scene): AnnounceSnapshot {
    return {
      config: config({
        pools: [pool('main', '192.0.2.0/29', '2001:db8::/124'), pool('other', '192.0.2.8/29')],
        peers: routers.map((router, i) =>
          peer(i === 0 ? 'tor' : 'spine', { dualStackAddressFamily: router.dual, nodeSelectors: on(...router.nodes) }),
        ),
        bgpAdvertisements: said.map((each, i) =>
          bgpAdvertisement(`a${i}`, {
            nodeSelectors: on(...each.nodes),
            peers: each.peers,
            pools: each.pools,
            aggregationLength: each.length,
            onlyWithEndpoints: each.onlyWithEndpoints,
            ...(each.localPref === undefined ? {} : { localPref: each.localPref }),
          }),
        ),
      }),
      services: wanted.map(({ addresses, local, colour }, i) =>
        service(`s${i}`, [...new Set(addresses)].map(addressOf), {
          externalTrafficPolicy: local ? 'Local' : 'Cluster',
          labels: { colour },
        }),
      ),
      slices: wanted.map(({ endpoints }, i) => slice(`s${i}`, endpoints)),
      nodes: states.map(({ ready, drains, excluded }, i) =>
        node(NODES[i] as string, {
          ready,
          unschedulable: drains,
          labels: { 'kubernetes.io/hostname': NODES[i] as string, ...(excluded ? { [EXCLUDE_LABEL]: '' } : {}) },
        }),
      ),
    };
  }

  function plans(whole: AnnounceSnapshot, states: Scene['nodes'], isOn: boolean): NodePlan[] {
    return NODES.map((name, i) => {
      const { drains, withdraws } = states[i] as Scene['nodes'][number];
      const drain: OwnDrain = { reason: { reason: 'Cordoned' }, withdraw: withdraws };
      const seen = isOn ? { ...whole, ...(drains ? { drain } : {}) } : { ...whole, drainTriggers: [] };
      return planNode(seen, name, 1).plan;
    });
  }

  const holds = (all: readonly NodePlan[], ip: Ip): boolean =>
    all.some((plan) => Object.keys(told(plan)).some((prefix) => blockContains(blockOfPrefix(prefix as never), ip)));

  it('whatever drains: an address that would be announced is announced', () => {
    let handedOver = 0;
    assert(
      property(scene, (drawn) => {
        const whole = clusterOf(drawn);
        const [with_, without] = [plans(whole, drawn.nodes, true), plans(whole, drawn.nodes, false)];
        for (const each of whole.services) {
          // By itself: the aggregate of another Service may cover an address that nobody asks for.
          const alone = plans({ ...whole, services: [each] }, drawn.nodes, false);
          const due = each.ingress.filter((ip) => holds(without, ip) && holds(alone, ip));
          expect(due.filter((ip) => !holds(with_, ip))).toEqual([]);
        }
        for (const [i, { drains, withdraws }] of drawn.nodes.entries()) {
          const announced = told(with_[i] as NodePlan);
          expect(Object.values(announced).every(([, isGoing]) => isGoing === drains)).toBe(true);
          if (drains && withdraws && Object.keys(told(without[i] as NodePlan)).length > Object.keys(announced).length) handedOver += 1;
        }
      }),
      { numRuns: 2000 },
    );
    // The cases are not all of those in which nothing can be handed over.
    expect(handedOver).toBeGreaterThan(50);
  });
});
