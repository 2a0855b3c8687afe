import type { AdvertisementScope, Config, Peer, Pool } from '../config/config.ts';
import type { AdvertisementRow, PeerRow, PoolRow, SessionRow, Usage } from './view.ts';

export function poolRows(pools: readonly Pool[], usage: ReadonlyMap<string, { readonly ipv4: Usage; readonly ipv6: Usage }>): PoolRow[] {
  return pools.map(({ name, blocks, autoAssign, disabled }) => {
    const counts = usage.get(name);
    const families = (['ipv4', 'ipv6'] as const).filter((family) => blocks.some((block) => block.family === family));
    return {
      id: name,
      blocks: blocks.map(({ text }) => text),
      usage: counts === undefined ? {} : Object.fromEntries(families.map((family) => [family, counts[family]])),
      autoAssign,
      disabled: disabled === true,
    };
  });
}

/** Field by field: a peer has a password, and no row may ever get one by being made of all that there is. */
export function peerRows(peers: readonly Peer[], sessions: readonly SessionRow[], keyed: ReadonlySet<string>): PeerRow[] {
  return peers.map((peer) => {
    const own = sessions.filter((session) => session.peer === peer.name);
    return {
      id: peer.name,
      router: routerOf(peer),
      myAsn: peer.localAsn ?? peer.myAsn,
      asn: String(peer.peerAsn),
      holdTimeMs: peer.holdTimeMs,
      protection: protectionOf(peer, keyed),
      ...(peer.bfdProfile === undefined ? {} : { bfdProfile: peer.bfdProfile }),
      up: own.filter(({ state }) => state === 'Established').length,
      sessions: own.length,
    };
  });
}

function routerOf({ address, interface: name, listenRange, defaultGateway }: Peer): string {
  if (address !== undefined) return address;
  if (name !== undefined) return `on ${name}`;
  return listenRange === undefined ? `the ${defaultGateway ?? ''} default gateway` : `any of ${listenRange}`;
}

function protectionOf({ name, password, tcpAo }: Peer, keyed: ReadonlySet<string>): PeerRow['protection'] {
  if (tcpAo !== undefined) return 'TCP-AO';
  return password === undefined && !keyed.has(name) ? 'none' : 'TCP MD5';
}

export function advertisementRows(
  { bgpAdvertisements, l2Advertisements }: Config,
  nodesOf: (scope: AdvertisementScope) => number,
): AdvertisementRow[] {
  const row = (protocol: AdvertisementRow['protocol'], scope: AdvertisementScope): Omit<AdvertisementRow, 'peers' | 'interfaces'> => ({
    id: `${protocol} ${scope.name}`,
    protocol,
    name: scope.name,
    pools: scope.pools === 'all' ? [] : scope.pools,
    nodes: nodesOf(scope),
  });
  return [
    ...bgpAdvertisements.map((each) => ({ ...row('BGP', each), peers: each.peers, interfaces: [] })),
    ...l2Advertisements.map((each) => ({ ...row('layer 2', each), peers: [], interfaces: each.interfaces })),
  ];
}
