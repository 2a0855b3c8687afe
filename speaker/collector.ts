import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8';

const LOOK_MS = 50;
/** So much is let grow above what lives; of a large heap a tenth, since a collection of it takes as much longer. */
const ROOM_BYTES = 3_000_000;
const ROOM_SHARE = 0.1;
/** Of the thread's time, at the most; where others have the core a collection seems long. */
const TIME_SHARE = 0.05;
const LONGEST_REST_MS = 1000;

export interface Collector {
  readonly collect: () => void;
  /** What is in use, and what has not been collected; with buffers outside of the heap. */
  readonly usedBytes: () => number;
  readonly nowMs: () => number;
}

/**
 * Collects the heap of a thread that may stand still for some tens of milliseconds. V8 lets what lives grow by some 9 MB before it does so by
 * itself, and no option of it changes that.
 * @returns what ends it
 */
export function collectOften(collector: Collector): () => void {
  let [leastBytes, restUntilMs] = [collector.usedBytes(), 0];
  const look = (): void => {
    const usedBytes = collector.usedBytes();
    // V8 was first.
    leastBytes = Math.min(leastBytes, usedBytes);
    if (usedBytes - leastBytes < Math.max(ROOM_BYTES, leastBytes * ROOM_SHARE)) return;
    const beganMs = collector.nowMs();
    if (beganMs < restUntilMs) return;
    collector.collect();
    const endedMs = collector.nowMs();
    restUntilMs = endedMs + Math.min(LONGEST_REST_MS, (endedMs - beganMs) / TIME_SHARE);
    leastBytes = collector.usedBytes();
  };
  const timer = setInterval(look, LOOK_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** Of this thread; undefined where the program was not started so that its worker may ask for it. */
export function ownCollector(): Collector | undefined {
  const collect = globalThis.gc;
  if (collect === undefined) return undefined;
  return { collect: () => collect(), usedBytes, nowMs: () => performance.now() };
}

/** Without young objects, which are collected many times a second. */
function usedBytes(): number {
  let bytes = getHeapStatistics().external_memory;
  for (const { space_name: name, space_used_size: used } of getHeapSpaceStatistics()) if (!name.startsWith('new_')) bytes += used;
  return bytes;
}
