import { type Instant, after } from '../machine.ts';

/** A rate limit as plain state: no timer, only the moment of its last account. */
export interface TokenBucket {
  readonly perSecond: number;
  readonly capacity: number;
  tokens: number;
  at: Instant;
}

export function makeBucket(perSecond: number, capacity: number, now: Instant): TokenBucket {
  return { perSecond, capacity, tokens: capacity, at: now };
}

export function refill(bucket: TokenBucket, now: Instant): void {
  if (now <= bucket.at) return;
  bucket.tokens = Math.min(bucket.capacity, bucket.tokens + ((now - bucket.at) * bucket.perSecond) / 1000);
  bucket.at = now;
}

/** When there will be `wanted` tokens (at most its capacity), if nobody takes any before. */
export function readyAt(bucket: TokenBucket, wanted: number): Instant {
  const missing = Math.min(wanted, bucket.capacity) - bucket.tokens;
  return missing <= 0 ? bucket.at : after(bucket.at, (missing * 1000) / bucket.perSecond);
}
