import { type FrameFault } from './frameFault.ts';

/*
 * RFC 8200 §3, the fixed header
 *  0              4            6            7          8             24                 40
 * +--------------+------------+------------+----------+-------------+--------------------+
 * | ver/tc/flow  | payload len| next header| hop limit|   source    |    destination     |
 * +--------------+------------+------------+----------+-------------+--------------------+
 */
export const IPV6_LENGTH = 40;
export const NEXT_HEADER_ICMPV6 = 58;
export const IPV6_AT = { payloadLength: 4, nextHeader: 6, hopLimit: 7, source: 8, destination: 24 } as const;

/** @returns the payload's declared length; call {@link ipv6Fault} first. */
export function ipv6PayloadLength(bytes: Uint8Array, at: number): number {
  return ((bytes[at + 4] ?? 0) << 8) | (bytes[at + 5] ?? 0);
}

/**
 * Checks that an ICMPv6 message follows the fixed header directly. Neighbour discovery with extension headers is not accepted:
 * no host sends it, and fragmented ones must be dropped (RFC 6980 §5).
 */
export function ipv6Fault(bytes: Uint8Array, at: number): FrameFault | undefined {
  const length = bytes.length - at;
  if (length < IPV6_LENGTH) return { reason: 'Ipv6TooShort', length };
  const version = (bytes[at] ?? 0) >> 4;
  if (version !== 6) return { reason: 'Ipv6Version', found: version };
  const declared = ipv6PayloadLength(bytes, at);
  const left = length - IPV6_LENGTH;
  if (declared > left) return { reason: 'Ipv6PayloadLength', found: declared, left };
  const nextHeader = bytes[at + IPV6_AT.nextHeader] ?? 0;
  if (nextHeader !== NEXT_HEADER_ICMPV6) return { reason: 'Ipv6NextHeader', found: nextHeader };
  // RFC 4291 §2.7: a multicast address is never a source.
  if (bytes[at + IPV6_AT.source] === 0xff) return { reason: 'Ipv6SourceIsMulticast' };
  return undefined;
}

/** Four bytes at a time: what a loop adds to each is as much as the byte. */
export function copyIpv6(from: Uint8Array, fromAt: number, to: Uint8Array, toAt: number): void {
  for (let i = 0; i < 16; i += 4) {
    to[toAt + i] = from[fromAt + i] ?? 0;
    to[toAt + i + 1] = from[fromAt + i + 1] ?? 0;
    to[toAt + i + 2] = from[fromAt + i + 2] ?? 0;
    to[toAt + i + 3] = from[fromAt + i + 3] ?? 0;
  }
}

export function isUnspecified(bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < 16; i++) if (bytes[at + i] !== 0) return false;
  return true;
}

/** RFC 4291 §2.7.1: whether the address at `groupAt` is ff02::1:ffXX:XXXX; of any address, not of one in particular. */
export function isSolicitedNode(bytes: Uint8Array, groupAt: number): boolean {
  if (bytes[groupAt] !== 0xff || bytes[groupAt + 1] !== 2) return false;
  for (let i = 2; i < 11; i++) if (bytes[groupAt + i] !== 0) return false;
  return bytes[groupAt + 11] === 1 && bytes[groupAt + 12] === 0xff;
}

/** Writes the fixed header of an ICMPv6 message with hop limit 255 (RFC 4861 §4.3); addresses are left to the caller. */
export function writeNdpIpv6(out: Uint8Array, at: number, payloadLength: number): void {
  out[at] = 0x60;
  out[at + 1] = 0;
  out[at + 2] = 0;
  out[at + 3] = 0;
  out[at + 4] = payloadLength >> 8;
  out[at + 5] = payloadLength & 0xff;
  out[at + IPV6_AT.nextHeader] = NEXT_HEADER_ICMPV6;
  out[at + IPV6_AT.hopLimit] = 255;
}
