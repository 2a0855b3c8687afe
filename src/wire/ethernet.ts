import { type Mac, macFromBytes, macToBytes } from '../net/mac.ts';
import { type FrameFault } from './frameFault.ts';

/*
 *  0                 6                 12          14
 * +-----------------+-----------------+-----------+--------
 * |   destination   |     source      | EtherType | payload
 * +-----------------+-----------------+-----------+--------   IEEE 802.3 §3.2, without FCS
 */
export interface Ethernet {
  readonly destination: Mac;
  readonly source: Mac;
  readonly etherType: number;
  /** A view into the frame; may end in padding. */
  readonly payload: Uint8Array;
}

export const ETHERNET_LENGTH = 14;
export const ETHER_TYPE = { ipv4: 0x0800, arp: 0x0806, ipv6: 0x86dd } as const;
/** 802.1Q, 802.1ad and the pre-standard QinQ type. */
function isTag(etherType: number): boolean {
  return etherType === 0x8100 || etherType === 0x88a8 || etherType === 0x9100;
}

export function etherTypeOf(frame: Uint8Array): number {
  return ((frame[12] ?? 0) << 8) | (frame[13] ?? 0);
}

/** Checks without decoding: the hot path. @returns undefined when the frame is an untagged one from a single station */
export function ethernetFault(frame: Uint8Array): FrameFault | undefined {
  if (frame.length < ETHERNET_LENGTH) return { reason: 'EthernetTooShort', length: frame.length };
  const etherType = etherTypeOf(frame);
  // A tagged frame belongs to another segment; answering it here would answer for that VLAN.
  if (isTag(etherType)) return { reason: 'VlanTagged', found: etherType };
  // IEEE 802: a source address is never a group address.
  if (((frame[6] ?? 0) & 1) === 1) return { reason: 'SourceMacIsGroup' };
  return undefined;
}

export function decodeEthernet(frame: Uint8Array): Ethernet | FrameFault {
  const fault = ethernetFault(frame);
  if (fault !== undefined) return fault;
  return {
    destination: macFromBytes(frame, 0),
    source: macFromBytes(frame, 6),
    etherType: etherTypeOf(frame),
    payload: frame.subarray(ETHERNET_LENGTH),
  };
}

export function encodeEthernet(header: Ethernet): Uint8Array {
  const frame = new Uint8Array(ETHERNET_LENGTH + header.payload.length);
  writeEthernet(frame, macToBytes(header.destination), 0, macToBytes(header.source), header.etherType);
  frame.set(header.payload, ETHERNET_LENGTH);
  return frame;
}

/** Writes the 14 bytes at the start of `frame`. @param destinationAt where in `destination` the six bytes stand */
export function writeEthernet(
  frame: Uint8Array,
  destination: Uint8Array,
  destinationAt: number,
  source: Uint8Array,
  etherType: number,
): void {
  copyMac(destination, destinationAt, frame, 0);
  copyMac(source, 0, frame, 6);
  frame[12] = etherType >> 8;
  frame[13] = etherType & 0xff;
}

/** Byte by byte without a loop: there are several in each answer. */
export function copyMac(from: Uint8Array, fromAt: number, to: Uint8Array, toAt: number): void {
  to[toAt] = from[fromAt] ?? 0;
  to[toAt + 1] = from[fromAt + 1] ?? 0;
  to[toAt + 2] = from[fromAt + 2] ?? 0;
  to[toAt + 3] = from[fromAt + 3] ?? 0;
  to[toAt + 4] = from[fromAt + 4] ?? 0;
  to[toAt + 5] = from[fromAt + 5] ?? 0;
}

export function sameMac(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number): boolean {
  // The last bytes first: those of one maker begin alike.
  return (
    a[aAt + 5] === b[bAt + 5] &&
    a[aAt + 4] === b[bAt + 4] &&
    a[aAt + 3] === b[bAt + 3] &&
    a[aAt + 2] === b[bAt + 2] &&
    a[aAt + 1] === b[bAt + 1] &&
    a[aAt] === b[bAt]
  );
}
