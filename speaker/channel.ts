import type { ClaimPlan, NodePlan, PackedSet, RouteSet, WireClaim, WirePlan } from '../src/announce/plan.ts';
import { runsOf } from '../src/bgp/packedRoutes.ts';
import type { Ip } from '../src/net/ip.ts';
import type { Report } from './report.ts';

/** Signs what speakers say to each other (RFC 5880 §6.7.4). */
export interface MeshKey {
  /** 0..255 */
  readonly keyId: number;
  readonly password: string;
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

const PACKED = new WeakMap<readonly RouteSet[], readonly PackedSet[]>();

/**
 * 100,000 prefixes as bytes cross in a fraction of a millisecond; as strings it takes 50 ms on either side, and their memory. Peers that
 * are told the same get one value, which also arrives as one.
 */
export function packMessage({ peers, claims, layer2, ...plan }: NodePlan, fresh: readonly Ip[]): PlanMessage {
  const packed = peers.map((peer) => ({ ...peer, routes: packRoutes(peer.routes) }));
  if (layer2 === undefined) return { plan: { ...plan, peers: packed, claims: claims.map(wireClaim) }, fresh };
  // The ranks lie in memory that both threads see.
  const wire = { ...layer2, candidacies: layer2.candidacies.map(wireClaim) };
  return { plan: { ...plan, peers: packed, claims: [], layer2: wire }, fresh };
}

/** Whose addresses they are is nothing to the wire. */
function wireClaim({ ip, interfaces }: ClaimPlan): WireClaim {
  return interfaces === undefined ? { ip } : { ip, interfaces };
}

/** A plan that was never sent has waited, too. */
export function keepWaiting({ changedAtMs }: PlanMessage, value: PlanMessage): PlanMessage {
  return changedAtMs === undefined ? value : { ...value, changedAtMs };
}

function packRoutes(routes: readonly RouteSet[]): readonly PackedSet[] {
  const known = PACKED.get(routes) ?? routes.flatMap(({ attributes, prefixes }) => runsOf(prefixes).map((nlri) => ({ attributes, nlri })));
  PACKED.set(routes, known);
  return known;
}

export type Downward =
  | { readonly type: 'value'; readonly value: PlanMessage }
  | { readonly type: 'taken' }
  | { readonly type: 'metrics'; readonly id: number; readonly text: string }
  /** Lists that are not in yet; empty when the worker knows the cluster. */
  | { readonly type: 'health'; readonly problems: readonly string[] };

export type Upward =
  | { readonly type: 'value'; readonly value: Report }
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
