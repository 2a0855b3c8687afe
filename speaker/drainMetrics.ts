import { Gauge, type Registry } from 'prom-client';
import type { DrainStatus } from '../src/announce/drainPhase.ts';

const PHASES = { InService: 0, Draining: 1, Drained: 2 } as const;

export function registerDrain(registry: Registry, status: () => DrainStatus | undefined): void {
  const phase = new Gauge({
    name: 'heraldlb_drain_phase',
    help: 'Drain of this node: 0 in service, 1 draining, 2 drained',
    registers: [],
    collect(): void {
      this.set(PHASES[status()?.phase ?? 'InService']);
    },
  });
  registry.registerMetric(phase);
}
