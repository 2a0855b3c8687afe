import { createHash } from 'node:crypto';
import type { Logger } from '../log.ts';
import type { KubeMetrics } from '../metrics.ts';
import type { KubeClient } from './kubeClient.ts';
import { isNotFound, isRetryable, isStatus, KubeError } from './kubeError.ts';
import { sleep } from './backoff.ts';
import { createObject, patchObject } from './objects.ts';
import { EVENTS } from './resource.ts';
import { createWorkQueue, type WorkQueue } from './workQueue.ts';

/** The object that an event is about. */
export interface ObjectReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string | undefined;
  readonly name: string;
  readonly uid?: string | undefined;
}

export type EventType = 'Normal' | 'Warning';

export interface EventRecorderOptions {
  readonly client: KubeClient;
  /** For example `heraldlb-controller`. */
  readonly component: string;
  /** The node, for a speaker. */
  readonly host?: string;
  /** A process that does not lead says nothing. */
  readonly allowed?: () => boolean;
  /** Something is waiting to be written that matters more: events let it go first, for some seconds. */
  readonly isBusy?: () => boolean;
  readonly log: Logger;
  readonly metrics?: KubeMetrics | undefined;
}

/**
 * What is so for some time, and not what happened: its Event has one name whoever tells it, so that the next leader finds it told.
 * `before`: it was so before this one could know, and nothing is written where it was told. `now`: that counts as told again.
 */
export type Lasting = 'before' | 'now';

/** Fire and forget: an event that cannot be written is counted and dropped. */
export interface EventRecorder {
  readonly event: (object: ObjectReference, type: EventType, reason: string, message: string, lasting?: Lasting) => void;
  /** How many the server has not got yet. */
  readonly waiting: () => number;
  /** So many are not even handed over, since there are too many. */
  readonly dropped: (count: number) => void;
  readonly stop: (options?: { readonly drainMs?: number }) => Promise<void>;
}

/** client-go's limits: a burst of events for one object, then one in five minutes. */
const BURST = 25;
const REFILL_MS = 300_000;
/** Repeats within this time are counted on the same Event object; the server deletes Events after an hour. */
const AGGREGATE_MS = 600_000;
/** Twice that at the most. A repeat of one that was forgotten is an Event of its own. */
const MAX_REMEMBERED = 1024;
/** Of events that the server has not got yet. More than that come when a whole cluster gets its addresses; the rest is dropped. */
export const MAX_WAITING = 20_000;
/** An event that is older goes without regard to {@link EventRecorderOptions.isBusy}. */
const MAX_YIELD_MS = 30_000;
const YIELD_MS = 50;
const MAX_MESSAGE = 1024;

interface Occurrence {
  readonly object: ObjectReference;
  readonly type: EventType;
  readonly reason: string;
  readonly message: string;
  readonly lasting: Lasting | undefined;
  readonly firstMs: number;
  lastMs: number;
  count: number;
  /** Name of the Event object, once it was written. */
  name: string | undefined;
  failures: number;
}

interface Bucket {
  tokens: number;
  atMs: number;
}

export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  return new Recorder(options);
}

class Recorder implements EventRecorder {
  readonly #options: EventRecorderOptions;
  /** What the server has not got, or not with the present count. */
  readonly #waiting = new Map<string, Occurrence>();
  /** What it has got, for repeats. */
  readonly #written = new Map<string, Occurrence>();
  readonly #buckets = new Map<string, Bucket>();
  readonly #queue: WorkQueue<string>;
  #serial = 0;
  #drops = false;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    const { log, metrics } = options;
    this.#queue = createWorkQueue({
      name: 'events',
      concurrency: 2,
      log,
      metrics,
      baseDelayMs: 500,
      work: (key, signal) => this.#write(key, signal),
    });
  }

  event(object: ObjectReference, type: EventType, reason: string, message: string, lasting?: Lasting): void {
    const { allowed, metrics } = this.#options;
    if (allowed?.() === false) return;
    const subject = [object.kind, object.namespace ?? '', object.name, object.uid ?? ''].join('/');
    if (!this.#takeToken(subject)) {
      metrics?.events.inc({ result: 'limited' });
      return;
    }
    const text = message.length > MAX_MESSAGE ? `${message.slice(0, MAX_MESSAGE - 3)}...` : message;
    const key = [subject, type, reason, text].join('|');
    const nowMs = Date.now();
    const known = this.#waiting.get(key) ?? this.#written.get(key);
    if (known !== undefined && nowMs - known.lastMs < AGGREGATE_MS) {
      known.count += 1;
      known.lastMs = nowMs;
      this.#wait(key, known);
    } else {
      const times = { firstMs: nowMs, lastMs: nowMs, count: 1 };
      this.#wait(key, { object, type, reason, message: text, lasting, ...times, name: undefined, failures: 0 });
    }
  }

  waiting(): number {
    return this.#waiting.size;
  }

  dropped(count: number): void {
    const { log, metrics } = this.#options;
    metrics?.events.inc({ result: 'dropped' }, count);
    if (!this.#drops) log.warn({ waiting: MAX_WAITING }, 'events are dropped: too many wait to be written');
    this.#drops = true;
  }

  #wait(key: string, occurrence: Occurrence): void {
    this.#written.delete(key);
    if (this.#waiting.size >= MAX_WAITING && !this.#waiting.has(key)) {
      this.dropped(1);
      return;
    }
    this.#waiting.set(key, occurrence);
    this.#queue.add(key);
  }

  stop(options: { readonly drainMs?: number } = {}): Promise<void> {
    return this.#queue.stop(options);
  }

  #takeToken(subject: string): boolean {
    const nowMs = performance.now();
    const bucket = this.#buckets.get(subject) ?? { tokens: BURST, atMs: nowMs };
    bucket.tokens = Math.min(BURST, bucket.tokens + (nowMs - bucket.atMs) / REFILL_MS);
    bucket.atMs = nowMs;
    this.#buckets.delete(subject);
    this.#buckets.set(subject, bucket);
    trim(this.#buckets);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
  }

  async #write(key: string, signal: AbortSignal): Promise<void> {
    const occurrence = this.#waiting.get(key);
    const { log, metrics, allowed } = this.#options;
    if (occurrence === undefined) return;
    await this.#yield(occurrence, signal);
    if (allowed?.() === false) {
      this.#waiting.delete(key);
      return;
    }
    const { count } = occurrence;
    try {
      await this.#send(occurrence, signal);
      metrics?.events.inc({ result: 'ok' });
    } catch (error) {
      occurrence.failures += 1;
      if (isRetryable(error) && occurrence.failures < 8) throw error;
      metrics?.events.inc({ result: error instanceof KubeError ? error.reason : 'Error' });
      this.#waiting.delete(key);
      log.warn({ event: key, err: error }, 'an event could not be written');
      return;
    }
    if (occurrence.count === count) this.#remember(key, occurrence);
  }

  #remember(key: string, occurrence: Occurrence): void {
    this.#waiting.delete(key);
    if (this.#waiting.size === 0) this.#drops = false;
    this.#written.set(key, occurrence);
    trim(this.#written);
  }

  async #yield({ lastMs }: Occurrence, signal: AbortSignal): Promise<void> {
    while (this.#options.isBusy?.() === true && Date.now() - lastMs < MAX_YIELD_MS && !signal.aborted) await sleep(YIELD_MS, signal);
  }

  async #send(occurrence: Occurrence, signal: AbortSignal): Promise<void> {
    const namespace = namespaceOf(occurrence.object);
    const count = occurrence.count;
    const how = { signal, isOneOfMany: true };
    if (occurrence.name !== undefined) {
      const patch = { count, lastTimestamp: seconds(occurrence.lastMs), message: occurrence.message };
      try {
        await patchObject(this.#options.client, EVENTS, { namespace, name: occurrence.name }, patch, how);
        return;
      } catch (error) {
        // The server deletes old Events by itself.
        if (!isNotFound(error)) throw error;
      }
    }
    const { object, lasting } = occurrence;
    const name = lasting === undefined ? this.#newName(object) : lastingName(occurrence);
    try {
      await createObject(this.#options.client, EVENTS, this.#body(occurrence, { name, namespace }), how);
    } catch (error) {
      if (lasting === undefined || !isStatus(error, 409)) throw error;
      const patch = { lastTimestamp: seconds(occurrence.lastMs) };
      if (lasting === 'now') await patchObject(this.#options.client, EVENTS, { namespace, name }, patch, how);
    }
    occurrence.name = name;
  }

  #newName(object: ObjectReference): string {
    this.#serial += 1;
    const unique = `${Date.now().toString(16)}${(this.#serial % 65_536).toString(16).padStart(4, '0')}${Math.trunc(Math.random() * 65_536).toString(16)}`;
    return `${object.name.slice(0, 220)}.${unique}`;
  }

  #body(
    occurrence: Occurrence,
    metadata: { name: string; namespace: string },
  ): { metadata: { name: string; namespace: string }; [field: string]: unknown } {
    const { component, host } = this.#options;
    const { object, type, reason, message, firstMs, lastMs, count } = occurrence;
    return {
      metadata,
      involvedObject: object,
      type,
      reason,
      message,
      firstTimestamp: seconds(firstMs),
      lastTimestamp: seconds(lastMs),
      count,
      source: host === undefined ? { component } : { component, host },
      reportingComponent: component,
      reportingInstance: host ?? component,
    };
  }
}

function lastingName({ object, type, reason, message }: Occurrence): string {
  const said = [object.kind, object.namespace ?? '', object.uid ?? '', type, reason, message].join('|');
  return `${object.name.slice(0, 220)}.${createHash('sha256').update(said).digest('hex').slice(0, 16)}`;
}

/** Events about cluster-wide objects stand in `default`, as everywhere. */
function namespaceOf(object: ObjectReference): string {
  return object.namespace === undefined || object.namespace === '' ? 'default' : object.namespace;
}

/** metav1.Time: whole seconds. */
function seconds(unixMs: number): string {
  return new Date(unixMs).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** Forgets the older half of a map that has grown too large: one at a time, a walk over what was deleted before would come with each. */
function trim(map: Map<string, unknown>): void {
  if (map.size <= 2 * MAX_REMEMBERED) return;
  let surplus = map.size - MAX_REMEMBERED;
  for (const key of map.keys()) {
    if (surplus-- <= 0) return;
    map.delete(key);
  }
}
