import { Counter, Gauge, Registry } from 'prom-client';
import type { Ip } from '../src/net/ip.ts';
import type { Engine } from './engine.ts';
import { layer2Metrics as meshMetrics } from './layer2Metrics.ts';
import type { BfdReport, PeerReport } from './report.ts';

/**
 * Metrics of the wire thread, read from the engine when somebody asks. Names beginning with `metallb_` are MetalLB's, so that its
 * dashboards and alerts go on working.
 */
export function registerMetrics(registry: Registry, engine: Engine, workerRestarts: () => number): void {
  peerMetrics(registry, engine);
  bfdMetrics(registry, engine);
  layer2Metrics(registry, engine);
  meshMetrics(registry, engine);
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

/** Metrics with the label `peer`, one value for each row there is when somebody asks. */
function byPeer<Row>(registry: Registry, rows: () => readonly Row[], label: (row: Row) => string) {
  type Value = (row: Row) => number;
  const gauge = (name: string, help: string, value: Value): void => {
    const collect = function collect(this: Gauge): void {
      this.reset();
      for (const row of rows()) this.set({ peer: label(row) }, value(row));
    };
    registry.registerMetric(new Gauge({ name, help, labelNames: ['peer'], registers: [], collect }));
  };
  const counter = (name: string, help: string, value: Value): void => {
    const collect = function collect(this: Counter): void {
      this.reset();
      for (const row of rows()) this.inc({ peer: label(row) }, value(row));
    };
    registry.registerMetric(new Counter({ name, help, labelNames: ['peer'], registers: [], collect }));
  };
  return { gauge, counter };
}

function peerMetrics(registry: Registry, engine: Engine): void {
  const { gauge, counter } = byPeer<PeerReport>(registry, () => engine.bgp.report(), labelOf);
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

/** The endings of the names are MetalLB's. */
function bfdMetrics(registry: Registry, engine: Engine): void {
  const { gauge, counter } = byPeer<BfdReport>(
    registry,
    () => engine.bfd.report(),
    ({ session }) => session,
  );
  gauge('heraldlb_bfd_session_up', '1 while the BFD session is up', ({ state }) => (state === 'Up' ? 1 : 0));
  counter('heraldlb_bfd_control_packet_input', 'Control packets received and believed', ({ counters }) => counters.packetsReceived);
  counter('heraldlb_bfd_control_packet_output', 'Control packets sent', ({ counters }) => counters.packetsSent);
  counter('heraldlb_bfd_echo_packet_input', 'Echo packets of the peer received', ({ counters }) => counters.echoesReceived);
  counter('heraldlb_bfd_echo_packet_output', 'Echo packets sent back', ({ counters }) => counters.echoesSent);
  counter('heraldlb_bfd_session_up_events', 'How often the session came up', ({ counters }) => counters.timesUp);
  counter('heraldlb_bfd_session_down_events', 'How often it went down', ({ counters }) => counters.timesDown);
  const dropped = new Counter({
    name: 'heraldlb_bfd_dropped_total',
    help: 'BFD packets that were not believed',
    labelNames: ['reason'],
    registers: [],
    collect() {
      this.reset();
      for (const [reason, count] of engine.bfd.dropped()) this.inc({ reason }, count);
    },
  });
  registry.registerMetric(dropped);
}

function pending({ desired, counters }: PeerReport): number {
  return Math.max(0, desired - counters.prefixesAnnounced);
}

/** As MetalLB spells it. */
function labelOf({ address, interface: zone, port }: PeerReport): string {
  const host = zone === undefined ? address : `${address}%${zone}`;
  return address.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
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
