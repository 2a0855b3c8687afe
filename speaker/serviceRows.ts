import type { Items, Sweep } from '../src/host/kube/store.ts';
import { type Ip, ipFromBytes, writeIp } from '../src/net/ip.ts';
import { Column, Rows } from '../src/rows/columns.ts';
import { SharedValues } from '../src/rows/sharedValues.ts';
import type { Texts } from '../src/rows/texts.ts';
import { RowSweep } from './rowSweep.ts';
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

/** Services as a speaker keeps them: rows outside V8's heap, of which an object is made when somebody looks. */
export class ServiceRows implements Items<LoadBalancer> {
  readonly #names: Texts;
  readonly #texts: Texts;
  /** By the number of the Service's name, plus one. */
  readonly #rowOf = new Column();
  readonly #rows = new Rows(WIDTH);
  readonly #cases = new SharedValues<Case>();
  readonly #address = new Uint8Array(4);
  #size = 0;

  /** @param names of Services, which others hold as well @param texts of all other kinds */
  constructor(names: Texts, texts: Texts) {
    this.#names = names;
    this.#texts = texts;
  }

  get size(): number {
    return this.#size;
  }

  get(key: string): LoadBalancer | undefined {
    const name = this.#names.find(key);
    return name < 0 ? undefined : this.#read(name, key);
  }

  set(key: string, service: LoadBalancer): void {
    const name = this.#names.hold(key);
    const known = this.#rowOf.get(name) - 1;
    const row = known < 0 ? this.#rows.add() : known;
    // What it holds now is held before what it held is let go: mostly it is the same.
    const before = known < 0 ? undefined : this.#holdings(row);
    this.#write(row, service);
    if (before !== undefined) {
      this.#release(before);
      this.#names.release(name);
      return;
    }
    this.#rowOf.set(name, row + 1);
    this.#size += 1;
  }

  delete(key: string): boolean {
    const name = this.#names.find(key);
    const row = name < 0 ? -1 : this.#rowOf.get(name) - 1;
    if (row < 0) return false;
    this.#release(this.#holdings(row));
    this.#rows.remove(row);
    this.#rowOf.set(name, 0);
    this.#names.release(name);
    this.#size -= 1;
    return true;
  }

  sweep(): Sweep {
    return new RowSweep(this.#names, this.#rowOf);
  }

  *keys(): Generator<string, undefined> {
    for (const name of this.#here()) yield this.#names.text(name);
    return undefined;
  }

  *values(): Generator<LoadBalancer, undefined> {
    for (const name of this.#here()) {
      const service = this.#read(name, this.#names.text(name));
      if (service !== undefined) yield service;
    }
    return undefined;
  }

  *#here(): Iterable<number> {
    for (let name = 0; name < this.#names.room; name++) if (this.#rowOf.get(name) !== 0) yield name;
  }

  #read(name: number, key: string): LoadBalancer | undefined {
    const row = this.#rowOf.get(name) - 1;
    const shared = row < 0 ? undefined : this.#cases.of(this.#rows.get(row, CASE));
    if (shared === undefined) return undefined;
    const { type, deleting, externalTrafficPolicy, loadBalancerClass } = shared;
    const labels = this.#labels(row, shared.labels);
    const view = { key: key as LoadBalancer['key'], uid: this.#uid(row), type, deleting, labels, externalTrafficPolicy };
    const ingress = this.#ingress(row);
    return loadBalancerClass === undefined ? { ...view, ingress } : { ...view, ingress, loadBalancerClass };
  }

  #labels(row: number, names: readonly string[]): Record<string, string> {
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

  #ingress(row: number): readonly Ip[] {
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
    const form = (words === undefined ? 0 : UID_AS_NUMBERS) | (address === undefined ? 0 : ADDRESS_AS_NUMBER) | (isJson ? LABELS_AS_JSON : 0);
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
