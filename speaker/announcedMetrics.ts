import { Gauge, type Registry } from 'prom-client';
import { candidaciesOf } from '../src/announce/plan.ts';
import type { Planned } from './planner.ts';
import type { Report } from './report.ts';

export function registerAnnounced(registry: Registry, metallb: boolean): AnnouncedMetrics {
  return new AnnouncedMetrics(registry, metallb);
}

/** What of the plan is announced now. */
class AnnouncedMetrics {
  readonly #addresses: Gauge<'protocol'>;
  /** One value for each Service, which in a large cluster is much: MetalLB's dashboards want it. */
  readonly #services: Gauge<'service' | 'protocol' | 'node' | 'ip'> | undefined;

  constructor(registry: Registry, metallb: boolean) {
    const registers = [registry];
    const help = 'Addresses of Services that are announced from this node';
    this.#addresses = new Gauge({ name: 'heraldlb_speaker_announced_addresses', help, labelNames: ['protocol'], registers });
    if (!metallb) return;
    this.#services = new Gauge({
      name: 'metallb_speaker_announced',
      help: '1 for every address of a Service that is announced from this node',
      labelNames: ['service', 'protocol', 'node', 'ip'],
      registers,
    });
  }

  count({ plan, verdicts }: Planned, { claims, peers }: Report): void {
    const { node } = plan;
    this.#services?.reset();
    const held = new Set(claims.filter(({ phase }) => phase === 'claimed').map(({ ip }) => ip));
    for (const { ip, services } of candidaciesOf(plan).filter((claim) => held.has(claim.ip)))
      for (const service of services) this.#services?.set({ service, protocol: 'layer2', node, ip }, 1);
    const up = new Set(peers.filter(({ state }) => state === 'Established').map(({ name }) => name));
    const routed = new Set<string>();
    for (const { service, bgp, addresses } of verdicts) {
      if (!bgp.announced || bgp.peers?.some((peer) => up.has(peer)) !== true) continue;
      for (const ip of addresses) {
        routed.add(ip);
        this.#services?.set({ service, protocol: 'bgp', node, ip }, 1);
      }
    }
    this.#addresses.set({ protocol: 'layer2' }, held.size);
    this.#addresses.set({ protocol: 'bgp' }, routed.size);
  }
}
