import type { SliceSource } from '../src/announce/sources.ts';
import type { AnnouncedSlice } from '../src/cluster/endpoints.ts';
import type { ServiceKey } from '../src/cluster/service.ts';
import type { Items, Sweep } from '../src/host/kube/store.ts';
import { Column } from '../src/rows/columns.ts';
import { Texts } from '../src/rows/texts.ts';
import { NamedRows } from './namedRows.ts';
import { endpointsFrom, endpointsText } from './views.ts';

/** The numbers of a row: the name of its Service, the text of its endpoints, whether they are IPv6, and its neighbours in the chain, plus one. */
const [SERVICE, ENDPOINTS, FAMILY, NEXT, PREVIOUS] = [0, 1, 2, 3, 4] as const;
const WIDTH = 5;

/** EndpointSlices as a speaker keeps them: rows outside V8's heap, those of one Service in a chain. */
export class SliceRows implements Items<AnnouncedSlice>, SliceSource {
  readonly #services: Texts;
  readonly #texts: Texts;
  /** The chain of a Service, by the number of its name, plus one. */
  readonly #first = new Column();
  readonly #rows = new NamedRows(new Texts(), WIDTH);

  /** @param services their names, which others hold as well @param texts of all other kinds */
  constructor(services: Texts, texts: Texts) {
    this.#services = services;
    this.#texts = texts;
  }

  get size(): number {
    return this.#rows.size;
  }

  get(key: string): AnnouncedSlice | undefined {
    const row = this.#rows.find(key);
    return row < 0 ? undefined : this.#read(row);
  }

  /** Of one Service, in no particular order. */
  of(service: ServiceKey): readonly AnnouncedSlice[] {
    const name = this.#services.find(service);
    const found: AnnouncedSlice[] = [];
    for (let row = name < 0 ? -1 : this.#first.get(name) - 1; row >= 0; row = this.#rows.get(row, NEXT) - 1)
      found.push(this.#read(row, service));
    return found;
  }

  set(key: string, { service, family, endpoints }: AnnouncedSlice): void {
    // What it is now is held before what it was is let go: mostly it is the same.
    const [owner, list] = [this.#services.hold(service), this.#texts.hold(endpointsText(endpoints))];
    const known = this.#rows.find(key);
    if (known >= 0) this.#letGo(known);
    const row = known < 0 ? this.#rows.add(key) : known;
    this.#rows.set(row, SERVICE, owner);
    this.#rows.set(row, ENDPOINTS, list);
    this.#rows.set(row, FAMILY, family === 'ipv6' ? 1 : 0);
    this.#link(row, owner);
  }

  delete(key: string): boolean {
    const row = this.#rows.find(key);
    if (row < 0) return false;
    this.#letGo(row);
    this.#rows.remove(key);
    return true;
  }

  sweep(): Sweep {
    return this.#rows.sweep();
  }

  keys(): Generator<string, undefined> {
    return this.#rows.keys();
  }

  *values(): Generator<AnnouncedSlice, undefined> {
    for (const name of this.#rows.names()) yield this.#read(this.#rows.rowAt(name));
    return undefined;
  }

  #letGo(row: number): void {
    this.#unlink(row);
    this.#services.release(this.#rows.get(row, SERVICE));
    this.#texts.release(this.#rows.get(row, ENDPOINTS));
  }

  #read(row: number, known?: ServiceKey): AnnouncedSlice {
    const service = known ?? (this.#services.text(this.#rows.get(row, SERVICE)) as ServiceKey);
    const endpoints = endpointsFrom(this.#texts.text(this.#rows.get(row, ENDPOINTS)));
    return { service, family: this.#rows.get(row, FAMILY) === 1 ? 'ipv6' : 'ipv4', endpoints };
  }

  #link(row: number, owner: number): void {
    const next = this.#first.get(owner);
    this.#rows.set(row, NEXT, next);
    this.#rows.set(row, PREVIOUS, 0);
    if (next !== 0) this.#rows.set(next - 1, PREVIOUS, row + 1);
    this.#first.set(owner, row + 1);
  }

  #unlink(row: number): void {
    const [next, previous] = [this.#rows.get(row, NEXT), this.#rows.get(row, PREVIOUS)];
    if (next !== 0) this.#rows.set(next - 1, PREVIOUS, previous);
    if (previous === 0) this.#first.set(this.#rows.get(row, SERVICE), next);
    else this.#rows.set(previous - 1, NEXT, next);
  }
}
