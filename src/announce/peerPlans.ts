import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import type { NodeView } from '../cluster/node.ts';
import type { Config, Peer, PeerExtras } from '../config/config.ts';
import { type Ip, ipFamily, ipFromBytes } from '../net/ip.ts';
import { familiesOf } from './peerFamilies.ts';
import type { PeerPlan, PeerSession, RouteSet } from './plan.ts';
import { onlyFamilies } from './routes.ts';
import { coversNode } from './scope.ts';

/**
 * The sessions stay up on a node that may announce nothing at the moment (excluded, network unavailable): it is the
 * routes that are withdrawn. A node that is not known has none.
 */
export function peersOf(config: Config, node: NodeView | undefined): Peer[] {
  if (node === undefined) return [];
  return config.peers.filter((peer) => coversNode(peer, node)).toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

export function planPeer(
  peer: Peer,
  nodeName: string,
  node: NodeView | undefined,
  config: Config,
  routes: readonly RouteSet[],
): PeerPlan<RouteSet> {
  const session = sessionOf(peer, nodeName, node, config);
  return { name: peer.name, session, routes: onlyFamilies(routes, session.families) };
}

/** The sessions that a node is to have, by the names of their BGPPeers. */
export function nodeSessions(config: Config, node: NodeView): Pick<PeerPlan, 'name' | 'session'>[] {
  return peersOf(config, node).map((peer) => ({ name: peer.name, session: sessionOf(peer, node.name, node, config) }));
}

function sessionOf(peer: Peer, nodeName: string, node: NodeView | undefined, config: Config): PeerSession {
  const families = familiesOf(peer);
  const bfd = config.bfdProfiles.find((profile) => profile.name === peer.bfdProfile);
  return {
    myAsn: peer.myAsn,
    peerAsn: peer.peerAsn,
    port: peer.port,
    holdTimeMs: peer.holdTimeMs,
    keepaliveTimeMs: peer.keepaliveTimeMs,
    routerId: peer.routerId ?? defaultRouterId(nodeName, node),
    families,
    ebgpMultiHop: peer.ebgpMultiHop,
    gracefulRestart: peer.gracefulRestart,
    ...optional('localAsn', peer.localAsn),
    ...optional('address', peer.address),
    ...optional('interface', peer.interface),
    ...optional('sourceAddress', peer.sourceAddress),
    ...optional('connectTimeMs', peer.connectTimeMs),
    ...optional('password', peer.password),
    ...optional('vrf', peer.vrf),
    ...extrasOf(peer),
    ...optional('bfd', bfd),
  };
}

function optional<K extends string, V>(key: K, value: V | undefined): { [key in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [key in K]?: V });
}

function extrasOf(peer: Peer): Omit<PeerExtras, 'families'> {
  const { passive, listenRange, defaultGateway, ttlSecurityHops, tcpAo, delayOpenMs, role } = peer;
  const { addPath, extendedMessages, restartTimeSeconds, longLivedStaleSeconds } = peer;
  return {
    ...optional('passive', passive),
    ...optional('listenRange', listenRange),
    ...optional('defaultGateway', defaultGateway),
    ...optional('ttlSecurityHops', ttlSecurityHops),
    ...optional('tcpAo', tcpAo),
    ...optional('delayOpenMs', delayOpenMs),
    ...optional('role', role),
    ...optional('addPath', addPath),
    ...optional('extendedMessages', extendedMessages),
    ...optional('restartTimeSeconds', restartTimeSeconds),
    ...optional('longLivedStaleSeconds', longLivedStaleSeconds),
  };
}

/** RFC 6286 §2.1 wants a non-zero value that is unique in the AS. */
function defaultRouterId(nodeName: string, node: NodeView | undefined): Ip {
  const own = node?.internalIPs.find((ip) => ipFamily(ip) === 'ipv4');
  if (own !== undefined) return own;
  const hash = sha256(utf8ToBytes(nodeName));
  // 10.0.0.0/8 looks like an address to people and tools, and is neither zero nor multicast.
  return ipFromBytes(Uint8Array.of(10, hash[0] ?? 0, hash[1] ?? 0, (hash[2] ?? 0) | 1));
}
