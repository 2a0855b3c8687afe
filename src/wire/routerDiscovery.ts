import { type Ip, isLinkLocal } from '../net/ip.ts';
import { type Mac, macToBytes } from '../net/mac.ts';

/*
 * RFC 4861 §4.1 and §4.2, as a raw ICMPv6 socket has them: without the IPv6 header, the checksum made and checked by the kernel.
 *
 *     Router Solicitation    type 133 (1)  code 0 (1)  checksum (2)  reserved (4)  options
 *     Router Advertisement   type 134 (1)  code 0 (1)  checksum (2)  hop limit (1)  flags (1)  router lifetime (2)
 *                            reachable time (4)  retransmit timer (4)  options: type (1), length / 8 (1), data
 */

export const ROUTER_ADVERTISEMENT = 134;
const ROUTER_SOLICITATION = 133;
const ADVERTISEMENT_LENGTH = 16;
const OPTION_SOURCE = 1;

/** Without our link-layer address: the answer goes to all nodes. */
export function encodeRouterSolicitation(): Uint8Array {
  return Uint8Array.of(ROUTER_SOLICITATION, 0, 0, 0, 0, 0, 0, 0);
}

/**
 * Of a node that is no router, and is to be found by one: with a router lifetime of zero nobody sends anything to it (RFC 4861
 * §4.2).
 * @param mac of the interface
 */
export function encodeRouterAdvertisement(mac: Mac): Uint8Array {
  const bytes = new Uint8Array(ADVERTISEMENT_LENGTH + 8);
  bytes[0] = ROUTER_ADVERTISEMENT;
  bytes.set([OPTION_SOURCE, 1, ...macToBytes(mac)], ADVERTISEMENT_LENGTH);
  return bytes;
}

export interface ReceivedIcmpv6 {
  readonly bytes: Uint8Array;
  readonly source: Ip;
  readonly hopLimit: number | undefined;
}

/**
 * The router that a valid Router Advertisement comes from. A lifetime of zero says that it is nobody's default router, and
 * routers that advertise themselves for BGP alone say just that; it is a neighbour all the same.
 */
export function advertisingRouter({ bytes, source, hopLimit }: ReceivedIcmpv6): Ip | undefined {
  // RFC 4861 §6.1.2, in its order.
  const valid =
    isLinkLocal(source) &&
    hopLimit === 255 &&
    bytes.length >= ADVERTISEMENT_LENGTH &&
    bytes[0] === ROUTER_ADVERTISEMENT &&
    bytes[1] === 0 &&
    optionsFit(bytes);
  return valid ? source : undefined;
}

function optionsFit(bytes: Uint8Array): boolean {
  let at = ADVERTISEMENT_LENGTH;
  while (at + 1 < bytes.length) {
    const length = (bytes[at + 1] ?? 0) * 8;
    if (length === 0) return false;
    at += length;
  }
  return at === bytes.length;
}
