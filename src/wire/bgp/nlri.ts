import { type Family, addressBits, ipFromBytes, writeIp } from '../../net/ip.ts';
import { type Prefix, prefixAddress, prefixLength, prefixOf } from '../../net/prefix.ts';

/**
 * Prefixes in their wire form (RFC 4271 §4.3, RFC 7911 §3). They stay bytes, because a full table of a router passes
 * through here only to be counted, and because our own table is encoded once and sent many times.
 *
 *     [path identifier (4)]  length in bits (1)  address (as many bytes as the length needs)
 */
export interface NlriRun {
  readonly family: Family;
  readonly addPath: boolean;
  readonly count: number;
  readonly bytes: Uint8Array;
  /** Bytes of each prefix, where all are known to take as many: such a run need not be walked. */
  readonly stride?: number;
}

export interface PathPrefix {
  readonly pathId?: number;
  readonly prefix: Prefix;
}

/**
 * Checks the syntax of RFC 7606 §5.3 and counts.
 * @returns undefined when a length is too great for the family, or the last prefix is cut off.
 */
export function scanNlri(bytes: Uint8Array, family: Family, addPath: boolean): NlriRun | undefined {
  const maxBits = addressBits(family);
  const skipped = addPath ? 4 : 0;
  let at = 0;
  let count = 0;
  let [least, most] = [Infinity, 0];
  while (at < bytes.length) {
    const bits = bytes[at + skipped];
    if (bits === undefined || bits > maxBits) return undefined;
    const length = skipped + 1 + ((bits + 7) >> 3);
    least = Math.min(least, length);
    most = Math.max(most, length);
    at += length;
    count++;
  }
  return at === bytes.length ? { family, addPath, count, bytes, ...(least === most && { stride: most }) } : undefined;
}

/** Host bits that the sender left set are masked off (RFC 4271 §4.3: their value is irrelevant). */
export function nlriPrefixes(run: NlriRun): PathPrefix[] {
  const found: PathPrefix[] = [];
  const address = new Uint8Array(addressBits(run.family) / 8);
  let at = 0;
  while (at < run.bytes.length) {
    let pathId = 0;
    if (run.addPath) for (let i = 0; i < 4; i++) pathId = pathId * 256 + (run.bytes[at++] ?? 0);
    const bits = run.bytes[at++] ?? 0;
    const size = (bits + 7) >> 3;
    address.fill(0).set(run.bytes.subarray(at, at + size));
    at += size;
    const prefix = prefixOf(ipFromBytes(address), bits);
    found.push(run.addPath ? { pathId, prefix } : { prefix });
  }
  return found;
}

/** Bytes that the prefix at `at` takes. @param bytes well-formed */
export function nlriLength(bytes: Uint8Array, at: number, addPath: boolean): number {
  const skipped = addPath ? 4 : 0;
  return skipped + 1 + (((bytes[at + skipped] ?? 0) + 7) >> 3);
}

/** The same of a run. */
export function lengthAt({ bytes, addPath, stride }: NlriRun, at: number): number {
  return stride ?? nlriLength(bytes, at, addPath);
}

/**
 * Packs prefixes of one family. This is the hot path of a first table: no object per prefix.
 * @param pathId RFC 7911 path identifier for all of them; absent: none is written.
 */
export function encodeNlri(prefixes: readonly Prefix[], family: Family, pathId?: number): NlriRun {
  const each = 1 + addressBits(family) / 8 + (pathId === undefined ? 0 : 4);
  // A whole address may be written before its host bytes are given up again: hence the room for one more.
  const bytes = new Uint8Array((prefixes.length + 1) * each);
  let at = 0;
  let [least, most] = [Infinity, 0];
  for (const prefix of prefixes) {
    const start = at;
    if (pathId !== undefined) {
      bytes[at] = pathId >>> 24;
      bytes[at + 1] = pathId >>> 16;
      bytes[at + 2] = pathId >>> 8;
      bytes[at + 3] = pathId;
      at += 4;
    }
    at += family === 'ipv4' ? writePrefix4(prefix, bytes, at) : writePrefix6(prefix, bytes, at);
    least = Math.min(least, at - start);
    most = Math.max(most, at - start);
  }
  const run = { family, addPath: pathId !== undefined, count: prefixes.length, bytes: bytes.slice(0, at) };
  return least === most ? { ...run, stride: most } : run;
}

/** Reads `a.b.c.d/len` in one pass. */
function writePrefix4(prefix: Prefix, bytes: Uint8Array, start: number): number {
  let at = start + 1;
  let value = 0;
  for (let i = 0; i < prefix.length; i++) {
    const code = prefix.charCodeAt(i);
    if (code >= 48) value = value * 10 + code - 48;
    else {
      bytes[at++] = value;
      value = 0;
    }
  }
  bytes[start] = value;
  return 1 + ((value + 7) >> 3);
}

function writePrefix6(prefix: Prefix, bytes: Uint8Array, start: number): number {
  const bits = prefixLength(prefix);
  bytes[start] = bits;
  writeIp(prefixAddress(prefix), bytes, start + 1);
  return 1 + ((bits + 7) >> 3);
}
