import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ServiceKey, ServiceView } from '../../src/cluster/service.ts';
import type { Pool } from '../../src/config/config.ts';
import { Allocator } from '../../src/ipam/allocator.ts';
import { planAddresses } from '../../src/ipam/plan.ts';
import { sharingConflict, tenantOf } from '../../src/ipam/sharing.ts';
import { blockContains } from '../../src/net/block.ts';
import type { Ip } from '../../src/net/ip.ts';
import { DUAL, DUAL_REQUIRED, allocation, pool, service, snapshot, written } from './support.ts';

const key = (name: string): ServiceKey => `default/${name}` as ServiceKey;

/** A cluster in miniature: what the API holds, what the controller of the moment believes, and writes that get lost. */
class World {
  pools: readonly Pool[] = POOL_SETS[0] ?? [];
  readonly services = new Map<ServiceKey, ServiceView>();
  allocator = new Allocator();

  restart(): void {
    this.allocator = new Allocator();
    this.replan();
  }

  replan(): void {
    const before = [...this.services.values()];
    this.allocator.reset(snapshot(this.pools, before));
    this.write(
      before.map((view) => view.key),
      () => false,
    );
  }

  write(keys: readonly ServiceKey[], isLost: () => boolean): void {
    for (const changed of keys) {
      const view = this.services.get(changed);
      const assignment = this.allocator.assignment(changed);
      if (view !== undefined && assignment !== undefined && !isLost()) this.services.set(changed, written(view, assignment));
    }
  }
}

const POOL_SETS: readonly (readonly Pool[])[] = [
  [pool('p', ['10.0.0.0/29', '2001:db8::/125'])],
  [
    pool('p', ['10.0.0.0/29', '2001:db8::/125']),
    pool('q', ['10.0.1.0/30'], { allocation: allocation({ priority: 1, serviceSelectors: [{ matchLabels: { x: 'y' } }] }) }),
  ],
  [pool('p', ['10.0.0.0/30', '2001:db8::/126'], { avoidBuggyIPs: true }), pool('r', '10.0.0.4/30', { autoAssign: false })],
  [pool('r', ['10.0.0.2-10.0.0.9'])],
  [],
];

const SHAPES: readonly Partial<ServiceView>[] = [
  {},
  { labels: { x: 'y' } },
  DUAL_VIEW(DUAL),
  DUAL_VIEW(DUAL_REQUIRED),
  { annotations: { 'heraldlb.io/allow-shared-ip': 'k' } },
  { annotations: { 'metallb.io/allow-shared-ip': 'k' }, ports: [{ protocol: 'TCP', port: 81 }] },
  { annotations: { 'heraldlb.io/allow-shared-ip': 'k' }, externalTrafficPolicy: 'Local', ports: [{ protocol: 'UDP', port: 80 }] },
  { annotations: { 'heraldlb.io/loadBalancerIPs': '10.0.0.3' } },
  { annotations: { 'heraldlb.io/loadBalancerIPs': '10.0.0.5', 'heraldlb.io/allow-shared-ip': 'k' } },
  { annotations: { 'heraldlb.io/address-pool': 'r' } },
  { annotations: { 'heraldlb.io/address-pool': 'nope' } },
  { loadBalancerIP: 'nonsense' },
  { type: 'ClusterIP' },
  { loadBalancerClass: 'other' },
  { deleting: true },
];

function DUAL_VIEW(options: typeof DUAL | typeof DUAL_REQUIRED): Partial<ServiceView> {
  const { clusterIPs, ipFamilies, ipFamilyPolicy } = service('x', options);
  return { clusterIPs, ipFamilies, ipFamilyPolicy };
}

type Step =
  | { readonly do: 'put'; readonly name: string; readonly shape: number; readonly lost: boolean }
  | { readonly do: 'delete'; readonly name: string }
  | { readonly do: 'recreate'; readonly name: string }
  | { readonly do: 'repeat'; readonly name: string }
  | { readonly do: 'pools'; readonly set: number }
  | { readonly do: 'restart' };

const NAME = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j');
const STEP: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('put' as const), name: NAME, shape: fc.nat(SHAPES.length - 1), lost: fc.boolean() }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('delete' as const), name: NAME }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('recreate' as const), name: NAME }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('repeat' as const), name: NAME }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('pools' as const), set: fc.nat(POOL_SETS.length - 1) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
);

let uids = 0;

function take(world: World, step: Step): void {
  const { services, allocator } = world;
  switch (step.do) {
    case 'put': {
      const earlier = services.get(key(step.name));
      // Later letters are older, so that age and name disagree.
      const creationTimestamp = `20${(99 - step.name.charCodeAt(0) + 97).toString()}`;
      const fresh = service(step.name, { uid: `u${++uids}`, creationTimestamp });
      const base = { ...fresh, ...SHAPES[step.shape] };
      const { uid, ingress, annotations } = earlier ?? fresh;
      const pool = annotations['heraldlb.io/ip-allocated-from-pool'];
      const view = {
        ...base,
        uid,
        ingress,
        annotations: pool === undefined ? base.annotations : { ...base.annotations, 'heraldlb.io/ip-allocated-from-pool': pool },
      };
      services.set(view.key, view);
      return world.write(allocator.upsert(view), () => step.lost);
    }
    case 'recreate': {
      const earlier = services.get(key(step.name));
      if (earlier === undefined) return;
      const view = { ...earlier, uid: `u${++uids}`, ingress: [] };
      services.set(view.key, view);
      return world.write(allocator.upsert(view), () => false);
    }
    case 'repeat': {
      const view = services.get(key(step.name));
      if (view !== undefined) world.write(allocator.upsert(view), () => false);
      return;
    }
    case 'delete': {
      services.delete(key(step.name));
      return world.write(allocator.remove(key(step.name)), () => false);
    }
    case 'pools':
      world.pools = POOL_SETS[step.set] ?? [];
      return world.replan();
    case 'restart':
      return world.restart();
  }
}

function conflicts(world: World): string[] {
  const held = [...world.services.values()].flatMap((view) =>
    (world.allocator.assignment(view.key)?.ingress ?? []).map((address) => ({ address, view, tenant: tenantOf(view) })),
  );
  const pairs = held.flatMap((a) => held.filter((b) => a.address === b.address && a.view.key < b.view.key).map((b) => [a, b] as const));
  const wrong = pairs
    .filter(([a, b]) => sharingConflict(a.tenant, b.tenant) !== undefined || a.tenant.ports.some((port) => b.tenant.ports.includes(port)))
    .map(([a, b]) => `${a.address}: ${a.view.key} and ${b.view.key}`);
  // Nothing is given from nowhere; a Service that is being deleted may still have what a pool no longer contains.
  const strays = held.filter(({ address, view }) => homeOf(world, address) === undefined && !view.deleting);
  return [...wrong, ...strays.map(({ address }) => `${address} is in no pool`)];
}

function homeOf(world: World, address: Ip): Pool | undefined {
  return world.pools.find(({ blocks }) => blocks.some((candidate) => blockContains(candidate, address)));
}

interface Held {
  readonly view: ServiceView;
  readonly decided: readonly Ip[];
}

/** Nobody who asks for nothing in particular loses an address that its pools still contain. */
function renumbered(before: ReadonlyMap<ServiceKey, Held>, world: World, touched: ServiceKey | undefined, forgot: boolean): string[] {
  const wrong: string[] = [];
  for (const [name, { view, decided }] of before) {
    const now = world.services.get(name);
    if (now === undefined || name === touched || now.uid !== view.uid || !isPlain(view)) continue;
    for (const address of view.ingress.filter((candidate) => decided.includes(candidate))) {
      if (forgot && isContested(before, { view, decided }, address)) continue;
      const home = homeOf(world, address);
      const fits = home !== undefined && (home.allocation === undefined || view.labels['x'] === 'y');
      if (fits && world.allocator.assignment(name)?.ingress.includes(address) !== true) wrong.push(`${name} had ${address}`);
    }
  }
  return wrong;
}

function isPlain(view: ServiceView): boolean {
  const asks = Object.keys(view.annotations).some((name) => name.endsWith('loadBalancerIPs') || name.endsWith('address-pool'));
  return view.type === 'LoadBalancer' && view.loadBalancerClass === undefined && !asks;
}

/**
 * Two statuses name the address and the two may not share it any more, because a write was lost: after a restart nobody can
 * know who was to move.
 */
function isContested(before: ReadonlyMap<ServiceKey, Held>, { view }: Held, address: Ip): boolean {
  const tenant = tenantOf(view);
  return [...before.values()]
    .filter((other) => other.view.key !== view.key && other.view.ingress.includes(address))
    .map((other) => tenantOf(other.view))
    .some((other) => sharingConflict(tenant, other) !== undefined || tenant.ports.some((port) => other.ports.includes(port)));
}

type Check = (world: World, before: ReadonlyMap<ServiceKey, Held>, step: Step) => readonly string[];

function run(steps: readonly Step[], check: Check): string[] {
  const world = new World();
  world.restart();
  return steps.flatMap((step) => {
    const before = new Map(
      [...world.services].map(([name, view]) => [name, { view, decided: world.allocator.assignment(name)?.ingress ?? [] }]),
    );
    take(world, step);
    return check(world, before, step);
  });
}

const stays: Check = (world, before, step) => renumbered(before, world, 'name' in step ? key(step.name) : undefined, step.do === 'restart');

const RUNS = { numRuns: Number(process.env['HERALDLB_RUNS'] ?? 300) };
const HISTORIES = fc.array(STEP, { minLength: 1, maxLength: 60 });

function writtenChangesNothing(steps: readonly Step[]): void {
  const world = new World();
  world.restart();
  for (const step of steps) take(world, step);
  const first = planAddresses(snapshot(world.pools, [...world.services.values()]));
  const after = [...world.services.values()].map((view) => written(view, first.assignments.get(view.key)));
  const second = planAddresses(snapshot(world.pools, after));
  for (const [name, assignment] of second.assignments)
    expect({ name, ...assignment }).toEqual({ name, ...first.assignments.get(name), released: [] });
  expect(second.usage).toEqual(first.usage);
}

describe('random histories', () => {
  it('never give an address to two that may not share it', () => {
    fc.assert(
      fc.property(HISTORIES, (steps) => {
        expect(run(steps, conflicts)).toEqual([]);
      }),
      RUNS,
    );
    expect.hasAssertions();
  });

  it('never renumber what can stay', () => {
    fc.assert(
      fc.property(HISTORIES, (steps) => {
        expect(run(steps, stays)).toEqual([]);
      }),
      RUNS,
    );
    expect.hasAssertions();
  });

  it('leave a cluster in which a plan, once written, changes nothing', () => {
    fc.assert(fc.property(HISTORIES, writtenChangesNothing), RUNS);
    expect.hasAssertions();
  });

  it('give the same reason for a missing family before and after it is written', () => {
    const put = (name: string, shape: number, lost = false): Step => ({ do: 'put', name, shape, lost });
    writtenChangesNothing([put('a', 0), put('f', 0), put('i', 0), { do: 'pools', set: 2 }, put('b', 0), put('d', 2, true)]);
    expect.hasAssertions();
  });

  it('name the same Service in the way before and after it is written', () => {
    const put = (name: string, shape: number, lost = false): Step => ({ do: 'put', name, shape, lost });
    writtenChangesNothing([put('g', 0), { do: 'pools', set: 3 }, put('a', 0), put('c', 7), put('e', 4, true), put('a', 5)]);
    expect.hasAssertions();
  });

  it('move the one that stopped sharing, also after a restart that has forgotten the move', () => {
    const world = new World();
    world.restart();
    const put = (name: string, shape: number, lost = false): Step => ({ do: 'put', name, shape, lost });
    for (const step of [put('j', 4), put('a', 5), put('j', 0, true), { do: 'restart' } as const]) take(world, step);
    const now = (name: string): readonly Ip[] | undefined => world.services.get(key(name))?.ingress;
    expect([now('a'), now('j')]).toEqual([['10.0.0.0'], ['10.0.0.1']]);
  });
});
