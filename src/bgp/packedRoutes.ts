import type { Family } from '../net/ip.ts';
import { type Prefix, prefixFamily } from '../net/prefix.ts';
import { type NlriRun, encodeNlri, nlriLength } from '../wire/bgp/nlri.ts';
import type { PackedSet, RouteSet } from './session.ts';

/** Path identifier of our one path per prefix, where RFC 7911 asks for one. */
const PATH_ID = 1;
const FAMILIES = ['ipv4', 'ipv6'] as const;

/*
 * Wire forms by what they were made from: the sessions of a node get the same values, and encode each once. This only remembers
 * what would be computed again, so nobody can tell it from a pure function.
 */
const PACKED = new WeakMap<object, readonly PackedSet[]>();
const RUNS = new WeakMap<readonly Prefix[], readonly NlriRun[]>();
const WITH_PATH = new WeakMap<NlriRun, NlriRun>();

/** The same routes as bytes, one family per set; what is packed already stays as it is. */
export function packedRoutes(routes: readonly (RouteSet | PackedSet)[]): readonly PackedSet[] {
  let known = PACKED.get(routes);
  if (known === undefined) {
    known = routes.flatMap((set) => ('nlri' in set ? [set] : runsOf(set.prefixes).map((nlri) => ({ attributes: set.attributes, nlri }))));
    PACKED.set(routes, known);
  }
  return known;
}

/** @returns the runs of both families that the prefixes make */
export function runsOf(prefixes: readonly Prefix[]): readonly NlriRun[] {
  let known = RUNS.get(prefixes);
  if (known === undefined) {
    known = FAMILIES.map((family) => encodeNlri(ofFamily(prefixes, family), family)).filter(({ count }) => count > 0);
    RUNS.set(prefixes, known);
  }
  return known;
}

/**
 * The same as {@link runsOf} for prefixes that follow from others by a few changes: where both begin and end alike the bytes are
 * taken over.
 */
export function runsAfter(before: readonly Prefix[], prefixes: readonly Prefix[]): readonly NlriRun[] {
  const [old, ...more] = RUNS.get(before) ?? [];
  const shorter = Math.min(before.length, prefixes.length);
  if (old === undefined || more.length > 0 || shorter === 0 || RUNS.has(prefixes)) return runsOf(prefixes);
  let head = 0;
  while (head < shorter && before[head] === prefixes[head]) head++;
  let tail = 0;
  while (tail < shorter - head && before[before.length - 1 - tail] === prefixes[prefixes.length - 1 - tail]) tail++;
  const middle = prefixes.slice(head, prefixes.length - tail);
  const { family } = old;
  if (middle.some((prefix) => prefixFamily(prefix) !== family)) return runsOf(prefixes);
  const [from, to] = [offsetOf(old, head), offsetOf(old, before.length - tail)];
  const news = encodeNlri(middle, family).bytes;
  const bytes = new Uint8Array(from + news.length + old.bytes.length - to);
  bytes.set(old.bytes.subarray(0, from));
  bytes.set(news, from);
  bytes.set(old.bytes.subarray(to), from + news.length);
  const runs = [{ family, addPath: false, count: prefixes.length, bytes }];
  RUNS.set(prefixes, runs);
  return runs;
}

/** Where the prefix of this number begins. */
function offsetOf({ bytes }: NlriRun, number: number): number {
  let at = 0;
  for (let i = 0; i < number; i++) at += nlriLength(bytes, at, false);
  return at;
}

function ofFamily(prefixes: readonly Prefix[], family: Family): readonly Prefix[] {
  return prefixes.every((prefix) => prefixFamily(prefix) === family)
    ? prefixes
    : prefixes.filter((prefix) => prefixFamily(prefix) === family);
}

/** The run as a session with path identifiers sends it (RFC 7911 §3). @param run without them */
export function withPathIds(run: NlriRun): NlriRun {
  const known = WITH_PATH.get(run);
  if (known !== undefined) return known;
  const bytes = new Uint8Array(run.bytes.length + 4 * run.count);
  let to = 0;
  for (let at = 0; at < run.bytes.length;) {
    const length = nlriLength(run.bytes, at, false);
    bytes[to + 3] = PATH_ID;
    bytes.set(run.bytes.subarray(at, at + length), to + 4);
    at += length;
    to += length + 4;
  }
  const made = { family: run.family, addPath: true, count: run.count, bytes };
  WITH_PATH.set(run, made);
  return made;
}

/** The first `count` prefixes. */
export function firstOf(run: NlriRun, count: number): NlriRun {
  if (count >= run.count) return run;
  let at = 0;
  for (let i = 0; i < count; i++) at += nlriLength(run.bytes, at, run.addPath);
  return { ...run, count, bytes: run.bytes.subarray(0, at) };
}

/** Runs of one family put together. */
export function joinRuns(first: NlriRun, second: NlriRun): NlriRun {
  const bytes = new Uint8Array(first.bytes.length + second.bytes.length);
  bytes.set(first.bytes);
  bytes.set(second.bytes, first.bytes.length);
  return { ...first, count: first.count + second.count, bytes };
}

/** A prefix as a map key: equal exactly for equal prefixes of equal families. */
export type PrefixKey = number | string;

/** @param at where a prefix begins in a run without path identifiers */
export function prefixKey({ family, bytes }: NlriRun, at: number): PrefixKey {
  const bits = bytes[at] ?? 0;
  const size = (bits + 7) >> 3;
  if (family === 'ipv6') return String.fromCharCode(...bytes.subarray(at, at + 1 + size));
  let value = 0;
  for (let i = 1; i <= size; i++) value = value * 256 + (bytes[at + i] ?? 0);
  return value * 64 + bits;
}

/** Prefixes picked one by one out of runs of one family. */
export class RunBuilder {
  readonly #family: Family;
  #bytes = new Uint8Array(64);
  #length = 0;
  #count = 0;

  constructor(family: Family) {
    this.#family = family;
  }

  add(bytes: Uint8Array, from: number, to: number): void {
    const needed = this.#length + to - from;
    if (needed > this.#bytes.length) {
      const larger = new Uint8Array(needed * 2);
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = larger;
    }
    for (let at = from; at < to; at++) this.#bytes[this.#length++] = bytes[at] ?? 0;
    this.#count++;
  }

  run(): NlriRun | undefined {
    if (this.#count === 0) return undefined;
    return { family: this.#family, addPath: false, count: this.#count, bytes: this.#bytes.slice(0, this.#length) };
  }
}
