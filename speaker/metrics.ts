import { Gauge, Histogram, Registry } from 'prom-client';
import type { WireProtocol } from './changeTimes.ts';
import type { Engine } from './engine.ts';
import { metallbMetrics } from './metallbMetrics.ts';
import { KeyedCounter, byKey, byPeer, isUp, pending, routerOf } from './peerMetrics.ts';
import { layer2Metrics as meshMetrics } from './layer2Metrics.ts';
import type { BfdReport, PeerReport } from './report.ts';

export interface MetricSources {
  readonly engine: Engine;
  readonly workerRestarts: () => number;
  /** Also under MetalLB's names, so that its dashboards and alerts go on working. */
  readonly metallb: boolean;
}

/** Metrics of the wire thread, read from the engine when somebody asks. */
export function registerMetrics(registry: Registry, { engine, workerRestarts, metallb }: MetricSources): void {
  peerMetrics(registry, engine);
  bfdMetrics(registry, engine);
  layer2Metrics(registry, engine);
  if (metallb) metallbMetrics(registry, engine);
  meshMetrics(registry, engine);
  single(registry, 'heraldlb_speaker_plan_generation', 'Generation of the plan that is in force', () => engine.plan()?.generation ?? 0);
  problemMetrics(registry, engine);
  single(registry, 'heraldlb_speaker_worker_restarts', 'How often the Kubernetes worker was started again', workerRestarts);
}

/** Half a millisecond is the way from the watch to a socket when nothing is in the way; probing for an address takes seconds. */
const WAIT_BUCKETS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10];

/** From the sight of a change of the cluster to the socket that tells the network of it. */
export function changeHistogram(registry: Registry): Histogram<'protocol'> {
  const histogram = new Histogram({
    name: 'heraldlb_speaker_change_to_wire_seconds',
    help: 'From seeing a change of the cluster to having told the network of it',
    labelNames: ['protocol'],
    buckets: WAIT_BUCKETS,
    registers: [registry],
  });
  // What has not happened yet is there as well, and rates begin at 0.
  const protocols: readonly WireProtocol[] = ['bgp', 'layer2', 'layer2Probed'];
  for (const protocol of protocols) histogram.zero({ protocol });
  return histogram;
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

function problemMetrics(registry: Registry, engine: Engine): void {
  const gauge = new Gauge({
    name: 'heraldlb_speaker_problems',
    help: 'What keeps the plan from being carried out',
    labelNames: ['reason'],
    registers: [],
    collect() {
      this.reset();
      for (const { reason } of engine.problems()) this.inc({ reason });
    },
  });
  registry.registerMetric(gauge);
}

function peerMetrics(registry: Registry, engine: Engine): void {
  const { gauge, counter } = byPeer<PeerReport>(registry, () => engine.bgp.report(), routerOf);
  gauge('heraldlb_bgp_session_up', '1 while the session is established', isUp);
  gauge('heraldlb_bgp_prefixes_announced', 'Prefixes that the router holds from this node', (peer) => peer.counters.prefixesAnnounced);
  gauge('heraldlb_bgp_prefixes_pending', 'Prefixes that are still to be announced', pending);
  counter('heraldlb_bgp_updates_sent_total', 'UPDATE messages sent', (peer) => peer.counters.updatesSent);
  counter('heraldlb_bgp_messages_sent_total', 'Messages sent', (peer) => peer.counters.messagesSent);
  counter('heraldlb_bgp_messages_received_total', 'Messages received', (peer) => peer.counters.messagesReceived);
  counter('heraldlb_bgp_updates_faulty_total', 'UPDATE messages with an error in them (RFC 7606)', (peer) => peer.counters.updatesFaulty);
  counter('heraldlb_bgp_prefixes_received_total', 'Prefixes received, and dropped', (peer) => peer.counters.prefixesReceived);
  counter('heraldlb_bgp_established_total', 'How often the session was established', (peer) => peer.counters.timesEstablished);
}

function bfdMetrics(registry: Registry, engine: Engine): void {
  const { gauge, counter } = byPeer<BfdReport>(
    registry,
    () => engine.bfd.report(),
    ({ session }) => session,
  );
  gauge('heraldlb_bfd_session_up', '1 while the BFD session is up', ({ state }) => (state === 'Up' ? 1 : 0));
  counter('heraldlb_bfd_packets_received_total', 'Control packets received and believed', ({ counters }) => counters.packetsReceived);
  counter('heraldlb_bfd_packets_sent_total', 'Control packets sent', ({ counters }) => counters.packetsSent);
  counter('heraldlb_bfd_echoes_received_total', 'Echo packets of the peer received', ({ counters }) => counters.echoesReceived);
  counter('heraldlb_bfd_echoes_sent_total', 'Echo packets sent back', ({ counters }) => counters.echoesSent);
  counter('heraldlb_bfd_ups_total', 'How often the session came up', ({ counters }) => counters.timesUp);
  counter('heraldlb_bfd_downs_total', 'How often it went down', ({ counters }) => counters.timesDown);
  byKey(registry, 'heraldlb_bfd_dropped_total', 'BFD packets that were not believed', 'reason', () => engine.bfd.dropped());
}

function layer2Metrics(registry: Registry, engine: Engine): void {
  const { counters } = engine.layer2;
  const asked = 'ARP requests and neighbour solicitations for an announced address';
  byKey(registry, 'heraldlb_layer2_requests_total', asked, 'ip', () => counters.requests);
  byKey(registry, 'heraldlb_layer2_responses_total', 'Answers to them', 'ip', () => counters.responses);
  byKey(registry, 'heraldlb_layer2_announcements_total', 'Announcements of the address', 'ip', () => counters.announcements);
  byKey(registry, 'heraldlb_layer2_dropped_total', 'Frames that got no answer', 'reason', () => counters.drops);
  single(registry, 'heraldlb_layer2_conflicts', 'Foreign hosts that were seen to use an announced address', () => counters.conflicts);
}

/** One page for both threads; their metrics have different names. */
export class JoinedRegistry extends Registry {
  readonly #local: Registry;
  readonly #worker: () => AsyncIterable<string>;

  constructor(local: Registry, worker: () => AsyncIterable<string>) {
    super();
    this.#local = local;
    this.#worker = worker;
  }

  override async metrics(): Promise<string> {
    let text = '';
    for await (const part of this.parts()) text += part;
    return text;
  }

  /** One metric after the other, and those with a value for each address in slices. */
  async *parts(): AsyncIterable<string> {
    for (const { name } of this.#local.getMetricsAsArray()) {
      const metric: unknown = this.#local.getSingleMetric(name);
      if (metric instanceof KeyedCounter) yield* sliced(this.#local, metric);
      else yield await this.#local.getSingleMetricAsString(name);
      yield '\n\n';
    }
    yield* this.#worker();
  }
}

/** What a registry makes of a metric, also of one that it does not hold; its type leaves the method out. */
interface Writing {
  readonly getMetricsAsString: (metric: object) => Promise<string>;
}

/** Stands for the value of the label in the line that shows how lines are made. */
const MARK = 'the key';

async function* sliced(registry: Registry, metric: KeyedCounter): AsyncIterable<string> {
  const sample = await metric.sample(MARK);
  const text = await (registry as unknown as Writing).getMetricsAsString({ get: () => Promise.resolve(sample) });
  const at = text.lastIndexOf('\n');
  yield text.slice(0, at);
  const line = text.slice(at + 1);
  const [before = '', behind = ''] = line.split(MARK);
  for (const lines of metric.slices(before, behind.replace(/0$/, ''))) yield `\n${lines}`;
}
