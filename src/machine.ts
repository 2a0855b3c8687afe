/**
 * The contract of every state machine of HeraldLB.
 *
 * A machine is a pure reducer: an event and a context go in, a new state and a list of effects come out. It owns no
 * socket, no clock and no timer handle. A timer is an optional {@link Instant} in the state; the shell asks
 * {@link Machine.deadline} when it must call back, and then steps the machine with its own "tick" event. Events and
 * effects are plain JSON-able unions, so every run can be recorded and replayed.
 */

/** Milliseconds on a monotonic clock of unspecified origin. May be fractional. Never compare across processes. */
export type Instant = number & { readonly __unit: 'Instant' };

/** What a machine may know of the world besides its event. */
export interface Context {
  readonly now: Instant;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

export type Step<State, Effect> = readonly [state: State, effects: readonly Effect[]];

export interface Machine<State, Event, Effect> {
  readonly step: (state: State, event: Event, context: Context) => Step<State, Effect>;
  /** The earliest moment at which the machine wants to be stepped with its tick event; undefined when it waits for events only. */
  readonly deadline: (state: State) => Instant | undefined;
}

export function instant(ms: number): Instant {
  return ms as Instant;
}

/** @param delayMs milliseconds, may be negative */
export function after(start: Instant, delayMs: number): Instant {
  return (start + delayMs) as Instant;
}

export function isDue(timer: Instant | undefined, now: Instant): boolean {
  return timer !== undefined && timer <= now;
}

/** The earliest of several optional timers. */
export function earliest(...timers: readonly (Instant | undefined)[]): Instant | undefined {
  let first: Instant | undefined;
  for (const timer of timers) {
    if (timer !== undefined && (first === undefined || timer < first)) first = timer;
  }
  return first;
}

/** `base` scaled by a factor drawn uniformly from [low, high). RFC 4271 §10 asks for [0.75, 1.0). */
export function jitter(baseMs: number, low: number, high: number, random: () => number): number {
  return baseMs * (low + (high - low) * random());
}
