import { type Instant } from '../machine.ts';
import { type Ip } from '../net/ip.ts';
import { type Mac } from '../net/mac.ts';
import { type DueHeap, type DueItem } from './dueHeap.ts';
import { type Sighting } from './response.ts';

/** A claimant that is none of our speakers. */
export interface ForeignClaim {
  readonly ip: Ip;
  readonly mac: Mac;
  readonly interface: string;
  readonly by: Sighting['by'];
  readonly firstSeen: Instant;
  readonly lastSeen: Instant;
  readonly count: number;
}

export interface ConflictConfig {
  /** A claimant that has been silent for so long is gone. */
  readonly quietMs: number;
  /** So long after an address was left to another speaker it is asked for, and each time that it is still there after twice as long, up to the other. */
  readonly yieldMs: number;
  readonly longestYieldMs: number;
  /**
   * So long two speakers may both claim: what they know of the cluster is never quite of the same moment, and whoever is told last
   * gives up by itself. Then both say so again, and the one that goes behind gives up when it hears the other after that.
   */
  readonly graceMs: number;
  /** The one that goes before waits so long before it says so to one that it has a session with. */
  readonly answerMs: number;
  /** Claimants that are remembered at most; a flood with made-up MACs must not fill the memory. */
  readonly maxClaims: number;
}

export const CONFLICT_DEFAULTS: ConflictConfig = {
  quietMs: 300_000,
  yieldMs: 400,
  longestYieldMs: 8000,
  graceMs: 200,
  answerMs: 20,
  maxClaims: 1024,
};

/** Who of our own sent it, and all nodes in election order for the address. */
export interface Speaker {
  readonly node: string;
  readonly order: readonly string[];
  /** A session with it is up: by what both know, one of them will give up by itself. */
  readonly isMet: boolean;
  /** It hears nobody, and this node others: whatever the order, it is the one that is cut off. */
  readonly isLost?: boolean;
  /**
   * `alone`: this node hears none of several, and may be the one that is cut off. `strayed`: it has lost the address by which they know it, and
   * is; what nobody else takes it keeps.
   */
  readonly doubt?: 'alone' | 'strayed' | undefined;
}

export type ConflictEvent =
  /** `speaker` when the MAC belongs to one. */
  | { readonly kind: 'sighted'; readonly sighting: Sighting; readonly speaker?: Speaker }
  /** It is dead or has no claim any more: what was left to it comes back at once. */
  | { readonly kind: 'speakerGone'; readonly node: string }
  /** It is a speaker's, as is known now: no stranger's. */
  | { readonly kind: 'met'; readonly mac: Mac }
  /** The address is not ours any more. */
  | { readonly kind: 'released'; readonly ip: Ip }
  | { readonly kind: 'tick' };

export type ConflictEffect =
  /** Report a foreign claimant: on its first sighting only; its count goes on in the state. */
  | { readonly kind: 'foreign'; readonly claim: ForeignClaim }
  | { readonly kind: 'foreignGone'; readonly claim: ForeignClaim }
  /** Hand each of these to the announcer. */
  | { readonly kind: 'occupied'; readonly ip: Ip; readonly mac: Mac; readonly interface: string }
  /** `speaker`: against one of our own, and not more often than `graceMs` lets it. */
  | { readonly kind: 'defend'; readonly ip: Ip; readonly speaker?: boolean }
  | { readonly kind: 'yield'; readonly ip: Ip; readonly to: string }
  | { readonly kind: 'vouched'; readonly ip: Ip }
  /** `probe`: it may still be there, having been silent. */
  | { readonly kind: 'resume'; readonly ip: Ip; readonly probe?: boolean };

export interface Yielded extends DueItem {
  readonly ip: Ip;
  readonly to: string;
}

export interface Remembered extends DueItem {
  claim: ForeignClaim;
}

export interface Contested extends DueItem {
  readonly ip: Ip;
  /** It was said again that the address is ours. */
  isSaid: boolean;
  /** What each of those that claim it was told. Who comes new into a quarrel does not wait because of those before. */
  readonly told: Map<string, { readonly at: Instant; readonly times: number }>;
  /** Those that have claimed it since it was last said. */
  readonly untold: Set<string>;
  /** Those that go before this node, and had claimed it when it was said. Of who comes later nobody knows yet what it will hear. */
  readonly before: Set<string>;
}

/** Owned and changed in place as the announcer's is: a healed partition brings one sighting per address. */
export interface ConflictState {
  readonly node: string;
  readonly config: ConflictConfig;
  readonly foreign: Map<string, Remembered>;
  readonly foreignDue: DueHeap<Remembered>;
  readonly yielded: Map<Ip, Yielded>;
  readonly yieldedDue: DueHeap<Yielded>;
  /** How long it was waited last before an address was asked for, and until when that counts. */
  readonly waits: Map<Ip, { readonly ms: number; readonly until: Instant; readonly to: string }>;
  /** Claimed by another speaker too. */
  readonly contested: Map<Ip, Contested>;
  readonly contestedDue: DueHeap<Contested>;
}
