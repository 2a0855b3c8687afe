import { Counter, Gauge, type MetricObjectWithValues, type MetricValue, type Registry } from 'prom-client';
import type { PeerReport } from './report.ts';

type Value<Row> = (row: Row) => number;
type Register<Row> = (name: string, help: string, value: Value<Row>) => void;

/** Metrics with the label `peer`, one value for each row there is when somebody asks. */
export function byPeer<Row>(
  registry: Registry,
  rows: () => readonly Row[],
  label: (row: Row) => string,
): { readonly gauge: Register<Row>; readonly counter: Register<Row> } {
  const gauge: Register<Row> = (name, help, value) => {
    const collect = function collect(this: Gauge): void {
      this.reset();
      for (const row of rows()) this.set({ peer: label(row) }, value(row));
    };
    registry.registerMetric(new Gauge({ name, help, labelNames: ['peer'], registers: [], collect }));
  };
  const counter: Register<Row> = (name, help, value) => {
    const collect = function collect(this: Counter): void {
      this.reset();
      for (const row of rows()) this.inc({ peer: label(row) }, value(row));
    };
    registry.registerMetric(new Counter({ name, help, labelNames: ['peer'], registers: [], collect }));
  };
  return { gauge, counter };
}

/** A counter with one label, read from counts that others keep. There may be thousands: the text is made of one after the other. */
export function byKey(
  registry: Registry,
  name: string,
  help: string,
  label: string,
  counts: () => Iterable<readonly [string, number]>,
): void {
  registry.registerMetric(new KeyedCounter(name, help, label, counts));
}

/** So many values are made into text at a time: the wire thread has other things to do. */
const SLICE = 500;

export class KeyedCounter extends Counter {
  readonly #label: string;
  readonly #counts: () => Iterable<readonly [string, number]>;

  constructor(name: string, help: string, label: string, counts: () => Iterable<readonly [string, number]>) {
    super({ name, help, labelNames: [label], registers: [] });
    this.#label = label;
    this.#counts = counts;
  }

  override async get(): Promise<MetricObjectWithValues<MetricValue<string>>> {
    return { ...(await super.get()), values: this.#values() as MetricValue<string>[] };
  }

  *#values(): Iterable<MetricValue<string>> {
    for (const [key, value] of this.#counts()) yield { value, labels: { [this.#label]: key } };
  }

  /**
   * The lines of the page in slices, without their head. A registry makes ten objects for each line: with 10,000 addresses that held the wire thread
   * for 40 to 60 ms a metric, and takes half a millisecond a slice so.
   * @param before what stands before the value of the label in a line
   * @param behind what stands between that and the count
   */
  *slices(before: string, behind: string): Iterable<string> {
    let lines: string[] = [];
    for (const [key, value] of this.#counts()) {
      if (lines.push(`${before}${escaped(key)}${behind}${value}`) < SLICE) continue;
      yield lines.join('\n');
      lines = [];
    }
    if (lines.length > 0) yield lines.join('\n');
  }

  /** One value by itself, of which a registry makes a head and one line. */
  async sample(key: string): Promise<MetricObjectWithValues<MetricValue<string>>> {
    return { ...(await super.get()), values: [{ value: 0, labels: { [this.#label]: key } }] as MetricValue<string>[] };
  }
}

/** As Prometheus has it for the value of a label. */
function escaped(text: string): string {
  return /[\\"\n]/.test(text) ? text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"') : text;
}

export function isUp({ state }: PeerReport): number {
  return state === 'Established' ? 1 : 0;
}

export function pending({ desired, counters }: PeerReport): number {
  return Math.max(0, desired - counters.prefixesAnnounced);
}

/** Address and port, as MetalLB spells them. */
export function routerOf({ address, interface: zone, port }: PeerReport): string {
  const host = zone === undefined ? address : `${address}%${zone}`;
  return address.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
