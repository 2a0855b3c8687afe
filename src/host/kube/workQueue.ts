import type { Logger } from '../log.ts';
import type { KubeMetrics } from '../metrics.ts';
import { createBackoff, sleep, type Backoff } from './backoff.ts';
import { KubeError } from './kubeError.ts';

export interface WorkQueueOptions<K> {
  readonly name: string;
  /** One item. A throw means: again later. */
  readonly work: (key: K, signal: AbortSignal) => Promise<void>;
  /** Items worked on at the same time; the same item never twice. */
  readonly concurrency?: number;
  readonly baseDelayMs?: number;
  readonly maxDelayMs?: number;
  readonly log: Logger;
  readonly metrics?: KubeMetrics | undefined;
}

export interface WorkQueue<K> {
  /** An item that waits already is not added twice; one in work is done once more afterwards. */
  readonly add: (key: K, delayMs?: number) => void;
  /** Drops what waits for the item, its retry too. */
  readonly forget: (key: K) => void;
  /** Items ready and waiting, without those in work or delayed. */
  readonly depth: () => number;
  /** Nothing ready, in work or delayed. */
  readonly idle: () => boolean;
  /** Takes nothing more; finishes what is ready within `drainMs`, then aborts what is left. */
  readonly stop: (options?: { readonly drainMs?: number }) => Promise<void>;
}

/** client-go's rate-limited queue: each key once, per-key exponential backoff. */
export function createWorkQueue<K extends string | number>(options: WorkQueueOptions<K>): WorkQueue<K> {
  return new Queue(options);
}

class Queue<K extends string | number> implements WorkQueue<K> {
  readonly #options: WorkQueueOptions<K>;
  readonly #ready = new Set<K>();
  readonly #working = new Map<K, Promise<void>>();
  /** To be done again once the present run of it is over. */
  readonly #again = new Set<K>();
  readonly #delayed = new Map<K, { readonly timer: NodeJS.Timeout; readonly dueMs: number }>();
  readonly #backoffs = new Map<K, Backoff>();
  readonly #stopping = new AbortController();
  #closed = false;

  constructor(options: WorkQueueOptions<K>) {
    this.#options = options;
  }

  add(key: K, delayMs = 0): void {
    if (this.#closed) return;
    if (delayMs > 0) this.#addLater(key, delayMs);
    else this.#addNow(key);
  }

  forget(key: K): void {
    this.#ready.delete(key);
    this.#again.delete(key);
    this.#backoffs.delete(key);
    this.#cancel(key);
  }

  depth(): number {
    return this.#ready.size;
  }

  idle(): boolean {
    return this.#ready.size + this.#working.size + this.#delayed.size === 0;
  }

  async stop({ drainMs = 0 } = {}): Promise<void> {
    this.#closed = true;
    for (const key of this.#delayed.keys()) this.#cancel(key);
    const deadlineMs = performance.now() + drainMs;
    const busy = (): boolean => this.#ready.size + this.#working.size > 0;
    while (busy() && performance.now() < deadlineMs) await sleep(5);
    this.#ready.clear();
    this.#again.clear();
    this.#stopping.abort();
    await Promise.all(this.#working.values());
  }

  #addNow(key: K): void {
    this.#cancel(key);
    if (this.#working.has(key)) this.#again.add(key);
    else this.#ready.add(key);
    this.#report();
    this.#startWork();
  }

  /** The earlier of two delays counts. */
  #addLater(key: K, delayMs: number): void {
    const dueMs = performance.now() + delayMs;
    const known = this.#delayed.get(key);
    if (this.#ready.has(key) || (known !== undefined && known.dueMs <= dueMs)) return;
    this.#cancel(key);
    const timer = setTimeout(() => this.#addNow(key), delayMs);
    this.#delayed.set(key, { timer, dueMs });
  }

  #cancel(key: K): void {
    clearTimeout(this.#delayed.get(key)?.timer);
    this.#delayed.delete(key);
  }

  #startWork(): void {
    for (const key of this.#ready) {
      if (this.#working.size >= (this.#options.concurrency ?? 1)) return;
      this.#ready.delete(key);
      this.#working.set(key, this.#process(key));
      this.#report();
    }
  }

  async #process(key: K): Promise<void> {
    let retryMs: number | undefined;
    try {
      // Off the caller's stack: add() never runs the work itself.
      await Promise.resolve();
      await this.#options.work(key, this.#stopping.signal);
      this.#backoffs.delete(key);
    } catch (error) {
      retryMs = this.#failed(key, error);
    }
    this.#working.delete(key);
    if (this.#again.delete(key)) this.#ready.add(key);
    else if (retryMs !== undefined && !this.#closed) this.#addLater(key, retryMs);
    this.#startWork();
  }

  #failed(key: K, error: unknown): number {
    const { baseDelayMs = 100, maxDelayMs = 60_000, log, metrics, name } = this.#options;
    const backoff = this.#backoffs.get(key) ?? createBackoff(baseDelayMs, maxDelayMs);
    this.#backoffs.set(key, backoff);
    const delayMs = backoff.next(error instanceof KubeError ? error.retryAfterMs : 0);
    metrics?.retries.inc({ queue: name });
    if (!this.#stopping.signal.aborted) log.warn({ queue: name, key, err: error, retryMs: Math.round(delayMs) }, 'failed; trying again');
    return delayMs;
  }

  #report(): void {
    this.#options.metrics?.queueDepth.set({ queue: this.#options.name }, this.#ready.size);
  }
}
