import { Counter, Gauge, Histogram } from 'prom-client';
import type { Problem } from '../src/config/problem.ts';
import type { Registry } from '../src/host/metrics.ts';
import type { Assignment } from '../src/ipam/assignment.ts';
import type { PoolUsage } from '../src/ipam/poolSpace.ts';

export interface PoolReport {
  readonly usage: ReadonlyMap<string, PoolUsage>;
  readonly assignments: () => Iterable<readonly [unknown, Assignment]>;
}

export interface ControllerMetrics {
  /** undefined: this process does not lead, and knows nothing. */
  readonly reportPools: (report: PoolReport | undefined) => void;
  readonly reportConfig: (problems: readonly Problem[]) => void;
  readonly planSeconds: Histogram;
  readonly passes: Counter;
}

/** @param options.metallb also under MetalLB's names, so that its dashboards and alerts go on working */
export function createControllerMetrics(registry: Registry, { metallb }: { readonly metallb: boolean }): ControllerMetrics {
  const registers = [registry];
  let latest: PoolReport | undefined;
  let problems: readonly Problem[] | undefined;
  const sources: Sources = { pools: () => latest, problems: () => problems };
  poolMetrics(registry, sources);
  configMetrics(registry, sources);
  if (metallb) metallbMetrics(registry, sources);
  return {
    reportPools: (report) => {
      latest = report;
    },
    reportConfig: (found) => {
      problems = found;
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

/** What is there when somebody asks. */
interface Sources {
  readonly pools: () => PoolReport | undefined;
  /** undefined: no configuration was read yet. */
  readonly problems: () => readonly Problem[] | undefined;
}

function poolMetrics(registry: Registry, { pools }: Sources): void {
  const perFamily = (name: string, help: string, ipv4: (usage: PoolUsage) => number, ipv6: (usage: PoolUsage) => number): void => {
    const collect = function collect(this: Gauge): void {
      this.reset();
      for (const [pool, usage] of pools()?.usage ?? []) {
        this.set({ pool, family: 'ipv4' }, ipv4(usage));
        this.set({ pool, family: 'ipv6' }, ipv6(usage));
      }
    };
    registry.registerMetric(
      new Gauge({ name: `heraldlb_allocator_${name}`, help, labelNames: ['pool', 'family'], registers: [], collect }),
    );
  };
  perFamily('addresses', 'Usable addresses per pool', usable4, usable6);
  perFamily(
    'addresses_in_use',
    'Assigned addresses per pool',
    ({ assignedIPv4 }) => assignedIPv4,
    ({ assignedIPv6 }) => assignedIPv6,
  );
  onScrape(registry, 'heraldlb_allocator_services', 'Services that have an address, per pool', 'pool', () => servicesOf(pools()));
  const help = 'Services that have not all that they ask for, by reason';
  onScrape(registry, 'heraldlb_allocator_services_refused', help, 'reason', () => count(pools(), [], ({ refusal }) => refusal?.reason));
}

function configMetrics(registry: Registry, { problems }: Sources): void {
  onScrape(registry, 'heraldlb_config_loaded', '1 when a configuration was read', undefined, () => loaded(problems()));
  const help = 'Mistakes that keep an object of the configuration from having an effect';
  onScrape(registry, 'heraldlb_config_errors', help, undefined, () => only(errors(problems())));
}

function metallbMetrics(registry: Registry, { pools, problems }: Sources): void {
  const perPool = (name: string, help: string, value: (usage: PoolUsage) => number): void =>
    onScrape(registry, `metallb_allocator_${name}`, help, 'pool', () => {
      const usage = [...(pools()?.usage ?? [])];
      return new Map(usage.map(([pool, counts]) => [pool, value(counts)]));
    });
  perPool('addresses_total', 'Usable addresses per pool', (usage) => usable4(usage) + usable6(usage));
  perPool('ipv4_addresses_total', 'Usable IPv4 addresses per pool', usable4);
  perPool('ipv6_addresses_total', 'Usable IPv6 addresses per pool', usable6);
  perPool('addresses_in_use_total', 'Assigned addresses per pool', ({ assignedIPv4, assignedIPv6 }) => assignedIPv4 + assignedIPv6);
  perPool('ipv4_addresses_in_use_total', 'Assigned IPv4 addresses per pool', ({ assignedIPv4 }) => assignedIPv4);
  perPool('ipv6_addresses_in_use_total', 'Assigned IPv6 addresses per pool', ({ assignedIPv6 }) => assignedIPv6);
  onScrape(registry, 'metallb_allocator_services_allocated_total', 'Services that have an address, per pool', 'pool', () =>
    servicesOf(pools()),
  );
  const isLoaded = '1 when a configuration was read';
  onScrape(registry, 'metallb_k8s_client_config_loaded_bool', isLoaded, undefined, () => loaded(problems()));
  const isStale = '1 while an object of it is not valid';
  onScrape(registry, 'metallb_k8s_client_config_stale_bool', isStale, undefined, () => only(Math.min(1, errors(problems()))));
}

function usable4({ assignedIPv4, availableIPv4 }: PoolUsage): number {
  return assignedIPv4 + availableIPv4;
}

function usable6({ assignedIPv6, availableIPv6 }: PoolUsage): number {
  return assignedIPv6 + availableIPv6;
}

function loaded(problems: readonly Problem[] | undefined): ReadonlyMap<string, number> {
  return only(problems === undefined ? 0 : 1);
}

function errors(problems: readonly Problem[] | undefined): number {
  return problems?.filter(({ severity }) => severity === 'error').length ?? 0;
}

/** The one value of a metric without labels. */
function only(value: number): ReadonlyMap<string, number> {
  return new Map([['', value]]);
}

function servicesOf(report: PoolReport | undefined): ReadonlyMap<string, number> {
  return count(report, report?.usage.keys() ?? [], ({ pool }) => pool);
}

/** Counting all Services is left to the scrape. */
function onScrape(
  registry: Registry,
  name: string,
  help: string,
  label: string | undefined,
  values: () => ReadonlyMap<string, number>,
): void {
  const collect = function collect(this: Gauge): void {
    this.reset();
    for (const [value, number] of values()) {
      if (label === undefined) this.set(number);
      else this.set({ [label]: value }, number);
    }
  };
  registry.registerMetric(new Gauge({ name, help, labelNames: label === undefined ? [] : [label], registers: [], collect }));
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
