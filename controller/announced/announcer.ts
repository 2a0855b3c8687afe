import type { ConditionView, ServiceKey, ServiceView } from '../../src/cluster/service.ts';
import { sleep } from '../../src/host/kube/backoff.ts';
import { createDirtyLoop } from '../../src/host/kube/dirtyLoop.ts';
import type { Store } from '../../src/host/kube/store.ts';
import type { Logger } from '../../src/host/log.ts';
import type { KubeMetrics } from '../../src/host/metrics.ts';
import { ANNOUNCED, type Word, announcedWord } from '../../src/view/announced.ts';
import type { Look } from '../../src/view/lookout.ts';
import { isHandled } from '../../src/view/situation.ts';
import type { Survey } from '../survey/survey.ts';
import { type Damping, type Difference, Pending } from './pending.ts';
import type { ConditionWriter } from './writer.ts';

export interface Timing extends Damping {
  /** After the begin of a term nothing is told for so long: speakers may just be coming up, too. */
  readonly startMs: number;
  /** Between two looks. */
  readonly restMs: number;
}

/** @param settleSeconds a change of status is told after so long; all other times go with it */
export function timingOf(settleSeconds: number): Timing {
  const settleMs = settleSeconds * 1000;
  const slowMs = (settleMs * 10) / 3;
  return { startMs: slowMs, settleMs, reasonMs: slowMs, longestMs: 10 * settleMs, wordsMs: 20 * settleMs, restMs: 1000 };
}

/** Seconds. */
export const SETTLE = 3;

export interface AnnouncerOptions {
  readonly survey: Survey;
  readonly services: Store<ServiceView>;
  readonly writer: ConditionWriter;
  /** What else is made of a look; undefined: not everything is listed yet. */
  readonly onLook: (look: Look | undefined) => void;
  /** Allocation has something to write, and goes first. */
  readonly isBusy: () => boolean;
  readonly timing: Timing;
  readonly log: Logger;
  readonly metrics: KubeMetrics;
}

/** Keeps the condition Announced of every Service at what is the case, some seconds behind, at a low price. */
export interface Announcer {
  readonly mark: () => void;
  readonly stop: () => Promise<void>;
}

/** Looking may take this part of the time of the process, and no more. */
const DUTY = 20;
/** So long at a time: allocation must not wait. */
const SLICE_MS = 5;
/** A hundred writes in a second are at most a few hundredths of a core of ours and of the API server's. */
const AT_ONCE = 4;
const PACE_MS = 40;
const BATCH = 200;
const LONGEST_YIELD_MS = 10_000;
const YIELD_MS = 50;
const RETRY_MS = 5000;

export function startAnnouncer(options: AnnouncerOptions): Announcer {
  return new Runner(options);
}

class Runner implements Announcer {
  readonly #options: AnnouncerOptions;
  readonly #pending: Pending;
  readonly #loop: ReturnType<typeof createDirtyLoop>;
  readonly #follower: ReturnType<Survey['follow']>;
  readonly #stopping = new AbortController();
  readonly #quietUntilMs: number;
  /** What changed and was not judged since. */
  readonly #todo = new Set<ServiceKey>();
  #notBeforeMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;

  constructor(options: AnnouncerOptions) {
    this.#options = options;
    const { timing, log, metrics, survey } = options;
    this.#pending = new Pending(timing);
    this.#follower = survey.follow();
    this.#quietUntilMs = performance.now() + timing.startMs;
    const run = (signal: AbortSignal): Promise<void> => this.#pass(signal);
    this.#loop = createDirtyLoop({ name: 'announced', run, settleMs: 50, maxWaitMs: 500, log, metrics });
    this.#loop.mark();
  }

  mark(): void {
    this.#loop.mark();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    clearTimeout(this.#timer);
    clearTimeout(this.#retry);
    this.#follower.stop();
    await this.#loop.stop();
    await this.#writing;
  }

  async #pass(signal: AbortSignal): Promise<void> {
    const { timing, survey, services, onLook } = this.#options;
    await pause(Math.max(this.#notBeforeMs, this.#quietUntilMs) - performance.now(), signal);
    // A look costs as much as some dozens of writes.
    await this.#yield(signal);
    const startedMs = performance.now();
    const look = signal.aborted ? undefined : survey.look();
    if (!signal.aborted) onLook(look);
    if (look === undefined) {
      this.#again(timing.restMs);
      return;
    }
    const changed = this.#follower.take();
    for (const key of changed === 'all' ? survey.services().map((service) => service.key) : changed) this.#todo.add(key);
    const keys = [...this.#todo];
    let spentMs = performance.now() - startedMs;
    for (let at = 0; at < keys.length && !signal.aborted;) {
      const sliceMs = performance.now();
      for (; at < keys.length && performance.now() - sliceMs < SLICE_MS; at++) this.#try(keys[at] as ServiceKey, services, look);
      spentMs += performance.now() - sliceMs;
      await nextTurn();
    }
    this.#notBeforeMs = performance.now() + Math.max(timing.restMs, DUTY * spentMs);
    this.#plan();
    clearTimeout(this.#retry);
    if (this.#todo.size > 0 && !signal.aborted) this.#retry = setTimeout(() => this.#loop.mark(), 10 * timing.restMs).unref();
  }

  /** One that cannot be judged is judged again later, and holds up nobody. */
  #try(key: ServiceKey, services: Store<ServiceView>, look: Look): void {
    try {
      this.#judge(key, services, look);
      this.#todo.delete(key);
    } catch (error) {
      this.#options.log.error({ service: key, err: error }, 'a Service could not be judged; trying again');
    }
  }

  #judge(key: ServiceKey, services: Store<ServiceView>, { situation, judge }: Look): void {
    const service = services.get(key);
    const isOurs = service !== undefined && isHandled(situation, service) && !service.deleting;
    const word = isOurs ? announcedWord(judge.judge(service)) : undefined;
    const difference = service === undefined || word === undefined ? undefined : differenceOf(announcedOf(service), word);
    this.#pending.note(key, difference, performance.now());
  }

  #again(ms: number): void {
    if (this.#stopping.signal.aborted) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#loop.mark(), ms);
    this.#timer.unref();
  }

  /** Writes what is due, now or when it is. */
  #plan(): void {
    if (this.#stopping.signal.aborted || this.#writing !== undefined) return;
    const nextMs = this.#pending.nextMs();
    if (nextMs === undefined) return;
    const waitMs = nextMs - performance.now();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#begin(), Math.max(0, waitMs));
    this.#timer.unref();
  }

  #begin(): void {
    this.#writing = this.#write()
      .catch((error: unknown) => this.#options.log.error({ err: error }, 'conditions could not be written'))
      .finally(() => {
        this.#writing = undefined;
        this.#plan();
      });
  }

  async #write(): Promise<void> {
    const { signal } = this.#stopping;
    for (;;) {
      const due = this.#pending.due(performance.now(), BATCH);
      if (due.length === 0) return;
      for (let at = 0; at < due.length; at += AT_ONCE) {
        await this.#yield(signal);
        if (signal.aborted) return;
        await Promise.all(due.slice(at, at + AT_ONCE).map((key) => this.#one(key)));
        await sleep(PACE_MS, signal);
      }
    }
  }

  async #one(key: ServiceKey): Promise<void> {
    const { services, writer } = this.#options;
    const [service, word] = [services.get(key), this.#pending.word(key)];
    const difference = service === undefined || word === undefined ? undefined : differenceOf(announcedOf(service), word);
    if (service === undefined || word === undefined || difference === undefined) {
      this.#pending.forget(key);
      return;
    }
    if (await writer.write(service, word, difference.weight !== 'message')) this.#pending.forget(key);
    else this.#pending.postpone(key, performance.now() + RETRY_MS);
  }

  async #yield(signal: AbortSignal): Promise<void> {
    const endMs = performance.now() + LONGEST_YIELD_MS;
    while (this.#options.isBusy() && performance.now() < endMs && !signal.aborted) await sleep(YIELD_MS, signal);
  }
}

export function announcedOf(service: ServiceView): ConditionView | undefined {
  return service.conditions.find(({ type }) => type === ANNOUNCED);
}

function differenceOf(before: ConditionView | undefined, word: Word): Difference | undefined {
  if (before?.status !== word.status) return { word, weight: 'status' };
  if (before.reason !== word.reason) return { word, weight: 'reason' };
  return before.message === word.message ? undefined : { word, weight: 'message' };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return ms <= 0 ? Promise.resolve() : sleep(ms, signal);
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
