import type { Peer } from '../config/config.ts';
import { type Family, ipFamily } from '../net/ip.ts';
import { prefixFamily } from '../net/prefix.ts';

/** One family per session unless asked: routers drop a neighbour that offers a family they have not configured. */
export function familiesOf(peer: Peer): readonly Family[] {
  if (peer.families !== undefined) return peer.families;
  if (peer.dualStackAddressFamily) return ['ipv4', 'ipv6'];
  if (peer.address !== undefined) return [ipFamily(peer.address)];
  if (peer.listenRange !== undefined) return [prefixFamily(peer.listenRange)];
  return peer.defaultGateway === undefined ? ['ipv4', 'ipv6'] : [peer.defaultGateway];
}
