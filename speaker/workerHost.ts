import { Worker } from 'node:worker_threads';
import type { Logger } from '../src/host/log.ts';
import { Bell, type Downward, type PlanMessage, type Upward } from './channel.ts';
import type { KubeSideOptions } from './kubeOptions.ts';
import type { ReportNews } from './report.ts';

export interface WorkerHostOptions {
  readonly data: KubeSideOptions;
  readonly onPlan: (message: PlanMessage) => void;
  /** What is new on the wire since the last call. @param isWhole everything, for a worker that has just begun */
  readonly news: (isWhole: boolean) => ReportNews;
  readonly log: Logger;
  /** Default: beside this file. */
  readonly entry?: URL;
}

/** The worker thread, started again whenever it ends; meanwhile the wire goes on with the last plan. */
export interface WorkerHost {
  /** Something on the wire is new. */
  readonly tell: () => void;
  /** Why there is no fresh view of the cluster; empty when there is one. */
  readonly problems: () => readonly string[];
  readonly restarts: () => number;
  /** The worker's part of the metrics page, piece by piece; it ends where the worker does not answer in time. */
  readonly metrics: () => AsyncIterable<string>;
  readonly stop: () => Promise<void>;
}

type Piece = Pick<Extract<Downward, { readonly type: 'metrics' }>, 'text' | 'more'>;

const BACKOFF_MS = { first: 500, longest: 30_000 };
/** A worker that lived for so long has earned a quick restart. */
const STABLE_MS = 60_000;
const METRICS_MS = 2000;
const NO_PIECE: Piece = { text: '' };
const STOP_MS = 3000;
/** Lists of 100,000 objects fit; a leak does not take the wire thread's memory with it. */
const HEAP_MB = 2048;
/** Three times the 4 MB that the manifests give to young objects, which is how V8 counts them: for who starts a speaker by hand. */
const YOUNG_MB = 12;

/** Compiled, this file and the worker's stand side by side; in a bundle both have its suffix. */
function besideThis(): URL {
  const suffix = import.meta.url.endsWith('.mjs') ? 'mjs' : 'js';
  return new URL(`./kubeWorker.${suffix}`, import.meta.url);
}

export function startWorkerHost(options: WorkerHostOptions): WorkerHost {
  return new Host(options);
}

class Host implements WorkerHost {
  readonly #options: WorkerHostOptions;
  #worker: Worker | undefined;
  #reports: Bell;
  #problems: readonly string[] = ['the worker has just been started'];
  #restarts = 0;
  #delayMs = BACKOFF_MS.first;
  #startedAtMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #stopping = false;
  #nextId = 1;
  /** Who waits for a piece of a page. */
  readonly #asked = new Map<number, (piece: Piece) => void>();

  constructor(options: WorkerHostOptions) {
    this.#options = options;
    this.#reports = this.#bell();
    this.#start();
  }

  #bell(): Bell {
    let isFirst = true;
    return new Bell(() => {
      const value = this.#options.news(isFirst);
      isFirst = false;
      this.#post({ type: 'value', value });
    });
  }

  #start(): void {
    this.#startedAtMs = performance.now();
    this.#reports = this.#bell();
    const worker = new Worker(this.#options.entry ?? besideThis(), {
      workerData: this.#options.data,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB, maxYoungGenerationSizeMb: YOUNG_MB },
    });
    this.#worker = worker;
    worker.on('message', (message: Downward) => this.#receive(message));
    worker.on('error', (error) => this.#options.log.error({ err: error }, 'the Kubernetes worker failed'));
    worker.once('exit', (code) => this.#exited(code));
    this.tell();
  }

  #exited(code: number): void {
    this.#worker = undefined;
    for (const answer of this.#asked.values()) answer(NO_PIECE);
    if (this.#stopping) return;
    if (performance.now() - this.#startedAtMs > STABLE_MS) this.#delayMs = BACKOFF_MS.first;
    this.#problems = [`the worker ended with code ${code}`];
    this.#options.log.warn({ code, restartInMs: this.#delayMs }, 'the Kubernetes worker ended; the wire keeps the last plan');
    this.#timer = setTimeout(() => {
      this.#restarts += 1;
      this.#start();
    }, this.#delayMs);
    this.#delayMs = Math.min(this.#delayMs * 2, BACKOFF_MS.longest);
  }

  #receive(message: Downward): void {
    switch (message.type) {
      case 'value':
        this.#options.onPlan(message.value);
        // Not before: it wakes the other thread, and what is to go out would wait for that.
        this.#post({ type: 'taken' });
        return;
      case 'taken':
        this.#reports.taken();
        return;
      case 'health':
        this.#problems = message.problems;
        return;
      case 'metrics':
        this.#asked.get(message.id)?.(message);
    }
  }

  #post(message: Upward): void {
    this.#worker?.postMessage(message);
  }

  tell(): void {
    // What is told to nobody would be missing later.
    if (this.#worker !== undefined) this.#reports.ring();
  }

  problems(): readonly string[] {
    return this.#problems;
  }

  restarts(): number {
    return this.#restarts;
  }

  /** The next piece is asked for when the one before has been taken: of a page of many megabytes only that much is here. */
  async *metrics(): AsyncIterable<string> {
    const id = this.#nextId++;
    let isMore = true;
    while (isMore && this.#worker !== undefined) {
      const { text, more } = await this.#piece(id);
      if (text !== '') yield text;
      isMore = more === true;
    }
  }

  async #piece(id: number): Promise<Piece> {
    let timer: NodeJS.Timeout | undefined;
    const piece = await new Promise<Piece>((answer) => {
      this.#asked.set(id, answer);
      timer = setTimeout(() => answer(NO_PIECE), METRICS_MS);
      this.#post({ type: 'metrics', id });
    });
    clearTimeout(timer);
    this.#asked.delete(id);
    return piece;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#timer);
    const worker = this.#worker;
    if (worker === undefined) return;
    let timer: NodeJS.Timeout | undefined;
    const gone = new Promise<void>((resolve) => {
      worker.once('exit', () => resolve());
      timer = setTimeout(() => resolve(), STOP_MS);
    });
    this.#post({ type: 'stop' });
    await gone;
    clearTimeout(timer);
    await worker.terminate();
  }
}
