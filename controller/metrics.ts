import { Counter, Gauge, Histogram } from 'prom-client';
import type { Problem } from '../src/config/problem.ts';
import type { Registry } from '../src/host/metrics.ts';
import type { Assignment } from '../src/ipam/assignment.ts';
import type { PoolUsage } from '../src/ipam/poolSpace.ts';

export interface PoolReport {
  readonly usage: ReadonlyMap<string, PoolUsage>;
  readonly assignments: () => Iterable<readonly [unknown, Assignment]>;
}

/** Names beginning with `metallb_` are MetalLB's, so that its dashboards and alerts go on working. */
export interface ControllerMetrics {
  /** undefined: this process does not lead, and knows nothing. */
  readonly reportPools: (report: PoolReport | undefined) => void;
  readonly reportConfig: (problems: readonly Problem[]) => void;
  readonly planSeconds: Histogram;
  readonly passes: Counter;
}

type PoolGauge = readonly [Gauge<'pool'>, (usage: PoolUsage) => number];

export function createControllerMetrics(registry: Registry): ControllerMetrics {
  const registers = [registry];
  const perPool = (name: string, help: string): Gauge<'pool'> =>
    new Gauge({ name: `metallb_allocator_${name}`, help, labelNames: ['pool'], registers });
  const gauges: readonly PoolGauge[] = [
    [
      perPool('addresses_total', 'Usable addresses per pool'),
      ({ assignedIPv4, assignedIPv6, availableIPv4, availableIPv6 }) => assignedIPv4 + assignedIPv6 + availableIPv4 + availableIPv6,
    ],
    [perPool('ipv4_addresses_total', 'Usable IPv4 addresses per pool'), ({ assignedIPv4, availableIPv4 }) => assignedIPv4 + availableIPv4],
    [perPool('ipv6_addresses_total', 'Usable IPv6 addresses per pool'), ({ assignedIPv6, availableIPv6 }) => assignedIPv6 + availableIPv6],
    [perPool('addresses_in_use_total', 'Assigned addresses per pool'), ({ assignedIPv4, assignedIPv6 }) => assignedIPv4 + assignedIPv6],
    [perPool('ipv4_addresses_in_use_total', 'Assigned IPv4 addresses per pool'), ({ assignedIPv4 }) => assignedIPv4],
    [perPool('ipv6_addresses_in_use_total', 'Assigned IPv6 addresses per pool'), ({ assignedIPv6 }) => assignedIPv6],
  ];
  let latest: PoolReport | undefined;
  onScrape('metallb_allocator_services_allocated_total', 'Services that have an address, per pool', 'pool', registers, () =>
    count(latest, latest?.usage.keys() ?? [], ({ pool }) => pool),
  );
  const help = 'Services that have not all that they ask for, by reason';
  onScrape('heraldlb_allocator_services_refused', help, 'reason', registers, () => count(latest, [], ({ refusal }) => refusal?.reason));
  const loaded = new Gauge({ name: 'metallb_k8s_client_config_loaded_bool', help: '1 when a configuration was read', registers });
  const stale = new Gauge({ name: 'metallb_k8s_client_config_stale_bool', help: '1 while an object of it is not valid', registers });
  return {
    reportPools: (report) => {
      latest = report;
      for (const [gauge, value] of gauges) {
        gauge.reset();
        for (const [pool, counts] of report?.usage ?? []) gauge.set({ pool }, value(counts));
      }
    },
    reportConfig: (problems) => {
      loaded.set(1);
      stale.set(problems.some(({ severity }) => severity === 'error') ? 1 : 0);
    },
    planSeconds: new Histogram({
      name: 'heraldlb_allocator_plan_seconds',
      help: 'Time to bring the plan up to date',
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10],
      registers,
    }),
    passes: new Counter({ name: 'heraldlb_controller_passes_total', help: 'Passes over what changed', registers }),
  };
}

/** Counting all Services is left to the scrape. */
function onScrape<Label extends string>(
  name: string,
  help: string,
  label: Label,
  registers: Registry[],
  counts: () => ReadonlyMap<string, number>,
): Gauge<Label> {
  return new Gauge<Label>({
    name,
    help,
    labelNames: [label],
    registers,
    collect() {
      this.reset();
      for (const [value, number] of counts()) this.labels(value).set(number);
    },
  });
}

function count(
  report: PoolReport | undefined,
  known: Iterable<string>,
  labelOf: (assignment: Assignment) => string | undefined,
): Map<string, number> {
  const counts = new Map<string, number>();
  for (const label of known) counts.set(label, 0);
  for (const [, assignment] of report?.assignments() ?? []) {
    const label = labelOf(assignment);
    if (label !== undefined) counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  return counts;
}
