import { type Ip, ipFromBytes, writeIp } from '../net/ip.ts';
import { type Mac, macFromBytes, macToBytes } from '../net/mac.ts';
import { addWords, foldChecksum, icmpv6Checksum } from './checksum.ts';
import { copyMac } from './ethernet.ts';
import { type FrameFault } from './frameFault.ts';
import {
  IPV6_AT,
  IPV6_LENGTH,
  NEXT_HEADER_ICMPV6,
  copyIpv6,
  ipv6Fault,
  ipv6PayloadLength,
  isSolicitedNode,
  isUnspecified,
  writeNdpIpv6,
} from './ipv6.ts';

/*
 * RFC 4861 §4.3, §4.4, behind the IPv6 header
 *  0      1      2          4                8         24
 * +------+------+----------+----------------+---------+------------------------------
 * | type | code | checksum | R S O reserved | target  | options: type, length/8, data
 * +------+------+----------+----------------+---------+------------------------------
 */
interface Common {
  readonly source: Ip;
  readonly destination: Ip;
  readonly target: Ip;
  /** The source's address in a solicitation (option 1), the target's in an advertisement (option 2). */
  readonly linkLayer?: Mac;
}

export interface NeighborSolicitation extends Common {
  readonly kind: 'solicitation';
}

export interface NeighborAdvertisement extends Common {
  readonly kind: 'advertisement';
  readonly router: boolean;
  readonly solicited: boolean;
  readonly override: boolean;
}

export type Ndp = NeighborSolicitation | NeighborAdvertisement;

export const NS_TYPE = 135;
export const NA_TYPE = 136;
/** Offsets from the start of the IPv6 header. */
export const NDP_AT = { type: 40, code: 41, checksum: 42, flags: 44, target: 48, options: 64 } as const;
export const NA_FLAG = { router: 0x80, solicited: 0x40, override: 0x20 } as const;
/** With one link-layer address option. */
export const NDP_LENGTH = 72;

const OPTION_SOURCE = 1;
const OPTION_TARGET = 2;

/** All validity checks of RFC 4861 §7.1.1 and §7.1.2, without decoding: the hot path. @param at where the IPv6 header starts */
export function ndpFault(bytes: Uint8Array, at: number): FrameFault | undefined {
  const fault = ipv6Fault(bytes, at);
  if (fault !== undefined) return fault;
  const hopLimit = bytes[at + IPV6_AT.hopLimit] ?? 0;
  if (hopLimit !== 255) return { reason: 'NdpHopLimit', found: hopLimit };
  return messageFault(bytes, at, ipv6PayloadLength(bytes, at));
}

function messageFault(bytes: Uint8Array, at: number, length: number): FrameFault | undefined {
  if (length === 0) return { reason: 'NdpTooShort', length };
  // Type first: other ICMPv6 (echo, MLD) is no malformed neighbour discovery.
  const type = bytes[at + NDP_AT.type] ?? 0;
  if (type !== NS_TYPE && type !== NA_TYPE) return { reason: 'NdpType', found: type };
  if (length < 24) return { reason: 'NdpTooShort', length };
  const code = bytes[at + NDP_AT.code] ?? 0;
  if (code !== 0) return { reason: 'NdpCode', found: code };
  if (icmpv6Checksum(bytes, at, length) !== 0) return { reason: 'NdpChecksum', found: checksumField(bytes, at) };
  if (bytes[at + NDP_AT.target] === 0xff) return { reason: 'NdpTargetIsMulticast' };
  return optionsFault(bytes, at, length) ?? (type === NS_TYPE ? solicitationFault(bytes, at) : advertisementFault(bytes, at));
}

function checksumField(bytes: Uint8Array, at: number): number {
  return ((bytes[at + NDP_AT.checksum] ?? 0) << 8) | (bytes[at + NDP_AT.checksum + 1] ?? 0);
}

function optionsFault(bytes: Uint8Array, at: number, length: number): FrameFault | undefined {
  const end = at + IPV6_LENGTH + length;
  let option = at + NDP_AT.options;
  while (option < end) {
    const units = bytes[option + 1] ?? 0;
    // RFC 4861 §4.6: "Nodes MUST silently discard an ND packet that contains an option with length zero."
    if (option + 1 < end && units === 0) return { reason: 'NdpOptionLengthZero' };
    if (option + 1 >= end || option + units * 8 > end) return { reason: 'NdpOptionTooLong', found: units };
    const fault = linkLayerFault(bytes, option, units);
    if (fault !== undefined) return fault;
    option += units * 8;
  }
  return undefined;
}

function linkLayerFault(bytes: Uint8Array, option: number, units: number): FrameFault | undefined {
  const type = bytes[option] ?? 0;
  if (type !== OPTION_SOURCE && type !== OPTION_TARGET) return undefined;
  // On Ethernet the option is 8 bytes (RFC 2464 §6).
  if (units !== 1) return { reason: 'NdpLinkLayerLength', found: units };
  if (((bytes[option + 2] ?? 0) & 1) === 1) return { reason: 'NdpLinkLayerIsGroup' };
  return undefined;
}

/** RFC 4861 §7.1.1: a solicitation from the unspecified address is duplicate address detection. */
function solicitationFault(bytes: Uint8Array, at: number): FrameFault | undefined {
  if (!isUnspecified(bytes, at + IPV6_AT.source)) return undefined;
  if (!isSolicitedNode(bytes, at + IPV6_AT.destination)) return { reason: 'NdpUnspecifiedDestination' };
  if (ndpLinkLayerAt(bytes, at) !== -1) return { reason: 'NdpUnspecifiedWithLinkLayer' };
  return undefined;
}

function advertisementFault(bytes: Uint8Array, at: number): FrameFault | undefined {
  if (isUnspecified(bytes, at + IPV6_AT.source)) return { reason: 'NdpUnspecifiedSource' };
  const solicited = ((bytes[at + NDP_AT.flags] ?? 0) & NA_FLAG.solicited) !== 0;
  // RFC 4861 §7.1.2: "If the IP Destination Address is a multicast address the Solicited flag is zero."
  if (solicited && bytes[at + IPV6_AT.destination] === 0xff) return { reason: 'NdpSolicitedMulticast' };
  return undefined;
}

/** @returns where the six bytes of the message's link-layer address stand, -1 without one. Call {@link ndpFault} first. */
export function ndpLinkLayerAt(bytes: Uint8Array, at: number): number {
  const end = at + IPV6_LENGTH + ipv6PayloadLength(bytes, at);
  const wanted = bytes[at + NDP_AT.type] === NS_TYPE ? OPTION_SOURCE : OPTION_TARGET;
  for (let option = at + NDP_AT.options; option < end; option += (bytes[option + 1] ?? 1) * 8)
    if (bytes[option] === wanted) return option + 2;
  return -1;
}

/** @param bytes what follows the Ethernet header: IPv6 header and message */
export function decodeNdp(bytes: Uint8Array): Ndp | FrameFault {
  const fault = ndpFault(bytes, 0);
  if (fault !== undefined) return fault;
  const linkLayerAt = ndpLinkLayerAt(bytes, 0);
  const common: Common = {
    source: ipFromBytes(bytes, IPV6_AT.source, 16),
    destination: ipFromBytes(bytes, IPV6_AT.destination, 16),
    target: ipFromBytes(bytes, NDP_AT.target, 16),
    ...(linkLayerAt !== -1 && { linkLayer: macFromBytes(bytes, linkLayerAt) }),
  };
  if (bytes[NDP_AT.type] === NS_TYPE) return { kind: 'solicitation', ...common };
  const flags = bytes[NDP_AT.flags] ?? 0;
  return {
    kind: 'advertisement',
    ...common,
    router: (flags & NA_FLAG.router) !== 0,
    solicited: (flags & NA_FLAG.solicited) !== 0,
    override: (flags & NA_FLAG.override) !== 0,
  };
}

export function encodeNdp(ndp: Ndp): Uint8Array {
  const length = ndp.linkLayer === undefined ? 24 : 32;
  const bytes = new Uint8Array(IPV6_LENGTH + length);
  writeNdpIpv6(bytes, 0, length);
  writeIp(ndp.source, bytes, IPV6_AT.source);
  writeIp(ndp.destination, bytes, IPV6_AT.destination);
  writeIp(ndp.target, bytes, NDP_AT.target);
  bytes[NDP_AT.type] = ndp.kind === 'solicitation' ? NS_TYPE : NA_TYPE;
  if (ndp.kind === 'advertisement') bytes[NDP_AT.flags] = flagsOf(ndp);
  if (ndp.linkLayer !== undefined) {
    bytes[NDP_AT.options] = ndp.kind === 'solicitation' ? OPTION_SOURCE : OPTION_TARGET;
    bytes[NDP_AT.options + 1] = 1;
    bytes.set(macToBytes(ndp.linkLayer), NDP_AT.options + 2);
  }
  writeChecksum(bytes, 0, length);
  return bytes;
}

function flagsOf(ndp: NeighborAdvertisement): number {
  return (ndp.router ? NA_FLAG.router : 0) | (ndp.solicited ? NA_FLAG.solicited : 0) | (ndp.override ? NA_FLAG.override : 0);
}

function writeChecksum(bytes: Uint8Array, at: number, length: number): void {
  bytes[at + NDP_AT.checksum] = 0;
  bytes[at + NDP_AT.checksum + 1] = 0;
  const checksum = icmpv6Checksum(bytes, at, length);
  bytes[at + NDP_AT.checksum] = checksum >> 8;
  bytes[at + NDP_AT.checksum + 1] = checksum & 0xff;
}

/**
 * Writes an advertisement of {@link NDP_LENGTH} bytes at `out[at]`, with the target as its source and the option for `mac`. The
 * hot path: allocates nothing. @param target where 16 bytes stand at `targetAt`; likewise the destination
 */
export function writeAdvertisement(
  out: Uint8Array,
  at: number,
  target: Uint8Array,
  targetAt: number,
  destination: Uint8Array,
  destinationAt: number,
  mac: Uint8Array,
  flags: number,
): void {
  writeNdpIpv6(out, at, 32);
  copyIpv6(target, targetAt, out, at + IPV6_AT.source);
  copyIpv6(destination, destinationAt, out, at + IPV6_AT.destination);
  copyIpv6(target, targetAt, out, at + NDP_AT.target);
  out[at + NDP_AT.type] = NA_TYPE;
  out[at + NDP_AT.code] = 0;
  out[at + NDP_AT.flags] = flags;
  for (let i = 1; i < 4; i++) out[at + NDP_AT.flags + i] = 0;
  out[at + NDP_AT.options] = OPTION_TARGET;
  out[at + NDP_AT.options + 1] = 1;
  copyMac(mac, 0, out, at + NDP_AT.options + 2);
  // The target stands in it twice, and the rest is short: half of the additions of a sum over all of it.
  const rest = 32 + NEXT_HEADER_ICMPV6 + (NA_TYPE << 8) + (flags << 8) + (OPTION_TARGET << 8) + 1;
  const sum = addWords(destination, destinationAt, destinationAt + 16, 2 * addWords(target, targetAt, targetAt + 16, 0) + rest);
  const checksum = foldChecksum(addWords(mac, 0, 6, sum));
  out[at + NDP_AT.checksum] = checksum >> 8;
  out[at + NDP_AT.checksum + 1] = checksum & 0xff;
}
