/**
 * Random histories of two replicas on one API: watches that are behind, writes that are late, lost or done without an answer, events that
 * come twice, terms that end, processes that are killed. The allocator, the handovers and the patches are the real ones.
 */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Handovers, type Sent } from '../../controller/handovers.ts';
import { serviceChange } from '../../controller/serviceStatus.ts';
import type { ConditionView, ServiceKey, ServiceView } from '../../src/cluster/service.ts';
import type { Pool } from '../../src/config/config.ts';
import { Allocator } from '../../src/ipam/allocator.ts';
import type { Assignment } from '../../src/ipam/assignment.ts';
import { tenantOf } from '../../src/ipam/sharing.ts';
import { DUAL, pool, service, snapshot, written } from '../ipam/support.ts';

const key = (name: string): ServiceKey => `default/${name}` as ServiceKey;
const annotate = (name: string, value: string): Partial<ServiceView> => ({ annotations: { [`heraldlb.io/${name}`]: value } });
const { clusterIPs, ipFamilies, ipFamilyPolicy } = service('x', DUAL);

/** Whatever the edit, these eight addresses and those of IPv6 stay in: who has one of them has no reason to move. */
const BASE = ['10.0.0.0/29', '2001:db8::/125'];
const POOLS: readonly (readonly Pool[])[] = [
  [pool('p', BASE)],
  [pool('p', [...BASE, '10.0.1.0/30'])],
  [pool('p', BASE, { disabled: true }), pool('q', '10.0.2.0/30')],
  [pool('p', BASE, { avoidBuggyIPs: true })],
  // Takes addresses away: nobody is safe any more.
  [pool('p', ['10.0.0.2-10.0.0.9', '2001:db8::2-2001:db8::9'])],
];
const SHRUNK = POOLS.length - 1;
const isBase = (address: string): boolean => /^(10\.0\.0\.|2001:db8::)/.test(address);

const SHAPES: readonly Partial<ServiceView>[] = [
  {},
  {},
  { clusterIPs, ipFamilies, ipFamilyPolicy },
  annotate('loadBalancerIPs', '10.0.0.1'),
  annotate('loadBalancerIPs', '10.0.0.2'),
  annotate('loadBalancerIPs', '10.0.0.3'),
  annotate('allow-shared-ip', 'k'),
  { ...annotate('allow-shared-ip', 'k'), ports: [{ protocol: 'TCP', port: 81 }] },
  { type: 'ClusterIP' },
];

interface Event {
  readonly key: ServiceKey;
  readonly view: ServiceView | undefined;
}

class Api {
  readonly services = new Map<ServiceKey, ServiceView>();
  readonly log: Event[] = [];
  pools: readonly Pool[] = POOLS[0] ?? [];
  /** Whoever was edited since it was made may move. */
  readonly edited = new Set<ServiceKey>();
  readonly wrong: string[] = [];
  shrunk = false;
  /** Whoever may ever have shared. */
  readonly #sharers = new Set<ServiceKey>();

  put(view: ServiceView): void {
    const before = this.services.get(view.key);
    const stored = { ...view, resourceVersion: String(this.log.length + 1) };
    this.services.set(view.key, stored);
    this.log.push({ key: view.key, view: stored });
    if (tenantOf(stored).sharingKey !== undefined) this.#sharers.add(view.key);
    this.wrong.push(...this.twice(), ...this.#moved(before, stored));
  }

  remove(gone: ServiceKey): void {
    if (this.services.delete(gone)) this.log.push({ key: gone, view: undefined });
    this.edited.delete(gone);
    this.#sharers.delete(gone);
  }

  twice(): string[] {
    const held = [...this.services.values()].flatMap((view) => view.ingress.map((address) => ({ address, key: view.key })));
    return held.flatMap((a) =>
      held
        .filter((b) => a.address === b.address && a.key < b.key)
        // Two of whom one stops to share have it until that one has moved.
        .filter((b) => !this.#sharers.has(a.key) || !this.#sharers.has(b.key))
        .map((b) => `${a.address}: ${a.key} and ${b.key}`),
    );
  }

  #moved(before: ServiceView | undefined, { key: who, uid, ingress }: ServiceView): string[] {
    if (before === undefined || before.uid !== uid || this.edited.has(who) || this.shrunk) return [];
    // Of two that share and now clash, a leader that begins anew cannot know which one was edited.
    if (this.#sharers.has(who)) return [];
    const gone = before.ingress.filter((address) => isBase(address) && !ingress.includes(address));
    return gone.map((address) => `${who} had ${address} and has ${ingress.join()}`);
  }
}

interface Write {
  readonly service: ServiceView;
  readonly assignment: Assignment;
  readonly conditions: readonly ConditionView[] | undefined;
  readonly sent: Sent;
}

/** @returns whether it is made on the version that is stored */
function carryOut(api: Api, { service: { key: of, uid }, sent, assignment, conditions }: Write, how: How): boolean {
  const stored = api.services.get(of);
  if (stored?.resourceVersion !== sent.on || stored.uid !== uid) return false;
  if (how !== 'lost' && how !== 'throttled') api.put({ ...written(stored, assignment), conditions: conditions ?? stored.conditions });
  return true;
}

let nowMs = 0;

class Replica {
  readonly #api: Api;
  readonly #store = new Map<ServiceKey, ServiceView>();
  readonly inFlight: Write[] = [];
  leads = false;
  #cursor = 0;
  #allocator = new Allocator();
  #handovers = this.#newHandovers();

  constructor(api: Api) {
    this.#api = api;
  }

  #newHandovers(): Handovers {
    return new Handovers({
      service: (of) => this.#store.get(of),
      assignment: (of) => this.#allocator.assignment(of),
      nowMs: () => nowMs,
    });
  }

  /** Its watch shows so many more events. */
  deliver(count = Infinity): void {
    const events = this.#api.log.slice(this.#cursor, this.#cursor + count);
    this.#cursor += events.length;
    const touched = new Set(events.map((event) => event.key));
    for (const { key: of, view } of events) {
      if (view === undefined) this.#store.delete(of);
      else this.#store.set(of, view);
    }
    if (!this.leads) return;
    const changed = new Set<ServiceKey>(touched);
    for (const of of touched) if (!this.#store.has(of)) for (const other of this.#allocator.remove(of)) changed.add(other);
    for (const of of touched) {
      const view = this.#store.get(of);
      for (const other of view === undefined ? [] : this.#allocator.upsert(view)) changed.add(other);
    }
    this.#write(changed);
  }

  repeat(of: ServiceKey): void {
    const view = this.#store.get(of);
    if (view !== undefined && this.leads) this.#write(this.#allocator.upsert(view));
  }

  /** As `catchUp` sees to it. */
  elect(): void {
    this.deliver();
    this.leads = true;
    this.#allocator = new Allocator();
    this.#handovers = this.#newHandovers();
    this.replan();
  }

  replan(): void {
    if (!this.leads) return;
    this.#allocator.reset(snapshot(this.#api.pools, [...this.#store.values()]));
    this.#write(this.#store.keys());
  }

  land(index: number, how: How): void {
    const [write] = this.inFlight.splice(index % Math.max(1, this.inFlight.length), 1);
    if (write === undefined) return;
    const isCurrent = carryOut(this.#api, write, how);
    if (how !== 'ok' || !isCurrent) this.#handovers.failed(write.sent, how === 'throttled' || (!isCurrent && how === 'ok'));
    if (this.leads) this.#attempt(write.service.key);
  }

  /** Who waits is looked at from time to time. */
  look(): void {
    if (this.leads) this.#write(this.#store.keys());
  }

  get waiting(): number {
    return this.leads ? this.#handovers.size : 0;
  }

  #write(keys: Iterable<ServiceKey>): void {
    const all = [...keys];
    for (const of of all) this.#handovers.note(of);
    for (const of of all) this.#attempt(of);
  }

  #attempt(of: ServiceKey): void {
    // One write of a Service at a time, as the work queue has it.
    if (this.inFlight.some((write) => write.service.key === of)) return;
    const view = this.#store.get(of);
    const planned = this.#allocator.assignment(of);
    const assignment = view === undefined || planned === undefined ? undefined : this.#handovers.admit(view, planned);
    if (view !== undefined && assignment !== undefined) {
      const change = serviceChange(view, assignment, '2026-01-01T00:00:00Z');
      if (change !== undefined) {
        const patched = change.patch.status?.['conditions'] as readonly ConditionView[] | null | undefined;
        const conditions = patched === null ? [] : patched;
        const sent = this.#handovers.sending(of, view.resourceVersion, assignment.ingress);
        this.inFlight.push({ service: view, assignment, conditions, sent });
        return;
      }
    } else if (planned !== undefined && view !== undefined) return;
    for (const waiting of this.#handovers.settled(of)) this.#attempt(waiting);
  }
}

type How = 'ok' | 'lost' | 'unanswered' | 'throttled';

type Step =
  | { readonly do: 'put'; readonly name: string; readonly shape: number }
  | { readonly do: 'delete' | 'recreate' | 'repeat'; readonly name: string }
  | { readonly do: 'pools'; readonly set: number }
  | { readonly do: 'deliver'; readonly leader: boolean; readonly count: number }
  | { readonly do: 'land'; readonly index: number; readonly how: How }
  /** The leader's term ends, or it is killed; what it has sent is done or not before the next one begins. */
  | { readonly do: 'end'; readonly isKilled: boolean; readonly done: number; readonly next: number };

const name = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j');
const leader = fc.constantFrom(true, true, true, false);
const how = fc.constantFrom<How>('ok', 'ok', 'ok', 'lost', 'unanswered', 'throttled');
const STEP: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('put' as const), name, shape: fc.nat(SHAPES.length - 1) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('delete' as const, 'recreate' as const, 'repeat' as const), name }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('pools' as const), set: fc.nat(POOLS.length - 1) }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('deliver' as const), leader, count: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('land' as const), index: fc.nat(5), how }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('end' as const), isKilled: fc.boolean(), done: fc.nat(255), next: fc.nat(1) }) },
);

class World {
  readonly api = new Api();
  readonly replicas = [new Replica(this.api), new Replica(this.api)];
  /** What former leaders have sent and the server has yet to do: only where no lease keeps terms apart. */
  readonly strays: Write[] = [];
  readonly #isFenced: boolean;
  #uids = 0;

  constructor(isFenced = true) {
    this.#isFenced = isFenced;
    this.replicas[0]?.elect();
  }

  take(step: Step): void {
    const { api } = this;
    nowMs += 10;
    switch (step.do) {
      case 'put': {
        const earlier = api.services.get(key(step.name));
        const fresh = { ...service(step.name, { uid: `u${++this.#uids}` }), ...SHAPES[step.shape] };
        if (earlier === undefined) return api.put(fresh);
        const { uid, ingress, conditions, annotations } = earlier;
        const from = annotations['heraldlb.io/ip-allocated-from-pool'];
        const kept = from === undefined ? {} : { 'heraldlb.io/ip-allocated-from-pool': from };
        api.edited.add(earlier.key);
        return api.put({ ...fresh, uid, ingress, conditions, annotations: { ...fresh.annotations, ...kept } });
      }
      case 'recreate': {
        const earlier = api.services.get(key(step.name));
        if (earlier === undefined) return;
        api.remove(earlier.key);
        const { 'heraldlb.io/ip-allocated-from-pool': _pool, ...annotations } = earlier.annotations;
        return api.put({ ...earlier, uid: `u${++this.#uids}`, ingress: [], conditions: [], annotations });
      }
      case 'delete':
        return api.remove(key(step.name));
      case 'repeat':
        for (const each of this.replicas) each.repeat(key(step.name));
        return;
      case 'pools':
        api.pools = POOLS[step.set] ?? [];
        api.shrunk ||= step.set === SHRUNK;
        for (const each of this.replicas) each.replan();
        return;
      case 'deliver':
        return this.replicas.find(({ leads }) => leads === step.leader)?.deliver(step.count);
      case 'land':
        if (step.index % 2 === 1) for (const stray of this.strays.splice(0, 1)) carryOut(api, stray, step.how);
        return this.replicas.find(({ leads }) => leads)?.land(step.index, step.how);
      case 'end':
        return this.end(step.isKilled, step.done, step.next);
    }
  }

  end(isKilled: boolean, done: number, next: number): void {
    const index = this.replicas.findIndex(({ leads }) => leads);
    const last = this.replicas[index];
    if (last === undefined) return;
    last.leads = false;
    if (!this.#isFenced) this.strays.push(...last.inFlight.splice(0));
    // The fence: a term ends earlier than its lease by as long as a write may take.
    for (let bit = 0; last.inFlight.length > 0; bit++) last.land(0, ((done >> (bit % 8)) & 1) === 1 ? 'ok' : 'lost');
    if (isKilled) this.replicas[index] = new Replica(this.api);
    this.replicas[next]?.elect();
  }

  /** Nothing fails any more. */
  settle(): void {
    for (const stray of this.strays.splice(0)) carryOut(this.api, stray, 'ok');
    for (let round = 0; round < 200; round++) {
      nowMs += 10_000;
      for (const each of this.replicas) {
        each.deliver();
        each.look();
        // A write on a version that is no more is made again on the one that the watch shows then.
        for (let left = each.inFlight.length; left > 0; left--) each.land(0, 'ok');
      }
      if (this.replicas.every(({ inFlight, waiting }) => inFlight.length + waiting === 0)) return;
    }
  }
}

const HISTORIES = fc.array(STEP, { minLength: 1, maxLength: 80 });
const RUNS = { numRuns: Number(process.env['HERALDLB_RUNS'] ?? 300) };

describe('two replicas', () => {
  it('never have an address stand in two statuses, and never change one that can stay', () => {
    fc.assert(
      fc.property(HISTORIES, (steps) => {
        const world = new World();
        for (const step of steps) world.take(step);
        expect(world.api.wrong).toEqual([]);
      }),
      RUNS,
    );
    expect.hasAssertions();
  });

  it('come to rest: nobody waits for ever, and the next leader has nothing to write', () => {
    fc.assert(
      fc.property(HISTORIES, (steps) => {
        const world = new World();
        for (const step of steps) world.take(step);
        world.settle();
        expect(world.replicas.map(({ waiting }) => waiting)).toEqual([0, 0]);
        expect(world.api.wrong).toEqual([]);
        const before = new Map(world.api.services);
        world.end(true, 0, 1);
        world.settle();
        expect(world.api.services).toEqual(before);
      }),
      RUNS,
    );
    expect.hasAssertions();
  });

  it('tell who waits for a shared address who is there now, as the next leader would', () => {
    const put = (of: string, shape: number): Step => ({ do: 'put', name: of, shape });
    const end: Step = { do: 'end', isKilled: false, done: 0, next: 0 };
    for (const last of [put('e', 6), put('i', 0)]) {
      const world = new World();
      for (const step of [put('a', 0), put('j', 0), put('i', 7), end, put('f', 4)]) world.take(step);
      world.settle();
      world.take(last);
      world.settle();
      const before = new Map(world.api.services);
      world.end(true, 0, 1);
      world.settle();
      expect(world.api.services).toEqual(before);
    }
  });

  it('come to rest with each address in one status even where a former leader writes on after its term', () => {
    fc.assert(
      fc.property(HISTORIES, (steps) => {
        const world = new World(false);
        for (const step of steps) world.take(step);
        world.settle();
        expect([world.api.twice(), world.replicas.map(({ waiting }) => waiting)]).toEqual([[], [0, 0]]);
      }),
      RUNS,
    );
    expect.hasAssertions();
  });
});
