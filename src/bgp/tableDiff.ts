import { type NlriRun, lengthAt, nlriLength } from '../wire/bgp/nlri.ts';
import { attributesKey } from './encodedRoutes.ts';
import { type PrefixKey, RunBuilder, joinRuns, prefixKey } from './packedRoutes.ts';
import type { PackedSet } from './session.ts';

/** What has to be said to a peer that holds one table so that it holds another. */
export interface TableDiff {
  /** New prefixes, and those with new attributes. */
  readonly changed: readonly PackedSet[];
  readonly gone: readonly NlriRun[];
}

/** Part of a run, between two places where a prefix begins. */
interface Part {
  readonly run: NlriRun;
  readonly from: number;
  readonly to: number;
}

/**
 * Costs next to nothing where the tables agree: runs that begin and end alike are compared, not hashed, so that one
 * address more among 10,000 is found in a fraction of a millisecond.
 */
export function diffTables(held: readonly PackedSet[], desired: readonly PackedSet[]): TableDiff {
  // A first table keeps its runs as they are.
  if (held.length === 0) return { changed: desired, gone: [] };
  const before = groupByAttributes(held);
  const now = groupByAttributes(desired);
  const left = new Map<PrefixKey, string>();
  const parts = new Map<string, Part>();
  for (const [key, { nlri }] of before) {
    const part = withoutCommonEnds(nlri, now.get(key)?.nlri);
    parts.set(key, part);
    eachPrefix(part, (at) => left.set(prefixKey(part.run, at), key));
  }
  const changed: PackedSet[] = [];
  for (const [key, { attributes, nlri }] of now) {
    const part = withoutCommonEnds(nlri, before.get(key)?.nlri);
    const news = pick(part, (prefix) => isNews(left, prefix, key));
    if (news !== undefined) changed.push({ attributes, nlri: news });
  }
  if (left.size > 0 && now.size > 1) keepNamed(left, now);
  const gone = [...parts].flatMap(([key, part]) => pick(part, (prefix) => left.get(prefix) === key) ?? []);
  return { changed, gone };
}

/** Strikes the prefix from what is left over of the old table. */
function isNews(left: Map<PrefixKey, string>, prefix: PrefixKey, key: string): boolean {
  const old = left.get(prefix);
  left.delete(prefix);
  return old !== key;
}

/** A prefix that a second set names must not be withdrawn with the first, though nobody should name it twice. */
function keepNamed(left: Map<PrefixKey, string>, desired: ReadonlyMap<string, PackedSet>): void {
  for (const { nlri: run } of desired.values()) {
    const whole = { run, from: 0, to: run.bytes.length };
    eachPrefix(whole, (at) => left.delete(prefixKey(run, at)));
    if (left.size === 0) return;
  }
}

function groupByAttributes(sets: readonly PackedSet[]): Map<string, PackedSet> {
  const groups = new Map<string, PackedSet>();
  for (const set of sets) {
    const key = `${set.nlri.family} ${attributesKey(set.attributes)}`;
    const known = groups.get(key);
    groups.set(key, known === undefined ? set : { attributes: set.attributes, nlri: joinRuns(known.nlri, set.nlri) });
  }
  return groups;
}

function eachPrefix({ run, from, to }: Part, visit: (at: number) => void): void {
  for (let at = from; at < to; at += lengthAt(run, at)) visit(at);
}

function pick(part: Part, wanted: (prefix: PrefixKey) => boolean): NlriRun | undefined {
  const { run, from, to } = part;
  const builder = new RunBuilder(run.family);
  eachPrefix({ run, from, to }, (at) => {
    if (wanted(prefixKey(run, at))) builder.add(run.bytes, at, at + lengthAt(run, at));
  });
  return builder.run();
}

/** The part of a run between what it begins and ends with alike to another. */
function withoutCommonEnds(run: NlriRun, other: NlriRun | undefined): Part {
  const whole = { run, from: 0, to: run.bytes.length };
  if (other === undefined) return whole;
  const from = commonHead(run.bytes, other.bytes);
  return { run, from, to: run.bytes.length - commonTail(run, other, from) };
}

function commonHead(a: Uint8Array, b: Uint8Array): number {
  const shorter = Math.min(a.length, b.length);
  let begin = 0;
  for (;;) {
    if (begin >= shorter) return begin;
    const next = begin + nlriLength(a, begin, false);
    if (next > shorter) return begin;
    for (let at = begin; at < next; at++) if (a[at] !== b[at]) return begin;
    begin = next;
  }
}

/** Only prefixes of one length can be counted from the end; and in nearly every table they all are. */
function commonTail(run: NlriRun, other: NlriRun, head: number): number {
  const [a, b] = [run.bytes, other.bytes];
  const stride = strideOf(run, head);
  if (stride === undefined || stride !== strideOf(other, head)) return 0;
  const longest = Math.min(a.length, b.length) - head;
  let same = 0;
  while (same < longest && a[a.length - 1 - same] === b[b.length - 1 - same]) same++;
  return same - (same % stride);
}

/** How many bytes each prefix from `head` on takes; undefined when they differ. */
function strideOf({ bytes, stride: known }: NlriRun, head: number): number | undefined {
  if (head >= bytes.length) return undefined;
  if (known !== undefined) return known;
  const stride = nlriLength(bytes, head, false);
  for (let at = head; at < bytes.length; at += stride) if (nlriLength(bytes, at, false) !== stride) return undefined;
  return stride;
}
