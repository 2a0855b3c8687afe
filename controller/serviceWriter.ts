import type { ServiceKey, ServiceView } from '../src/cluster/service.ts';
import type { EventRecorder } from '../src/host/kube/events.ts';
import type { KubeClient } from '../src/host/kube/kubeClient.ts';
import { isNotFound } from '../src/host/kube/kubeError.ts';
import type { Term } from '../src/host/kube/lease.ts';
import { type KubeObject, patchObject } from '../src/host/kube/objects.ts';
import { SERVICES } from '../src/host/kube/resource.ts';
import type { Store } from '../src/host/kube/store.ts';
import { createWorkQueue } from '../src/host/kube/workQueue.ts';
import type { KubeMetrics } from '../src/host/metrics.ts';
import type { Logger } from '../src/host/log.ts';
import type { Assignment } from '../src/ipam/allocator.ts';
import { type Notice, serviceChange } from './serviceStatus.ts';

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
  readonly idle: () => boolean;
  readonly stop: (drainMs: number) => Promise<void>;
}

/** A write that the watch has not shown yet. */
interface Written {
  /** The version that was written on, and the one that came of it. */
  readonly base: string;
  readonly result: string;
  readonly patch: string;
}

const CONCURRENCY = 16;
/** Shorter than the time between the end of a term and the end of its lease: what an old leader sent last is over by then. */
const WRITE_TIMEOUT_MS = 4000;

export function createServiceWriter(options: ServiceWriterOptions): ServiceWriter {
  const { client, services, assignment, term, log, metrics } = options;
  const pending = new Map<ServiceKey, Written>();

  const write = async (key: ServiceKey, signal: AbortSignal): Promise<void> => {
    const service = services.get(key);
    const wanted = assignment(key);
    if (!term.valid()) return;
    const change = service === undefined || wanted === undefined ? undefined : serviceChange(service, wanted, new Date().toISOString());
    const known = pending.get(key);
    const isStale = known !== undefined && known.base === service?.resourceVersion;
    if (!isStale) pending.delete(key);
    if (service === undefined || wanted === undefined || change === undefined) return;
    const patch = JSON.stringify([wanted.ingress, wanted.pool, wanted.refusal, wanted.missing]);
    if (isStale && known.patch === patch) return;
    const resourceVersion = isStale ? known.result : service.resourceVersion;
    const body = { ...change.patch, metadata: { ...change.patch.metadata, resourceVersion, uid: service.uid } };
    const { namespace, name } = service;
    try {
      const answer = await patchObject<KubeObject>(client, SERVICES, { namespace, name }, body, {
        subresource: 'status',
        type: 'strategic',
        fieldManager: 'heraldlb-controller',
        timeoutMs: WRITE_TIMEOUT_MS,
        signal: AbortSignal.any([signal, term.signal]),
      });
      metrics.statusWrites.inc({ result: 'ok' });
      pending.set(key, { base: service.resourceVersion, result: answer.metadata.resourceVersion ?? '', patch });
    } catch (error) {
      metrics.statusWrites.inc({ result: 'failed' });
      // Gone: the watch will say so.
      if (isNotFound(error)) return;
      throw error;
    }
    tell(options.events, service, change.notices, log);
  };

  const queue = createWorkQueue<ServiceKey>({ name: 'services', work: write, concurrency: CONCURRENCY, maxDelayMs: 30_000, log, metrics });
  return {
    check: (key) => queue.add(key),
    idle: () => queue.idle(),
    stop: (drainMs) => queue.stop({ drainMs }),
  };
}

function tell(events: EventRecorder, { namespace, name, uid }: ServiceView, notices: readonly Notice[], log: Logger): void {
  for (const { type, reason, message } of notices) {
    log[type === 'Warning' ? 'warn' : 'info']({ service: `${namespace}/${name}`, reason }, message);
    events.event({ apiVersion: 'v1', kind: 'Service', namespace, name, uid }, type, reason, message);
  }
}
