import type { DefaultRoute } from '../../src/net/defaultRoute.ts';
import { type Family, type Ip, ipFromBytes } from '../../src/net/ip.ts';
import { HEADER, NLMSG, type RawMessage, align, errnoOf, readAttributes, splitRtnetlink, uint32, writeHeader } from './rtnetlink.ts';

/*
 * Default routes in rtnetlink(7): `rtmsg {family, dst_len, src_len, tos, table, protocol, scope, type: u8, flags u32}`, then attributes.
 * A route with several next hops has them in RTA_MULTIPATH: `rtnexthop {length u16, flags u8, hops u8, index i32}` with attributes each.
 */

export type RouteMessage =
  /** One of the list that was asked for, by its next hops. */
  | { readonly kind: 'route'; readonly sequence: number; readonly hops: readonly DefaultHop[] }
  /** The end of the list. */
  | { readonly kind: 'end'; readonly sequence: number; readonly errno: number; readonly interrupted: boolean }
  /** Unasked: the default routes may be others now; those over the interface `index`, where it is given. */
  | { readonly kind: 'hint'; readonly index?: number };

export interface DefaultHop {
  readonly index: number;
  /** Absent where there is none, or no packet can go that way. */
  readonly route?: DefaultRoute;
}

const RTM = { newLink: 16, delLink: 17, newAddress: 20, delAddress: 21, newRoute: 24, delRoute: 25, getRoute: 26 } as const;
const LINK_MESSAGES: ReadonlySet<number> = new Set([RTM.newLink, RTM.delLink, RTM.newAddress, RTM.delAddress]);
const ROUTE_BODY = 12;
const RTN_UNICAST = 1;
/** Made for one destination, not by anybody's configuration. */
const RTM_F_CLONED = 0x200;
const RTA = { oif: 4, gateway: 5, priority: 6, multipath: 9, table: 15, via: 18, preference: 20 } as const;
const FAMILIES: Readonly<Record<number, Family>> = { 2: 'ipv4', 10: 'ipv6' };
/** RTNH_F_DEAD | RTNH_F_LINKDOWN */
const UNUSABLE = 0x1 | 0x10;
const NEXT_HOP = 8;
/** RFC 4191 §2.1: two bits, of which 2 is reserved. */
const PREFERENCES: Readonly<Record<number, DefaultRoute['preference']>> = { 1: 'high', 3: 'low' };

/** Lists the routes of both families. */
export function encodeRouteDump(sequence: number): Uint8Array {
  const bytes = new Uint8Array(HEADER + ROUTE_BODY);
  writeHeader(bytes, RTM.getRoute, sequence);
  return bytes;
}

/** What of a datagram concerns default routes. Never throws, whatever the bytes. */
export function decodeRoutes(bytes: Uint8Array): RouteMessage[] {
  return splitRtnetlink(bytes).flatMap((message) => decodeOne(message) ?? []);
}

function decodeOne({ type, sequence, interrupted, isListed, payload }: RawMessage): RouteMessage | undefined {
  if (type === NLMSG.done || type === NLMSG.error) return { kind: 'end', sequence, interrupted, errno: errnoOf(payload) };
  if (type === RTM.newRoute || type === RTM.delRoute) {
    if (!isDefault(payload)) return undefined;
    return type === RTM.newRoute && isListed ? { kind: 'route', sequence, hops: defaultHops(payload) } : { kind: 'hint' };
  }
  // The kernel takes the routes of a link that goes down, or loses an address, away without a word. The messages about both have the
  // index in the same place.
  const isLink = LINK_MESSAGES.has(type) && payload.length >= 8;
  return isLink ? { kind: 'hint', index: new DataView(payload.buffer, payload.byteOffset).getInt32(4, true) } : undefined;
}

function isDefault(bytes: Uint8Array): boolean {
  return bytes.length >= ROUTE_BODY && bytes[1] === 0 && FAMILIES[bytes[0] ?? 0] !== undefined;
}

function defaultHops(bytes: Uint8Array): DefaultHop[] {
  const family = FAMILIES[bytes[0] ?? 0];
  const flags = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(8, true);
  if (family === undefined || bytes[7] !== RTN_UNICAST || (flags & RTM_F_CLONED) !== 0) return [];
  const attributes = readAttributes(bytes, ROUTE_BODY);
  const metric = uint32(attributes.get(RTA.priority)) ?? 0;
  const preference = PREFERENCES[attributes.get(RTA.preference)?.[0] ?? 0] ?? 'medium';
  // The fixed part has room for tables below 256 alone.
  const table = uint32(attributes.get(RTA.table)) ?? bytes[4] ?? 0;
  return nextHops(attributes, flags).map(({ index, flags: state, attributes: own }) => {
    const gateway = (state & UNUSABLE) === 0 ? gatewayOf(own) : undefined;
    return gateway === undefined ? { index } : { index, route: { family, gateway, index, metric, preference, table } };
  });
}

interface NextHop {
  readonly index: number;
  readonly flags: number;
  readonly attributes: ReadonlyMap<number, Uint8Array>;
}

/** @param flags of a route that has one next hop, in its own attributes */
function nextHops(attributes: ReadonlyMap<number, Uint8Array>, flags: number): NextHop[] {
  const index = uint32(attributes.get(RTA.oif));
  if (index !== undefined) return [{ index, flags, attributes }];
  const bytes = attributes.get(RTA.multipath) ?? new Uint8Array(0);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const hops: NextHop[] = [];
  for (let at = 0; at + NEXT_HOP <= bytes.length;) {
    const length = view.getUint16(at, true);
    if (length < NEXT_HOP || at + length > bytes.length) break;
    const own = readAttributes(bytes.subarray(at, at + length), NEXT_HOP);
    hops.push({ index: view.getInt32(at + 4, true), flags: view.getUint8(at + 2), attributes: own });
    at += align(length);
  }
  return hops;
}

/** RTA_VIA has the family before the address: IPv4 by a router of IPv6 alone. */
function gatewayOf(attributes: ReadonlyMap<number, Uint8Array>): Ip | undefined {
  const address = attributes.get(RTA.gateway) ?? attributes.get(RTA.via)?.subarray(2);
  return address?.length === 4 || address?.length === 16 ? ipFromBytes(address) : undefined;
}
