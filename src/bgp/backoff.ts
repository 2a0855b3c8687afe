import { type Context, type Instant, jitter } from '../machine.ts';
import { ErrorCode } from '../wire/bgp/iana.ts';
import type { PeerError } from './peerContract.ts';
import type { SessionConfig } from './session.ts';

/** How patient we are with a neighbour, by what it has done lately. */
export interface Backoff {
  /** Failures since a session last held. */
  readonly failures: number;
  /** Until then not even the peer's own connections are taken: it refused our OPEN, or we refused its. */
  readonly dampedUntil?: Instant;
}

export const NO_BACKOFF: Backoff = { failures: 0 };

const RETRY_FIRST_MS = 1000;
const RETRY_MAX_MS = 30_000;
const OPEN_ERROR_FIRST_MS = 5000;
const OPEN_ERROR_MAX_MS = 120_000;
/** The kernel repeats a lost SYN after one second; a dial is given time for two of these. */
const CONNECT_LEAST_MS = 5000;
/** A session that held this long was a good one. */
export const STABLE_MS = 30_000;

function doubling(firstMs: number, maxMs: number, failures: number): number {
  return Math.min(maxMs, firstMs * 2 ** Math.min(failures, 16));
}

/** RFC 4271 §10: all of them jittered down by up to a quarter. */
export function retryDelayMs(config: SessionConfig, backoff: Backoff, { random }: Context): number {
  return jitter(config.connectRetryMs ?? doubling(RETRY_FIRST_MS, RETRY_MAX_MS, backoff.failures), 0.75, 1, random);
}

export function connectTimeoutMs(config: SessionConfig, backoff: Backoff, context: Context): number {
  return Math.max(CONNECT_LEAST_MS, retryDelayMs(config, backoff, context));
}

/** An OPEN that was refused will be refused again: a configuration has to change first. */
export function isOpenError(error: PeerError | undefined): boolean {
  return error?.code === ErrorCode.open;
}

export function dampingMs(backoff: Backoff, { random }: Context): number {
  return jitter(doubling(OPEN_ERROR_FIRST_MS, OPEN_ERROR_MAX_MS, backoff.failures), 0.75, 1, random);
}
