import { startHttpServer } from '../src/host/http.ts';
import { type Logger, createLogger } from '../src/host/log.ts';
import { createRegistry } from '../src/host/metrics.ts';
import { type NoteSent, monotonicMs } from './changeTimes.ts';
import type { Failback } from '../src/layer2/standing.ts';
import { realClock, wallNow } from './clock.ts';
import { Deadlines } from './deadlines.ts';
import { Engine } from './engine.ts';
import type { Flags } from './flags.ts';
import type { Hands } from './hands.ts';
import { createHands } from './io/realHands.ts';
import { JoinedRegistry, changeHistogram, registerMetrics } from './metrics.ts';
import { goFirst } from './priority.ts';
import { NO_RECORDER, openRecorder } from './recorder.ts';
import { warmSockets } from './warmSockets.ts';
import { warmUp } from './warmUp.ts';
import { type WorkerHost, startWorkerHost } from './workerHost.ts';

/** What tests give besides the flags. */
export interface Overrides {
  readonly log?: Logger;
  readonly hands?: Hands;
  readonly workerEntry?: URL;
}

export interface Speaker {
  readonly port: number;
  readonly close: () => Promise<void>;
}

/** Reports are gathered for so long: a full table coming up is one report, not thousands. */
const REPORT_DELAY_MS = 50;
/** The sockets' own limit for last words is 1.5 s; a router that reads gets them in a few milliseconds. */
const FAREWELL_MS = 300;
const HANDOVER_MS = 1500;
const HANDOVER_CHECK_MS = 20;
const FAREWELL = 'HeraldLB speaker stopped';

/** This thread owns the wire; Kubernetes lives in a worker, whose death changes nothing here. */
export async function startSpeaker(flags: Flags, overrides: Overrides = {}): Promise<Speaker> {
  const log = overrides.log ?? createLogger({ level: flags.logLevel, name: 'speaker' });
  if (overrides.hands === undefined && !goFirst()) log.info('no SYS_NICE: on a busy node packets may be late');
  const hands = overrides.hands ?? createHands(log);
  const recorder =
    flags.record === undefined
      ? NO_RECORDER
      : openRecorder(flags.record, (error) => log.error({ err: error }, 'the recording cannot be written'));
  let worker: WorkerHost | undefined;
  let reportTimer: NodeJS.Timeout | undefined;
  const changed = (): void => {
    reportTimer ??= setTimeout(() => {
      reportTimer = undefined;
      worker?.tell();
    }, REPORT_DELAY_MS);
  };
  const registry = createRegistry('speaker');
  const waits = changeHistogram(registry);
  const sent: NoteSent = (protocol, changedAtMs) => waits.observe({ protocol }, (monotonicMs() - changedAtMs) / 1000);
  const deadlines = new Deadlines(realClock);
  const engine = new Engine(
    { hands, clock: realClock, deadlines, random: Math.random, recorder, log, changed, sent },
    {
      node: flags.nodeName,
      ...(flags.excludeInterfaces === undefined ? {} : { exclude: flags.excludeInterfaces }),
      announcer: { repeatMs: flags.l2RepeatSeconds * 1000 },
      meshPort: flags.meshPort,
      failback: failbackOf(flags),
    },
  );
  warmUp();
  await engine.start(flags.bgpListenPort);
  const host = startWorkerHost({
    data: workerData(flags),
    onPlan: (message) => engine.apply(message),
    news: (isWhole) => engine.news(isWhole),
    log,
    ...(overrides.workerEntry === undefined ? {} : { entry: overrides.workerEntry }),
  });
  worker = host;
  // While the worker loads and lists, there is nothing to do here.
  if (overrides.hands === undefined) void warmSockets(hands, realClock, log);

  registerMetrics(registry, { engine, workerRestarts: () => host.restarts(), metallb: flags.metallbMetrics ?? true });
  const server = await startHttpServer({
    host: flags.metricsAddress,
    port: flags.metricsPort,
    registry: new JoinedRegistry(registry, () => host.metrics()),
    // A plan that is in force stays in force: losing the API server later makes nobody unready.
    ready: () => (engine.plan() === undefined ? ['there is no plan yet', ...host.problems()] : []),
    log,
  });
  log.info({ port: server.port, node: flags.nodeName, namespace: flags.namespace, apiGroup: flags.apiGroup }, 'the speaker runs');

  return {
    port: server.port,
    close: async () => {
      log.info('shutting down');
      engine.leave();
      // The worker first: what the end looks like is not to be written as what the node does.
      await Promise.all([host.stop(), handedOver(engine)]);
      clearTimeout(reportTimer);
      engine.stop(FAREWELL);
      await new Promise((resolve) => setTimeout(resolve, FAREWELL_MS));
      await server.close();
      await recorder.close();
    },
  };
}

function failbackOf({ l2Failback, l2FailbackSeconds }: Flags): Failback {
  return l2Failback === 'delayed' ? { kind: 'delayed', delayMs: l2FailbackSeconds * 1000 } : { kind: l2Failback };
}

/** The new owners are heard within milliseconds, or else their time is up after a second. */
async function handedOver(engine: Engine): Promise<void> {
  const limitMs = performance.now() + HANDOVER_MS;
  do await new Promise((resolve) => setTimeout(resolve, HANDOVER_CHECK_MS));
  while (engine.layer2.partings() > 0 && performance.now() < limitMs);
}

function workerData(flags: Flags) {
  return {
    node: flags.nodeName,
    namespace: flags.namespace,
    apiGroup: flags.apiGroup,
    logLevel: flags.logLevel,
    version: flags.version,
    startedAt: wallNow(),
    drainOn: flags.drainOn,
    drainWaitMs: flags.drainWaitSeconds * 1000,
    metallbMetrics: flags.metallbMetrics ?? true,
    ...(flags.lbClass === undefined ? {} : { lbClass: flags.lbClass }),
    ...(flags.kubeconfig === undefined ? {} : { kubeconfig: flags.kubeconfig }),
  };
}
