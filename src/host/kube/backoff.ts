import { setTimeout as wait } from 'node:timers/promises';

export interface Backoff {
  /** The next delay in ms: doubled each time up to the limit, drawn from its upper half; never less than `atLeastMs`. */
  readonly next: (atLeastMs?: number) => number;
  readonly reset: () => void;
}

export function createBackoff(baseMs: number, maxMs: number): Backoff {
  let attempt = 0;
  return {
    next: (atLeastMs = 0) => {
      const ceiling = Math.min(baseMs * 2 ** attempt, maxMs);
      attempt = Math.min(attempt + 1, 30);
      return atLeastMs + ceiling * (0.5 + Math.random() / 2);
    },
    reset: () => {
      attempt = 0;
    },
  };
}

/** Resolves after the delay, or at once when the signal aborts. Never rejects. */
export async function sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
  await wait(delayMs, undefined, signal === undefined ? {} : { signal }).catch(() => {});
}

/** Lets the event loop serve others when a slice of work has lasted too long. */
export function createSlicer(sliceMs = 10): () => Promise<void> | undefined {
  let startMs = performance.now();
  return () => {
    if (performance.now() - startMs < sliceMs) return undefined;
    return new Promise((resolve) => {
      setImmediate(() => {
        startMs = performance.now();
        resolve();
      });
    });
  };
}
