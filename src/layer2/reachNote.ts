import { type Ip, ipFromBytes, ipToBytes } from '../net/ip.ts';
import type { ReachRange } from './reach.ts';
import type { WatchedRanges, WordRange } from './watched.ts';

/** What a speaker says of itself behind its BFD packets. */
export interface NodeNote {
  /** What it cannot announce, or not as well as others. */
  readonly reach: readonly ReachRange[];
  /** What is its and it does not answer for: another host has it, or may have it. Others may be among them. */
  readonly unheld: WatchedRanges;
  /** Addresses of the node itself, for which its kernel answers. No Service can have them. */
  readonly own: readonly Ip[];
}

export const NO_NOTE: NodeNote = { reach: [], unheld: { v4: [], v6: [] }, own: [] };

/** Kinds of range beyond those of Reach: of IPv4 addresses, and of the low 32 bits of IPv6 addresses. */
const UNHELD = { v4: 3, v6: 4 };
/** Two addresses of the node, or one twice. */
const OWN = 5;
const WORD = 4;
/** With all else that a note may have in it, a packet is to fit into 1,500 bytes. */
const MOST_OWN_BYTES = 110;

/*
 * Ranges of addresses, one after the other
 *   kind, 1 byte | length of an address, 4 or 16 | first | last
 */
export function encodeNote({ reach, unheld, own }: NodeNote): Uint8Array {
  const near = reach.flatMap((range) => [range.reach, ipToBytes(range.from).length, ...ipToBytes(range.from), ...ipToBytes(range.to)]);
  return Uint8Array.from([...near, ...words(UNHELD.v4, unheld.v4), ...words(UNHELD.v6, unheld.v6), ...pairs(own)]);
}

/** Of each family those that come first; IPv4 takes less room, and goes before. */
function pairs(own: readonly Ip[]): number[] {
  const bytes: number[] = [];
  for (const width of [4, 16]) {
    const addresses = own.map(ipToBytes).filter(({ length }) => length === width);
    for (let at = 0; at < addresses.length && bytes.length + 2 + 2 * width <= MOST_OWN_BYTES; at += 2) {
      const first = addresses[at] ?? new Uint8Array(width);
      bytes.push(OWN, width, ...first, ...(addresses[at + 1] ?? first));
    }
  }
  return bytes;
}

function words(kind: number, ranges: readonly WordRange[]): number[] {
  return ranges.flatMap(({ from, to }) => [kind, WORD, ...bytesOf(from), ...bytesOf(to)]);
}

function bytesOf(word: number): number[] {
  return [word >>> 24, (word >>> 16) & 0xff, (word >>> 8) & 0xff, word & 0xff];
}

interface Draft {
  readonly reach: ReachRange[];
  readonly v4: WordRange[];
  readonly v6: WordRange[];
  readonly own: Set<Ip>;
}

/** @returns undefined when it cannot be read */
export function decodeNote(bytes: Uint8Array): NodeNote | undefined {
  const draft: Draft = { reach: [], v4: [], v6: [], own: new Set() };
  let at = 0;
  while (at < bytes.length) {
    const width = bytes[at + 1] ?? 0;
    const end = at + 2 + 2 * width;
    if ((width !== 4 && width !== 16) || end > bytes.length) return undefined;
    take(draft, bytes, at, width);
    at = end;
  }
  const { reach, v4, v6, own } = draft;
  return { reach, unheld: { v4, v6 }, own: [...own] };
}

/** What is of another kind is passed over: a later version may tell more. */
function take({ reach, v4, v6, own }: Draft, bytes: Uint8Array, at: number, width: 4 | 16): void {
  const kind = bytes[at] ?? 0;
  const [from, to] = [addressAt(bytes, at + 2, width), addressAt(bytes, at + 2 + width, width)];
  if (kind === 1 || kind === 2) reach.push({ reach: kind, from, to });
  else if (kind === OWN) own.add(from).add(to);
  else if (width === WORD && (kind === UNHELD.v4 || kind === UNHELD.v6))
    (kind === UNHELD.v4 ? v4 : v6).push({ from: wordAt(bytes, at + 2), to: wordAt(bytes, at + 6) });
}

function wordAt(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset + at, WORD).getUint32(0);
}

function addressAt(note: Uint8Array, at: number, width: number): Ip {
  return ipFromBytes(note, at, width);
}
