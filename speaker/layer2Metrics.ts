import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Engine } from './engine.ts';

const PHASES = ['joining', 'holding', 'willing', 'leaving'] as const;
const SECONDS = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1, 2, 5, 10];

/** Metrics of the mesh of speakers and of the election. */
export function layer2Metrics(registry: Registry, engine: Engine): void {
  const { ownership } = engine;
  const gauge = (name: string, help: string, labelNames: readonly string[], collect: (gauge: Gauge) => void): void => {
    const metric = new Gauge({
      name,
      help,
      labelNames: [...labelNames],
      registers: [],
      collect() {
        this.reset();
        collect(this);
      },
    });
    registry.registerMetric(metric);
  };
  gauge('heraldlb_layer2_phase', '1 for what this speaker is to the others', ['phase'], (metric) => {
    for (const phase of PHASES) metric.set({ phase }, phase === ownership.phase() ? 1 : 0);
  });
  gauge('heraldlb_layer2_peer_liveness', '1 for what another speaker is, as it is heard', ['peer', 'liveness'], (metric) => {
    for (const { node, liveness } of ownership.mesh.standings()) metric.set({ peer: node, liveness }, 1);
  });
  gauge('heraldlb_layer2_handovers', 'Addresses that are answered for until their new owners are heard', [], (metric) => {
    metric.set(engine.layer2.partings());
  });
  gauge('heraldlb_layer2_unfit_groups', 'Groups of addresses that others can announce better', ['why'], (metric) => {
    for (const [why, count] of Object.entries(ownership.note.unfit)) metric.set({ why }, count);
  });
  gauge('heraldlb_layer2_mesh_signed', '1 when what speakers say to each other is signed', [], (metric) => {
    metric.set(ownership.mesh.isSigned ? 1 : 0);
  });
  counters(registry, engine);
  const { detection, takeover } = ownership.times;
  for (const [name, help, observe] of [
    ['heraldlb_layer2_detection_seconds', 'From the last packet of a speaker to the moment it was held to be dead', detection],
    ['heraldlb_layer2_takeover_seconds', 'From the death of the owner to the first announcement of the new one, per address', takeover],
  ] as const) {
    const histogram = new Histogram({ name, help, buckets: SECONDS, registers: [] });
    observe.onValue = (seconds) => histogram.observe(seconds);
    registry.registerMetric(histogram);
  }
}

function counters(registry: Registry, { ownership, layer2 }: Engine): void {
  const counter = (name: string, help: string, labelNames: readonly string[], collect: (counter: Counter) => void): void => {
    const metric = new Counter({
      name,
      help,
      labelNames: [...labelNames],
      registers: [],
      collect() {
        this.reset();
        collect(this);
      },
    });
    registry.registerMetric(metric);
  };
  counter('heraldlb_layer2_takeovers_total', 'Addresses taken over from speakers that died', [], (metric) =>
    metric.inc(ownership.takeovers),
  );
  counter(
    'heraldlb_layer2_handovers_total',
    'Addresses left to another speaker: it was heard, or nobody had taken it in time',
    ['end'],
    (metric) => {
      for (const [end, count] of Object.entries(layer2.handovers())) metric.inc({ end }, count);
    },
  );
  counter('heraldlb_layer2_stalls_total', 'How often the process stood still for so long that others may have taken over', [], (metric) =>
    metric.inc(ownership.pulse.stalls),
  );
  counter('heraldlb_layer2_mesh_dropped_total', 'Packets of the mesh that were not believed', ['reason'], (metric) => {
    for (const [reason, count] of ownership.mesh.dropped) metric.inc({ reason }, count);
  });
}
