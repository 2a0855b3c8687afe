import { type Instant, after, jitter } from '../machine.ts';
import type { BfdConfig } from './contract.ts';

/** Intervals of RFC 5880 are whole microseconds, in 32 bits. */
export type Microseconds = number;

/** RFC 5880 §6.8.3: the least interval while a session is not Up, or while echo packets do the work. */
export const SLOW_US: Microseconds = 1_000_000;
const MAX_US: Microseconds = 0xffff_ffff;

/** bfd.DesiredMinTxInterval and bfd.RequiredMinRxInterval. */
export interface Pace {
  readonly transmitUs: Microseconds;
  readonly receiveUs: Microseconds;
}

/**
 * What we say (`offered`), and what we go by (`used`). RFC 5880 §6.8.3: while Up the two differ until the peer has confirmed
 * a change that would otherwise leave one side waiting for packets that the other does not send.
 */
export interface Pacing {
  readonly offered: Pace;
  readonly used: Pace;
  readonly poll: Poll;
}

/**
 * RFC 5880 §6.5. `settling`: a poll was answered, but where the way is long more than one was sent, and their answers are still
 * under way. The next sequence must not take them for its own: it waits for a packet without Final, and for twice the longest
 * time that the answer may have taken (§6.8.3 would be content with either).
 */
export type Poll =
  | { readonly phase: 'none' }
  /** When the first and the last packet with Poll left; absent: none has left yet. */
  | { readonly phase: 'polling'; readonly asked?: { readonly first: Instant; readonly last: Instant } }
  | { readonly phase: 'settling'; readonly until: Instant };

const NO_POLL: Poll = { phase: 'none' };
/** An answer may have been quicker than the one to come. */
const SETTLING_FACTOR = 2;

export function microseconds(ms: number): Microseconds {
  return Math.min(MAX_US, Math.max(0, Math.round(ms * 1000)));
}

export function milliseconds(us: Microseconds): number {
  return us / 1000;
}

export function samePace(a: Pace, b: Pace): boolean {
  return a.transmitUs === b.transmitUs && a.receiveUs === b.receiveUs;
}

/** What the configuration asks for in this situation. */
export function wantedPace(config: BfdConfig, isUp: boolean, isEchoing: boolean, callMs?: number): Pace {
  const transmitUs = Math.max(1, microseconds(config.transmitMs));
  const receiveUs = microseconds(config.receiveMs);
  return {
    transmitUs: isUp ? transmitUs : Math.max(callMs === undefined ? SLOW_US : microseconds(callMs), transmitUs),
    receiveUs: isEchoing ? Math.max(SLOW_US, receiveUs) : receiveUs,
  };
}

/** A session that is not Up has no rate to protect: every value holds at once, and every packet tells it. */
export function settled(pace: Pace): Pacing {
  return { offered: pace, used: pace, poll: NO_POLL };
}

/** RFC 5880 §6.8.3, while Up: a change starts a poll sequence, or waits for the one that is under way. */
export function repaced(pacing: Pacing, wanted: Pace): Pacing {
  if (pacing.poll.phase !== 'none' || samePace(pacing.offered, wanted)) return pacing;
  const { used } = pacing;
  return {
    offered: wanted,
    used: {
      // Slower only when the peer has a longer detection time.
      transmitUs: Math.min(wanted.transmitUs, used.transmitUs),
      // A shorter detection time only when the peer sends faster.
      receiveUs: Math.max(wanted.receiveUs, used.receiveUs),
    },
    poll: { phase: 'polling' },
  };
}

/** A packet with Poll has left. */
export function asked(pacing: Pacing, now: Instant): Pacing {
  const { poll } = pacing;
  if (poll.phase !== 'polling') return pacing;
  return { ...pacing, poll: { phase: 'polling', asked: { first: poll.asked?.first ?? now, last: now } } };
}

/** RFC 5880 §6.5: what a received packet does to our poll sequence. */
export function answered(pacing: Pacing, isFinal: boolean, now: Instant): Pacing {
  const { poll, offered } = pacing;
  if (poll.phase === 'polling' && isFinal && poll.asked !== undefined) {
    const until = after(poll.asked.last, SETTLING_FACTOR * (now - poll.asked.first));
    return { offered, used: offered, poll: { phase: 'settling', until } };
  }
  return poll.phase === 'settling' && !isFinal && now >= poll.until ? { ...pacing, poll: NO_POLL } : pacing;
}

/** RFC 5880 §6.8.7: up to a quarter less; with a multiplier of 1 at least a tenth less, or the peer's time would be up first. */
export function jitteredMs(intervalUs: Microseconds, multiplier: number, random: () => number): number {
  return jitter(milliseconds(intervalUs), 0.75, multiplier === 1 ? 0.9 : 1, random);
}
