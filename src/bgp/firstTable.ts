import { type AdjRibOut, type Pulled, type RibSession, createAdjRibOut, pull, startSession } from './adjRibOut.ts';
import type { PackedSet } from './session.ts';

/**
 * The beginning of a session's table, made while nothing is left to do but to wait for the peer's KEEPALIVE. It is that session's alone,
 * and good only for what was desired then.
 */
export interface FirstTable {
  /** As it will be when `first` is out. */
  readonly rib: AdjRibOut;
  readonly first: Pulled;
}

/** Some 13,000 host routes; a router may take its time, and there may be many of them. */
const FIRST_BYTES = 65_536;

/** @param maxMessages of the first burst */
export function prepareTable(desired: readonly PackedSet[], session: RibSession, maxMessages: number): FirstTable {
  const rib = createAdjRibOut();
  rib.desired = desired;
  startSession(rib, session);
  return { rib, first: pull(rib, FIRST_BYTES, maxMessages) };
}

/** Begins the session with what was made ready. @returns whether that was still what is desired; if not, nothing has happened */
export function adoptTable(rib: AdjRibOut, { rib: ready }: FirstTable): boolean {
  if (rib.desired !== ready.desired) return false;
  Object.assign(rib, ready);
  return true;
}
