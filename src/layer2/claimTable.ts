import { type Ip, ipToBytes } from '../net/ip.ts';
import { type Mac, macToBytes } from '../net/mac.ts';
import { sameMac } from '../wire/ethernet.ts';
import { type Addressed, AddressTable } from './addressTable.ts';

export interface ClaimEntry {
  readonly ip: Ip;
  /** `probing`: watched for conflicts, not answered for. */
  readonly phase: 'probing' | 'claimed';
  /** Interface names; undefined means every fit one. */
  readonly interfaces?: readonly string[] | undefined;
}

/** How often an address was answered for, kept where it is found: so counting needs no look-up of its own. */
export interface Counted extends ClaimEntry {
  answers: number;
  /** How often it was announced. */
  announcements: number;
}

/** All of one shape, whatever those are of which they were made; what an answer needs stands first, in one line of the cache. */
class Entry implements Counted, Addressed {
  readonly w3: number;
  readonly phase: 'probing' | 'claimed';
  readonly interfaces: readonly string[] | undefined;
  answers: number;
  readonly w2: number;
  readonly w1: number;
  readonly w0: number;
  readonly ip: Ip;
  announcements: number;

  constructor({ ip, phase, interfaces }: ClaimEntry, { w0, w1, w2, w3 }: Addressed, { answers, announcements }: Counts) {
    this.w3 = w3;
    this.phase = phase;
    this.interfaces = interfaces;
    this.answers = answers;
    this.w2 = w2;
    this.w1 = w1;
    this.w0 = w0;
    this.ip = ip;
    this.announcements = announcements;
  }
}

type Counts = Pick<Counted, 'answers' | 'announcements'>;
const NONE: Counts = { answers: 0, announcements: 0 };

/**
 * The addresses that the responder knows, looked up by the bytes of a frame without making a string of them. Mutable, owned by
 * the wire thread: one look-up per received frame, up to 200,000 a second.
 */
export class ClaimTable {
  readonly #v4 = new AddressTable<Entry>();
  readonly #v6 = new AddressTable<Entry>();
  /** Of addresses that have gone: the count goes on where it stood when one comes back. */
  readonly #gone = new Map<Ip, Counts>();
  #macs: readonly Uint8Array[] = [];

  set(claim: ClaimEntry): void {
    const bytes = ipToBytes(claim.ip);
    const words = wordsOf(bytes);
    const before = this.#find(bytes, words) ?? this.#gone.get(claim.ip) ?? NONE;
    this.#of(bytes).set(new Entry(claim, words, before));
  }

  delete(ip: Ip): void {
    const bytes = ipToBytes(ip);
    const words = wordsOf(bytes);
    const entry = this.#find(bytes, words);
    if (entry === undefined) return;
    const { answers, announcements } = entry;
    if (answers + announcements > 0) this.#gone.set(ip, { answers, announcements });
    this.#of(bytes).delete(words);
  }

  /** One more announcement of an address that is held. */
  announced(ip: Ip): void {
    const bytes = ipToBytes(ip);
    const entry = this.#find(bytes, wordsOf(bytes));
    if (entry !== undefined) entry.announcements += 1;
  }

  /** How often each was answered for, or announced; those that never were are left out. */
  *counts(of: keyof Counts): Iterable<readonly [Ip, number]> {
    for (const table of [this.#v4, this.#v6]) for (const entry of table) if (entry[of] > 0) yield [entry.ip, entry[of]];
    for (const [ip, counts] of this.#gone) if (counts[of] > 0 && !this.#has(ip)) yield [ip, counts[of]];
  }

  #has(ip: Ip): boolean {
    const bytes = ipToBytes(ip);
    return this.#find(bytes, wordsOf(bytes)) !== undefined;
  }

  /** MACs of all interfaces of this node: their frames are no foreign claims, on whatever interface they are heard. */
  setOwnMacs(macs: readonly Mac[]): void {
    this.#macs = macs.map(macToBytes);
  }

  isOwnMac(bytes: Uint8Array, at: number): boolean {
    for (const mac of this.#macs) if (sameMac(mac, 0, bytes, at)) return true;
    return false;
  }

  find4(bytes: Uint8Array, at: number): Counted | undefined {
    return this.#v4.find4(word(bytes, at));
  }

  find6(bytes: Uint8Array, at: number): Counted | undefined {
    return this.#v6.find6(word(bytes, at), word(bytes, at + 4), word(bytes, at + 8), word(bytes, at + 12));
  }

  #of(bytes: Uint8Array): AddressTable<Entry> {
    return bytes.length === 4 ? this.#v4 : this.#v6;
  }

  #find(bytes: Uint8Array, { w0, w1, w2, w3 }: Addressed): Entry | undefined {
    return bytes.length === 4 ? this.#v4.find4(w3) : this.#v6.find6(w0, w1, w2, w3);
  }
}

function wordsOf(bytes: Uint8Array): Addressed {
  if (bytes.length === 4) return { w0: 0, w1: 0, w2: 0, w3: word(bytes, 0) };
  return { w0: word(bytes, 0), w1: word(bytes, 4), w2: word(bytes, 8), w3: word(bytes, 12) };
}

function word(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
}
