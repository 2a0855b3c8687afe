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
  /** Of a record: the length, then the whole address. In order of the address first. */
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

  /** @returns by owner, what it has as it stands in an UPDATE; those of `wanted` that have nothing are missing */
  runs(wanted: ReadonlySet<number>): ReadonlyMap<number, Run> {
    const drafts = new Map<number, Draft>();
    for (const owner of wanted) drafts.set(owner, { bytes: this.#records, at: 0, count: 0, least: Infinity, most: 0 });
    this.#each(drafts, (draft, from, end, size) => {
      draft.at += (end - from) * size;
      draft.count += end - from;
      draft.least = Math.min(draft.least, size);
      draft.most = Math.max(draft.most, size);
    });
    for (const draft of drafts.values()) {
      draft.bytes = new Uint8Array(draft.at);
      draft.at = 0;
    }
    this.#each(drafts, (draft, from, end, size) => this.#write(draft, from, end, size));
    const runs = new Map<number, Run>();
    for (const [owner, { bytes, count, least, most }] of drafts)
      if (count > 0) runs.set(owner, { family: this.#family, addPath: false, count, bytes, ...(least === most && { stride: most }) });
    return runs;
  }

  /** Of neighbours that have one owner and one length. @param visit with their places, and how many bytes one takes in an UPDATE */
  #each(drafts: ReadonlyMap<number, Draft>, visit: (draft: Draft, from: number, end: number, size: number) => void): void {
    const [records, owners, count, width] = [this.#records, this.#owners, this.#count, this.#width];
    for (let from = 0; from < count;) {
      const [owner, bits] = [owners[from] ?? NOBODY, records[from * width] ?? 0];
      let end = from + 1;
      while (end < count && owners[end] === owner && records[end * width] === bits) end++;
      const draft = drafts.get(owner);
      if (draft !== undefined) visit(draft, from, end, 1 + octets(bits));
      from = end;
    }
  }

  #write(draft: Draft, from: number, end: number, size: number): void {
    const width = this.#width;
    // Of a whole address the record is what stands in an UPDATE; of others its first bytes are.
    const [step, length] = size === width ? [end - from, (end - from) * width] : [1, size];
    for (let at = from; at < end; at += step) {
      draft.bytes.set(this.#records.subarray(at * width, at * width + length), draft.at);
      draft.at += length;
    }
  }

  #sorted(changes: ReadonlyMap<Prefix, number>): { readonly records: Uint8Array; readonly owners: readonly number[] } {
    const width = this.#width;
    const mixed = new Uint8Array(changes.size * width);
    let to = 0;
    for (const prefix of changes.keys()) {
      writeRecord(prefix, mixed, to);
      to += width;
    }
    const given = [...changes.values()];
    const order = Array.from(given.keys()).sort((a, b) => compareRecords(mixed, a * width, mixed, b * width, width));
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
    return compareRecords(this.#records, place * this.#width, record, at, this.#width);
  }

  /** What stands between two gaps moves at once. */
  #closeGaps(): void {
    let to = 0;
    for (let from = 0; from < this.#count;) {
      let end = from;
      while (end < this.#count && this.#owners[end] !== NOBODY) end++;
      if (to !== from) this.#move(from, end, to);
      to += end - from;
      from = end + 1;
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

function writeRecord(prefix: Prefix, bytes: Uint8Array, at: number): void {
  bytes[at] = prefixLength(prefix);
  writeIp(prefixAddress(prefix), bytes, at + 1);
}

function compareRecords(a: Uint8Array, atA: number, b: Uint8Array, atB: number, width: number): number {
  for (let i = 1; i < width; i++) {
    const difference = (a[atA + i] ?? 0) - (b[atB + i] ?? 0);
    if (difference !== 0) return difference;
  }
  return (a[atA] ?? 0) - (b[atB] ?? 0);
}
