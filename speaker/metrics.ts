import { Counter, Gauge, Registry } from 'prom-client';
import type { Ip } from '../src/net/ip.ts';
import type { Engine } from './engine.ts';
import type { PeerReport } from './report.ts';

/**
 * Metrics of the wire thread, read from the engine when somebody asks. Names beginning with `metallb_` are MetalLB's, so that its
 * dashboards and alerts go on working.
 */
export function registerMetrics(registry: Registry, engine: Engine, workerRestarts: () => number): void {
  peerMetrics(registry, engine);
  layer2Metrics(registry, engine);
  single(registry, 'heraldlb_speaker_plan_generation', 'Generation of the plan that is in force', () => engine.plan()?.generation ?? 0);
  single(registry, 'heraldlb_speaker_problems', 'What keeps the plan from being carried out', () => engine.report().problems.length);
  single(registry, 'heraldlb_speaker_worker_restarts', 'How often the Kubernetes worker was started again', workerRestarts);
}

function single(registry: Registry, name: string, help: string, value: () => number): void {
  const gauge = new Gauge({
    name,
    help,
    registers: [],
    collect() {
      this.set(value());
    },
  });
  registry.registerMetric(gauge);
}

function peerMetrics(registry: Registry, engine: Engine): void {
  const gauge = (name: string, help: string, value: (peer: PeerReport) => number): void => {
    const metric = new Gauge({
      name,
      help,
      labelNames: ['peer'],
      registers: [],
      collect() {
        this.reset();
        for (const peer of engine.bgp.report()) this.set({ peer: labelOf(peer) }, value(peer));
      },
    });
    registry.registerMetric(metric);
  };
  const counter = (name: string, help: string, value: (peer: PeerReport) => number): void => {
    const metric = new Counter({
      name,
      help,
      labelNames: ['peer'],
      registers: [],
      collect() {
        this.reset();
        for (const peer of engine.bgp.report()) this.inc({ peer: labelOf(peer) }, value(peer));
      },
    });
    registry.registerMetric(metric);
  };
  gauge('metallb_bgp_session_up', '1 while the session is established', ({ state }) => (state === 'Established' ? 1 : 0));
  gauge('metallb_bgp_announced_prefixes_total', 'Prefixes that the router holds from this node', (peer) => peer.counters.prefixesAnnounced);
  gauge('metallb_bgp_pending_prefixes_total', 'Prefixes that are still to be announced', pending);
  counter('metallb_bgp_updates_total', 'UPDATE messages sent', (peer) => peer.counters.updatesSent);
  counter('heraldlb_bgp_messages_sent_total', 'Messages sent', (peer) => peer.counters.messagesSent);
  counter('heraldlb_bgp_messages_received_total', 'Messages received', (peer) => peer.counters.messagesReceived);
  counter('heraldlb_bgp_updates_faulty_total', 'UPDATE messages with an error in them (RFC 7606)', (peer) => peer.counters.updatesFaulty);
  counter('heraldlb_bgp_prefixes_received_total', 'Prefixes received, and dropped', (peer) => peer.counters.prefixesReceived);
  counter('heraldlb_bgp_established_total', 'How often the session was established', (peer) => peer.counters.timesEstablished);
}

function pending({ desired, counters }: PeerReport): number {
  return Math.max(0, desired - counters.prefixesAnnounced);
}

/** As MetalLB spells it. */
function labelOf({ address, port }: PeerReport): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function layer2Metrics(registry: Registry, engine: Engine): void {
  const { counters } = engine.layer2;
  const counted = (name: string, help: string, label: string, values: ReadonlyMap<string, number>): void => {
    const metric = new Counter<string>({
      name,
      help,
      labelNames: [label],
      registers: [],
      collect() {
        this.reset();
        for (const [key, value] of values) this.inc({ [label]: key }, value);
      },
    });
    registry.registerMetric(metric);
  };
  const byIp = (name: string, help: string, values: ReadonlyMap<Ip, number>): void => counted(name, help, 'ip', values);
  byIp('metallb_layer2_requests_received', 'ARP requests and neighbour solicitations for an announced address', counters.requests);
  byIp('metallb_layer2_responses_sent', 'Answers to them', counters.responses);
  byIp('metallb_layer2_gratuitous_sent', 'Announcements of the address', counters.announcements);
  counted('heraldlb_layer2_dropped_total', 'Frames that got no answer', 'reason', counters.drops);
  single(registry, 'heraldlb_layer2_conflicts', 'Foreign hosts that were seen to use an announced address', () => counters.conflicts);
}

/** One page for both threads; their metrics have different names. */
export class JoinedRegistry extends Registry {
  readonly #local: Registry;
  readonly #worker: () => Promise<string>;

  constructor(local: Registry, worker: () => Promise<string>) {
    super();
    this.#local = local;
    this.#worker = worker;
  }

  override async metrics(): Promise<string> {
    const [local, worker] = await Promise.all([this.#local.metrics(), this.#worker()]);
    return `${local}${worker}`;
  }
}
