import { Gauge, type MetricObjectWithValues, type MetricValue, type Registry } from 'prom-client';
import { candidaciesOf } from '../src/announce/plan.ts';
import type { Planned } from './planner.ts';
import type { HeardReport } from './report.ts';

export function registerAnnounced(registry: Registry, metallb: boolean): AnnouncedMetrics {
  return new AnnouncedMetrics(registry, metallb);
}

type Labels = 'service' | 'protocol' | 'node' | 'ip';
type Facts = Readonly<Record<Labels, string>>;

/** What of the plan is announced now, counted when somebody asks. */
class AnnouncedMetrics {
  #latest: readonly [Planned, HeardReport] | undefined;

  constructor(registry: Registry, metallb: boolean) {
    const facts = (): Iterable<Facts> => announced(this.#latest);
    const help = 'Addresses of Services that are announced from this node';
    const addresses = new Gauge({
      name: 'heraldlb_speaker_announced_addresses',
      help,
      labelNames: ['protocol'],
      registers: [],
      collect: () => {
        addresses.reset();
        for (const [protocol, count] of countAddresses(this.#latest)) addresses.set({ protocol }, count);
      },
    });
    registry.registerMetric(addresses);
    if (metallb) registry.registerMetric(new ServiceGauge(facts));
  }

  count(planned: Planned, report: HeardReport): void {
    this.#latest = [planned, report];
  }
}

/** One value for each Service, which in a large cluster is much: MetalLB's dashboards want it, and it is not kept. */
class ServiceGauge extends Gauge<Labels> {
  readonly #facts: () => Iterable<Facts>;

  constructor(facts: () => Iterable<Facts>) {
    super({
      name: 'metallb_speaker_announced',
      help: '1 for every address of a Service that is announced from this node',
      labelNames: ['service', 'protocol', 'node', 'ip'],
      registers: [],
    });
    this.#facts = facts;
  }

  override async get(): Promise<MetricObjectWithValues<MetricValue<Labels>>> {
    return { ...(await super.get()), values: oneEach(this.#facts()) as MetricValue<Labels>[] };
  }
}

/** The text is made of one after the other: no list of them is needed. */
function* oneEach(facts: Iterable<Facts>): Iterable<MetricValue<Labels>> {
  for (const labels of facts) yield { value: 1, labels };
}

function* announced(latest: readonly [Planned, HeardReport] | undefined): Iterable<Facts> {
  if (latest === undefined) return;
  const [{ plan, verdicts }, { claims, peers }] = latest;
  const { node } = plan;
  for (const { ip, services } of candidaciesOf(plan))
    if (claims.get(ip)?.phase === 'claimed') for (const service of services) yield { service, protocol: 'layer2', node, ip };
  const up = new Set(peers.filter(({ state }) => state === 'Established').map(({ name }) => name));
  for (const { service, bgp, addresses } of verdicts) {
    if (!bgp.announced || bgp.peers?.some((peer) => up.has(peer)) !== true) continue;
    for (const ip of addresses) yield { service, protocol: 'bgp', node, ip };
  }
}

function countAddresses(latest: readonly [Planned, HeardReport] | undefined): Iterable<readonly [string, number]> {
  if (latest === undefined) return [];
  const routed = new Set<string>();
  for (const { protocol, ip } of announced(latest)) if (protocol === 'bgp') routed.add(ip);
  let held = 0;
  for (const { phase } of latest[1].claims.values()) if (phase === 'claimed') held += 1;
  return [
    ['layer2', held],
    ['bgp', routed.size],
  ];
}
