import type { Logger } from '../log.ts';
import type { KubeMetrics } from '../metrics.ts';
import type { KubeClient } from './kubeClient.ts';
import { isNotFound, isRetryable, KubeError } from './kubeError.ts';
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
  readonly log: Logger;
  readonly metrics?: KubeMetrics | undefined;
}

/** Fire and forget: an event that cannot be written is counted and dropped. */
export interface EventRecorder {
  readonly event: (object: ObjectReference, type: EventType, reason: string, message: string) => void;
  readonly stop: (options?: { readonly drainMs?: number }) => Promise<void>;
}

/** client-go's limits: a burst of events for one object, then one in five minutes. */
const BURST = 25;
const REFILL_MS = 300_000;
/** Repeats within this time are counted on the same Event object; the server deletes Events after an hour. */
const AGGREGATE_MS = 600_000;
const MAX_REMEMBERED = 4096;
const MAX_MESSAGE = 1024;

interface Occurrence {
  readonly object: ObjectReference;
  readonly type: EventType;
  readonly reason: string;
  readonly message: string;
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
  readonly #occurrences = new Map<string, Occurrence>();
  readonly #buckets = new Map<string, Bucket>();
  readonly #queue: WorkQueue<string>;
  #serial = 0;

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

  event(object: ObjectReference, type: EventType, reason: string, message: string): void {
    const { allowed, metrics } = this.#options;
    if (allowed?.() === false) return;
    const subject = [object.kind, object.namespace ?? '', object.name, object.uid ?? ''].join('/');
    if (!this.#takeToken(subject)) {
      metrics?.events.inc({ result: 'limited' });
      return;
    }
    const text = message.length > MAX_MESSAGE ? `${message.slice(0, MAX_MESSAGE - 3)}...` : message;
    const key = `${subject}|${type}|${reason}|${text}`;
    const nowMs = Date.now();
    const known = this.#occurrences.get(key);
    if (known !== undefined && nowMs - known.lastMs < AGGREGATE_MS) {
      known.count += 1;
      known.lastMs = nowMs;
    } else {
      this.#occurrences.delete(key);
      this.#occurrences.set(key, {
        object,
        type,
        reason,
        message: text,
        firstMs: nowMs,
        lastMs: nowMs,
        count: 1,
        name: undefined,
        failures: 0,
      });
      trim(this.#occurrences);
    }
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
    const occurrence = this.#occurrences.get(key);
    const { log, metrics, allowed } = this.#options;
    if (occurrence === undefined || allowed?.() === false) return;
    try {
      await this.#send(occurrence, signal);
      metrics?.events.inc({ result: 'ok' });
    } catch (error) {
      occurrence.failures += 1;
      if (isRetryable(error) && occurrence.failures < 8) throw error;
      metrics?.events.inc({ result: error instanceof KubeError ? error.reason : 'Error' });
      this.#occurrences.delete(key);
      log.warn({ event: key, err: error }, 'an event could not be written');
    }
  }

  async #send(occurrence: Occurrence, signal: AbortSignal): Promise<void> {
    const namespace = namespaceOf(occurrence.object);
    const count = occurrence.count;
    if (occurrence.name !== undefined) {
      const patch = { count, lastTimestamp: seconds(occurrence.lastMs), message: occurrence.message };
      try {
        await patchObject(this.#options.client, EVENTS, { namespace, name: occurrence.name }, patch, { signal });
        return;
      } catch (error) {
        // The server deletes old Events by itself.
        if (!isNotFound(error)) throw error;
      }
    }
    const name = this.#newName(occurrence.object);
    await createObject(this.#options.client, EVENTS, this.#body(occurrence, { name, namespace }), { signal });
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

/** Events about cluster-wide objects stand in `default`, as everywhere. */
function namespaceOf(object: ObjectReference): string {
  return object.namespace === undefined || object.namespace === '' ? 'default' : object.namespace;
}

/** metav1.Time: whole seconds. */
function seconds(unixMs: number): string {
  return new Date(unixMs).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** Forgets the oldest entry of a map that has grown too large. */
function trim(map: Map<string, unknown>): void {
  if (map.size <= MAX_REMEMBERED) return;
  const oldest = map.keys().next();
  if (oldest.done !== true) map.delete(oldest.value);
}
