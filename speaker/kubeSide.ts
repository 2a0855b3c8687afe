import { Registry } from 'prom-client';
import type { Credentials } from '../src/host/kube/credentials.ts';
import { createDirtyLoop } from '../src/host/kube/dirtyLoop.ts';
import { createEventRecorder } from '../src/host/kube/events.ts';
import { createKubeClient } from '../src/host/kube/kubeClient.ts';
import { createStatusWriter } from '../src/host/kube/status.ts';
import { createLogger } from '../src/host/log.ts';
import { createKubeMetrics } from '../src/host/metrics.ts';
import { monotonicMs } from './changeTimes.ts';
import { type Downward, Outbox, type PlanMessage, type Upward, keepWaiting } from './channel.ts';
import { DrainKeeper } from './drainKeeper.ts';
import type { KubeSideOptions } from './kubeOptions.ts';
import { MESH_SECRET } from './meshKey.ts';
import { MetricsPages } from './metricsPages.ts';
import { Planner } from './planner.ts';
import { createSecrets, namedSecrets } from './secrets.ts';
import { Teller } from './teller.ts';
import { startWatches } from './watches.ts';

export interface KubeSide {
  readonly receive: (message: Upward) => void;
  readonly stop: () => Promise<void>;
}

/** Secrets are read again with it; everything else tells by itself. */
const REFRESH_MS = 30_000;
const HEALTH_MS = 500;
const FLUSH_MS = 1000;

/** Kubernetes for one speaker: watches, plans, and tells the cluster what the wire reports. */
export function startKubeSide(options: KubeSideOptions, credentials: Credentials, post: (message: Downward) => void): KubeSide {
  const { node, namespace, apiGroup } = options;
  const { log, registry, metrics, client, statuses, events } = connect(options, credentials);
  const plans = new Outbox<PlanMessage>((value) => post({ type: 'value', value }), keepWaiting);
  let isPlanned = false;
  /** The first change that no plan has seen yet. */
  let changedAtMs: number | undefined;

  const run = async (): Promise<void> => {
    if (watches.problems().length > 0) return;
    const naming = (['BGPPeer', 'BFDProfile'] as const).flatMap((kind) => [...(watches.configs.get(kind)?.store.values() ?? [])]);
    const found = await secrets.refresh(namedSecrets(naming).add(MESH_SECRET));
    // With what key it signs is settled by the first plan.
    if (!isPlanned && secrets.isAwaited(MESH_SECRET)) return;
    // The first plan waits for whole lists: that is not how long a change takes.
    const waited = changedAtMs === undefined || !isPlanned ? {} : { changedAtMs };
    changedAtMs = undefined;
    const planned = planner.plan(found, drain.observe(watches.nodes.store.get(node)));
    isPlanned = true;
    if (planned.message !== undefined) plans.put({ ...planned.message, ...waited });
    teller.planned(planned);
  };

  // A plan costs what changed, so a change need not wait for the cluster to be quiet, which a large one never is.
  const loop = createDirtyLoop({ name: 'plan', run, settleMs: 0, restFactor: 4, log, metrics });
  const onChange = (): void => {
    changedAtMs ??= monotonicMs();
    loop.mark();
  };
  const watches = startWatches({ client, namespace, apiGroup, onChange, log, metrics });
  const secrets = createSecrets(client, namespace, log, () => loop.mark());
  const planner = new Planner(watches, options);
  const drain = new DrainKeeper({
    triggers: options.drainOn,
    waitMs: options.drainWaitMs,
    changed: () => loop.mark(),
    tell: (news, reason) => teller.drainNews(news, reason),
  });
  const teller = new Teller({ options, watches, statuses, events, registry, log, drain });
  const pages = new MetricsPages(registry, (page) => teller.metrics(page), post);
  const health = setInterval(() => {
    post({ type: 'health', problems: watches.problems() });
    // A list that comes in empty changes nothing, so the first plan needs a call of its own.
    if (!isPlanned) loop.mark();
  }, HEALTH_MS);
  const refresh = setInterval(() => loop.mark(), REFRESH_MS);

  return {
    receive: (message) => {
      if (message.type === 'taken') plans.taken();
      if (message.type === 'value') {
        post({ type: 'taken' });
        teller.reported(message.value);
      }
      if (message.type === 'metrics') void pages.answer(message.id);
    },
    stop: async () => {
      clearInterval(health);
      clearInterval(refresh);
      drain.stop();
      teller.stop();
      await loop.stop();
      await statuses.flush(FLUSH_MS);
      await Promise.all([statuses.stop(), events.stop({ drainMs: FLUSH_MS }), watches.stop()]);
      await client.close();
    },
  };
}

function connect(options: KubeSideOptions, credentials: Credentials) {
  const log = createLogger({ level: options.logLevel, name: 'speaker-kube' });
  const registry = new Registry();
  registry.setDefaultLabels({ program: 'speaker' });
  const metrics = createKubeMetrics(registry);
  const client = createKubeClient({ credentials, log, userAgent: 'heraldlb-speaker', metrics });
  const statuses = createStatusWriter({ client, fieldManager: 'heraldlb-speaker', log, metrics });
  const events = createEventRecorder({ client, component: 'heraldlb-speaker', host: options.node, log, metrics });
  return { log, registry, metrics, client, statuses, events };
}
