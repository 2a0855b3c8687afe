import { integer, record, text } from '../../src/cluster/json.ts';
import { Glass, type GlassInput } from '../../src/glass/build.ts';
import type { Head, Move, Snapshot, Usage } from '../../src/glass/view.ts';
import { sleep } from '../../src/host/kube/backoff.ts';
import { createDirtyLoop } from '../../src/host/kube/dirtyLoop.ts';
import type { Logger } from '../../src/host/log.ts';
import type { KubeMetrics } from '../../src/host/metrics.ts';
import type { Look } from '../../src/view/lookout.ts';
import type { Configuration } from '../configuration.ts';
import type { Survey } from '../survey/survey.ts';

export interface FeedOptions {
  readonly survey: Survey;
  readonly namespace: string;
  /** Holder of the lease. */
  readonly leader: () => string | undefined;
  readonly identity: string;
  readonly version: string;
  readonly docs: string;
  /** Whether there is one. */
  readonly login: boolean;
  /** A new snapshot is there. */
  readonly onSnapshot: (snapshot: Snapshot) => void;
  /** Between two snapshots. */
  readonly restMs: number;
  readonly log: Logger;
  readonly metrics: KubeMetrics;
}

export interface Feed {
  /** Something outside of what the page itself watches changed. */
  readonly mark: () => void;
  /** Undefined before the first. */
  readonly latest: () => Snapshot | undefined;
  /** Newest first. */
  readonly moves: (address: string) => readonly Move[];
  /** Which lists are not in. */
  readonly missing: () => readonly string[];
  readonly stop: () => Promise<void>;
}

/** A snapshot may take this part of the time of the process, and no more. */
const DUTY = 20;
const LOOK_MS = 2000;

/** Makes snapshots of what is watched: at most one in so long, and none while nothing changes. */
export function startFeed(options: FeedOptions): Feed {
  const { survey, namespace, log, metrics, restMs, onSnapshot } = options;
  const glass = new Glass();
  const watchingSince = new Date().toISOString();
  let notBeforeMs = 0;

  const head = (): Head => {
    const leader = options.leader();
    return {
      namespace,
      servedBy: options.identity,
      version: options.version,
      watchingSince,
      missing: [...survey.missing(), ...survey.outage()],
      docs: options.docs,
      login: options.login,
      ...(leader === undefined ? {} : { leader }),
    };
  };

  const input = (look: Look): GlassInput => ({
    ...written(survey.configuration),
    head: head(),
    now: new Date().toISOString(),
    look,
    services: survey.services(),
  });

  const run = async (signal: AbortSignal): Promise<void> => {
    await pause(notBeforeMs - performance.now(), signal);
    const startedMs = performance.now();
    const look = signal.aborted ? undefined : survey.look();
    // Half of a cluster would be taken for the whole, and what comes in late for moves.
    if (look === undefined) return;
    const before = glass.latest();
    const made = glass.update(input(look));
    const endedMs = performance.now();
    notBeforeMs = endedMs + Math.max(restMs, DUTY * (endedMs - startedMs));
    if (made !== before) onSnapshot(made);
  };
  const loop = createDirtyLoop({ name: 'glass', run, settleMs: 20, maxWaitMs: 100, log, metrics });
  // The leader and a list that is not allowed change without an event.
  const timer = setInterval(() => loop.mark(), LOOK_MS);
  loop.mark();

  return {
    mark: () => loop.mark(),
    latest: () => glass.latest(),
    missing: () => survey.missing(),
    moves: (address) => glass.moves(address),
    stop: async () => {
      clearInterval(timer);
      await loop.stop();
    },
  };
}

/** What stands in the objects and is no part of the configuration. Secrets are not read, so their names are all that is known of keys. */
function written(configuration: Configuration): Pick<GlassInput, 'usage' | 'keyed'> {
  const usage = new Map<string, ReturnType<typeof usageOf>>();
  const keyed = new Set<string>();
  for (const { resource, object } of configuration.objects()) {
    const name = object.metadata.name;
    if (resource.kind === 'IPAddressPool') usage.set(name, usageOf(object['status']));
    const secret = text(record(record(object['spec'])?.['passwordSecret'])?.['name']) ?? '';
    if (resource.kind === 'BGPPeer' && secret !== '') keyed.add(name);
  }
  return { usage, keyed };
}

function usageOf(value: unknown): { readonly ipv4: Usage; readonly ipv6: Usage } {
  const status = record(value) ?? {};
  const count = (field: string): number => integer(status[field]) ?? 0;
  return {
    ipv4: { used: count('assignedIPv4'), free: count('availableIPv4') },
    ipv6: { used: count('assignedIPv6'), free: count('availableIPv6') },
  };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return ms <= 0 ? Promise.resolve() : sleep(ms, signal);
}
