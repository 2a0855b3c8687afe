import { array, assert, boolean, constantFrom, integer, oneof, property, record, subarray, type Arbitrary } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PlanMemory, type PlannedNode, planChanges, planNode } from '../../src/announce/nodePlan.ts';
import type { ServiceVerdict } from '../../src/announce/plan.ts';
import { samePlan } from '../../src/announce/samePlan.ts';
import type { AnnounceChanges } from '../../src/announce/snapshot.ts';
import { changeSorted, differences } from '../../src/announce/sorted.ts';
import type { AnnounceSnapshot } from '../../src/announce/snapshot.ts';
import { type WritableStore, createStore } from '../../src/host/kube/store.ts';
import { changesOf } from '../../speaker/changes.ts';
import { EXCLUDE_LABEL } from '../../src/cluster/node.ts';
import type { Config } from '../../src/config/config.ts';
import { bgpAdvertisement, config, l2Advertisement, node, peer, pool, service, slice, snapshot } from './support.ts';

const NODES = ['node1', 'node2', 'node3'];
const SERVICES = Array.from({ length: 8 }, (_, id) => `s${id}`);
const RED = [{ matchLabels: { colour: 'red' } }];

/** The cluster as stores hold it: views of what did not change stay the same objects. */
class Cluster {
  readonly services = new Map<string, ReturnType<typeof service>>();
  readonly slices = new Map(SERVICES.map((name) => [`${name} 0`, slice(name, NODES)]));
  nodes = NODES.map((name) => node(name));
  config: Config;

  constructor(which: number) {
    this.config = configs[which]?.() ?? config();
  }

  snapshot(): AnnounceSnapshot {
    return { config: this.config, services: [...this.services.values()], slices: [...this.slices.values()], nodes: this.nodes };
  }
}

const peers = [peer('tor', { dualStackAddressFamily: true }), peer('spine'), peer('edge')];
const pools = [pool('main', '192.0.2.0/28', '2001:db8::/124'), pool('other', '192.0.2.16/28')];
const configs = [
  () => config({ peers, pools, bgpAdvertisements: [bgpAdvertisement('a')], l2Advertisements: [l2Advertisement('l2')] }),
  () =>
    config({
      peers,
      pools,
      bgpAdvertisements: [bgpAdvertisement('a', { aggregationLength: 29, communities: [1] }), bgpAdvertisement('b', { peers: ['tor'] })],
      l2Advertisements: [
        l2Advertisement('l2', { serviceSelectors: RED }),
        l2Advertisement('l3', { interfaces: ['eth0'], pools: ['main'] }),
      ],
    }),
  // Preferences that contradict each other as soon as a red Service shares a prefix with another.
  () =>
    config({
      peers,
      pools,
      bgpAdvertisements: [
        bgpAdvertisement('plain', { aggregationLength: 30, localPref: 100, serviceSelectors: [{ matchLabels: { colour: 'blue' } }] }),
        bgpAdvertisement('red', { aggregationLength: 30, localPref: 200, serviceSelectors: RED }),
        bgpAdvertisement('extra', { communities: [7], peers: ['tor', 'edge'], pools: ['other'] }),
      ],
      l2Advertisements: [
        l2Advertisement('l2', { interfaces: ['eth1'] }),
        l2Advertisement('l3', { interfaces: ['eth0'], pools: ['other'] }),
      ],
    }),
];

// Configuration and nodes change rarely: they make everything be planned anew, and so would hide what was forgotten.
const change = oneof(
  {
    weight: 12,
    arbitrary: record({
      kind: constantFrom('service' as const),
      name: constantFrom(...SERVICES),
      addresses: array(integer({ min: 0, max: 34 }), { maxLength: 3 }),
      local: boolean(),
      red: boolean(),
      state: constantFrom('here', 'here', 'here', 'here', 'deleting', 'foreign', 'gone'),
    }),
  },
  {
    weight: 4,
    arbitrary: record({
      kind: constantFrom('slice' as const),
      name: constantFrom(...SERVICES),
      part: integer({ min: 0, max: 1 }),
      on: subarray(NODES),
      ready: boolean(),
      gone: boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: record({ kind: constantFrom('node' as const), at: integer({ min: 0, max: 2 }), ready: boolean(), excluded: boolean() }),
  },
  { weight: 1, arbitrary: record({ kind: constantFrom('config' as const), which: integer({ min: 0, max: configs.length - 1 }) }) },
);
type Change = typeof change extends Arbitrary<infer T> ? T : never;

const rounds = array(array(change, { minLength: 1, maxLength: 4 }), { minLength: 5, maxLength: 25 });

function addressOf(number: number): string {
  return number < 32 ? `192.0.2.${number}` : `2001:db8::${number - 31}`;
}

function apply(cluster: Cluster, event: Change): void {
  switch (event.kind) {
    case 'service': {
      const { name } = event;
      if (event.state === 'gone') cluster.services.delete(name);
      else
        cluster.services.set(
          name,
          service(name, [...new Set(event.addresses)].map(addressOf), {
            labels: { colour: event.red ? 'red' : 'blue' },
            externalTrafficPolicy: event.local ? 'Local' : 'Cluster',
            deleting: event.state === 'deleting',
            ...(event.state === 'foreign' ? { loadBalancerClass: 'example.com/other' } : {}),
          }),
        );
      return;
    }
    case 'slice': {
      const { name } = event;
      if (event.gone) cluster.slices.delete(`${name} ${event.part}`);
      else cluster.slices.set(`${name} ${event.part}`, slice(name, event.on, { ready: event.ready, serving: event.ready }));
      return;
    }
    case 'node':
      cluster.nodes = cluster.nodes.with(
        event.at,
        node(NODES[event.at] ?? '', { ready: event.ready, labels: event.excluded ? { [EXCLUDE_LABEL]: '' } : {} }),
      );
      return;
    case 'config':
      cluster.config = configs[event.which]?.() ?? cluster.config;
  }
}

function withoutFresh(planned: PlannedNode): object {
  return { ...planned, fresh: [] };
}

function listed(verdicts: Iterable<ServiceVerdict>): ServiceVerdict[] {
  const made = [...verdicts].map(({ service: key, addresses, bgp, layer2 }) => ({ service: key, addresses, bgp, layer2 }));
  return made.toSorted((a, b) => (a.service < b.service ? -1 : 1));
}

type Service = ReturnType<typeof service>;
type Slice = ReturnType<typeof slice>;

function keep<T>(store: WritableStore<T>, wanted: ReadonlyMap<string, T>): void {
  for (const key of store.keys()) if (!wanted.has(key)) store.delete(key);
  for (const [key, value] of wanted) if (store.get(key) !== value) store.set(key, value);
}

describe('a plan from memory', () => {
  it('is the plan from scratch, after any changes', () => {
    assert(
      property(integer({ min: 0, max: 2 }), rounds, (which, all) => {
        const cluster = new Cluster(which);
        const memory = new PlanMemory();
        // Addresses that somebody could have announced, since they are there.
        let begun: ReadonlySet<string> | undefined;
        for (const events of all) {
          for (const event of events) apply(cluster, event);
          const found = planNode(cluster.snapshot(), 'node1', 1, memory);
          expect(withoutFresh(found)).toEqual(withoutFresh(planNode(cluster.snapshot(), 'node1', 1)));
          const services = [...cluster.services.values()];
          const { index } = memory;
          const served = services.flatMap(({ key }) => (index?.serving(key).anywhere === true ? (index.service(key)?.ingress ?? []) : []));
          const wanted = (found.plan.layer2?.candidacies ?? []).map(({ ip }) => ip).filter((ip) => begun !== undefined && !begun.has(ip));
          expect(found.fresh).toEqual(wanted);
          const kept = services.flatMap(({ ingress }) => ingress).filter((ip) => begun?.has(ip) === true);
          begun = new Set<string>([...kept, ...served]);
        }
      }),
      { numRuns: 120 },
    );
  });

  it('begins with an address when there is somebody to answer, however long the Service has had it', () => {
    const memory = new PlanMemory();
    const [services, later] = [[service('a', ['192.0.2.1'])], [service('a', ['192.0.2.1']), service('b', ['192.0.2.2'])]];
    expect(planNode(snapshot({ services, slices: [] }), 'node1', 1, memory).fresh).toEqual([]);
    expect(planNode(snapshot({ services: later, slices: [] }), 'node1', 2, memory).fresh).toEqual([]);
    const slices = [slice('a', ['node1']), slice('b', ['node1'])];
    expect(planNode(snapshot({ services: later, slices }), 'node1', 3, memory).fresh).toEqual(['192.0.2.1', '192.0.2.2']);
    expect(planNode(snapshot({ services: later, slices: [] }), 'node1', 4, memory).fresh).toEqual([]);
    expect(planNode(snapshot({ services: later, slices }), 'node1', 5, memory).fresh).toEqual([]);
  });

  it('is the same for those who know what changed, whatever changed in one go', () => {
    assert(
      property(integer({ min: 0, max: 2 }), rounds, (which, all) => {
        const cluster = new Cluster(which);
        const stores = { services: createStore<Service>(), slices: createStore<Slice>() };
        const followed = { services: stores.services.follow(), slices: stores.slices.follow() };
        const [memory, other] = [new PlanMemory(), new PlanMemory()];
        for (const events of all) {
          for (const event of events) {
            apply(cluster, event);
            keep(stores.services, cluster.services);
            keep(stores.slices, cluster.slices);
          }
          const changes: AnnounceChanges = {
            services: changesOf(stores.services, followed.services.take()),
            slices: changesOf(stores.slices, followed.slices.take()),
          };
          const { services: _services, slices: _slices, ...context } = cluster.snapshot();
          const planned = planChanges(context, changes, 'node1', 1, memory);
          const found = { ...planned, verdicts: listed(planned.verdicts) };
          expect(found).toEqual(planNode(cluster.snapshot(), 'node1', 1, other));
          expect(withoutFresh(found)).toEqual(withoutFresh(planNode(cluster.snapshot(), 'node1', 1)));
        }
      }),
      { numRuns: 60 },
    );
  });

  it('shares with the plan before it all that did not change', () => {
    const services = ['a', 'b', 'c'].map((name, i) => service(name, [`192.0.2.${i + 1}`]));
    const slices = ['a', 'b', 'c'].map((name) => slice(name, ['node1']));
    const world = snapshot({ services, slices });
    const memory = new PlanMemory();
    const first = planNode(world, 'node1', 1, memory);
    // Another pod on the same node.
    const idle = planNode({ ...world, slices: [slice('a', ['node1']), ...slices.slice(1)] }, 'node1', 2, memory);
    expect(idle.plan.peers[0]?.routes).toBe(first.plan.peers[0]?.routes);
    expect(idle.plan.claims).toBe(first.plan.claims);
    expect(idle.verdicts).toBe(first.verdicts);
    expect(samePlan(first.plan, idle.plan)).toBe(true);

    const moved = planNode({ ...world, services: [service('a', ['192.0.2.9']), ...services.slice(1)] }, 'node1', 3, memory);
    expect(moved.plan.peers[0]?.routes[0]?.prefixes).toEqual(['192.0.2.2/32', '192.0.2.3/32', '192.0.2.9/32']);
    expect(moved.plan.claims.slice(0, 2)).toEqual(first.plan.claims.slice(1));
    expect(moved.verdicts[1]).toBe(first.verdicts[1]);
    expect(samePlan(first.plan, moved.plan)).toBe(false);
    expect(moved.fresh).toEqual(['192.0.2.9']);
  });

  it('gives peers that are told the same one and the same table', () => {
    const two = [peer('tor'), peer('spine')];
    const shared = planNode(snapshot({ config: config({ peers: two, bgpAdvertisements: [bgpAdvertisement('bgp')] }) }), 'node1', 1);
    const [first, second] = shared.plan.peers;
    expect(first?.routes).toHaveLength(1);
    expect(first?.routes).toBe(second?.routes);
  });
});

describe('lists', () => {
  const small = array(integer({ min: 0, max: 30 }), { maxLength: 20 }).map((numbers) => [...new Set(numbers)].map(String).sort());
  const large = array(integer({ min: 0, max: 999 }), { maxLength: 200 }).map((numbers) => [...new Set(numbers)].map(String).sort());

  it('stay sorted through few changes and through many', () => {
    for (const lists of [small, large]) {
      assert(
        property(lists, lists, lists, (list, gone, came) => {
          const before = list.map((key) => ({ key, by: 'list' }));
          const news = new Map(came.map((key) => [key, { key, by: 'came' }]));
          const kept = before.filter(({ key }) => !gone.includes(key) && !news.has(key));
          const wanted = [...kept, ...news.values()].toSorted((a, b) => (a.key < b.key ? -1 : 1));
          expect(changeSorted(before, ({ key }) => key, new Set(gone), news)).toEqual(wanted);
        }),
      );
    }
  });

  it('differ in what the other does not have', () => {
    assert(
      property(small, small, boolean(), (a, b, turned) => {
        const now = turned ? b.toReversed() : b;
        const { gone, came } = differences(a, now);
        expect([...gone].sort()).toEqual(a.filter((value) => !b.includes(value)).sort());
        expect([...came].sort()).toEqual(b.filter((value) => !a.includes(value)).sort());
      }),
    );
  });
});
