import { jitter } from '../machine.ts';
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
 *
 * `settling`: the poll was answered, but a second answer may still be under way. The next one has to wait for a packet without
 * Final, or that answer would be taken for its own.
 */
export interface Pacing {
  readonly offered: Pace;
  readonly used: Pace;
  readonly poll: 'none' | 'polling' | 'settling';
}

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
export function wantedPace(config: BfdConfig, isUp: boolean, isEchoing: boolean): Pace {
  const transmitUs = Math.max(1, microseconds(config.transmitMs));
  const receiveUs = microseconds(config.receiveMs);
  return {
    transmitUs: isUp ? transmitUs : Math.max(SLOW_US, transmitUs),
    receiveUs: isEchoing ? Math.max(SLOW_US, receiveUs) : receiveUs,
  };
}

/** A session that is not Up has no rate to protect: every value holds at once, and every packet tells it. */
export function settled(pace: Pace): Pacing {
  return { offered: pace, used: pace, poll: 'none' };
}

/** RFC 5880 §6.8.3, while Up: a change starts a poll sequence, or waits for the one that is under way. */
export function repaced(pacing: Pacing, wanted: Pace): Pacing {
  if (pacing.poll !== 'none' || samePace(pacing.offered, wanted)) return pacing;
  const { used } = pacing;
  return {
    offered: wanted,
    used: {
      // Slower only when the peer has a longer detection time.
      transmitUs: Math.min(wanted.transmitUs, used.transmitUs),
      // A shorter detection time only when the peer sends faster.
      receiveUs: Math.max(wanted.receiveUs, used.receiveUs),
    },
    poll: 'polling',
  };
}

/** RFC 5880 §6.5: what a received packet does to our poll sequence. */
export function polled(pacing: Pacing, isFinal: boolean): Pacing {
  if (pacing.poll === 'polling' && isFinal) return { ...pacing, used: pacing.offered, poll: 'settling' };
  return pacing.poll === 'settling' && !isFinal ? { ...pacing, poll: 'none' } : pacing;
}

/** RFC 5880 §6.8.7: up to a quarter less; with a multiplier of 1 at least a tenth less, or the peer's time would be up first. */
export function jitteredMs(intervalUs: Microseconds, multiplier: number, random: () => number): number {
  return jitter(milliseconds(intervalUs), 0.75, multiplier === 1 ? 0.9 : 1, random);
}
