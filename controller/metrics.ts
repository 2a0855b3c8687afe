import { Counter, Gauge, Histogram } from 'prom-client';
import type { Problem } from '../src/config/problem.ts';
import type { Registry } from '../src/host/metrics.ts';
import type { Assignment } from '../src/ipam/allocator.ts';
import type { PoolUsage } from '../src/ipam/poolSpace.ts';

/** Names beginning with `metallb_` are MetalLB's, so that its dashboards and alerts go on working. */
export interface ControllerMetrics {
  readonly reportPools: (usage: ReadonlyMap<string, PoolUsage>, assignments: Iterable<readonly [unknown, Assignment]>) => void;
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
  const allocated = perPool('services_allocated_total', 'Services that have an address, per pool');
  const refused = new Gauge({
    name: 'heraldlb_allocator_services_refused',
    help: 'Services that have not all that they ask for, by reason',
    labelNames: ['reason'],
    registers,
  });
  const loaded = new Gauge({ name: 'metallb_k8s_client_config_loaded_bool', help: '1 when a configuration was read', registers });
  const stale = new Gauge({ name: 'metallb_k8s_client_config_stale_bool', help: '1 while an object of it is not valid', registers });
  return {
    reportPools: (usage, assignments) => {
      for (const [gauge, value] of gauges) {
        gauge.reset();
        for (const [pool, counts] of usage) gauge.set({ pool }, value(counts));
      }
      allocated.reset();
      refused.reset();
      const pools = new Map<string, number>([...usage.keys()].map((pool) => [pool, 0]));
      const reasons = new Map<string, number>();
      for (const [, { pool, refusal }] of assignments) {
        if (pool !== undefined) pools.set(pool, (pools.get(pool) ?? 0) + 1);
        if (refusal !== undefined) reasons.set(refusal.reason, (reasons.get(refusal.reason) ?? 0) + 1);
      }
      for (const [pool, count] of pools) allocated.set({ pool }, count);
      for (const [reason, count] of reasons) refused.set({ reason }, count);
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
