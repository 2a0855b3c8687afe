import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client';

export type { Registry };

/** What the Kubernetes runtime counts. Labels stay few: never an object's name. */
export interface KubeMetrics {
  readonly requests: Counter<'method' | 'code'>;
  readonly watchRestarts: Counter<'resource' | 'reason'>;
  readonly objects: Gauge<'resource'>;
  readonly connected: Gauge<'resource'>;
  /** Unix time in seconds. */
  readonly lastEvent: Gauge<'resource'>;
  readonly projectionFailures: Counter<'resource'>;
  readonly queueDepth: Gauge<'queue'>;
  readonly retries: Counter<'queue'>;
  readonly leader: Gauge<'lease'>;
  readonly statusWrites: Counter<'result'>;
  readonly events: Counter<'result'>;
}

/** Gauges whose names end as those of counters do: Prometheus' linter finds fault with them, and each is the sum of another one. */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

export function createRegistry(program: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ program });
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  return registry;
}

export function createKubeMetrics(registry: Registry): KubeMetrics {
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: L[]): Counter<L> =>
    new Counter({ name: `heraldlb_kube_${name}`, help, labelNames, registers });
  const gauge = <L extends string>(name: string, help: string, labelNames: L[]): Gauge<L> =>
    new Gauge({ name: `heraldlb_kube_${name}`, help, labelNames, registers });
  return {
    requests: counter('requests_total', 'Requests to the API server by method and status code', ['method', 'code']),
    watchRestarts: counter('watch_restarts_total', 'Watches begun anew, by reason', ['resource', 'reason']),
    objects: gauge('objects', 'Objects held in memory', ['resource']),
    connected: gauge('watch_connected', '1 while the watch is open', ['resource']),
    lastEvent: gauge('watch_last_event_seconds', 'Unix time of the last sign of life on the watch', ['resource']),
    projectionFailures: counter('unreadable_objects_total', 'Objects that could not be read and were left out', ['resource']),
    queueDepth: gauge('queue_depth', 'Items waiting', ['queue']),
    retries: counter('retries_total', 'Items tried again after a failure', ['queue']),
    leader: gauge('leader', '1 while this process holds the lease', ['lease']),
    statusWrites: counter('status_writes_total', 'Status writes by result', ['result']),
    events: counter('events_total', 'Events by result', ['result']),
  };
}
