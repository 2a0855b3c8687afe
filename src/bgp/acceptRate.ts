import type { Instant } from '../machine.ts';

/**
 * How many connections of one router are looked at. What we dial has its damping (RFC 4271 §8.1.1); a router that connects and goes
 * again and again would have a whole state machine and an OPEN of ours each time.
 */
export interface AcceptRate {
  readonly left: number;
  readonly at: Instant;
}

/** More than any router has in flight at once. */
const BURST = 20;
const EVERY_MS = 200;

/** @returns the new state, or undefined where the connection is one too many */
export function takeAccept(rate: AcceptRate | undefined, now: Instant): AcceptRate | undefined {
  const left = rate === undefined ? BURST : Math.min(BURST, rate.left + (now - rate.at) / EVERY_MS);
  return left < 1 ? undefined : { left: left - 1, at: now };
}
