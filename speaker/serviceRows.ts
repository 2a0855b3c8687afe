import type { ServiceSource } from '../src/announce/sources.ts';
import type { AnnouncedService, ServiceKey } from '../src/cluster/service.ts';
import type { Items, Sweep } from '../src/host/kube/store.ts';
import { type Ip, ipFromBytes, writeIp } from '../src/net/ip.ts';
import { SharedValues } from '../src/rows/sharedValues.ts';
import type { Texts } from '../src/rows/texts.ts';
import { NamedRows } from './namedRows.ts';
import { uidNumbers, uidText } from './uid.ts';
import type { LoadBalancer } from './views.ts';

/** The numbers of a row: what it shares, its labels, and what says how uid and addresses are written; one and four numbers for these. */
const [CASE, LABELS, FORM, ADDRESS, UID] = [0, 1, 2, 3, 4] as const;
const WIDTH = 8;
/** Of the form. Without the first two there is the number of a text. */
const [UID_AS_NUMBERS, ADDRESS_AS_NUMBER, LABELS_AS_JSON] = [1, 2, 4] as const;
/** Between the values of labels, where none has it. */
const BETWEEN = '\n';

/** What thousands of Services have in common. */
interface Case {
  readonly type: string;
  readonly deleting: boolean;
  readonly externalTrafficPolicy: LoadBalancer['externalTrafficPolicy'];
  readonly loadBalancerClass: string | undefined;
  readonly labels: readonly string[];
}

/** What a plan needs of a row, which is not much of it: good for as long as the row is not written. */
class Glimpse implements AnnouncedService {
  readonly key: ServiceKey;
  declare readonly loadBalancerClass?: string;
  readonly #row: number;
  readonly #shared: Case;
  readonly #rows: ServiceRows;
  #ingress: readonly Ip[] | undefined;

  constructor(key: ServiceKey, row: number, shared: Case, rows: ServiceRows) {
    this.key = key;
    this.#row = row;
    this.#shared = shared;
    this.#rows = rows;
    if (shared.loadBalancerClass !== undefined) this.loadBalancerClass = shared.loadBalancerClass;
  }

  get type(): string {
    return this.#shared.type;
  }

  get deleting(): boolean {
    return this.#shared.deleting;
  }

  get externalTrafficPolicy(): AnnouncedService['externalTrafficPolicy'] {
    return this.#shared.externalTrafficPolicy;
  }

  get labels(): Readonly<Record<string, string>> {
    return this.#rows.labelsAt(this.#row, this.#shared.labels);
  }

  get ingress(): readonly Ip[] {
    return (this.#ingress ??= this.#rows.ingressAt(this.#row));
  }
}

/** Services as a speaker keeps them: rows outside V8's heap, of which an object is made when somebody looks. */
export class ServiceRows implements Items<LoadBalancer> {
  readonly #names: Texts;
  readonly #texts: Texts;
  readonly #rows: NamedRows;
  readonly #cases = new SharedValues<Case>();
  readonly #address = new Uint8Array(4);
  /** For a plan, which is made while nothing changes. */
  readonly glimpses: ServiceSource = {
    get: (key) => this.#glimpse(this.#rows.find(key), key),
    values: () => this.#glimpses(),
  };

  /** @param names of Services, which others hold as well @param texts of all other kinds */
  constructor(names: Texts, texts: Texts) {
    this.#names = names;
    this.#texts = texts;
    this.#rows = new NamedRows(names, WIDTH);
  }

  get size(): number {
    return this.#rows.size;
  }

  get(key: string): LoadBalancer | undefined {
    return this.#read(this.#rows.find(key), key);
  }

  set(key: string, service: LoadBalancer): void {
    const known = this.#rows.find(key);
    // What it holds now is held before what it held is let go: mostly it is the same.
    const before = known < 0 ? undefined : this.#holdings(known);
    this.#write(known < 0 ? this.#rows.add(key) : known, service);
    if (before !== undefined) this.#release(before);
  }

  delete(key: string): boolean {
    const row = this.#rows.find(key);
    if (row < 0) return false;
    this.#release(this.#holdings(row));
    this.#rows.remove(key);
    return true;
  }

  sweep(): Sweep {
    return this.#rows.sweep();
  }

  keys(): Generator<string, undefined> {
    return this.#rows.keys();
  }

  *values(): Generator<LoadBalancer, undefined> {
    for (const name of this.#rows.names()) {
      const service = this.#read(this.#rows.rowAt(name), this.#names.text(name));
      if (service !== undefined) yield service;
    }
    return undefined;
  }

  *#glimpses(): Iterable<AnnouncedService> {
    for (const name of this.#rows.names()) {
      const service = this.#glimpse(this.#rows.rowAt(name), this.#names.text(name));
      if (service !== undefined) yield service;
    }
  }

  #caseAt(row: number): Case | undefined {
    return row < 0 ? undefined : this.#cases.of(this.#rows.get(row, CASE));
  }

  #glimpse(row: number, key: string): AnnouncedService | undefined {
    const shared = this.#caseAt(row);
    return shared === undefined ? undefined : new Glimpse(key as ServiceKey, row, shared, this);
  }

  #read(row: number, key: string): LoadBalancer | undefined {
    const shared = this.#caseAt(row);
    if (shared === undefined) return undefined;
    const { type, deleting, externalTrafficPolicy, loadBalancerClass } = shared;
    const labels = this.labelsAt(row, shared.labels);
    const view = { key: key as ServiceKey, uid: this.#uid(row), type, deleting, labels, externalTrafficPolicy };
    const ingress = this.ingressAt(row);
    return loadBalancerClass === undefined ? { ...view, ingress } : { ...view, ingress, loadBalancerClass };
  }

  labelsAt(row: number, names: readonly string[]): Record<string, string> {
    const values = this.#texts.text(this.#rows.get(row, LABELS));
    const isJson = (this.#rows.get(row, FORM) & LABELS_AS_JSON) !== 0;
    const all = isJson ? (JSON.parse(values) as string[]) : values.split(BETWEEN);
    const labels: Record<string, string> = {};
    for (const [i, name] of names.entries()) labels[name] = all[i] ?? '';
    return labels;
  }

  #uid(row: number): string {
    const word = (i: number): number => this.#rows.get(row, UID + i);
    return this.#rows.get(row, FORM) & UID_AS_NUMBERS ? uidText(word(0), word(1), word(2), word(3)) : this.#texts.text(word(0));
  }

  ingressAt(row: number): readonly Ip[] {
    const value = this.#rows.get(row, ADDRESS);
    if ((this.#rows.get(row, FORM) & ADDRESS_AS_NUMBER) === 0) return JSON.parse(this.#texts.text(value)) as Ip[];
    return [addressOf(value)];
  }

  #write(row: number, { type, deleting, externalTrafficPolicy, loadBalancerClass, labels, uid, ingress }: LoadBalancer): void {
    const names = Object.keys(labels);
    const shared: Case = { type, deleting, externalTrafficPolicy, loadBalancerClass, labels: names };
    this.#rows.set(row, CASE, this.#cases.hold(shared, JSON.stringify(shared)));
    const values = names.map((name) => labels[name] ?? '');
    const isJson = values.some((value) => value.includes(BETWEEN));
    this.#rows.set(row, LABELS, this.#texts.hold(isJson ? JSON.stringify(values) : values.join(BETWEEN)));
    const words = uidNumbers(uid);
    const address = this.#numberOf(ingress);
    const form =
      (words === undefined ? 0 : UID_AS_NUMBERS) | (address === undefined ? 0 : ADDRESS_AS_NUMBER) | (isJson ? LABELS_AS_JSON : 0);
    this.#rows.set(row, FORM, form);
    for (const [i, word] of (words ?? [this.#texts.hold(uid)]).entries()) this.#rows.set(row, UID + i, word);
    this.#rows.set(row, ADDRESS, address ?? this.#texts.hold(JSON.stringify(ingress)));
  }

  /** Of one IPv4 address that is written as it is always written. */
  #numberOf([address, ...others]: readonly Ip[]): number | undefined {
    if (address === undefined || others.length > 0 || address.length > MAX_IPV4) return undefined;
    const bytes = this.#address;
    if (address.includes(':')) return undefined;
    writeIp(address, bytes, 0);
    const value = ((bytes[0] ?? 0) << 24) | ((bytes[1] ?? 0) << 16) | ((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0);
    return addressOf(value) === address ? value : undefined;
  }

  #holdings(row: number): Holdings {
    const form = this.#rows.get(row, FORM);
    const texts = [this.#rows.get(row, LABELS)];
    if ((form & UID_AS_NUMBERS) === 0) texts.push(this.#rows.get(row, UID));
    if ((form & ADDRESS_AS_NUMBER) === 0) texts.push(this.#rows.get(row, ADDRESS));
    return { case: this.#rows.get(row, CASE), texts };
  }

  #release(holdings: Holdings): void {
    this.#cases.release(holdings.case);
    for (const text of holdings.texts) this.#texts.release(text);
  }
}

interface Holdings {
  readonly case: number;
  readonly texts: readonly number[];
}

const MAX_IPV4 = '255.255.255.255'.length;

function addressOf(value: number): Ip {
  return ipFromBytes(Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value));
}
