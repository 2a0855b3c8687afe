import { type Instant, instant } from '../src/machine.ts';

/** Time as the engine sees it; tests give another. */
export interface Clock {
  readonly now: () => Instant;
  /** Calls `run` once, `delayMs` from now at the earliest and after the input that is waiting then. @returns a call that prevents it */
  readonly wake: (delayMs: number, run: () => void) => () => void;
}

/** Timers above this are cut by Node.js to 1 ms. */
const LONGEST_MS = 0x7fffffff;

/**
 * The real clock. After a stall of this process the sockets hold what peers sent meanwhile: setImmediate lets the poll phase of the
 * event loop read it before anybody is declared dead.
 */
export const realClock: Clock = {
  now: () => instant(performance.now()),
  wake: (delayMs, run) => {
    let immediate: NodeJS.Immediate | undefined;
    const timer = setTimeout(
      () => {
        immediate = setImmediate(run);
      },
      Math.min(Math.max(0, delayMs), LONGEST_MS),
    );
    return () => {
      clearTimeout(timer);
      clearImmediate(immediate);
    };
  },
};

/** RFC 3339 in whole seconds: where a monotonic instant of this process stands on the wall clock. */
export function wallTime(at: Instant): string {
  const second = Math.floor((performance.timeOrigin + at) / 1000);
  // Thousands of addresses are taken in one second.
  if (second !== latest.second) latest = { second, text: new Date(second * 1000).toISOString().replace(/\.\d+Z$/, 'Z') };
  return latest.text;
}

let latest = { second: -1, text: '' };

export function wallNow(): string {
  return wallTime(realClock.now());
}
