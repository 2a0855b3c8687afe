import type { EventRecorder } from '../../src/host/kube/events.ts';
import type { KubeClient } from '../../src/host/kube/kubeClient.ts';
import type { Term } from '../../src/host/kube/lease.ts';
import type { Logger } from '../../src/host/log.ts';
import type { KubeMetrics } from '../../src/host/metrics.ts';
import type { Word } from '../../src/view/announced.ts';
import type { Configuration } from '../configuration.ts';
import type { Survey } from '../survey/survey.ts';
import type { Watches } from '../watches.ts';
import { type Timing, startAnnouncer } from './announcer.ts';
import { Teller } from './teller.ts';
import { createConditionWriter } from './writer.ts';

export interface AnnouncingOptions {
  readonly client: KubeClient;
  readonly watches: Watches;
  readonly survey: Survey;
  readonly configuration: Configuration;
  readonly namespace: string;
  readonly apiGroup: string;
  readonly term: Term;
  readonly events: EventRecorder;
  /** Allocation has something to write. */
  readonly isBusy: () => boolean;
  readonly timing: Timing;
  /** Conditions of the configuration are to be written anew. */
  readonly wake: () => void;
  readonly log: Logger;
  readonly kubeMetrics: KubeMetrics;
}

/** What a leader says of the wire: conditions of Services and BGPPeers, events on those and on Nodes. */
export interface Announcing {
  readonly mark: () => void;
  readonly peer: (name: string) => Word | null | undefined;
  readonly stop: () => Promise<void>;
}

export function startAnnouncing(options: AnnouncingOptions): Announcing {
  const { client, watches, survey, configuration, events, term, isBusy, timing, wake, log, kubeMetrics: metrics } = options;
  let timer: NodeJS.Timeout | undefined;
  const teller = new Teller({
    namespace: options.namespace,
    apiGroup: options.apiGroup,
    events,
    settleMs: timing.settleMs,
    storedPeer: (name) =>
      configuration.objects().find(({ resource, object }) => resource.kind === 'BGPPeer' && object.metadata.name === name)?.object,
    onPeer: wake,
    again: (ms) => {
      clearTimeout(timer);
      timer = setTimeout(() => announcer.mark(), ms);
      timer.unref();
    },
    log,
  });
  const announcer = startAnnouncer({
    survey,
    services: watches.services.store,
    writer: createConditionWriter({ client, events, term, log, metrics }),
    onLook: (look) => teller.look(look, survey.missing()),
    isBusy,
    timing,
    log,
    metrics,
  });
  return {
    mark: () => announcer.mark(),
    peer: (name) => teller.peer(name),
    stop: async () => {
      clearTimeout(timer);
      await announcer.stop();
    },
  };
}
