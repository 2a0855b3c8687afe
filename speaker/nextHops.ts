import type { NextHops } from '../src/bgp/session.ts';
import { type Ip, ipFamily, isLinkLocal } from '../src/net/ip.ts';
import type { HostLink } from './hands.ts';

/**
 * The addresses of the interface that holds `local`: what a router that is reached from there can send to.
 * @param scope the interface's name, where `local` is link-local: several may hold the same
 */
export function nextHopsAt(links: readonly HostLink[], local: Ip, scope?: string): NextHops {
  const holders = links.filter((link) => link.addresses.includes(local));
  const addresses = (holders.find(({ name }) => name === scope) ?? holders[0])?.addresses ?? [];
  const ipv4 = first(addresses, local, (ip) => ipFamily(ip) === 'ipv4');
  const ipv6 = first(addresses, local, (ip) => ipFamily(ip) === 'ipv6' && !isLinkLocal(ip));
  const ipv6LinkLocal = first(addresses, local, (ip) => ipFamily(ip) === 'ipv6' && isLinkLocal(ip));
  return {
    ...(ipv4 === undefined ? {} : { ipv4 }),
    ...(ipv6 === undefined ? {} : { ipv6 }),
    ...(ipv6LinkLocal === undefined ? {} : { ipv6LinkLocal }),
  };
}

/** `local` itself when it fits: an interface may hold several. */
function first(addresses: readonly Ip[], local: Ip, fits: (ip: Ip) => boolean): Ip | undefined {
  return fits(local) ? local : addresses.find(fits);
}
