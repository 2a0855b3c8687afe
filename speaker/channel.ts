import type { ClaimPlan, Layer2Plan, NodePlan, PackedSet, RouteSet, WireClaim, WirePlan } from '../src/announce/plan.ts';
import { packedOf } from '../src/announce/packedSet.ts';
import { runsOf } from '../src/bgp/packedRoutes.ts';
import type { Ip } from '../src/net/ip.ts';
import type { ReportNews } from './report.ts';

/** Signs what speakers say to each other (RFC 5880 §6.7.4). */
export interface MeshKey {
  /** 0..255 */
  readonly keyId: number;
  readonly password: string;
  /** While it takes the place of another, or makes place for one: that signs nothing here, and is believed. */
  readonly other?: { readonly keyId: number; readonly password: string };
  /** See BfdAuthConfig. */
  readonly unsigned?: 'taken' | 'sent';
}

/** What the worker tells the wire thread: everything that is to be announced. */
export interface PlanMessage {
  readonly plan: WirePlan;
  /** Claims whose addresses no speaker had before, so that one may ask first whether a stranger has them. */
  readonly fresh: readonly Ip[];
  /** When the first of the changes that it follows was seen, on the clock of `monotonicMs`; absent where none was waited for. */
  readonly changedAtMs?: number;
  readonly meshKey?: MeshKey;
}

/** Packs routes, and remembers those of the last plan: what did not change stays the same value. */
export class RoutePacker {
  #sets = new Map<RouteSet, readonly PackedSet[]>();
  #tables = new Map<readonly RouteSet[], readonly PackedSet[]>();

  /** Peers that are told the same get one value, which also arrives as one. */
  pack(routes: readonly (readonly RouteSet[])[]): readonly (readonly PackedSet[])[] {
    const sets = new Map<RouteSet, readonly PackedSet[]>();
    const tables = new Map<readonly RouteSet[], readonly PackedSet[]>();
    for (const table of routes) {
      if (tables.has(table)) continue;
      for (const set of table) if (!sets.has(set)) sets.set(set, this.#sets.get(set) ?? packSet(set));
      tables.set(table, this.#tables.get(table) ?? table.flatMap((set) => sets.get(set) ?? []));
    }
    this.#sets = sets;
    this.#tables = tables;
    return routes.map((table) => tables.get(table) ?? []);
  }
}

function packSet(set: RouteSet): readonly PackedSet[] {
  const packed = packedOf(set);
  return packed === undefined ? runsOf(set.prefixes).map((nlri) => ({ attributes: set.attributes, nlri })) : [packed];
}

/** 100,000 prefixes as bytes cross in a fraction of a millisecond; as strings it takes 50 ms on either side, and their memory. */
export function packMessage({ peers, claims, layer2, ...plan }: NodePlan, fresh: readonly Ip[], packer = new RoutePacker()): PlanMessage {
  const routes = packer.pack(peers.map((peer) => peer.routes));
  const packed = peers.map((peer, i) => ({ ...peer, routes: routes[i] ?? [] }));
  if (layer2 === undefined) return { plan: { ...plan, peers: packed, claims: claims.map(wireClaim) }, fresh };
  // The ranks lie in memory that both threads see.
  const wire = { ...layer2, candidacies: layer2.candidacies.map(wireClaim), groups: groupsOf(layer2) };
  return { plan: { ...plan, peers: packed, claims: [], layer2: wire }, fresh };
}

/** Most addresses stand for themselves. */
function groupsOf({ candidacies, groups }: Layer2Plan): readonly (Ip | undefined)[] {
  const isAlone = groups.every((group, at) => group === candidacies[at]?.ip);
  return isAlone ? [] : groups.map((group, at) => (group === candidacies[at]?.ip ? undefined : group));
}

/** Whose addresses they are is nothing to the wire. */
function wireClaim({ ip, interfaces }: ClaimPlan): WireClaim {
  return interfaces === undefined ? { ip } : { ip, interfaces };
}

/** A plan that was never sent has waited, too. */
export function keepWaiting({ changedAtMs }: PlanMessage, value: PlanMessage): PlanMessage {
  return changedAtMs === undefined ? value : { ...value, changedAtMs };
}

export type Downward =
  | { readonly type: 'value'; readonly value: PlanMessage }
  | { readonly type: 'taken' }
  /** A piece of a page; `more`: there are others, for who asks again. */
  | { readonly type: 'metrics'; readonly id: number; readonly text: string; readonly more?: true }
  /** Lists that are not in yet; empty when the worker knows the cluster. */
  | { readonly type: 'health'; readonly problems: readonly string[] };

export type Upward =
  | { readonly type: 'value'; readonly value: ReportNews }
  | { readonly type: 'taken' }
  | { readonly type: 'metrics'; readonly id: number }
  | { readonly type: 'stop' };

/**
 * Sends whole values of which only the latest matters: at most one is under way, and what is overtaken meanwhile is never sent. A slow
 * reader so costs no memory, and is never more than one value behind.
 */
export class Outbox<T> {
  readonly #post: (value: T) => void;
  readonly #merge: (overtaken: T, value: T) => T;
  #waiting: { readonly value: T } | undefined;
  #underWay = false;

  /** @param merge what of an overtaken value has to stay in the one that takes its place */
  constructor(post: (value: T) => void, merge: (overtaken: T, value: T) => T = (_, value) => value) {
    this.#post = post;
    this.#merge = merge;
  }

  put(value: T): void {
    if (this.#underWay) {
      this.#waiting = { value: this.#waiting === undefined ? value : this.#merge(this.#waiting.value, value) };
      return;
    }
    this.#underWay = true;
    this.#post(value);
  }

  /** The other side has dealt with the last value. */
  taken(): void {
    this.#underWay = false;
    const next = this.#waiting;
    this.#waiting = undefined;
    if (next !== undefined) this.put(next.value);
  }
}

/** Asks for a value only when the other side has dealt with the one before: what is told is as late, and as short, as can be. */
export class Bell {
  readonly #post: () => void;
  #isUnderWay = false;
  #isWaiting = false;

  constructor(post: () => void) {
    this.#post = post;
  }

  ring(): void {
    if (this.#isUnderWay) {
      this.#isWaiting = true;
      return;
    }
    this.#isUnderWay = true;
    this.#post();
  }

  taken(): void {
    this.#isUnderWay = false;
    if (!this.#isWaiting) return;
    this.#isWaiting = false;
    this.ring();
  }
}
