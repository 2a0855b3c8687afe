import { type Instant } from '../machine.ts';
import { type Ip } from '../net/ip.ts';
import { type Mac } from '../net/mac.ts';
import { type DueHeap, type DueItem } from './dueHeap.ts';
import { type Link } from './link.ts';
import { type TokenBucket } from './tokenBucket.ts';

/** Times and rates of announcing; all durations in milliseconds. */
export interface AnnouncerConfig {
  /** When the announcements of a take-over go out, counted from the claim; ascending. */
  readonly burstDelaysMs: readonly number[];
  /** Afterwards, so that forwarding tables do not age out (their usual age is 300 s); 0 means never. */
  readonly repeatMs: number;
  /** Announcements (one address on one interface) per second over all addresses, and how many may go at once. */
  readonly pacePerSecond: number;
  readonly paceBurst: number;
  /** RFC 5227 §1.1 waits up to 7 s with PROBE_NUM 3; a LoadBalancer cannot, so the waits are shorter and can be set. */
  readonly probeCount: number;
  readonly probeIntervalMs: number;
  /** The same for an address that was left to another speaker, of which one that lives answers at once. */
  readonly askIntervalMs: number;
  /**
   * A refused address is probed for again after the first time, then after twice as long, up to the other. Who had it may have been another
   * speaker that was about to take it too: while speakers begin, they do not know one another's MACs.
   */
  readonly refusedFirstMs: number;
  readonly refusedRetryMs: number;
  /** RFC 5227 §2.4 (c): at most one defence per address in this time. */
  readonly defendIntervalMs: number;
}

export const ANNOUNCER_DEFAULTS: AnnouncerConfig = {
  burstDelaysMs: [0, 100, 500, 1500, 3000, 5000],
  repeatMs: 60_000,
  pacePerSecond: 20_000,
  paceBurst: 256,
  probeCount: 3,
  probeIntervalMs: 200,
  askIntervalMs: 70,
  refusedFirstMs: 2_000,
  refusedRetryMs: 60_000,
  defendIntervalMs: 10_000,
};

/** One address this node shall hold. */
export interface WantedClaim {
  readonly ip: Ip;
  readonly interfaces?: readonly string[];
  /** Ask first whether anybody has it. False on a take-over from another speaker, which would answer or is known to be dead. */
  readonly probe: boolean;
  /** It is another's from now on, and answered for only until that one is heard: say nothing unasked. */
  readonly quiet?: boolean;
}

export type AnnouncerEvent =
  /** All interfaces, whenever one of them changes. */
  | { readonly kind: 'links'; readonly links: readonly Link[] }
  /** All claims of this node; what is missing is released. With `gone`: some of them, and what is released. */
  | { readonly kind: 'claims'; readonly claims: readonly WantedClaim[]; readonly gone?: readonly Ip[] }
  /** Somebody has, or wants, an address that is being probed for. */
  | { readonly kind: 'occupied'; readonly ip: Ip; readonly mac: Mac; readonly interface: string }
  /** Say at once that the address is ours. */
  | { readonly kind: 'defend'; readonly ip: Ip; readonly speaker?: boolean }
  /** Another speaker has what was probed for: nobody else does. */
  | { readonly kind: 'vouched'; readonly ip: Ip }
  /** Another speaker goes before us: be silent until `resume`. */
  | { readonly kind: 'yield'; readonly ip: Ip }
  /** `probe`: only if that one does not answer any more. */
  | { readonly kind: 'resume'; readonly ip: Ip; readonly probe?: boolean }
  /** Out of turn: the address is not wanted any more. */
  | { readonly kind: 'release'; readonly ip: Ip }
  /** Announce everything again: somebody may have heard otherwise. */
  | { readonly kind: 'refresh' }
  | { readonly kind: 'tick' };

export type AnnouncerEffect =
  /** Send `announcementFrames(ip, link)`. */
  | { readonly kind: 'announce'; readonly ip: Ip; readonly interface: string }
  /** Send `probeFrame(ip, link)`. */
  | { readonly kind: 'probe'; readonly ip: Ip; readonly interface: string }
  /** What the claim table shall hold from now on. */
  | { readonly kind: 'answer'; readonly ip: Ip; readonly phase: 'probing' | 'claimed'; readonly interfaces?: readonly string[] }
  | { readonly kind: 'silence'; readonly ip: Ip }
  | { readonly kind: 'refused'; readonly ip: Ip; readonly mac: Mac; readonly interface: string }
  /** No selected interface exists, is up and speaks the protocol: the address is not announced from here. */
  | { readonly kind: 'stranded'; readonly ip: Ip; readonly interfaces?: readonly string[] };

/** `waiting`: no fit interface. `refused`: held by another host. `yielded`: left to another speaker. */
export type ClaimPhase = 'waiting' | 'probing' | 'claimed' | 'refused' | 'yielded';

/** RFC 3339. */
export interface PhaseSince {
  readonly phase: ClaimPhase;
  readonly since: string;
}

export interface Claim extends DueItem {
  readonly ip: Ip;
  wanted: WantedClaim;
  phase: ClaimPhase;
  /** Probes, or announcements of the burst, sent so far. */
  sent: number;
  /** Whether it was ever held since it was wanted: it is not probed for again then. */
  held: boolean;
  /** It was left to another speaker, and is probed for before it is taken up again. */
  asks: boolean;
  defendedAt: Instant | undefined;
  /** How often in a row somebody else had it. */
  refusals: number;
  /** Not the machine's, which does not care: thousands came into their phase in the same second, and share one value. */
  noted: PhaseSince | undefined;
}

/**
 * Owned and changed in place by the machine, unlike the states of the other machines: it holds up to 10,000 claims, and copying
 * them at every step would cost more than all the work. Events and effects remain plain values, so a run can still be replayed.
 */
export interface AnnouncerState {
  readonly config: AnnouncerConfig;
  readonly claims: Map<Ip, Claim>;
  readonly due: DueHeap<Claim>;
  readonly bucket: TokenBucket;
  links: ReadonlyMap<string, Link>;
}

/** Whether one in the place of the other changes nothing. */
export function isSameWish(a: WantedClaim, b: WantedClaim): boolean {
  return a.quiet === b.quiet && (a.probe || !b.probe) && sameNames(a.interfaces, b.interfaces);
}

export function sameNames(a: readonly string[] | undefined, b: readonly string[] | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && a.length === b.length && a.every((name) => b.includes(name)));
}
