import { type Family, addressBits, writeIp } from '../net/ip.ts';
import { type Prefix, prefixAddress, prefixLength } from '../net/prefix.ts';
import type { PackedSet } from './plan.ts';

type Run = PackedSet['nlri'];

/** What becomes a run: first counted, then written. */
interface Draft {
  bytes: Uint8Array;
  at: number;
  count: number;
  least: number;
  most: number;
}

/** Of an owner that gives up its prefix. */
export const NOBODY = 0;

/**
 * The prefixes of one family in order, each with a number above zero that says whose it is: nine bytes of an IPv4 prefix, outside V8's heap,
 * where a list of texts took forty and was copied at each change.
 */
export class PrefixTable {
  readonly #family: Family;
  /** Of a record: the address, then the length. */
  readonly #width: number;
  #records = new Uint8Array(0);
  #owners = new Uint32Array(0);
  #count = 0;

  constructor(family: Family) {
    this.#family = family;
    this.#width = addressBits(family) / 8 + 1;
  }

  /** @param changes prefixes of this family, and whose they are now @returns whose prefixes are others than before */
  change(changes: ReadonlyMap<Prefix, number>): ReadonlySet<number> {
    const { records, owners } = this.#sorted(changes);
    const touched = new Set<number>();
    const news: number[] = [];
    let hasGone = false;
    let from = 0;
    for (const [i, owner] of owners.entries()) {
      from = this.#position(records, i * this.#width, this.#count, from);
      const isHere = from < this.#count && this.#compare(from, records, i * this.#width) === 0;
      const before = isHere ? (this.#owners[from] ?? NOBODY) : NOBODY;
      if (before === owner) continue;
      if (before !== NOBODY) touched.add(before);
      if (owner !== NOBODY) touched.add(owner);
      if (isHere) this.#owners[from] = owner;
      else news.push(i);
      hasGone ||= owner === NOBODY;
    }
    if (hasGone) this.#closeGaps();
    if (news.length > 0) this.#insert(news, records, owners);
    return touched;
  }

  /** @returns by owner, what it has as it stands in an UPDATE, in memory that two threads see; those of `wanted` that have nothing are missing */
  runs(wanted: ReadonlySet<number>): ReadonlyMap<number, Run> {
    const drafts = new Map<number, Draft>();
    for (const owner of wanted) drafts.set(owner, { bytes: this.#records, at: 0, count: 0, least: Infinity, most: 0 });
    this.#each(drafts, (draft, at) => {
      const size = 1 + octets(this.#lengthAt(at));
      draft.at += size;
      draft.count += 1;
      draft.least = Math.min(draft.least, size);
      draft.most = Math.max(draft.most, size);
    });
    for (const draft of drafts.values()) {
      draft.bytes = new Uint8Array(new SharedArrayBuffer(draft.at));
      draft.at = 0;
    }
    this.#each(drafts, (draft, at) => {
      const [bits, from] = [this.#lengthAt(at), at * this.#width];
      draft.bytes[draft.at++] = bits;
      for (let i = 0; i < octets(bits); i++) draft.bytes[draft.at++] = this.#records[from + i] ?? 0;
    });
    const runs = new Map<number, Run>();
    for (const [owner, { bytes, count, least, most }] of drafts)
      if (count > 0) runs.set(owner, { family: this.#family, addPath: false, count, bytes, ...(least === most && { stride: most }) });
    return runs;
  }

  #each<T>(drafts: ReadonlyMap<number, T>, visit: (draft: T, at: number) => void): void {
    let [last, draft]: [number, T | undefined] = [NOBODY, undefined];
    for (let at = 0; at < this.#count; at++) {
      const owner = this.#owners[at] ?? NOBODY;
      if (owner !== last) [last, draft] = [owner, drafts.get(owner)];
      if (draft !== undefined) visit(draft, at);
    }
  }

  #lengthAt(at: number): number {
    return this.#records[(at + 1) * this.#width - 1] ?? 0;
  }

  #sorted(changes: ReadonlyMap<Prefix, number>): { readonly records: Uint8Array; readonly owners: readonly number[] } {
    const width = this.#width;
    const mixed = new Uint8Array(changes.size * width);
    let to = 0;
    for (const prefix of changes.keys()) {
      writeRecord(prefix, mixed, to, width);
      to += width;
    }
    const given = [...changes.values()];
    const order = Array.from(given.keys()).sort((a, b) => compareBytes(mixed, a * width, mixed, b * width, width));
    const records = new Uint8Array(mixed.length);
    for (const [i, at] of order.entries()) for (let b = 0; b < width; b++) records[i * width + b] = mixed[at * width + b] ?? 0;
    return { records, owners: order.map((at) => given[at] ?? NOBODY) };
  }

  /** Where the record is, or would be. */
  #position(record: Uint8Array, at: number, high = this.#count, low = 0): number {
    let [from, to] = [low, high];
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (this.#compare(middle, record, at) < 0) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  #compare(place: number, record: Uint8Array, at: number): number {
    return compareBytes(this.#records, place * this.#width, record, at, this.#width);
  }

  #closeGaps(): void {
    let to = 0;
    for (let from = 0; from < this.#count; from++) {
      if (this.#owners[from] === NOBODY) continue;
      if (to !== from) this.#move(from, from + 1, to);
      to++;
    }
    this.#count = to;
  }

  /** From behind, so that everything moves once. @param news places in `records`, in order */
  #insert(news: readonly number[], records: Uint8Array, owners: readonly number[]): void {
    const width = this.#width;
    let end = this.#count;
    this.#count += news.length;
    this.#makeRoom();
    for (let left = news.length; left > 0; left--) {
      const i = news[left - 1] ?? 0;
      const at = this.#position(records, i * width, end);
      this.#move(at, end, at + left);
      this.#records.set(records.subarray(i * width, (i + 1) * width), (at + left - 1) * width);
      this.#owners[at + left - 1] = owners[i] ?? NOBODY;
      end = at;
    }
  }

  #move(from: number, end: number, to: number): void {
    this.#records.copyWithin(to * this.#width, from * this.#width, end * this.#width);
    this.#owners.copyWithin(to, from, end);
  }

  #makeRoom(): void {
    if (this.#owners.length >= this.#count) return;
    const room = Math.max(16, this.#count + (this.#count >> 2));
    const [records, owners] = [new Uint8Array(room * this.#width), new Uint32Array(room)];
    records.set(this.#records);
    owners.set(this.#owners);
    [this.#records, this.#owners] = [records, owners];
  }
}

function octets(bits: number): number {
  return (bits + 7) >> 3;
}

function writeRecord(prefix: Prefix, bytes: Uint8Array, at: number, width: number): void {
  writeIp(prefixAddress(prefix), bytes, at);
  bytes[at + width - 1] = prefixLength(prefix);
}

function compareBytes(a: Uint8Array, atA: number, b: Uint8Array, atB: number, width: number): number {
  for (let i = 0; i < width; i++) {
    const difference = (a[atA + i] ?? 0) - (b[atB + i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
