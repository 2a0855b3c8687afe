import { Gauge, type Registry } from 'prom-client';
import { candidaciesOf } from '../src/announce/plan.ts';
import type { Planned } from './planner.ts';
import type { HeardReport } from './report.ts';

export function registerAnnounced(registry: Registry, metallb: boolean): AnnouncedMetrics {
  return new AnnouncedMetrics(registry, metallb);
}

const LABELS = ['service', 'protocol', 'node', 'ip'] as const;
type Facts = Readonly<Record<(typeof LABELS)[number], string>>;

/** What of the plan is announced now, counted when somebody asks. */
class AnnouncedMetrics {
  #latest: readonly [Planned, HeardReport] | undefined;

  constructor(registry: Registry, metallb: boolean) {
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
    // Its values are never set: see `page`.
    if (metallb) registry.registerMetric(new Gauge({ name: SERVICES, help: SERVICES_HELP, labelNames: LABELS, registers: [] }));
  }

  count(planned: Planned, report: HeardReport): void {
    this.#latest = [planned, report];
  }

  /**
   * The page of metrics with one value for each Service, which in a large cluster is much: MetalLB's dashboards want it. It is neither
   * kept nor made by the metrics library, which has every line in many pieces before it has a page: 100 MB of them at 100,000 Services.
   * @param page without these values @returns the whole of it, piece by piece
   */
  *page(page: string): Iterable<string> {
    const at = page.indexOf(HEAD);
    const end = at === -1 ? page.length : at + HEAD.length;
    yield page.slice(0, end);
    if (at === -1) return;
    yield* this.#services();
    yield page.slice(end);
  }

  *#services(): Iterable<string> {
    let lines: string[] = [];
    for (const { service, protocol, node, ip } of announced(this.#latest)) {
      lines.push(`${SERVICES}{service="${service}",protocol="${protocol}",node="${node}",ip="${ip}",program="speaker"} 1\n`);
      if (lines.length < LINES) continue;
      yield lines.join('');
      lines = [];
    }
    if (lines.length > 0) yield lines.join('');
  }
}

const SERVICES_HELP = '1 for every address of a Service that is announced from this node';
const SERVICES = 'metallb_speaker_announced';
const HEAD = `# TYPE ${SERVICES} gauge\n`;
/** In one piece. */
const LINES = 500;

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
