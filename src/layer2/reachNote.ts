import { type Ip, ipFromBytes, ipToBytes } from '../net/ip.ts';
import type { ReachRange } from './reach.ts';

/*
 * Ranges of addresses that a speaker cannot announce, or not as well as others: one after the other
 *   reach, 1 byte | bytes of an address, 4 or 16 | first | last
 */
export function encodeReach(ranges: readonly ReachRange[]): Uint8Array {
  return Uint8Array.from(ranges.flatMap(({ reach, from, to }) => [reach, ipToBytes(from).length, ...ipToBytes(from), ...ipToBytes(to)]));
}

/** @returns undefined when it cannot be read */
export function decodeReach(note: Uint8Array): ReachRange[] | undefined {
  const ranges: ReachRange[] = [];
  let at = 0;
  while (at < note.length) {
    const [reach = 0, width = 0] = note.subarray(at, at + 2);
    const end = at + 2 + 2 * width;
    if ((reach !== 1 && reach !== 2) || (width !== 4 && width !== 16) || end > note.length) return undefined;
    ranges.push({ reach, from: addressAt(note, at + 2, width), to: addressAt(note, at + 2 + width, width) });
    at = end;
  }
  return ranges;
}

function addressAt(note: Uint8Array, at: number, width: number): Ip {
  return ipFromBytes(note, at, width);
}
