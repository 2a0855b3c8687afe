import type { ServiceKey } from '../src/cluster/service.ts';
import { catchUp } from '../src/host/kube/catchUp.ts';
import { createDirtyLoop } from '../src/host/kube/dirtyLoop.ts';
import { createEventRecorder } from '../src/host/kube/events.ts';
import type { KubeClient } from '../src/host/kube/kubeClient.ts';
import type { Term } from '../src/host/kube/lease.ts';
import { SERVICES } from '../src/host/kube/resource.ts';
import { createStatusWriter } from '../src/host/kube/status.ts';
import type { Logger } from '../src/host/log.ts';
import type { KubeMetrics } from '../src/host/metrics.ts';
import { Allocator } from '../src/ipam/allocator.ts';
import type { Assignment } from '../src/ipam/assignment.ts';
import type { OutdatedKind } from '../src/view/definitions.ts';
import type { Timing } from './announced/announcer.ts';
import { startAnnouncing } from './announced/announcing.ts';
import { ClaimKeeper } from './claimKeeper.ts';
import { type ConfigReport, createConfigReport } from './configReport.ts';
import type { Configuration } from './configuration.ts';
import type { ControllerMetrics } from './metrics.ts';
import type { Neighbours } from './neighbours.ts';
import { ServiceFeed } from './serviceFeed.ts';
import type { Survey } from './survey/survey.ts';
import { type ServiceWriter, createServiceWriter } from './serviceWriter.ts';
import { ADDRESS_CLAIMS, type Watches } from './watches.ts';

export interface LeaderOptions {
  readonly client: KubeClient;
  readonly watches: Watches;
  readonly configuration: Configuration;
  readonly neighbours: Neighbours;
  /** Absent: nothing is said of the wire. */
  readonly announce?: { readonly survey: Survey; readonly apiGroup: string; readonly timing: Timing };
  /** Of the configuration objects. */
  readonly namespace: string;
  readonly term: Term;
  readonly lbClass: string | undefined;
  readonly log: Logger;
  readonly kubeMetrics: KubeMetrics;
  readonly metrics: ControllerMetrics;
}

/** One term of leadership: everything that writes lives in it and ends with it. */
export interface Leader {
  /** Something changed. */
  readonly mark: () => void;
  /** Something changed of what only verdicts need. */
  readonly seen: () => void;
  readonly assignment: (service: ServiceKey) => Assignment | undefined;
  readonly overdueSinceMs: () => number | undefined;
  /** Nothing is left to decide or to write. */
  readonly idle: () => boolean;
  readonly stop: (drainMs: number) => Promise<void>;
}

/** Begins with an empty memory: what the API says, and nothing an earlier term meant to write, is what it goes by. */
export function createLeader(options: LeaderOptions): Leader {
  const { client, term, log, kubeMetrics } = options;
  const allowed = (): boolean => term.valid();
  const common = { client, allowed, log, metrics: kubeMetrics };
  // A VIP first, then the word about it.
  const isBusy = (): boolean => writer.isBusy();
  const events = createEventRecorder({ ...common, component: 'heraldlb-controller', isBusy });
  const statuses = createStatusWriter({ ...common, fieldManager: 'heraldlb-controller' });
  const outdated = (kind: string): OutdatedKind | undefined => options.announce?.survey.outdated().find((one) => one.kind === kind);
  const report = createConfigReport({ statuses, events, log, established: (peer) => announcing?.peer(peer), outdated });
  const allocator = new Allocator();
  const assignment = (key: ServiceKey): Assignment | undefined => allocator.assignment(key);
  const services = options.watches.services.store;
  const writer = createServiceWriter({ client, services, assignment, events, term, log, metrics: kubeMetrics });
  const keeper = new ClaimKeeper({
    client,
    namespace: options.namespace,
    claims: options.watches.claims.store,
    services,
    allocator,
    pool: (name) => options.configuration.config().pools.find((pool) => pool.name === name),
    statuses,
    events,
    term,
    log,
    metrics: kubeMetrics,
    wake: () => loop.mark(),
  });
  const announcing =
    options.announce === undefined
      ? undefined
      : startAnnouncing({ ...options, ...options.announce, events, isBusy, wake: () => loop.mark() });
  const feed = new ServiceFeed(services, allocator);
  const pass = createPass({ ...options, allocator, writer, report, keeper, feed });
  let knowsAll = false;
  const run = async (): Promise<void> => {
    if (knowsAll) await pass();
  };
  const loop = createDirtyLoop({ name: 'plan', run, settleMs: 5, maxWaitMs: 100, log, metrics: kubeMetrics });
  const stopping = new AbortController();
  const ended = AbortSignal.any([term.signal, stopping.signal]);
  const beganAtMs = performance.now();
  const knowing = seeAll(options, ended).then(() => {
    knowsAll = !ended.aborted;
    if (knowsAll) log.info({ afterMs: Math.round(performance.now() - beganAtMs) }, 'what others wrote is seen: plans begin');
    loop.mark();
  });
  return {
    mark: () => {
      loop.mark();
      announcing?.mark();
    },
    seen: () => announcing?.mark(),
    assignment,
    overdueSinceMs: () => loop.overdueSinceMs(),
    idle: () => knowsAll && loop.overdueSinceMs() === undefined && writer.idle() && keeper.idle(),
    stop: async (drainMs) => {
      stopping.abort();
      await Promise.all([loop.stop(), announcing?.stop()]);
      await knowing;
      feed.stop();
      options.metrics.reportPools(undefined);
      await Promise.all([writer.stop(drainMs), keeper.stop(drainMs)]);
      if (drainMs > 0) await statuses.flush(drainMs);
      await statuses.stop();
      await events.stop({ drainMs });
    },
  };
}

/** What an earlier leader wrote last decides who has which address: nothing is planned before it was seen. */
async function seeAll({ client, watches, namespace, log }: LeaderOptions, signal: AbortSignal): Promise<void> {
  const common = { client, signal, log };
  await Promise.all([
    catchUp({ ...common, resource: SERVICES, reflector: watches.services }),
    catchUp({ ...common, resource: ADDRESS_CLAIMS, namespace, reflector: watches.claims }),
  ]);
}

interface PassOptions extends LeaderOptions {
  readonly allocator: Allocator;
  readonly writer: ServiceWriter;
  readonly report: ConfigReport;
  readonly keeper: ClaimKeeper;
  readonly feed: ServiceFeed;
}

/** What changed goes into the plan, what the plan changed goes to the writers. */
function createPass({
  watches,
  configuration,
  neighbours,
  allocator,
  writer,
  report,
  keeper,
  feed,
  ...rest
}: PassOptions): () => Promise<void> {
  const { lbClass, metrics, term } = rest;
  let basis: string | undefined;

  const replan = (): ServiceKey[] => {
    const services = feed.all();
    allocator.reset({
      config: configuration.config(),
      unsettledPools: configuration.unsettledPools(),
      namespaces: [...watches.namespaces.store.values()],
      inUse: neighbours.inUse(),
      claims: keeper.all(),
      services,
      ...(lbClass === undefined ? {} : { loadBalancerClass: lbClass }),
    });
    return services.map(({ key }) => key);
  };

  const update = (): Iterable<ServiceKey> => {
    // Claims first: what a Service leaves is kept before another one can take it.
    const changed = keeper.update();
    feed.update(changed);
    return changed;
  };

  return async () => {
    if (!watches.hasSynced() || !term.valid()) return;
    const end = metrics.planSeconds.startTimer();
    configuration.refresh();
    keeper.read();
    const inUse = neighbours.refresh(configuration.config(), configuration.version());
    const namespaces = configuration.selectsNamespaces() ? watches.namespaces.store.version : '';
    const now = `${configuration.version()} ${namespaces} ${inUse}`;
    const isSame = now === basis;
    // Whatever fails from here on, the next pass begins anew: what was taken up is forgotten.
    basis = undefined;
    const changed = new Set(isSame ? update() : replan());
    for (const key of keeper.settle(changed)) changed.add(key);
    for (const key of changed) writer.check(key);
    end();
    const usage = allocator.usage();
    report.write(configuration, usage);
    metrics.reportPools({ usage, assignments: () => allocator.assignments() });
    metrics.reportConfig(configuration.problems());
    metrics.passes.inc();
    basis = now;
    await Promise.resolve();
  };
}
