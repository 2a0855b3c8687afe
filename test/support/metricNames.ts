import { Registry } from 'prom-client';
import { createControllerMetrics } from '../../controller/metrics.ts';
import { registerAnnounced } from '../../speaker/announcedMetrics.ts';
import { registerDrain } from '../../speaker/drainMetrics.ts';
import type { Engine } from '../../speaker/engine.ts';
import { changeHistogram, registerMetrics } from '../../speaker/metrics.ts';
import { createKubeMetrics, createRegistry } from '../../src/host/metrics.ts';

/** A wire with nothing on it. */
const NOTHING = {
  bgp: { report: () => [] },
  bfd: { report: () => [], dropped: () => new Map() },
  layer2: {
    counters: { requests: new Map(), responses: new Map(), announcements: new Map(), drops: new Map(), conflicts: 0 },
    partings: () => 0,
    handovers: () => ({ heard: 0, timeout: 0 }),
  },
  ownership: {
    mesh: { standings: () => [], dropped: new Map(), isSigned: false },
    pulse: { stalls: 0 },
    times: { detection: {}, takeover: {} },
    takeovers: 0,
    phase: () => 'joining',
    note: { unfit: { subnet: 0, interface: 0 } },
  },
  plan: () => undefined,
  report: () => ({ peers: [], bfd: [], claims: [], problems: [] }),
  problems: () => [],
} as unknown as Engine;

export function registerController(registry: Registry, metallb: boolean): void {
  createControllerMetrics(registry, { metallb });
}

export function registerSpeaker(registry: Registry, metallb: boolean): void {
  changeHistogram(registry);
  registerMetrics(registry, { engine: NOTHING, workerRestarts: () => 0, metallb });
  registerAnnounced(registry, metallb);
  registerDrain(registry, () => undefined);
}

export function registerKube(registry: Registry): void {
  createKubeMetrics(registry);
}

export interface Described {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  /** Without `le`. */
  readonly labels: readonly string[];
}

export async function described(register: (registry: Registry) => void, registry = new Registry()): Promise<Described[]> {
  register(registry);
  const metrics = await registry.getMetricsAsJSON();
  return metrics.map(({ name, type, help }) => {
    const { labelNames } = registry.getSingleMetric(name) as unknown as { readonly labelNames: readonly string[] };
    return { name, type: String(type), help, labels: labelNames.filter((label) => label !== 'le') };
  });
}

/** All that the two programs serve, those of Node.js and of the process among them. */
export async function everyMetric(): Promise<Described[]> {
  const all = (registry: Registry): void => {
    registerController(registry, true);
    registerSpeaker(registry, true);
    registerKube(registry);
  };
  return described(all, createRegistry('test'));
}
