import { type Ip, ipToBytes, writeIp } from '../net/ip.ts';

/**
 * How well a node can announce an address: by an interface in its subnet; by one that is in another (`1`), which the hosts of the segment
 * may ask all the same; by none (`2`). Nodes tell one another what is not 0, and who is better goes before, whatever else is said.
 */
export type Reach = 0 | 1 | 2;
export const REACH = { near: 0, afar: 1, none: 2 } as const;

/** Addresses of groups, one after the other in the order of all of this node's; both ends belong to it. */
export interface ReachRange {
  readonly reach: 1 | 2;
  readonly from: Ip;
  readonly to: Ip;
}

/** So many fit in a packet. What is beyond them is as if it were near, to this node as to the others. */
export const MOST_REACH_RANGES = 32;

/** @param groups the first address of each, and how well this node can announce what is in it */
export function reachRanges(groups: ReadonlyMap<Ip, Reach>): ReachRange[] {
  if (![...groups.values()].some((reach) => reach !== REACH.near)) return [];
  const sorted = [...groups].map(([vip, reach]) => ({ vip, reach, key: orderKey(vip) })).toSorted((a, b) => (a.key < b.key ? -1 : 1));
  const ranges: ReachRange[] = [];
  let before: Reach = REACH.near;
  for (const { vip, reach } of sorted) {
    const last = ranges.at(-1);
    if (reach !== REACH.near && reach === before && last !== undefined && isSameFamily(last.to, vip))
      ranges[ranges.length - 1] = { ...last, to: vip };
    else if (reach !== REACH.near) ranges.push({ reach, from: vip, to: vip });
    before = reach;
  }
  return ranges.slice(0, MOST_REACH_RANGES);
}

export function reachIn(ranges: readonly ReachRange[], vip: Ip): Reach {
  if (ranges.length === 0) return REACH.near;
  const length = writeIp(vip, BYTES, 0);
  for (const { reach, from, to } of inBytes(ranges))
    if (from.length === length && compare(from, BYTES) <= 0 && compare(to, BYTES) >= 0) return reach;
  return REACH.near;
}

interface ByteRange {
  readonly reach: 1 | 2;
  readonly from: Uint8Array;
  readonly to: Uint8Array;
}

const IN_BYTES = new WeakMap<readonly ReachRange[], readonly ByteRange[]>();

function inBytes(ranges: readonly ReachRange[]): readonly ByteRange[] {
  const known = IN_BYTES.get(ranges) ?? ranges.map(({ reach, from, to }) => ({ reach, from: ipToBytes(from), to: ipToBytes(to) }));
  IN_BYTES.set(ranges, known);
  return known;
}

/** As long as the first of them. */
function compare(a: Uint8Array, b: Uint8Array): number {
  for (let at = 0; at < a.length; at++) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Thousands are looked for at each election: nothing is made for one of them. */
const BYTES = new Uint8Array(16);
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** Sorts as numbers do, family by family. */
function orderKey(ip: Ip): string {
  const length = writeIp(ip, BYTES, 0);
  let key = length === 4 ? '4' : '6';
  for (let at = 0; at < length; at++) key += HEX[BYTES[at] ?? 0] ?? '';
  return key;
}

function isSameFamily(a: Ip, b: Ip): boolean {
  return a.includes(':') === b.includes(':');
}
