import type { NodePlan, PeerSession, RouteAttributes, RouteSet } from '../../src/announce/plan.ts';
import { parseIp } from '../../src/net/ip.ts';
import { type Prefix, parsePrefix } from '../../src/net/prefix.ts';
import type { Ip } from '../../src/net/ip.ts';

export const OURS = { ipv4: '10.99.0.1', ipv6: 'fd99::1', asn: 64512 };
export const THEIRS = { ipv4: '10.99.0.2', ipv6: 'fd99::2', asn: 64513 };
/** Where there are routers in between. */
export const FAR = { ipv4: '10.97.0.2', ipv6: 'fd97::2', asn: 64513 };

export function ip(text: string): Ip {
  const parsed = parseIp(text);
  if (parsed === undefined) throw new Error(`no address: ${text}`);
  return parsed;
}

export function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new Error(`no prefix: ${text}`);
  return parsed;
}

export function routes(attributes: Partial<RouteAttributes>, ...prefixes: string[]): RouteSet {
  return { attributes: { communities: [], largeCommunities: [], ...attributes }, prefixes: prefixes.map(prefix) };
}

let generation = 0;

/** A plan of one session to the other side of the link. */
export function planOf(session: Partial<PeerSession>, ...sets: RouteSet[]): NodePlan {
  generation += 1;
  const whole: PeerSession = {
    myAsn: OURS.asn,
    peerAsn: THEIRS.asn,
    address: ip(THEIRS.ipv4),
    port: 179,
    holdTimeMs: 3_000,
    keepaliveTimeMs: 1_000,
    connectTimeMs: 1_000,
    routerId: ip(OURS.ipv4),
    families: ['ipv4', 'ipv6'],
    ebgpMultiHop: false,
    gracefulRestart: false,
    ...session,
  };
  return { generation, node: 'n1', peers: [{ name: 'p1', session: whole, routes: sets }], claims: [] };
}

/** 64512:7 as the one number that it is. */
export function community(high: number, low: number): number {
  return high * 65_536 + low;
}
