import { type Ip, writeIp } from '../net/ip.ts';

/** Both ends belong to it. */
export interface WordRange {
  readonly from: number;
  readonly to: number;
}

/** What a kernel filter can tell apart cheaply: IPv4 addresses whole, IPv6 addresses by their low 32 bits. */
export interface WatchedRanges {
  readonly v4: readonly WordRange[];
  readonly v6: readonly WordRange[];
}

/**
 * Ranges that have all these addresses in them, and as few others as so many ranges allow. VIPs come in blocks, so that a few ranges keep
 * nearly all of a segment's other broadcasts from waking the process.
 */
export function watchedRanges(ips: Iterable<Ip>, most: number): WatchedRanges {
  const words: { v4: number[]; v6: number[] } = { v4: [], v6: [] };
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  for (const ip of ips) {
    const length = writeIp(ip, bytes, 0);
    words[length === 4 ? 'v4' : 'v6'].push(view.getUint32(length - 4));
  }
  return { v4: cover(words.v4, most), v6: cover(words.v6, most) };
}

const BYTES = new Uint8Array(16);
const WORDS = new DataView(BYTES.buffer);

export function isWatched({ v4, v6 }: WatchedRanges, ip: Ip): boolean {
  if (v4.length + v6.length === 0) return false;
  const length = writeIp(ip, BYTES, 0);
  const word = WORDS.getUint32(length - 4);
  return (length === 4 ? v4 : v6).some(({ from, to }) => from <= word && word <= to);
}

/** The widest gaps stay gaps. Of ten thousand words, at each election: nothing is made for one of them. */
function cover(words: readonly number[], most: number): WordRange[] {
  const sorted = Uint32Array.from(words).sort();
  const first = sorted[0];
  if (first === undefined) return [];
  const starts = [0, ...widestGaps(sorted, most - 1)];
  return starts.map((start, at) => {
    const end = starts[at + 1] ?? sorted.length;
    return { from: sorted[start] ?? first, to: sorted[end - 1] ?? first };
  });
}

/** @returns where the words begin that follow them */
function widestGaps(sorted: Uint32Array, most: number): number[] {
  const widthAt = (at: number): number => (sorted[at] ?? 0) - (sorted[at - 1] ?? 0);
  const gaps: number[] = [];
  for (let at = 1; at < sorted.length; at++) if (widthAt(at) > 1) gaps.push(at);
  if (gaps.length <= most) return gaps;
  return gaps
    .toSorted((a, b) => widthAt(b) - widthAt(a))
    .slice(0, most)
    .toSorted((a, b) => a - b);
}
