/** Adds 16-bit words (RFC 1071) of `bytes[start, end)` to a running sum; an odd last byte counts as the high half of a word. */
export function addWords(bytes: Uint8Array, start: number, end: number, sum = 0): number {
  // The high and the low halves by themselves, eight bytes at a time: each byte is then read and added, and little else.
  let [high, low] = [0, 0];
  let at = start;
  for (; at + 7 < end; at += 8) {
    high += everySecond(bytes, at);
    low += everySecond(bytes, at + 1);
  }
  for (; at < end; at += 2) {
    high += bytes[at] ?? 0;
    if (at + 1 < end) low += bytes[at + 1] ?? 0;
  }
  return sum + high * 256 + low;
}

function everySecond(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) + (bytes[at + 2] ?? 0) + (bytes[at + 4] ?? 0) + (bytes[at + 6] ?? 0);
}

/** The one's complement of the folded sum. @param sum below 2^48 */
export function foldChecksum(sum: number): number {
  // Nearly always small enough for the quick operators.
  let folded = sum > 0x7fffffff ? (sum % 0x10000) + Math.floor(sum / 0x10000) : sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + (folded >>> 16);
  return ~folded & 0xffff;
}

/**
 * The checksum of an ICMPv6 message with its pseudo-header (RFC 4443 §2.3, RFC 8200 §8.1). Zero over a message that carries its
 * right checksum. @param ipv6 where the IPv6 header starts; the message is the `length` bytes behind its 40
 */
export function icmpv6Checksum(bytes: Uint8Array, ipv6: number, length: number): number {
  const sum = addWords(bytes, ipv6 + 8, ipv6 + 40, length + 58);
  return foldChecksum(addWords(bytes, ipv6 + 40, ipv6 + 40 + length, sum));
}
