import { type Ip, ipToBytes } from '../net/ip.ts';

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
  for (const ip of ips) {
    const bytes = ipToBytes(ip);
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    words[bytes.length === 4 ? 'v4' : 'v6'].push(view.getUint32(bytes.length - 4));
  }
  return { v4: cover(words.v4, most), v6: cover(words.v6, most) };
}

/** The widest gaps stay gaps. */
function cover(words: readonly number[], most: number): WordRange[] {
  const sorted = [...new Set(words)].toSorted((a, b) => a - b);
  const first = sorted[0];
  if (first === undefined) return [];
  const gaps = sorted.flatMap((word, at) => {
    const next = sorted[at + 1];
    return next === undefined || next === word + 1 ? [] : [{ word, next }];
  });
  const kept = gaps
    .toSorted((a, b) => b.next - b.word - (a.next - a.word))
    .slice(0, most - 1)
    .toSorted((a, b) => a.word - b.word);
  const starts = [first, ...kept.map(({ next }) => next)];
  const ends = [...kept.map(({ word }) => word), sorted.at(-1) ?? first];
  return starts.map((from, at) => ({ from, to: ends[at] ?? from }));
}
