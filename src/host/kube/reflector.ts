import type { Logger } from '../log.ts';
import type { KubeMetrics } from '../metrics.ts';
import { createBackoff, sleep } from './backoff.ts';
import type { KubeClient } from './kubeClient.ts';
import { isExpired, isForbidden, isNotFound, isStatus, KubeError } from './kubeError.ts';
import { isOlder, listPages } from './listing.ts';
import type { KubeObject, ListOptions } from './objects.ts';
import { createProjection, type Projection } from './projection.ts';
import { keyOf, type ObjectKey, type Resource } from './resource.ts';
import { createStore, type Indexes, type Items, type Store, type WritableStore } from './store.ts';
import { watchOnce, type WatchEvent } from './watching.ts';

export interface ReflectorOptions<T> extends ListOptions {
  readonly client: KubeClient;
  readonly resource: Resource;
  /** The narrow view that is kept of an object, under `key`; undefined: not of interest, and taken out if it was in. May throw. */
  readonly project: (raw: KubeObject, key: ObjectKey) => T | undefined;
  /** Marks dirty, decides nothing. Called once for many events that came together. */
  readonly onChange?: () => void;
  /** An update that projects to the same is no change. */
  readonly same?: (a: T, b: T) => boolean;
  readonly indexes?: Indexes<T>;
  readonly items?: Items<T>;
  /** The resource may be missing in the cluster: counts as an empty list, asked for again from time to time. */
  readonly optional?: boolean;
  readonly pageSize?: number;
  /** A watch without any data for this long, bookmarks included, is opened anew. */
  readonly silenceMs?: number;
  readonly log: Logger;
  readonly metrics?: KubeMetrics | undefined;
}

export interface ReflectorHealth {
  /** A watch is open now. */
  readonly connected: boolean;
  /** On the clock of performance.now(): the last list, event or bookmark. */
  readonly lastEventAtMs: number | undefined;
  readonly lastError: string | undefined;
  /** RBAC does not let us list or watch. */
  readonly forbidden: boolean;
  readonly projectionFailures: number;
  readonly resourceVersion: string | undefined;
}

export interface Reflector<T> {
  readonly store: Store<T>;
  readonly hasSynced: () => boolean;
  /** Resolves after the first whole list, or at the stop. Never rejects. */
  readonly synced: Promise<void>;
  readonly health: () => ReflectorHealth;
  /** Objects whose projection threw, with its message. */
  readonly failures: () => ReadonlyMap<ObjectKey, string>;
  readonly stop: () => Promise<void>;
}

const BACKOFF_MS = { base: 200, max: 30_000 };
const MISSING_RETRY_MS = 30_000;
/** A watch that was open for so long has earned quick attempts again, whether it had anything to say or not. */
const STABLE_WATCH_MS = 5000;
/** A server that takes connections and cuts them at once must not wake everybody again and again. */
const WAKE_INTERVAL_MS = 10_000;
/** How often an answer from the past is refused, before believing that the server was restored from a backup. */
const STALE_LISTS = 5;

/** Keeps a store equal to a resource of the server, for as long as the process lives. Nothing ends it but stop(). */
export function startReflector<T>(options: ReflectorOptions<T>): Reflector<T> {
  return new RunningReflector(options);
}

class RunningReflector<T> implements Reflector<T> {
  readonly store: WritableStore<T>;
  readonly synced: Promise<void>;
  readonly #options: ReflectorOptions<T>;
  readonly #label: { readonly resource: string };
  readonly #projection: Projection;
  readonly #stopping = new AbortController();
  readonly #backoff = createBackoff(BACKOFF_MS.base, BACKOFF_MS.max);
  readonly #running: Promise<void>;
  #resolveSynced = (): void => {};
  #hasSynced = false;
  #connected = false;
  #forbidden = false;
  #lastEventAtMs: number | undefined;
  #lastError: string | undefined;
  /** Where the next watch begins; undefined: list first. */
  #resourceVersion: string | undefined;
  #newestSeen: string | undefined;
  #staleLists = 0;
  #announced = false;
  #openedAtMs: number | undefined;
  #wokenAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    this.#label = { resource: options.resource.plural };
    this.store = createStore<T>(options.indexes, options.same, options.items);
    this.#projection = createProjection({ ...options, store: this.store });
    this.synced = new Promise((resolve) => {
      this.#resolveSynced = resolve;
    });
    this.#running = this.#run();
  }

  hasSynced(): boolean {
    return this.#hasSynced;
  }

  health(): ReflectorHealth {
    return {
      connected: this.#connected,
      lastEventAtMs: this.#lastEventAtMs,
      lastError: this.#lastError,
      forbidden: this.#forbidden,
      projectionFailures: this.#projection.failureCount(),
      resourceVersion: this.#resourceVersion,
    };
  }

  failures(): ReadonlyMap<ObjectKey, string> {
    return this.#projection.failures;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    this.#resolveSynced();
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      let delayMs = 0;
      let unreached = false;
      try {
        const resourceVersion = this.#resourceVersion ?? (await this.#list());
        await this.#watch(resourceVersion);
        this.#recovered();
        this.#options.metrics?.watchRestarts.inc({ ...this.#label, reason: 'Ended' });
      } catch (error) {
        if (this.#stopping.signal.aborted) return;
        unreached = isStatus(error, 0);
        delayMs = this.#options.optional === true && isNotFound(error) ? this.#missing() : this.#failed(error);
      }
      if (delayMs > 0) await (unreached ? this.#sleepUntilConnected(delayMs) : sleep(delayMs, this.#stopping.signal));
    }
  }

  /** The first of all reflectors that finds the server back wakes the others: their own delays may have grown to half a minute. */
  async #sleepUntilConnected(delayMs: number): Promise<void> {
    const { signal } = this.#stopping;
    const awake = new AbortController();
    const wake = (): void => awake.abort();
    signal.addEventListener('abort', wake, { once: true });
    const forget = this.#options.client.onConnected(() => {
      if (performance.now() - this.#wokenAtMs < WAKE_INTERVAL_MS) return;
      this.#wokenAtMs = performance.now();
      wake();
    });
    await sleep(delayMs, signal.aborted ? signal : awake.signal);
    signal.removeEventListener('abort', wake);
    forget();
  }

  async #list(): Promise<string> {
    const { client, resource, namespace, labelSelector, fieldSelector, pageSize = 500 } = this.#options;
    const options = { namespace, labelSelector, fieldSelector, pageSize, signal: this.#stopping.signal };
    // What was there and does not come again.
    let [sweep, failed] = [this.store.sweep(), new Set<ObjectKey>()];
    const before = this.store.version;
    let version = '';
    const begin = (resourceVersion: string): void => {
      this.#refuseThePast(resourceVersion);
      version = resourceVersion;
      [sweep, failed] = [this.store.sweep(), new Set(this.#projection.failures.keys())];
    };
    const item = (raw: KubeObject): void => {
      this.#projection.put(raw);
      sweep.seen(keyOf(raw.metadata));
      failed.delete(keyOf(raw.metadata));
    };
    try {
      await listPages(client, resource, options, { begin, item });
      for (const key of [...sweep.unseen(), ...failed]) this.#projection.remove(key);
    } finally {
      if (this.store.version !== before && this.#hasSynced) this.#changed();
    }
    this.#resourceVersion = version;
    this.#newestSeen = version;
    this.#alive();
    this.#finishFirstList();
    return version;
  }

  /** A server whose cache lags, reached through another address of it, must not take us back in time. */
  #refuseThePast(version: string): void {
    const seen = this.#newestSeen;
    const past = seen !== undefined && isOlder(version, seen) === true;
    this.#staleLists = past ? this.#staleLists + 1 : 0;
    if (!past || this.#staleLists > STALE_LISTS) return;
    const message = `list ${this.#label.resource}: version ${version} is older than ${seen}, which was seen before`;
    throw new KubeError({ status: 0, reason: 'Stale', message });
  }

  #finishFirstList(): void {
    if (this.#hasSynced) return;
    this.#hasSynced = true;
    this.#options.log.debug({ ...this.#label, objects: this.store.size }, 'listed');
    this.#resolveSynced();
    this.#changed();
  }

  async #watch(resourceVersion: string): Promise<void> {
    const { client, resource, namespace, labelSelector, fieldSelector, silenceMs = 120_000 } = this.#options;
    const options = { namespace, labelSelector, fieldSelector, resourceVersion, silenceMs, signal: this.#stopping.signal };
    try {
      await watchOnce(client, resource, options, {
        opened: () => {
          this.#openedAtMs = performance.now();
          this.#setConnected(true);
        },
        event: (event) => this.#apply(event),
      });
    } finally {
      this.#setConnected(false);
    }
  }

  #apply({ type, object }: WatchEvent): void {
    this.#alive();
    this.#recovered();
    const changed =
      type === 'DELETED' ? this.#projection.remove(keyOf(object.metadata)) : type !== 'BOOKMARK' && this.#projection.put(object);
    this.#resourceVersion = object.metadata.resourceVersion ?? this.#resourceVersion;
    this.#newestSeen = this.#resourceVersion;
    if (changed) this.#changed();
  }

  /** Many events that come together are one change. */
  #changed(): void {
    const { onChange, metrics, log } = this.#options;
    metrics?.objects.set(this.#label, this.store.size);
    if (this.#announced || onChange === undefined) return;
    this.#announced = true;
    setImmediate(() => {
      this.#announced = false;
      if (this.#stopping.signal.aborted) return;
      try {
        onChange();
      } catch (error) {
        log.error({ ...this.#label, err: error }, 'a change handler failed');
      }
    });
  }

  #alive(): void {
    this.#lastEventAtMs = performance.now();
    this.#options.metrics?.lastEvent.set(this.#label, Date.now() / 1000);
  }

  #setConnected(connected: boolean): void {
    this.#connected = connected;
    this.#options.metrics?.connected.set(this.#label, connected ? 1 : 0);
  }

  #recovered(): void {
    if (this.#lastError !== undefined) this.#options.log.info(this.#label, 'watching again');
    this.#lastError = undefined;
    this.#forbidden = false;
    this.#backoff.reset();
  }

  /** What a failure means for the next round; answers how long to wait for it. */
  #failed(error: unknown): number {
    const { metrics, log } = this.#options;
    const message = error instanceof Error ? error.message : String(error);
    metrics?.watchRestarts.inc({ ...this.#label, reason: error instanceof KubeError ? error.reason : 'Error' });
    if (isExpired(error)) this.#resourceVersion = undefined;
    this.#forbidden = isForbidden(error);
    // The first time aloud, the repetitions quietly.
    const level = message === this.#lastError || isExpired(error) ? 'debug' : 'warn';
    const what = this.#forbidden ? `RBAC does not allow to list and watch ${this.#label.resource}` : 'watch interrupted';
    log[level]({ ...this.#label, error: message }, what);
    this.#lastError = message;
    if (this.#openedAtMs !== undefined && performance.now() - this.#openedAtMs > STABLE_WATCH_MS) this.#backoff.reset();
    this.#openedAtMs = undefined;
    return this.#backoff.next(error instanceof KubeError ? error.retryAfterMs : 0);
  }

  #missing(): number {
    this.#resourceVersion = undefined;
    this.#newestSeen = undefined;
    const before = this.store.version;
    for (const key of [...this.store.keys(), ...this.#projection.failures.keys()]) this.#projection.remove(key);
    if (this.store.version !== before) this.#changed();
    this.#finishFirstList();
    return MISSING_RETRY_MS * (0.5 + Math.random() / 2);
  }
}
