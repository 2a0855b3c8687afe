import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import type { NodeView } from '../cluster/node.ts';
import type { Config, Peer } from '../config/config.ts';
import type { Family, Ip } from '../net/ip.ts';
import { ipFamily, ipFromBytes } from '../net/ip.ts';
import { RankCache } from '../layer2/elector.ts';
import { planClaims } from './claims.ts';
import type { NodePlanResult, PeerPlan, PeerSession, Verdict } from './plan.ts';
import { onlyFamilies, planRoutes } from './routes.ts';
import { coversNode } from './scope.ts';
import { type AnnounceSnapshot, indexSnapshot } from './snapshot.ts';

/**
 * Everything one node has to do, and why it does not do the rest. Pure; equal snapshots give equal plans in any order.
 * @param cache hashes of earlier plans: keep one per process
 */
export function planNode(snapshot: AnnounceSnapshot, nodeName: string, generation: number, cache = new RankCache()): NodePlanResult {
  const index = indexSnapshot(snapshot);
  const node = index.nodes.find((candidate) => candidate.name === nodeName);
  const peers = peersOf(snapshot.config, node);
  const bgp = planRoutes(index, node, peers);
  const layer2 = planClaims(index, nodeName, cache);
  const nothing: Verdict = { announced: false, ineligible: { reason: 'NoMatchingAdvertisement' } };
  return {
    plan: {
      generation,
      node: nodeName,
      peers: peers.map((peer) => planPeer(peer, nodeName, node, snapshot.config, bgp.routes.get(peer.name) ?? [])),
      claims: layer2.claims,
    },
    verdicts: index.services.map((service) => ({
      service: service.key,
      addresses: service.ingress,
      bgp: bgp.verdicts.get(service.key) ?? nothing,
      layer2: layer2.verdicts.get(service.key) ?? nothing,
    })),
    speaksForAll: (index.nodes.find((candidate) => candidate.ready) ?? index.nodes[0])?.name === nodeName,
    problems: [],
  };
}

/**
 * The sessions stay up on a node that may announce nothing at the moment (excluded, network unavailable): it is the
 * routes that are withdrawn. A node that is not known has none.
 */
function peersOf(config: Config, node: NodeView | undefined): Peer[] {
  if (node === undefined) return [];
  return config.peers.filter((peer) => coversNode(peer, node)).toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function planPeer(peer: Peer, nodeName: string, node: NodeView | undefined, config: Config, routes: PeerPlan['routes']): PeerPlan {
  const families = familiesOf(peer);
  const bfd = config.bfdProfiles.find((profile) => profile.name === peer.bfdProfile);
  const session: PeerSession = {
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
    ...optional('bfd', bfd),
  };
  return { name: peer.name, session, routes: onlyFamilies(routes, families) };
}

function optional<K extends string, V>(key: K, value: V | undefined): { [key in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [key in K]?: V });
}

/** One family per session unless asked: routers drop a neighbour that offers a family they have not configured. */
function familiesOf(peer: Peer): Family[] {
  if (peer.dualStackAddressFamily || peer.address === undefined) return ['ipv4', 'ipv6'];
  return [ipFamily(peer.address)];
}

/** RFC 6286 §2.1 wants a non-zero value that is unique in the AS. */
function defaultRouterId(nodeName: string, node: NodeView | undefined): Ip {
  const own = node?.internalIPs.find((ip) => ipFamily(ip) === 'ipv4');
  if (own !== undefined) return own;
  const hash = sha256(utf8ToBytes(nodeName));
  // 10.0.0.0/8 looks like an address to people and tools, and is neither zero nor multicast.
  return ipFromBytes(Uint8Array.of(10, hash[0] ?? 0, hash[1] ?? 0, (hash[2] ?? 0) | 1));
}
