import type { ConditionView, ServiceView } from '../../src/cluster/service.ts';
import type { EventRecorder } from '../../src/host/kube/events.ts';
import type { KubeClient } from '../../src/host/kube/kubeClient.ts';
import { KubeError, isNotFound, isStatus } from '../../src/host/kube/kubeError.ts';
import type { Term } from '../../src/host/kube/lease.ts';
import { patchObject } from '../../src/host/kube/objects.ts';
import { SERVICES } from '../../src/host/kube/resource.ts';
import type { Logger } from '../../src/host/log.ts';
import type { KubeMetrics } from '../../src/host/metrics.ts';
import { ANNOUNCED, type Word } from '../../src/view/announced.ts';

export interface ConditionWriterOptions {
  readonly client: KubeClient;
  readonly events: EventRecorder;
  readonly term: Term;
  readonly log: Logger;
  readonly metrics: KubeMetrics;
}

export interface ConditionWriter {
  /** @param isNews worth an event, beside the condition @returns false: it is to be tried again */
  readonly write: (service: ServiceView, word: Word, isNews: boolean) => Promise<boolean>;
}

/** As for addresses: what an old leader sent last is over before the next one begins. */
const WRITE_TIMEOUT_MS = 4000;

export function createConditionWriter(options: ConditionWriterOptions): ConditionWriter {
  const { client, events, term, log, metrics } = options;
  return {
    write: async (service, word, isNews) => {
      if (!term.valid()) return true;
      const { namespace, name, uid } = service;
      // By its type alone, and on whatever version there is: the address and its condition, and those of others, stay as they are.
      const body = { metadata: { uid }, status: { conditions: [conditionOf(service, word, new Date().toISOString())] } };
      try {
        await patchObject(client, SERVICES, { namespace, name }, body, {
          subresource: 'status',
          type: 'strategic',
          fieldManager: 'heraldlb-controller',
          timeoutMs: WRITE_TIMEOUT_MS,
          signal: term.signal,
        });
        metrics.statusWrites.inc({ result: 'ok' });
      } catch (error) {
        metrics.statusWrites.inc({ result: error instanceof KubeError ? error.reason : 'Error' });
        // Gone, or another Service of the name: the watch will say so.
        if (isNotFound(error) || isStatus(error, 409)) return true;
        log.debug({ service: service.key, err: error }, 'a condition could not be written; trying again');
        return false;
      }
      if (!isNews) return true;
      const { reason, message } = word;
      const type = reason === 'Announced' ? 'Normal' : 'Warning';
      log.info({ service: service.key, status: word.status, reason }, message);
      events.event({ apiVersion: 'v1', kind: 'Service', namespace, name, uid }, type, reason, message);
      return true;
    },
  };
}

function conditionOf({ conditions, generation }: ServiceView, word: Word, now: string): ConditionView {
  const before = conditions.find(({ type }) => type === ANNOUNCED);
  return {
    type: ANNOUNCED,
    ...word,
    lastTransitionTime: before?.status === word.status ? before.lastTransitionTime : now,
    ...(generation > 0 ? { observedGeneration: generation } : {}),
  };
}
