import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ServiceKey, ServiceView } from '../../src/cluster/service.ts';
import type { AddressClaim } from '../../src/config/addressClaims.ts';
import type { Pool } from '../../src/config/config.ts';
import { Allocator } from '../../src/ipam/allocator.ts';
import { ClaimIndex } from '../../src/ipam/claimIndex.ts';
import { wantedClaim } from '../../src/ipam/claimPlan.ts';
import { planAddresses } from '../../src/ipam/plan.ts';
import { sharingConflict, tenantOf } from '../../src/ipam/sharing.ts';
import { blockContains } from '../../src/net/block.ts';
import type { Ip } from '../../src/net/ip.ts';
import { DUAL, claim, pool, service, snapshot, written } from './support.ts';

const key = (name: string): ServiceKey => `default/${name}` as ServiceKey;
const blocks = (text: string): NonNullable<Pool['excluded']> => pool('x', text).blocks;
const QUOTA = 3;

const POOL_SETS: readonly (readonly Pool[])[] = [
  [pool('p', ['10.0.0.0/29', '2001:db8::/125'])],
  [
    pool('p', ['10.0.0.0/29', '2001:db8::/125'], { excluded: blocks('10.0.0.2-10.0.0.4'), quotaPerNamespace: QUOTA }),
    pool('q', '10.0.1.0/30'),
  ],
  [pool('p', ['10.0.0.0/29', '2001:db8::/125'], { disabled: true }), pool('q', '10.0.1.0/30', { allocationPolicy: 'mostFree' })],
  [
    pool('p', ['10.0.0.0/29', '2001:db8::/125'], { retention: {} }),
    pool('r', '10.0.2.0/30', { allocationPolicy: 'mostFree', retention: {} }),
  ],
];

const annotate = (...pairs: readonly string[]): Partial<ServiceView> => ({
  annotations: Object.fromEntries(
    pairs.map((pair) => pair.split('=') as [string, string]).map(([name, value]) => [`heraldlb.io/${name}`, value]),
  ),
});
const dual = service('x', DUAL);
const SHAPES: readonly Partial<ServiceView>[] = [
  {},
  annotate('address-claim=keep'),
  annotate('address-claim=keep', 'addresses-per-family=2'),
  annotate('addresses-per-family=3'),
  annotate('address-pools=p,q'),
  { clusterIPs: dual.clusterIPs, ipFamilies: dual.ipFamilies, ipFamilyPolicy: 'PreferDualStack', ...annotate('address-claim=keep') },
  annotate('allow-shared-ip=k', 'address-claim=keep'),
  { ...annotate('allow-shared-ip=k'), ports: [{ protocol: 'TCP', port: 81 }] },
  annotate('loadBalancerIPs=10.0.0.3'),
  annotate('address-pool=q', 'address-claim=none'),
  { type: 'ClusterIP' },
  { deleting: true },
];
const ADDRESSES = ['10.0.0.0', '10.0.0.3', '10.0.0.5', '10.0.1.1', '2001:db8::1', '192.0.2.1'];

type Step =
  | { readonly do: 'put'; readonly name: string; readonly shape: number; readonly lost: boolean }
  | { readonly do: 'delete' | 'recreate' | 'repeat'; readonly name: string }
  | { readonly do: 'claim'; readonly claim: string; readonly name: string; readonly address: number; readonly insists: boolean }
  | { readonly do: 'handOn'; readonly claim: string; readonly name: string }
  | { readonly do: 'unclaim'; readonly claim: string }
  | { readonly do: 'pools'; readonly set: number }
  | { readonly do: 'restart' };

const name = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
const claimName = fc.constantFrom('k', 'l', 'm');
const STEP: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('put' as const), name, shape: fc.nat(SHAPES.length - 1), lost: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('delete' as const, 'recreate' as const, 'repeat' as const), name }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('claim' as const),
      claim: claimName,
      name,
      address: fc.nat(ADDRESSES.length - 1),
      insists: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('handOn' as const), claim: claimName, name }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('unclaim' as const), claim: claimName }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('pools' as const), set: fc.nat(POOL_SETS.length - 1) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
);

/** Whether they move or not, what is kept for them besides may change. */
function claimants(...claims: readonly (AddressClaim | undefined)[]): ServiceKey[] {
  return claims.flatMap((each) => each?.service ?? []);
}

/** The API and the controller of the moment, with a claim keeper that writes at once. */
class World {
  pools: readonly Pool[] = POOL_SETS[0] ?? [];
  readonly services = new Map<ServiceKey, ServiceView>();
  readonly claims = new Map<string, AddressClaim>();
  allocator = new Allocator();
  #uids = 0;
  #made = 0;

  constructor() {
    this.replan();
  }

  snapshot(): ReturnType<typeof snapshot> {
    return snapshot(this.pools, [...this.services.values()], { claims: this.claims.values() });
  }

  replan(): void {
    this.allocator.reset(this.snapshot());
    this.settle(this.services.keys());
  }

  restart(): void {
    this.allocator = new Allocator();
    this.replan();
  }

  put(view: ServiceView, isLost = false): void {
    this.services.set(view.key, view);
    this.settle(this.allocator.upsert(view), isLost);
  }

  delete(gone: ServiceKey): void {
    this.services.delete(gone);
    this.settle([gone, ...this.allocator.remove(gone)]);
  }

  setClaim(made: AddressClaim): void {
    const before = this.claims.get(made.name);
    this.claims.set(made.name, made);
    this.settle([...this.allocator.upsertClaim(made), ...claimants(before, made)]);
  }

  removeClaim(gone: string): void {
    const before = this.claims.get(gone);
    this.claims.delete(gone);
    this.settle([...this.allocator.removeClaim(gone), ...claimants(before)]);
  }

  fresh(of: string): ServiceView {
    return service(of, { uid: `u${++this.#uids}` });
  }

  /** An edited claim is as old as it was. */
  age(of: string): string {
    return this.claims.get(of)?.creationTimestamp ?? String(++this.#made).padStart(9, '0');
  }

  /** What the controller does after a plan: claims first, so that nothing that is kept can be given. */
  settle(keys: Iterable<ServiceKey>, isLost = false): void {
    const rest = new Set(keys);
    for (const each of rest) {
      const view = this.services.get(each);
      const assignment = this.allocator.assignment(each);
      if (view === undefined || assignment === undefined || view.type !== 'LoadBalancer') continue;
      for (const moved of this.keep(view)) rest.add(moved);
      if (isLost) continue;
      const stored = written(view, this.allocator.assignment(each));
      this.services.set(each, stored);
      // The watch shows what was written.
      for (const moved of this.allocator.upsert(stored)) rest.add(moved);
    }
    for (const each of rest) this.bind(each);
  }

  keep(view: ServiceView): ServiceKey[] {
    const assignment = this.allocator.assignment(view.key);
    if (assignment === undefined) return [];
    const own = this.allocator.claims.for(view.key).filter(({ managed }) => !managed);
    const wanted = wantedClaim(
      { service: view, assignment },
      this.pools.find((each) => each.name === assignment.pool),
      own,
    );
    const made = `made.${view.name}`;
    if (wanted === 'asItIs') return [];
    if (wanted === undefined) {
      this.claims.delete(made);
      return this.allocator.removeClaim(made);
    }
    const next = claim(made, view.key, wanted.addresses, { insists: false, managed: true, creationTimestamp: this.age(made) });
    this.claims.set(made, next);
    return this.allocator.upsertClaim(next);
  }

  /** The status of the claims of a Service. */
  bind(of: ServiceKey): void {
    const has = this.allocator.assignment(of)?.ingress ?? [];
    for (const each of this.allocator.claims.for(of)) {
      if (each.boundTo === of || !each.addresses.some((address) => has.includes(address))) continue;
      const bound = { ...each, boundTo: of };
      this.claims.set(each.name, bound);
      this.allocator.upsertClaim(bound);
    }
  }
}

function take(world: World, step: Step): void {
  switch (step.do) {
    case 'put': {
      const fresh = world.fresh(step.name);
      const { uid, ingress, annotations } = world.services.get(fresh.key) ?? fresh;
      const from = annotations['heraldlb.io/ip-allocated-from-pool'];
      const base = { ...fresh, ...SHAPES[step.shape], uid, ingress };
      const kept = from === undefined ? {} : { 'heraldlb.io/ip-allocated-from-pool': from };
      return world.put({ ...base, annotations: { ...base.annotations, ...kept } }, step.lost);
    }
    case 'recreate': {
      const view = world.services.get(key(step.name));
      if (view === undefined) return;
      world.delete(view.key);
      return world.put({ ...view, uid: world.fresh(step.name).uid, ingress: [] });
    }
    case 'repeat': {
      const view = world.services.get(key(step.name));
      return view === undefined ? undefined : world.put(view);
    }
    case 'delete':
      return world.delete(key(step.name));
    case 'claim':
      return world.setClaim(
        claim(step.claim, key(step.name), [ADDRESSES[step.address] ?? ''], {
          insists: step.insists,
          creationTimestamp: world.age(step.claim),
        }),
      );
    case 'handOn': {
      const earlier = world.claims.get(step.claim);
      if (earlier === undefined) return;
      const next = { ...earlier, service: key(step.name), insists: earlier.boundTo !== undefined || earlier.insists };
      return world.setClaim(next);
    }
    case 'unclaim':
      return world.removeClaim(step.claim);
    case 'pools':
      world.pools = POOL_SETS[step.set] ?? [];
      return world.replan();
    case 'restart':
      return world.restart();
  }
}

interface Held {
  readonly view: ServiceView;
  readonly decided: readonly Ip[];
}

const held = (world: World): Map<ServiceKey, Held> =>
  new Map([...world.services].map(([each, view]) => [each, { view, decided: world.allocator.assignment(each)?.ingress ?? [] }]));

function twice(world: World): string[] {
  const all = [...held(world).values()].flatMap(({ view, decided }) =>
    decided.map((address) => ({ address, view, tenant: tenantOf(view) })),
  );
  const doubled = all.filter((a, i) => all.findIndex((b) => a.address === b.address && a.view.key === b.view.key) !== i);
  if (doubled.length > 0) return doubled.map((a) => `${a.address}: ${a.view.key} twice`);
  return all.flatMap((a) =>
    all
      .filter((b) => a.address === b.address && a.view.key < b.view.key)
      .filter((b) => sharingConflict(a.tenant, b.tenant) !== undefined || a.tenant.ports.some((port) => b.tenant.ports.includes(port)))
      .map((b) => `${a.address}: ${a.view.key} and ${b.view.key}`),
  );
}

/** What somebody got that was kept for another one, excluded, or from a pool that gives no more. */
function wronglyGiven(world: World, before: Before, _step: Step, claims: readonly AddressClaim[]): string[] {
  const index = new ClaimIndex(world.claims.values());
  // Its own claim may have ended with the same step.
  const earlier = new ClaimIndex(claims);
  const now = held(world);
  return [...now].flatMap(([each, { view, decided }]) => {
    const had = new Set([...(before.get(each)?.decided ?? []), ...(before.get(each)?.view.ingress ?? [])]);
    return decided.flatMap((address) => {
      if (had.has(address)) return [];
      const sharers = [...now].flatMap(([other, { decided: theirs }]) => (other !== each && theirs.includes(address) ? [other] : []));
      // Beside somebody who has it by right.
      const isShared = sharers.some(
        (other) => index.against(address, other) === undefined || earlier.against(address, other) === undefined,
      );
      const home = world.pools.find((candidate) => candidate.blocks.some((block) => blockContains(block, address)));
      const isOwn = [...index.of(each), ...earlier.of(each)].some((own) => own.address === address);
      const isKept =
        index.against(address, each) !== undefined && (!earlier.isClaimed(address) || earlier.against(address, each) !== undefined);
      if (isKept && !isShared) return [`${each} got ${address}, which is claimed`];
      if (home?.excluded?.some((block) => blockContains(block, address)) === true) return [`${each} got ${address}, which is excluded`];
      return home?.disabled === true && !isOwn && !view.deleting ? [`${each} got ${address} from a disabled pool`] : [];
    });
  });
}

/** Only who has nothing to do with the step: not its Service, and no Service of a claim that asks or was handed on. */
function renumbered(world: World, before: Before, step: Step, claims: readonly AddressClaim[]): string[] {
  if (step.do === 'restart' && [...before.values()].some(({ view, decided }) => view.ingress.join() !== decided.join())) return [];
  const concerned = new Set<ServiceKey>('name' in step ? [key(step.name)] : []);
  for (const { service: claimant, boundTo, insists } of [...claims, ...world.claims.values()]) {
    if (claimant !== undefined && insists) concerned.add(claimant);
    if (boundTo !== undefined && (boundTo !== claimant || step.do === 'handOn')) concerned.add(boundTo);
  }
  return [...before].flatMap(([each, { view, decided }]) => {
    const now = world.services.get(each);
    const asks = ['loadBalancerIPs', 'address-pool', 'address-pools'].some((wish) => view.annotations[`heraldlb.io/${wish}`] !== undefined);
    if (now === undefined || now.uid !== view.uid || concerned.has(each) || asks || view.type !== 'LoadBalancer') return [];
    return view.ingress
      .filter((address) => decided.includes(address))
      .filter((address) => world.pools.some((candidate) => candidate.blocks.some((block) => blockContains(block, address))))
      .filter((address) => world.allocator.assignment(each)?.ingress.includes(address) !== true)
      .map((address) => `${each} had ${address}`);
  });
}

function overQuota(world: World, before: Before, _step: Step, claims: readonly AddressClaim[]): string[] {
  const limited = world.pools.find(({ quotaPerNamespace }) => quotaPerNamespace !== undefined);
  if (limited === undefined) return [];
  const count = (all: ReadonlyMap<ServiceKey, Held>): number =>
    new Set(
      [...all.values()].flatMap(({ view, decided }) => [...decided, ...view.ingress]).filter((ip) => blockContains(blockOf(limited), ip)),
    ).size;
  // What is claimed is given all the same; a claim that gave an address may have ended with the same step.
  const claimed = new Set([...claims, ...world.claims.values()].flatMap(({ addresses }) => addresses)).size;
  const used = new Set([...held(world).values()].flatMap(({ decided }) => decided).filter((ip) => blockContains(blockOf(limited), ip)))
    .size;
  return used > Math.max(QUOTA, count(before)) + claimed ? [`${used} of ${QUOTA}`] : [];
}

function blockOf(of: Pool): Pool['blocks'][number] {
  const [first] = of.blocks;
  if (first === undefined) throw new Error('a pool without addresses');
  return first;
}

/** A Service that was made anew under its name has what was kept for it. */
function lost(world: World, before: ReadonlyMap<ServiceKey, Held>, step: Step): string[] {
  const earlier = step.do === 'recreate' ? before.get(key(step.name)) : undefined;
  if (earlier === undefined || earlier.view.deleting || earlier.view.annotations['heraldlb.io/address-claim'] !== 'keep') return [];
  if (tenantOf(earlier.view).sharingKey !== undefined || earlier.view.type !== 'LoadBalancer') return [];
  const claims = world.claims.get(`made.${earlier.view.name}`);
  const insisting = [...world.claims.values()].some(({ service: claimant, managed }) => claimant === earlier.view.key && !managed);
  const now = world.allocator.assignment(earlier.view.key)?.ingress ?? [];
  if (insisting || claims === undefined) return [];
  const excluded = (ip: Ip): boolean => world.pools.some((each) => each.excluded?.some((block) => blockContains(block, ip)) === true);
  // An older claim for another one counts.
  const index = new ClaimIndex(world.claims.values());
  return earlier.decided
    .filter((address) => !now.includes(address) && !excluded(address) && index.against(address, earlier.view.key) === undefined)
    .map((address) => `${earlier.view.key} lost ${address}`);
}

/** Where every decision is written, a plan from nothing has the same addresses in use, and as many free. */
function miscounted(world: World): string[] {
  if ([...held(world).values()].some(({ view, decided }) => view.ingress.join() !== decided.join())) return [];
  const anew = planAddresses(world.snapshot());
  const moved = [...anew.assignments].filter(([each, { ingress }]) => ingress.join() !== world.allocator.assignment(each)?.ingress.join());
  const [one, other] = [anew.usage, world.allocator.usage()].map((usage) => JSON.stringify([...usage]));
  return moved.length > 0 || one === other ? [] : [`${one} anew, ${other} by steps`];
}

type Before = ReadonlyMap<ServiceKey, Held>;

type Check = (world: World, before: Before, step: Step, claims: readonly AddressClaim[]) => readonly string[];

function run(steps: readonly Step[], check: Check): string[] {
  const world = new World();
  return steps.flatMap((step) => {
    const before = held(world);
    const claims = [...world.claims.values()];
    take(world, step);
    return check(world, before, step, claims);
  });
}

const HISTORIES = fc.array(STEP, { minLength: 1, maxLength: 40 });
const RUNS = { numRuns: Number(process.env['HERALDLB_RUNS'] ?? 200) };

const PROPERTIES: readonly (readonly [name: string, check: Check])[] = [
  ['no address is had by two that may not share it', twice],
  ['nobody gets what is claimed, excluded or disabled', wronglyGiven],
  ['nobody is renumbered who can stay', renumbered],
  ['no namespace gets more than its quota', overQuota],
  ['nothing that is kept is lost', lost],
  ['what is counted step by step is what is counted anew', miscounted],
];

const put = (of: string, shape: number, isLost = false): Step => ({ do: 'put', name: of, shape, lost: isLost });

const claimed = (of: string, to: string, address: number, insists: boolean): Step => ({
  do: 'claim',
  claim: of,
  name: to,
  address,
  insists,
});

function writtenChangesNothing(steps: readonly Step[]): void {
  const world = new World();
  for (const step of steps) take(world, step);
  const first = planAddresses(world.snapshot());
  for (const [each, view] of world.services) world.services.set(each, written(view, first.assignments.get(each)));
  const second = planAddresses(world.snapshot());
  for (const [each, assignment] of second.assignments)
    expect({ each, ...assignment }).toEqual({ each, ...first.assignments.get(each), released: [] });
  expect(second.usage).toEqual(first.usage);
}

const HANDED_ON_WHILE_SHARED: readonly Step[] = [
  claimed('k', 'd', 0, true),
  put('d', 0),
  put('a', 0),
  put('c', 0),
  { do: 'handOn', claim: 'k', name: 'e' },
  put('e', 6),
  put('d', 7),
  claimed('m', 'a', 1, true),
  { do: 'handOn', claim: 'k', name: 'd' },
];

describe('random histories with claims, quotas and exclusions', () => {
  it.each(PROPERTIES)('%s', (_name, check) => {
    fc.assert(
      fc.property(HISTORIES, (steps) => {
        expect(run(steps, check)).toEqual([]);
      }),
      RUNS,
    );
    expect.hasAssertions();
  });

  it('a plan, once written, changes nothing', () => {
    fc.assert(fc.property(HISTORIES, writtenChangesNothing), RUNS);
    expect.hasAssertions();
  });

  it('who has to leave a shared address joins none that a claim waits for', () => {
    expect(run(HANDED_ON_WHILE_SHARED, wronglyGiven)).toEqual([]);
    const world = new World();
    for (const step of HANDED_ON_WHILE_SHARED) take(world, step);
    expect(['a', 'c', 'd', 'e'].map((of) => world.services.get(key(of))?.ingress)).toEqual([
      ['10.0.0.3'],
      ['10.0.0.2'],
      ['10.0.0.0'],
      ['10.0.0.4'],
    ]);
  });

  it('no address is given to two shares where one keeps it only until its own pool is there', () => {
    const insisted = [claimed('m', 'c', 1, false), put('c', 2), { do: 'handOn', claim: 'm', name: 'c' } as const, put('c', 4, true)];
    expect(run([...insisted, claimed('k', 'a', 0, false)], twice)).toEqual([]);
    writtenChangesNothing([...insisted, claimed('k', 'a', 0, false), { do: 'pools', set: 1 }]);
  });

  it('who keeps an address by a claim and stops sharing it moves, although pools are edited before that is written', () => {
    const history: readonly Step[] = [put('a', 6), put('b', 7), put('a', 1, true), { do: 'pools', set: 3 }];
    expect(run(history, renumbered)).toEqual([]);
    const world = new World();
    for (const step of history) take(world, step);
    const now = (of: string): readonly Ip[] | undefined => world.services.get(key(of))?.ingress;
    expect([now('a'), now('b')]).toEqual([['10.0.0.1'], ['10.0.0.0']]);
  });

  it('who is to leave one of its addresses does not get it back by the claim on another one', () => {
    const edit: Step = { do: 'pools', set: 0 };
    const history: readonly Step[] = [put('a', 2), { do: 'restart' }, put('a', 0, true), put('f', 0), put('a', 2, true), edit];
    expect(run(history, renumbered)).toEqual([]);
  });

  it('of more addresses than it still wants it keeps those that it was to keep', () => {
    expect(run([put('c', 3), put('c', 8, true), put('f', 2), put('f', 0, true), { do: 'pools', set: 0 }], renumbered)).toEqual([]);
    const claimed: Step = { do: 'claim', claim: 'k', name: 'a', address: 2, insists: true };
    const others = [put('a', 0), put('d', 2), put('b', 0), put('e', 3), claimed];
    expect(run([...others, put('e', 0, true), put('e', 2, true), { do: 'pools', set: 0 }], renumbered)).toEqual([]);
  });

  it('no address is given to two shares of a Service that has several claims', () => {
    writtenChangesNothing([
      claimed('k', 'e', 3, false),
      claimed('m', 'a', 0, true),
      put('e', 0),
      { do: 'handOn', claim: 'm', name: 'e' },
      put('e', 2, true),
    ]);
    expect.hasAssertions();
  });

  it('a claimed address that gets free is given also where the pools have nothing', () => {
    const claims = [claimed('m', 'a', 1, false), claimed('k', 'e', 1, true), claimed('m', 'b', 0, false)];
    writtenChangesNothing([put('e', 0), { do: 'pools', set: 2 }, ...claims, put('a', 0), put('c', 0), put('b', 2, true)]);
    expect.hasAssertions();
  });

  it('what is kept is given back beyond the quota, also to one that keeps it no longer', () => {
    const history: readonly Step[] = [put('e', 5), { do: 'delete', name: 'e' }, put('a', 3), { do: 'pools', set: 1 }, put('e', 0)];
    expect(run(history, overQuota)).toEqual([]);
  });

  it('a quota is told with the numbers of the end of the plan', () => {
    writtenChangesNothing([
      put('c', 2),
      { do: 'pools', set: 1 },
      put('d', 0),
      put('b', 0),
      put('a', 3),
      put('e', 5),
      put('c', 0, true),
      put('d', 3),
    ]);
    expect.hasAssertions();
  });

  it('a claimed address belongs to the share of its pool', () => {
    const claimed: Step = { do: 'claim', claim: 'k', name: 'd', address: 0, insists: true };
    writtenChangesNothing([{ do: 'pools', set: 1 }, put('a', 0), claimed, put('d', 2), put('d', 4, true), put('a', 0)]);
    expect.hasAssertions();
  });
});
