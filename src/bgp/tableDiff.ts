import type { Prefix } from '../net/prefix.ts';
import { attributesKey } from './encodedRoutes.ts';
import type { RouteAttributes, RouteSet } from './session.ts';

/** What has to be said to a peer that holds one table so that it holds another. */
export interface TableDiff {
  /** New prefixes, and those with new attributes. */
  readonly changed: readonly RouteSet[];
  readonly gone: readonly Prefix[];
}

interface Group {
  readonly attributes: RouteAttributes;
  readonly prefixes: readonly Prefix[];
}

/**
 * Costs next to nothing where the tables agree: lists that begin and end alike are compared, not hashed, so that one
 * address more among 10,000 is found in a fraction of a millisecond.
 */
export function diffTables(held: readonly RouteSet[], desired: readonly RouteSet[]): TableDiff {
  // A first table keeps its arrays, and with them their wire form.
  if (held.length === 0) return { changed: desired, gone: [] };
  const before = groupByAttributes(held);
  const now = groupByAttributes(desired);
  const left = new Map<Prefix, string>();
  for (const [key, { prefixes }] of before) {
    for (const prefix of withoutCommonEnds(prefixes, now.get(key)?.prefixes ?? [])) left.set(prefix, key);
  }
  const changed: RouteSet[] = [];
  for (const [key, { attributes, prefixes }] of now) {
    const came = withoutCommonEnds(prefixes, before.get(key)?.prefixes ?? []);
    const news = came.filter((prefix) => isNews(left, prefix, key));
    if (news.length > 0) changed.push({ attributes, prefixes: news });
  }
  return { changed, gone: now.size > 1 ? reallyGone(left, desired) : [...left.keys()] };
}

/** Strikes the prefix from what is left over of the old table. */
function isNews(left: Map<Prefix, string>, prefix: Prefix, key: string): boolean {
  const old = left.get(prefix);
  left.delete(prefix);
  return old !== key;
}

/** A prefix that a second set names must not be withdrawn with the first, though nobody should name it twice. */
function reallyGone(left: ReadonlyMap<Prefix, string>, desired: readonly RouteSet[]): Prefix[] {
  if (left.size === 0) return [];
  const gone = new Set(left.keys());
  for (const { prefixes } of desired) for (const prefix of prefixes) gone.delete(prefix);
  return [...gone];
}

export function groupByAttributes(sets: readonly RouteSet[]): Map<string, Group> {
  const groups = new Map<string, Group>();
  for (const { attributes, prefixes } of sets) {
    const key = attributesKey(attributes);
    const known = groups.get(key);
    groups.set(key, known === undefined ? { attributes, prefixes } : { attributes, prefixes: [...known.prefixes, ...prefixes] });
  }
  return groups;
}

/** @returns the part of `list` between what it begins and ends with alike to `other`. */
function withoutCommonEnds(list: readonly Prefix[], other: readonly Prefix[]): readonly Prefix[] {
  if (list === other) return [];
  const shorter = Math.min(list.length, other.length);
  let head = 0;
  while (head < shorter && list[head] === other[head]) head++;
  let tail = 0;
  while (tail < shorter - head && list[list.length - 1 - tail] === other[other.length - 1 - tail]) tail++;
  return list.slice(head, list.length - tail);
}
