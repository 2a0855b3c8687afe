import { hmac } from '@noble/hashes/hmac.js';
import { sha1 } from '@noble/hashes/legacy.js';

/*
 * What speakers add behind their BFD packets. RFC 5880 §6.8.6 has a packet end where its Length says, wherever the datagram ends.
 *
 *   "HLBn"  | length of the note, 2 bytes | note | HMAC-SHA1 over packet and note, where the packets are signed
 */
const MARK = Uint8Array.of(0x48, 0x4c, 0x42, 0x6e);
const HEAD = MARK.length + 2;
const DIGEST = 20;
const LENGTH_AT = 3;

export function appendNote(packet: Uint8Array, note: Uint8Array, key: Uint8Array | undefined): Uint8Array {
  const length = packet.length + HEAD + note.length;
  const bytes = new Uint8Array(length + (key === undefined ? 0 : DIGEST));
  bytes.set(packet);
  bytes.set(MARK, packet.length);
  new DataView(bytes.buffer).setUint16(packet.length + MARK.length, note.length);
  bytes.set(note, packet.length + HEAD);
  if (key !== undefined) bytes.set(hmac(sha1, key, bytes.subarray(0, length)), length);
  return bytes;
}

/** @returns undefined where there is none, or none that can be believed */
export function noteOf(datagram: Uint8Array, key: Uint8Array | undefined): Uint8Array | undefined {
  const start = datagram[LENGTH_AT] ?? 0;
  if (datagram.length < start + HEAD || MARK.some((byte, i) => datagram[start + i] !== byte)) return undefined;
  const end = start + HEAD + (((datagram[start + MARK.length] ?? 0) << 8) | (datagram[start + MARK.length + 1] ?? 0));
  if (datagram.length !== end + (key === undefined ? 0 : DIGEST)) return undefined;
  if (key !== undefined && !isSame(hmac(sha1, key, datagram.subarray(0, end)), datagram.subarray(end))) return undefined;
  return datagram.slice(start + HEAD, end);
}

/** In the same time wherever they differ. */
function isSame(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return difference === 0;
}
