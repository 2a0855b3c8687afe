import type { Family } from '../../net/ip.ts';
import { Afi, Safi } from './iana.ts';

/** An address family as BGP numbers it. */
export interface AfiSafi {
  readonly afi: number;
  readonly safi: number;
}

export function afiSafiOf(family: Family): AfiSafi {
  return { afi: Afi[family], safi: Safi.unicast };
}

/** @returns undefined for anything but IPv4 and IPv6 unicast. */
export function familyOf(afi: number, safi: number): Family | undefined {
  if (safi !== Safi.unicast) return undefined;
  if (afi === Afi.ipv4) return 'ipv4';
  return afi === Afi.ipv6 ? 'ipv6' : undefined;
}
