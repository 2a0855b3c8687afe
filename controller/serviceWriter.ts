import { setMaxListeners } from 'node:events';
import type { ServiceKey, ServiceView } from '../src/cluster/service.ts';
import type { EventRecorder } from '../src/host/kube/events.ts';
import type { KubeClient } from '../src/host/kube/kubeClient.ts';
import { KubeError, isNotFound, isStatus } from '../src/host/kube/kubeError.ts';
import type { Term } from '../src/host/kube/lease.ts';
import { patchObject } from '../src/host/kube/objects.ts';
import { SERVICES } from '../src/host/kube/resource.ts';
import type { Store } from '../src/host/kube/store.ts';
import { createWorkQueue } from '../src/host/kube/workQueue.ts';
import type { KubeMetrics } from '../src/host/metrics.ts';
import type { Logger } from '../src/host/log.ts';
import type { Assignment } from '../src/ipam/assignment.ts';
import type { Ip } from '../src/net/ip.ts';
import { Handovers } from './handovers.ts';
import { Rush } from './rush.ts';
import { type Notice, type ServiceChange, serviceChange } from './serviceStatus.ts';

export interface ServiceWriterOptions {
  readonly client: KubeClient;
  readonly services: Store<ServiceView>;
  readonly assignment: (key: ServiceKey) => Assignment | undefined;
  readonly events: EventRecorder;
  readonly term: Term;
  readonly log: Logger;
  readonly metrics: KubeMetrics;
}

/** Brings the statuses of Services to what the plan says, each write on the version that the plan has seen. */
export interface ServiceWriter {
  /** Looks at the Service again; does nothing when its status is as planned. */
  readonly check: (key: ServiceKey) => void;
  /** Services wait for a place among those that are being written, or many have just been written and more may come. */
  readonly isBusy: () => boolean;
  readonly idle: () => boolean;
  readonly stop: (drainMs: number) => Promise<void>;
}

/** A write that the watch has not shown yet. */
interface Written {
  readonly uid: string;
  /** The version that was written on, and the one that came of it; '' when the answer got lost. */
  readonly base: string;
  readonly result: string;
  readonly wanted: string;
  /** What is still to be told, once the watch shows that the write arrived after all. */
  readonly untold: readonly Notice[];
}

/** What keeps an API server of a few cores busy; a larger one, or one far away, would take more, but has other clients too. */
const CONCURRENCY = 32;
/** Shorter than the time between the end of a term and the end of its lease: what an old leader sent last is over by then. */
const WRITE_TIMEOUT_MS = 4000;
/** A Service whose address another one has not left yet is looked at again. */
const WAIT_MS = 1000;

export function createServiceWriter(options: ServiceWriterOptions): ServiceWriter {
  const { log, metrics, services, assignment } = options;
  const handovers = new Handovers({ service: (key) => services.get(key), assignment, nowMs: () => performance.now() });
  const rush = new Rush();
  const writer = new Writer(options, handovers, () => rush.note(performance.now()));
  const queue = createWorkQueue<ServiceKey>({
    name: 'services',
    work: async (key, stopped) => {
      await writer.work(key, stopped);
      for (const waiting of handovers.settled(key)) queue.add(waiting);
      // Besides being woken: a write that was never answered is over by time alone.
      if (handovers.isWaiting(key)) queue.add(key, WAIT_MS);
    },
    concurrency: CONCURRENCY,
    maxDelayMs: 30_000,
    log,
    metrics,
  });
  return {
    check: (key) => {
      handovers.note(key);
      queue.add(key);
    },
    isBusy: () => queue.depth() > 0 || rush.isOn(performance.now()),
    idle: () => queue.idle() && handovers.size === 0,
    stop: (drainMs) => queue.stop({ drainMs }),
  };
}

class Writer {
  readonly #options: ServiceWriterOptions;
  readonly #handovers: Handovers;
  readonly #onWrite: () => void;
  readonly #written = new Map<ServiceKey, Written>();
  #stopped: AbortSignal | undefined;
  #signal = new AbortController().signal;

  constructor(options: ServiceWriterOptions, handovers: Handovers, onWrite: () => void) {
    this.#options = options;
    this.#onWrite = onWrite;
    this.#handovers = handovers;
  }

  async work(key: ServiceKey, stopped: AbortSignal): Promise<void> {
    const { services, assignment, term } = this.#options;
    if (!term.valid()) return;
    const service = services.get(key);
    const planned = assignment(key);
    if (service === undefined || planned === undefined) {
      this.#written.delete(key);
      return;
    }
    const wanted = this.#handovers.admit(service, planned);
    if (wanted === undefined) return;
    const change = serviceChange(service, wanted, new Date().toISOString());
    const ahead = this.#ahead(service, change === undefined);
    if (change === undefined) return;
    const text = JSON.stringify([wanted.ingress, wanted.pool, wanted.refusal, wanted.missing]);
    if (ahead?.wanted !== text) await this.#write(service, wanted.ingress, change, text, ahead, stopped);
  }

  /** The write whose result the watch has yet to show. */
  #ahead(service: ServiceView, isAsPlanned: boolean): Written | undefined {
    const { key, uid, resourceVersion } = service;
    const earlier = this.#written.get(key);
    if (earlier === undefined) return undefined;
    if (earlier.base === resourceVersion) return earlier.result === '' ? undefined : earlier;
    this.#written.delete(key);
    if (isAsPlanned && earlier.uid === uid) this.#tell(service, earlier.untold);
    return undefined;
  }

  async #write(
    service: ServiceView,
    ingress: readonly Ip[],
    change: ServiceChange,
    wanted: string,
    ahead: Written | undefined,
    stopped: AbortSignal,
  ): Promise<void> {
    const { client, metrics } = this.#options;
    const { key, uid, namespace, name, resourceVersion: base } = service;
    const on = ahead?.result ?? base;
    const body = { ...change.patch, metadata: { ...change.patch.metadata, resourceVersion: on, uid } };
    const sent = this.#handovers.sending(key, on, ingress);
    this.#onWrite();
    try {
      const answer = await patchObject(client, SERVICES, { namespace, name }, body, {
        subresource: 'status',
        type: change.type,
        fieldManager: 'heraldlb-controller',
        metadataOnly: true,
        timeoutMs: WRITE_TIMEOUT_MS,
        signal: this.#ends(stopped),
      });
      metrics.statusWrites.inc({ result: 'ok' });
      this.#written.set(key, { uid, base, result: answer.metadata.resourceVersion ?? '', wanted, untold: [] });
    } catch (error) {
      metrics.statusWrites.inc({ result: error instanceof KubeError ? error.reason : 'Error' });
      // A server that fails inside may have stored it all the same.
      this.#handovers.failed(sent, error instanceof KubeError && error.status >= 400 && error.status < 500);
      // Gone: the watch will say so.
      if (isNotFound(error)) return;
      if (isStatus(error, 0)) this.#written.set(key, { uid, base, result: '', wanted, untold: change.notices });
      throw error;
    }
    this.#tell(service, change.notices);
  }

  /** One signal for all writes: there is one queue and one term. */
  #ends(stopped: AbortSignal): AbortSignal {
    if (this.#stopped === stopped) return this.#signal;
    this.#stopped = stopped;
    this.#signal = AbortSignal.any([stopped, this.#options.term.signal]);
    // Each write listens to it while it is under way.
    setMaxListeners(0, this.#signal);
    return this.#signal;
  }

  #tell({ namespace, name, uid }: ServiceView, notices: readonly Notice[]): void {
    const { events, log } = this.#options;
    for (const { type, reason, message } of notices) {
      log[type === 'Warning' ? 'warn' : 'info']({ service: `${namespace}/${name}`, reason }, message);
      events.event({ apiVersion: 'v1', kind: 'Service', namespace, name, uid }, type, reason, message);
    }
  }
}
