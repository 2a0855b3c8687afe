import type { Family } from '../net/ip.ts';
import { type Prefix, prefixFamily } from '../net/prefix.ts';
import { type NlriRun, encodeNlri, lengthAt } from '../wire/bgp/nlri.ts';
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

/** Of prefixes from two runs. */
function commonStride(a: number | undefined, b: number | undefined): Pick<NlriRun, 'stride'> {
  return a !== undefined && a === b ? { stride: a } : {};
}

/** Where the prefix of this number begins. */
function offsetOf(run: NlriRun, number: number): number {
  if (run.stride !== undefined) return number * run.stride;
  let at = 0;
  for (let i = 0; i < number; i++) at += lengthAt(run, at);
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
    const length = lengthAt(run, at);
    bytes[to + 3] = PATH_ID;
    bytes.set(run.bytes.subarray(at, at + length), to + 4);
    at += length;
    to += length + 4;
  }
  const stride = run.stride !== undefined && { stride: run.stride + 4 };
  const made = { family: run.family, addPath: true, count: run.count, bytes, ...stride };
  WITH_PATH.set(run, made);
  return made;
}

/** The first `count` prefixes. */
export function firstOf(run: NlriRun, count: number): NlriRun {
  return count >= run.count ? run : { ...run, count, bytes: run.bytes.subarray(0, offsetOf(run, count)) };
}

/** Runs of one family put together. */
export function joinRuns(first: NlriRun, second: NlriRun): NlriRun {
  const bytes = new Uint8Array(first.bytes.length + second.bytes.length);
  bytes.set(first.bytes);
  bytes.set(second.bytes, first.bytes.length);
  const { family, addPath } = first;
  return { family, addPath, count: first.count + second.count, bytes, ...commonStride(first.stride, second.stride) };
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
  #least = Infinity;
  #most = 0;

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
    this.#least = Math.min(this.#least, to - from);
    this.#most = Math.max(this.#most, to - from);
  }

  run(): NlriRun | undefined {
    if (this.#count === 0) return undefined;
    const stride = this.#least === this.#most && { stride: this.#most };
    return { family: this.#family, addPath: false, count: this.#count, bytes: this.#bytes.slice(0, this.#length), ...stride };
  }
}
