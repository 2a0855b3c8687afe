import { sha256 } from '@noble/hashes/sha2.js';
import { type Ip } from '../net/ip.ts';

/** A node that may own a group, and its preference weight: the sum over the matching advertisements, 0 without any. */
export interface Candidate {
  readonly node: string;
  readonly weight: number;
}

/** Addresses that must be on one node: those of one Service, and of all that share an address with it. */
export interface VipGroup {
  readonly key: string;
  /** The first in status order decides for all, so that both families of a Service go together. */
  readonly firstVip: Ip;
  readonly candidates: readonly Candidate[];
}

/** More names than any cluster has at a time: after that many the memory begins anew. */
const MAX_NODES = 8192;
const LEAST_WIDTH = 4;
/** What is too small grows by a quarter. */
const ROOM = 1.25;

/**
 * Ranks of (node, address) pairs. They never change, so it is kept from one election to the next; `hash` is the first 48 bits of
 * sha256("node#address"), which decide all but one election in millions of millions.
 */
export class RankCache {
  /** Of each address: which row of `#ranks` is its. Of thousands there is no array for each. */
  readonly #rows = new Map<Ip, number>();
  readonly #free: number[] = [];
  /** In each row in the order of `#places`; NaN: not asked for yet. */
  #ranks = new Float64Array(0);
  #width = LEAST_WIDTH;
  readonly #places = new Map<string, number>();

  rank(node: string, vip: Ip): number {
    const place = this.#placeOf(node);
    const at = this.#rowOf(vip) * this.#width + place;
    const known = this.#ranks[at] ?? NaN;
    if (!Number.isNaN(known)) return known;
    const rank = leading48(electionHash(node, vip));
    this.#ranks[at] = rank;
    return rank;
  }

  /** The ranks of several nodes for one address, in the order of `nodes`. */
  ranks(nodes: readonly string[], vip: Ip): Float64Array {
    return Float64Array.from(nodes, (node) => this.rank(node, vip));
  }

  #rowOf(vip: Ip): number {
    const known = this.#rows.get(vip);
    if (known !== undefined) return known;
    const row = this.#free.pop() ?? this.#rows.size;
    if ((row + 1) * this.#width > this.#ranks.length) this.#resize(this.#width, Math.ceil((row + 1) * ROOM));
    this.#rows.set(vip, row);
    return row;
  }

  #placeOf(node: string): number {
    const known = this.#places.get(node);
    if (known !== undefined) return known;
    if (this.#places.size >= MAX_NODES) this.#clear();
    const place = this.#places.size;
    this.#places.set(node, place);
    if (place >= this.#width) this.#resize(Math.ceil((place + 1) * ROOM), this.#ranks.length / this.#width);
    return place;
  }

  #resize(width: number, rows: number): void {
    const [before, was] = [this.#ranks, this.#width];
    this.#ranks = new Float64Array(width * rows).fill(NaN);
    this.#width = width;
    for (let row = 0; row * was < before.length; row++) this.#ranks.set(before.subarray(row * was, (row + 1) * was), row * width);
  }

  #clear(): void {
    this.#places.clear();
    this.#rows.clear();
    this.#free.length = 0;
    this.#ranks = new Float64Array(0);
    this.#width = LEAST_WIDTH;
  }

  /** For an address that is in no election any more. */
  forget(vip: Ip): void {
    const row = this.#rows.get(vip);
    if (row === undefined) return;
    this.#rows.delete(vip);
    this.#free.push(row);
    this.#ranks.fill(NaN, row * this.#width, (row + 1) * this.#width);
  }
}

/** MetalLB's hash, whose owners a migration must keep: sha256 over `node#address` in text. */
export function electionHash(node: string, vip: Ip): Uint8Array {
  return sha256(utf8(`${node}#${vip}`));
}

/** Below zero when `a` goes before `b`: higher weight first, then the lower hash, compared byte by byte. */
export function compareCandidates(a: Candidate, b: Candidate, vip: Ip, cache: RankCache): number {
  if (a.weight !== b.weight) return b.weight - a.weight;
  const difference = cache.rank(a.node, vip) - cache.rank(b.node, vip);
  return difference === 0 ? compareBytes(electionHash(a.node, vip), electionHash(b.node, vip)) : difference;
}

/** All candidates, the owner by policy `hash` first. */
export function electionOrder(group: VipGroup, cache: RankCache): string[] {
  return group.candidates.toSorted((a, b) => compareCandidates(a, b, group.firstVip, cache)).map(({ node }) => node);
}

/** A node that is not in the order is no candidate, and goes behind all that are; of two such the lesser name goes first. */
export function goesBefore(a: string, b: string, order: readonly string[]): boolean {
  const placeOf = (node: string): number => (order.includes(node) ? order.indexOf(node) : order.length);
  return placeOf(a) === placeOf(b) ? a < b : placeOf(a) < placeOf(b);
}

/** The owner by policy `hash`: exactly MetalLB's. @returns undefined without candidates */
export function electByHash(group: VipGroup, cache: RankCache): string | undefined {
  let best: Candidate | undefined;
  for (const candidate of group.candidates)
    if (best === undefined || compareCandidates(candidate, best, group.firstVip, cache) < 0) best = candidate;
  return best?.node;
}

function leading48(hash: Uint8Array): number {
  let value = 0;
  for (let i = 0; i < 6; i++) value = value * 256 + (hash[i] ?? 0);
  return value;
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Node names are DNS labels, so one byte each is all that occurs; anything else is encoded as UTF-8 all the same. */
function utf8(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) return Uint8Array.from(unescapeUtf8(text));
    bytes[i] = code;
  }
  return bytes;
}

function unescapeUtf8(text: string): number[] {
  const escaped = encodeURIComponent(text);
  const bytes: number[] = [];
  for (let i = 0; i < escaped.length; i++) {
    const isEscape = escaped[i] === '%';
    bytes.push(isEscape ? Number.parseInt(escaped.slice(i + 1, i + 3), 16) : escaped.charCodeAt(i));
    if (isEscape) i += 2;
  }
  return bytes;
}
