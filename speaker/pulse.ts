import { type Instant, after } from '../src/machine.ts';
import type { EngineParts } from './engineParts.ts';
import { CALL_MS } from './meshTarget.ts';

const BEAT_MS = 25;
/** Time for what lay in the sockets to be read. */
const DRAIN_MS = 30;
/** A peer that takes us for dead says so at the pace of the mesh for a time, and then once a second (RFC 5880 §6.8.3). */
const DOUBT_MS = 1100;
const MORE_MS = 100;

/** Whether everybody who is to be heard was heard after that. */
type IsFresh = (since: Instant) => boolean;

/**
 * Notices that this process stood still (stopped, starved, its machine suspended) for so long that the others must take it for
 * dead. Until they have been heard again it does not know what it owns, and says nothing.
 */
export class Pulse {
  readonly #parts: EngineParts;
  readonly #begin: () => IsFresh;
  readonly #onSure: () => void;
  #limitMs: number | undefined;
  #beatAt: Instant;
  #doubt: { readonly since: Instant; readonly forMs: number; readonly isFresh: IsFresh } | undefined;
  stalls = 0;

  /** @param begin called when it doubts: who is to be heard again; @param onSure the doubt is over */
  constructor(parts: EngineParts, begin: () => IsFresh, onSure: () => void) {
    this.#parts = parts;
    this.#begin = begin;
    this.#onSure = onSure;
    this.#beatAt = parts.clock.now();
  }

  /** @param limitMs standing still for longer than this is doubtful; undefined: there is nobody to take anything over */
  watch(limitMs: number | undefined): void {
    const isNew = this.#limitMs === undefined && limitMs !== undefined;
    this.#limitMs = limitMs;
    if (limitMs === undefined) {
      this.#doubt = undefined;
      this.#parts.deadlines.set('pulse', undefined, () => undefined);
    } else if (isNew) {
      this.#beatAt = this.#parts.clock.now();
      this.#schedule();
    }
  }

  /** Asked for every frame. */
  isDoubtful(): boolean {
    if (this.#limitMs === undefined) return false;
    const now = this.#parts.clock.now();
    if (this.#doubt === undefined && now - this.#beatAt > this.#limitMs) {
      const forMs = now - this.#beatAt < CALL_MS ? Math.min(DOUBT_MS, this.#limitMs + MORE_MS) : DOUBT_MS;
      this.#doubt = { since: now, forMs, isFresh: this.#begin() };
      this.stalls += 1;
      this.#parts.log.warn({ ms: Math.round(now - this.#beatAt) }, 'the process stood still: it listens before it answers again');
    }
    return this.#doubt !== undefined;
  }

  #schedule(): void {
    this.#parts.deadlines.set('pulse', after(this.#parts.clock.now(), BEAT_MS), () => this.#beat());
  }

  #beat(): void {
    const isDoubtful = this.isDoubtful();
    const now = this.#parts.clock.now();
    this.#beatAt = now;
    this.#schedule();
    const doubt = this.#doubt;
    if (!isDoubtful || doubt === undefined) return;
    const heardFrom = after(doubt.since, DRAIN_MS);
    if (now - doubt.since < doubt.forMs && (now <= heardFrom || !doubt.isFresh(heardFrom))) return;
    this.#doubt = undefined;
    this.#onSure();
  }

  stop(): void {
    this.watch(undefined);
  }
}
