import type { Logger } from '../log.ts';
import type { KubeMetrics } from '../metrics.ts';
import { sleep } from './backoff.ts';
import { deepEqual } from './deepEqual.ts';
import type { KubeClient } from './kubeClient.ts';
import { isNotFound, KubeError } from './kubeError.ts';
import { applyObject, createObject, patchObject, type KubeObject } from './objects.ts';
import { apiVersionOf, keyOf, type Ref, type Resource } from './resource.ts';
import { createWorkQueue, type WorkQueue } from './workQueue.ts';

type Json = Readonly<Record<string, unknown>>;

export interface StatusOptions {
  /** `merge` writes the given fields and needs nulls for what must vanish; `apply` owns exactly the given fields. */
  readonly mode?: 'merge' | 'apply';
  /** `counters` may wait: at most one write per object and interval. */
  readonly urgency?: 'transition' | 'counters';
  /** Only to this very object, not to a namesake made since. */
  readonly uid?: string;
  /** Created first when it is missing (then its status is written). */
  readonly create?: KubeObject;
}

export interface StatusWriterOptions {
  readonly client: KubeClient;
  readonly fieldManager: string;
  readonly minIntervalMs?: number;
  readonly concurrency?: number;
  /** Asked before each write: a leader that may have lost its lease writes nothing. */
  readonly allowed?: () => boolean;
  readonly log: Logger;
  readonly metrics?: KubeMetrics | undefined;
}

/** Writes `status` in the background: the latest wins, nothing is written twice, nothing throws. */
export interface StatusWriter {
  readonly set: (resource: Resource, ref: Ref, status: object, options?: StatusOptions) => void;
  /** What the server holds is known already, from a watch: no write while the wanted status equals it. */
  readonly observed: (resource: Resource, ref: Ref, status: object) => void;
  /** The object is gone, or not ours any more. */
  readonly forget: (resource: Resource, ref: Ref) => void;
  /** Resolves with false when something was still unwritten after the time. */
  readonly flush: (timeoutMs: number) => Promise<boolean>;
  readonly stop: () => Promise<void>;
}

interface Target {
  readonly resource: Resource;
  readonly ref: Ref;
  wanted: Json;
  options: StatusOptions;
  /** Last written, or observed. */
  written: Json | undefined;
  /** When a write was last begun. */
  writtenAtMs: number;
}

export function createStatusWriter(options: StatusWriterOptions): StatusWriter {
  return new Writer(options);
}

class Writer implements StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #targets = new Map<string, Target>();
  readonly #known = new Map<string, Json>();
  readonly #queue: WorkQueue<string>;

  constructor(options: StatusWriterOptions) {
    this.#options = options;
    const { log, metrics, concurrency = 8 } = options;
    this.#queue = createWorkQueue({
      name: 'status',
      concurrency,
      log,
      metrics,
      maxDelayMs: 30_000,
      work: (key, signal) => this.#write(key, signal),
    });
  }

  set(resource: Resource, ref: Ref, status: object, options: StatusOptions = {}): void {
    const key = targetKey(resource, ref);
    const wanted = status as Json;
    let target = this.#targets.get(key);
    if (target === undefined || target.options.uid !== options.uid) {
      target = { resource, ref, wanted, options, written: this.#known.get(key), writtenAtMs: -Infinity };
      this.#targets.set(key, target);
    }
    target.wanted = wanted;
    target.options = options;
    if (deepEqual(target.written, wanted)) return;
    this.#queue.add(key, this.#delayMs(target));
  }

  observed(resource: Resource, ref: Ref, status: object): void {
    const key = targetKey(resource, ref);
    this.#known.set(key, status as Json);
    const target = this.#targets.get(key);
    if (target === undefined) return;
    target.written = status as Json;
    if (!deepEqual(target.written, target.wanted)) this.#queue.add(key, this.#delayMs(target));
  }

  forget(resource: Resource, ref: Ref): void {
    const key = targetKey(resource, ref);
    this.#targets.delete(key);
    this.#known.delete(key);
    this.#queue.forget(key);
  }

  async flush(timeoutMs: number): Promise<boolean> {
    for (const [key, target] of this.#targets) if (!deepEqual(target.written, target.wanted)) this.#queue.add(key);
    const deadlineMs = performance.now() + timeoutMs;
    while (!this.#queue.idle() && performance.now() < deadlineMs) await sleep(5);
    return this.#queue.idle();
  }

  stop(): Promise<void> {
    return this.#queue.stop();
  }

  #delayMs(target: Target): number {
    if (target.options.urgency !== 'counters') return 0;
    const { minIntervalMs = 5000 } = this.#options;
    // Scattered, so that the nodes of a cluster do not write in step.
    const dueMs = target.writtenAtMs + minIntervalMs * (1 + Math.random() / 2);
    return Math.max(0, dueMs - performance.now());
  }

  async #write(key: string, signal: AbortSignal): Promise<void> {
    const target = this.#targets.get(key);
    if (target === undefined || deepEqual(target.written, target.wanted)) return;
    const { allowed, metrics } = this.#options;
    if (allowed?.() === false) {
      // The leader writes it; should this process lead again, the next set() does.
      metrics?.statusWrites.inc({ result: 'NotLeading' });
      return;
    }
    const { wanted } = target;
    // From the sending on: a set() while the answer is under way must not be in a hurry.
    target.writtenAtMs = performance.now();
    try {
      await this.#send(target, signal);
      target.written = wanted;
      metrics?.statusWrites.inc({ result: 'ok' });
    } catch (error) {
      metrics?.statusWrites.inc({ result: error instanceof KubeError ? error.reason : 'Error' });
      if (!this.#isFinal(key, error)) throw error;
      // Whoever still wants it sets it again.
      this.#targets.delete(key);
    }
  }

  /** Gone, made anew under the same name, or refused by validation: trying the same again cannot help. */
  #isFinal(key: string, error: unknown): boolean {
    if (isNotFound(error) || isNamesake(error)) return true;
    const refused = error instanceof KubeError && (error.status === 400 || error.status === 422);
    if (refused) this.#options.log.error({ object: key, err: error }, 'the server refuses this status');
    return refused;
  }

  async #send(target: Target, signal: AbortSignal): Promise<void> {
    const { client } = this.#options;
    const { resource, ref, options } = target;
    try {
      await this.#patch(target, signal);
    } catch (error) {
      if (!isNotFound(error) || options.create === undefined) throw error;
      await createObject(
        client,
        resource,
        { ...options.create, metadata: { ...options.create.metadata, ...ref } as KubeObject['metadata'] },
        { signal },
      );
      await this.#patch(target, signal);
    }
  }

  #patch({ resource, ref, wanted, options }: Target, signal: AbortSignal): Promise<unknown> {
    const { client, fieldManager } = this.#options;
    const uid = options.uid === undefined ? {} : { uid: options.uid };
    // What the server made of it is not looked at, and a NodeState may have megabytes.
    const how = { subresource: 'status', signal, metadataOnly: true } as const;
    if (options.mode === 'apply') {
      const object = { apiVersion: apiVersionOf(resource), kind: resource.kind, metadata: { ...ref, ...uid }, status: wanted };
      return applyObject(client, resource, object, { fieldManager, force: true, isLong: true, ...how });
    }
    return patchObject(client, resource, ref, { metadata: uid, status: wanted }, { fieldManager, ...how });
  }
}

function targetKey(resource: Resource, ref: Ref): string {
  return `${resource.plural}.${resource.group}/${keyOf(ref)}`;
}

/** A patch that names the uid of another object is invalid (merge) or a conflict (apply). */
function isNamesake(error: unknown): boolean {
  return error instanceof KubeError && (error.status === 409 || error.status === 422) && /\buid\b/i.test(error.message);
}
