import { endianness } from 'node:os';
import { type Ip, ipFromBytes } from '../../src/net/ip.ts';
import { IPPROTO_IP, IPPROTO_IPV6, IPV6_HOPLIMIT, IPV6_PKTINFO, IP_PKTINFO, IP_TTL } from './constants.ts';

/** What the kernel tells about a datagram beside its bytes. */
export interface Ancillary {
  /** TTL or hop limit with which it arrived. */
  readonly ttl?: number;
  readonly destination?: Ip;
  readonly interfaceIndex?: number;
}

/** Room for both messages below, for either family. */
export const ANCILLARY_SIZE = 92;

const little = endianness() === 'LE';
/** struct cmsghdr on a 64-bit machine: {length u64, level i32, type i32}, data, padding to 8 bytes. */
const HEADER = 16;

/** @param bytes the control data as received, without what lies beyond its length */
export function readAncillary(bytes: Uint8Array): Ancillary {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const found: Ancillary = {};
  for (let at = 0; at + HEADER <= bytes.length;) {
    const length = view.getUint32(at, little);
    if (length < HEADER || at + length > bytes.length) break;
    Object.assign(found, readMessage(bytes, view, at, length - HEADER));
    at += (length + 7) & ~7;
  }
  return found;
}

function readMessage(bytes: Uint8Array, view: DataView, at: number, length: number): Ancillary {
  const [level, type, data] = [view.getInt32(at + 8, little), view.getInt32(at + 12, little), at + HEADER];
  const is = (wantedLevel: number, wantedType: number, size: number): boolean =>
    level === wantedLevel && type === wantedType && length >= size;
  if (is(IPPROTO_IP, IP_TTL, 4) || is(IPPROTO_IPV6, IPV6_HOPLIMIT, 4)) return { ttl: view.getInt32(data, little) };
  // struct in_pktinfo: {interface i32, local address, destination address}.
  if (is(IPPROTO_IP, IP_PKTINFO, 12)) return { interfaceIndex: view.getInt32(data, little), destination: ipFromBytes(bytes, data + 8, 4) };
  // struct in6_pktinfo: {destination address, interface u32}.
  if (is(IPPROTO_IPV6, IPV6_PKTINFO, 20)) {
    return { destination: ipFromBytes(bytes, data, 16), interfaceIndex: view.getUint32(data + 16, little) };
  }
  return {};
}
