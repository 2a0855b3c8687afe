import { SETTLE, type Timing, timingOf } from './announced/announcer.ts';
import { Configuration, configResources } from './configuration.ts';
import type { Flags } from './flags.ts';
import { type LookingGlass, checkGlassFlags, startGlass } from './glass/glass.ts';
import type { Leader } from './leader.ts';
import { createControllerMetrics } from './metrics.ts';
import { Neighbours } from './neighbours.ts';
import type { Survey } from './survey/survey.ts';
import { createTerms } from './terms.ts';
import { type Watches, startWatches } from './watches.ts';
import { createWorld } from './webhook/world.ts';
import { type Webhook, type WebhookTiming, startWebhook } from './webhook/webhook.ts';
import { startHttpServer } from '../src/host/http.ts';
import { loadCredentials } from '../src/host/kube/credentials.ts';
import { createKubeClient } from '../src/host/kube/kubeClient.ts';
import { type Elector, type ElectorOptions, startElector } from '../src/host/kube/lease.ts';
import { type Logger, createLogger } from '../src/host/log.ts';
import { createKubeMetrics, createRegistry } from '../src/host/metrics.ts';

/** What tests give besides the flags. */
export interface Overrides {
  readonly log?: Logger;
  readonly lease?: Pick<ElectorOptions, 'leaseDurationMs' | 'renewDeadlineMs' | 'retryPeriodMs'>;
  readonly webhookTiming?: WebhookTiming;
  /** Between two snapshots of the looking glass. */
  readonly glassRestMs?: number;
  /** Of what is told of the wire. */
  readonly announced?: Timing;
}

export interface Controller {
  readonly port: number;
  /** 0 while the webhook has no certificate yet, or is not asked for. */
  readonly webhookPort: () => number;
  /** 0 when there is no looking glass. */
  readonly glassPort: number;
  readonly isLeader: () => boolean;
  /** Leads, and nothing is left to decide or to write. */
  readonly idle: () => boolean;
  readonly close: () => Promise<void>;
}

const LEASE = 'heraldlb-controller';
const DRAIN_MS = 5000;
/** A pass that has been due for this long means that the process is stuck. */
const STUCK_MS = 120_000;

/**
 * Every replica watches; the one that holds the lease plans and writes, within a {@link Leader} that ends with its term.
 * While the API server is away nothing is done and nothing is lost.
 */
export async function startController(flags: Flags, overrides: Overrides = {}): Promise<Controller> {
  checkGlassFlags(flags);
  const { namespace, identity } = flags;
  const { log, registry, kubeMetrics, metrics, client } = partsOf(flags, overrides);
  let glass: LookingGlass | undefined;
  const onChange = (): void => {
    terms.leader()?.mark();
    glass?.mark();
  };
  const watches = startWatches({
    client,
    namespace,
    configResources: configResources(flags.apiGroup),
    onChange,
    log,
    metrics: kubeMetrics,
  });
  const holder = (): string | undefined => (elector === undefined ? identity : elector.holder());
  const terms = createTerms({
    client,
    watches,
    configuration: new Configuration(watches),
    neighbours: new Neighbours(watches),
    namespace,
    apiGroup: flags.apiGroup,
    lbClass: flags.lbClass,
    holder,
    announced: flags.announced === false ? undefined : (overrides.announced ?? timingOf(flags.announcedSettle ?? SETTLE)),
    onSeen: () => glass?.mark(),
    log,
    kubeMetrics,
    metrics,
  });
  const events = { client, onElected: terms.begin, onLost: terms.lost, log, metrics: kubeMetrics };
  const elector: Elector | undefined = flags.leaderElect
    ? startElector({ ...events, namespace, name: LEASE, identity, ...overrides.lease })
    : undefined;
  if (elector === undefined) terms.begin({ epoch: 0, signal: new AbortController().signal, valid: () => true });
  const server = await startHttpServer({
    host: flags.metricsAddress,
    port: flags.metricsPort,
    registry,
    ready: () => watches.problems(),
    alive: () => (watches.hasSynced() && isStuck(terms.leader()) ? ['a plan has been due for too long'] : []),
    log,
  });
  const isLeader = (): boolean => elector?.isLeader() ?? true;
  const webhook = webhookOf(flags, overrides, { client, log, leads: isLeader }, watches);
  glass = await glassOf(flags, overrides, holder, { survey: terms.survey, client, log, metrics: kubeMetrics });
  log.info({ port: server.port, namespace, apiGroup: flags.apiGroup, identity }, 'the controller runs');
  return {
    port: server.port,
    webhookPort: () => webhook?.port() ?? 0,
    glassPort: glass?.port ?? 0,
    isLeader,
    idle: () => terms.leader()?.idle() ?? false,
    close: async () => {
      log.info('shutting down');
      // What is decided is written first, while the lease is still held; then the next leader may begin.
      await terms.end(DRAIN_MS);
      await Promise.all([webhook?.close(), glass?.close()]);
      await elector?.stop();
      await terms.stop();
      await watches.stop();
      await server.close();
      await client.close();
    },
  };
}

function partsOf(flags: Flags, overrides: Overrides) {
  const log = overrides.log ?? createLogger({ level: flags.logLevel, name: 'controller' });
  const registry = createRegistry('controller');
  const kubeMetrics = createKubeMetrics(registry);
  const metrics = createControllerMetrics(registry, { metallb: flags.metallbMetrics ?? true });
  const credentials = loadCredentials(flags.kubeconfig === undefined ? {} : { kubeconfig: flags.kubeconfig });
  const client = createKubeClient({ credentials, log, userAgent: 'heraldlb-controller', metrics: kubeMetrics });
  return { log, registry, kubeMetrics, metrics, client };
}

function webhookOf(
  { webhookPort: port, namespace, apiGroup, lbClass }: Flags,
  { webhookTiming }: Overrides,
  shared: Pick<Parameters<typeof startWebhook>[0], 'client' | 'log' | 'leads'>,
  watches: Watches,
): Webhook | undefined {
  if (port === undefined) return undefined;
  const timing = webhookTiming === undefined ? {} : { timing: webhookTiming };
  return startWebhook({ ...shared, ...timing, namespace, apiGroup, port, host: '', world: createWorld(watches, lbClass) });
}

async function glassOf(
  flags: Flags,
  { glassRestMs }: Overrides,
  leader: () => string | undefined,
  { survey, ...shared }: Pick<Parameters<typeof startGlass>[0], 'client' | 'log' | 'metrics'> & { readonly survey: () => Survey },
): Promise<LookingGlass | undefined> {
  const { glassPort, namespace, identity, version = 'unknown' } = flags;
  if (glassPort === undefined) return undefined;
  const rest = glassRestMs === undefined ? {} : { restMs: glassRestMs };
  return startGlass({ ...shared, ...rest, survey: survey(), leader, flags: { ...flags, glassPort }, namespace, identity, version });
}

function isStuck(leader: Leader | undefined): boolean {
  const since = leader?.overdueSinceMs();
  return since !== undefined && performance.now() - since > STUCK_MS;
}
