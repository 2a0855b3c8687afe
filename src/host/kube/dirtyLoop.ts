import type { Logger } from '../log.ts';
import type { KubeMetrics } from '../metrics.ts';
import { createBackoff, sleep } from './backoff.ts';
import { KubeError } from './kubeError.ts';

export interface DirtyLoopOptions {
  readonly name: string;
  /** One pass over the whole snapshot. A throw means: again, later. */
  readonly run: (signal: AbortSignal) => Promise<void>;
  /** A pass begins when nothing was marked for this long ... */
  readonly settleMs?: number;
  /** ... but at most this long after the first mark. */
  readonly maxWaitMs?: number;
  /** After a pass the next one waits so many times as long as it took, 100 ms at most: what is short may be often. Default 0. */
  readonly restFactor?: number;
  readonly baseRetryMs?: number;
  readonly maxRetryMs?: number;
  readonly log: Logger;
  readonly metrics?: KubeMetrics | undefined;
}

const MAX_REST_MS = 100;

/** Many changes, one plan: never two passes at once, and a mark during a pass causes another one. */
export interface DirtyLoop {
  readonly mark: () => void;
  /** Resolves when nothing is marked and no pass runs. */
  readonly idle: () => Promise<void>;
  /** On the clock of performance.now(): the end of the last pass that did not fail. */
  readonly lastRunAtMs: () => number | undefined;
  /** Since when a pass has been due or running without success; undefined when all is done. For livez. */
  readonly overdueSinceMs: () => number | undefined;
  readonly stop: () => Promise<void>;
}

export function createDirtyLoop(options: DirtyLoopOptions): DirtyLoop {
  return new Loop(options);
}

class Loop implements DirtyLoop {
  readonly #options: DirtyLoopOptions;
  readonly #stopping = new AbortController();
  readonly #waiting: (() => void)[] = [];
  #firstMarkMs: number | undefined;
  #lastMarkMs = 0;
  #restUntilMs = 0;
  #running: Promise<void> | undefined;
  #lastRunAtMs: number | undefined;
  #overdueSinceMs: number | undefined;

  constructor(options: DirtyLoopOptions) {
    this.#options = options;
  }

  mark(): void {
    if (this.#stopping.signal.aborted) return;
    this.#lastMarkMs = performance.now();
    this.#firstMarkMs ??= this.#lastMarkMs;
    this.#overdueSinceMs ??= this.#lastMarkMs;
    this.#running ??= this.#passes();
  }

  idle(): Promise<void> {
    if (this.#running === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  lastRunAtMs(): number | undefined {
    return this.#lastRunAtMs;
  }

  overdueSinceMs(): number | undefined {
    return this.#overdueSinceMs;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #passes(): Promise<void> {
    const { name, log, metrics, baseRetryMs = 200, maxRetryMs = 30_000 } = this.#options;
    const { signal } = this.#stopping;
    const backoff = createBackoff(baseRetryMs, maxRetryMs);
    while (this.#firstMarkMs !== undefined && !signal.aborted) {
      await this.#settle(this.#firstMarkMs);
      if (signal.aborted) break;
      this.#firstMarkMs = undefined;
      try {
        await this.#pass(signal);
        backoff.reset();
      } catch (error) {
        if (signal.aborted) break;
        const delayMs = backoff.next(error instanceof KubeError ? error.retryAfterMs : 0);
        log.error({ loop: name, err: error, retryMs: Math.round(delayMs) }, 'a pass failed; trying again');
        metrics?.retries.inc({ queue: name });
        await sleep(delayMs, signal);
        this.#firstMarkMs ??= performance.now();
        continue;
      }
      this.#overdueSinceMs = this.#firstMarkMs;
    }
    this.#running = undefined;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  async #pass(signal: AbortSignal): Promise<void> {
    const { run, restFactor = 0 } = this.#options;
    const startedAtMs = performance.now();
    await run(signal);
    this.#lastRunAtMs = performance.now();
    this.#restUntilMs = this.#lastRunAtMs + Math.min(MAX_REST_MS, restFactor * (this.#lastRunAtMs - startedAtMs));
  }

  async #settle(firstMarkMs: number): Promise<void> {
    const { settleMs = 20, maxWaitMs = 200 } = this.#options;
    for (;;) {
      const dueMs = Math.max(Math.min(this.#lastMarkMs + settleMs, firstMarkMs + maxWaitMs), this.#restUntilMs);
      const waitMs = dueMs - performance.now();
      if (waitMs <= 0 || this.#stopping.signal.aborted) return;
      await sleep(waitMs, this.#stopping.signal);
    }
  }
}
