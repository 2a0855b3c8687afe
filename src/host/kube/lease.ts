import type { Logger } from '../log.ts';
import type { KubeMetrics } from '../metrics.ts';
import { sleep } from './backoff.ts';
import type { KubeClient } from './kubeClient.ts';
import { isNotFound } from './kubeError.ts';
import { createObject, getObject, replaceObject, type ObjectMeta } from './objects.ts';
import { LEASES } from './resource.ts';

/** One uninterrupted time of leadership. */
export interface Term {
  /** `leaseTransitions` of the lease: grows with every change of leader. */
  readonly epoch: number;
  /** Aborted at the moment when another may have become leader. */
  readonly signal: AbortSignal;
  /** Ask before each write: false once the lease could have expired, even when no timer has had its turn yet. */
  readonly valid: () => boolean;
}

export interface ElectorOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly name: string;
  /** Unique among the candidates. May be that of a process that has ended: its lease is waited for, if not to its end. */
  readonly identity: string;
  readonly leaseDurationMs?: number;
  readonly renewDeadlineMs?: number;
  readonly retryPeriodMs?: number;
  readonly onElected: (term: Term) => void;
  readonly onLost: (reason: string) => void;
  readonly log: Logger;
  readonly metrics?: KubeMetrics | undefined;
}

export interface Elector {
  readonly isLeader: () => boolean;
  readonly holder: () => string | undefined;
  /** Gives the lease back, so that the next leader need not wait for its end. */
  readonly stop: () => Promise<void>;
}

interface LeaseSpec {
  readonly holderIdentity?: string | null;
  readonly leaseDurationSeconds?: number | null;
  readonly acquireTime?: string | null;
  readonly renewTime?: string | null;
  readonly leaseTransitions?: number | null;
}

export interface LeaseObject {
  readonly metadata: ObjectMeta;
  readonly spec?: LeaseSpec;
}

/** metav1.MicroTime: RFC 3339 with exactly six digits, or the server refuses it. */
export function microTime(unixMs: number): string {
  return new Date(unixMs).toISOString().replace(/\.(\d{3})Z$/, '.$1000Z');
}

export function startElector(options: ElectorOptions): Elector {
  return new Candidate(options);
}

interface Leadership {
  readonly term: Term;
  readonly ending: AbortController;
}

type Outcome =
  | { readonly held: true; readonly epoch: number; /** Before the renewal was sent. */ readonly sinceMs: number }
  | { readonly held: false; readonly holder: string };

/**
 * client-go's leader election: the clocks of other machines are never trusted. A lease counts as expired when this process has
 * seen the same record for its whole duration, on its own monotonic clock. A lease under its own name that it did not take itself is
 * that of the process before it, which a restarted container is named after: what that one sent last may still be under way, so it is
 * waited for as after the end of a term.
 */
class Candidate implements Elector {
  readonly #options: ElectorOptions;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;
  readonly #durationMs: number;
  readonly #renewDeadlineMs: number;
  #leadership: Leadership | undefined;
  /** The record as last seen, and when it was first seen like this. */
  #observed: { readonly lease: LeaseObject; readonly record: string; readonly atMs: number } | undefined;
  /** Before the last successful renewal was sent. */
  #renewedAtMs = 0;
  #deadline: NodeJS.Timeout | undefined;
  #trouble: string | undefined;

  constructor(options: ElectorOptions) {
    this.#options = options;
    this.#durationMs = options.leaseDurationMs ?? 15_000;
    this.#renewDeadlineMs = options.renewDeadlineMs ?? 10_000;
    this.#running = this.#run();
  }

  isLeader(): boolean {
    return this.#leadership?.term.valid() ?? false;
  }

  holder(): string | undefined {
    return this.#observed?.lease.spec?.holderIdentity ?? undefined;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    const held = this.#leadership !== undefined;
    this.#lose('shutting down');
    if (held) await this.#release();
  }

  async #run(): Promise<void> {
    const { retryPeriodMs = 2000 } = this.#options;
    while (!this.#stopping.signal.aborted) {
      const outcome = await this.#attempt();
      if (this.#stopping.signal.aborted) return;
      if (outcome?.held === true) this.#held(outcome.epoch, outcome.sinceMs);
      else if (outcome !== undefined) this.#lose(`the lease is held by ${outcome.holder}`);
      // A leader comes back punctually, candidates scattered.
      const factor = this.#leadership === undefined ? 1 + Math.random() * 1.2 : 1;
      await sleep(retryPeriodMs * factor, this.#stopping.signal);
    }
  }

  /** Undefined when the server could not be asked. */
  async #attempt(): Promise<Outcome | undefined> {
    const { log, name } = this.#options;
    try {
      const outcome = await this.#renewOrTake();
      this.#trouble = undefined;
      return outcome;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const news = message !== this.#trouble && !this.#stopping.signal.aborted;
      if (news) log.warn({ lease: name, error: message }, 'cannot renew or take the lease');
      this.#trouble = message;
      return undefined;
    }
  }

  async #renewOrTake(): Promise<Outcome> {
    const seen = await this.#read();
    const mine = seen?.spec?.holderIdentity === this.#options.identity && this.#leadership !== undefined;
    if (seen !== undefined && !mine && !this.#expired(seen)) return { held: false, holder: seen.spec?.holderIdentity ?? '' };
    const sinceMs = performance.now();
    const spec = this.#claim(seen, mine);
    this.#observe(await this.#write(seen, spec));
    return { held: true, epoch: spec.leaseTransitions ?? 0, sinceMs };
  }

  async #read(): Promise<LeaseObject | undefined> {
    const { client, namespace, name } = this.#options;
    try {
      const lease = await getObject<LeaseObject>(client, LEASES, { namespace, name }, this.#limits());
      this.#observe(lease);
      return lease;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  #write(seen: LeaseObject | undefined, spec: LeaseSpec): Promise<LeaseObject> {
    const { client, namespace, name } = this.#options;
    if (seen === undefined) return createObject(client, LEASES, { metadata: { namespace, name }, spec }, this.#limits());
    // With the resourceVersion that was read: of two candidates one gets a conflict.
    return replaceObject(client, LEASES, { metadata: seen.metadata, spec }, this.#limits());
  }

  /** Half the deadline, so that a lost connection leaves time for a second attempt on another one. */
  #limits(): { timeoutMs: number; signal: AbortSignal } {
    return { timeoutMs: this.#renewDeadlineMs / 2, signal: this.#stopping.signal };
  }

  #observe(lease: LeaseObject): void {
    const record = JSON.stringify(lease.spec ?? {});
    const atMs = this.#observed?.record === record ? this.#observed.atMs : performance.now();
    this.#observed = { lease, record, atMs };
  }

  #expired(lease: LeaseObject): boolean {
    const spec = lease.spec ?? {};
    if ((spec.holderIdentity ?? '') === '') return true;
    const isNamesake = spec.holderIdentity === this.#options.identity;
    const durationMs = isNamesake ? this.#durationMs - this.#renewDeadlineMs : (spec.leaseDurationSeconds ?? 0) * 1000;
    return performance.now() - (this.#observed?.atMs ?? performance.now()) >= durationMs;
  }

  #claim(seen: LeaseObject | undefined, mine: boolean): LeaseSpec {
    const now = microTime(Date.now());
    const before = seen?.spec;
    return {
      holderIdentity: this.#options.identity,
      leaseDurationSeconds: Math.ceil(this.#durationMs / 1000),
      acquireTime: mine ? (before?.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: seen === undefined ? 0 : (before?.leaseTransitions ?? 0) + (mine ? 0 : 1),
    };
  }

  #held(epoch: number, sinceMs: number): void {
    this.#renewedAtMs = sinceMs;
    clearTimeout(this.#deadline);
    // A request that hangs must not delay the end of the term.
    this.#deadline = setTimeout(() => this.#lose('not renewed in time'), sinceMs + this.#renewDeadlineMs - performance.now());
    if (this.#leadership === undefined) this.#win(epoch);
  }

  #win(epoch: number): void {
    const { onElected, log, metrics, name } = this.#options;
    const ending = new AbortController();
    const valid = (): boolean => !ending.signal.aborted && performance.now() - this.#renewedAtMs < this.#renewDeadlineMs;
    this.#leadership = { term: { epoch, signal: ending.signal, valid }, ending };
    metrics?.leader.set({ lease: name }, 1);
    log.info({ lease: name, epoch }, 'this process leads now');
    onElected(this.#leadership.term);
  }

  #lose(reason: string): void {
    const { onLost, log, metrics, name } = this.#options;
    const leadership = this.#leadership;
    if (leadership === undefined) return;
    this.#leadership = undefined;
    clearTimeout(this.#deadline);
    leadership.ending.abort();
    metrics?.leader.set({ lease: name }, 0);
    log.warn({ lease: name, reason }, 'this process leads no more');
    onLost(reason);
  }

  async #release(): Promise<void> {
    const { client, log, namespace, name, identity } = this.#options;
    try {
      // Read again: the last renewal may have arrived although its answer did not.
      const lease = await getObject<LeaseObject>(client, LEASES, { namespace, name }, { timeoutMs: 2000 });
      if (lease.spec?.holderIdentity !== identity) return;
      const now = microTime(Date.now());
      const spec = { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: now, acquireTime: now };
      await replaceObject(client, LEASES, { metadata: lease.metadata, spec }, { timeoutMs: 2000 });
    } catch (error) {
      log.warn({ lease: name, err: error }, 'the lease could not be released; it will run out');
    }
  }
}
