import { parseIp } from '../../net/ip.ts';
import type { Draft } from './draft.ts';
import { some, whenTrue, word } from './fields.ts';
import type { Daemon } from './kubeVipDaemon.ts';
import { given } from './sourceObject.ts';

/** One entry of bgp_peers: `address:AS:password:multihop:port:mpbgp:bfd`, IPv6 in brackets, or `unnumbered:interface:...`. */
interface WrittenPeer {
  readonly address?: string;
  readonly interface?: string;
  readonly asn: number;
  readonly password: string;
  readonly multihop: boolean;
  readonly port: number;
  readonly bothFamilies: boolean;
  readonly bfd?: { readonly receive: number; readonly transmit: number; readonly multiplier: number };
}

/** Every node announces every VIP to every peer. */
export function migratePeers(draft: Draft, daemon: Daemon): void {
  const { env, object, path } = daemon;
  const myASN = Number(env.get('bgp_as') ?? '65000');
  const peers = writtenPeers(draft, daemon);
  if (peers.length === 0) {
    draft.lose('SelectsNothing', object, path('bgp_peers'), 'BGP is switched on and no peer is named: write a BGPPeer');
    return;
  }
  for (const peer of peers) writePeer(draft, daemon, myASN, peer);
  draft.write('BGPAdvertisement', 'kube-vip', {});
  const router = env.get('bgp_routerid');
  if (router !== undefined && router !== '')
    draft.lose(
      'Approximated',
      object,
      path('bgp_routerid'),
      `${router} would be the router ID of every node; each node has its own InternalIP now`,
    );
  if ((env.get('bgp_sourceif') ?? '') !== '')
    draft.lose('NoEquivalent', object, path('bgp_sourceif'), "connections leave from the address that the node's route has");
}

function writtenPeers(draft: Draft, daemon: Daemon): WrittenPeer[] {
  const { env, object, path } = daemon;
  const both = (env.get('mpbgp_nexthop') ?? '') !== '';
  const list = (env.get('bgp_peers') ?? '').split(',').filter((entry) => entry.trim() !== '');
  const read = list.flatMap((entry, index) => {
    const peer = readPeer(entry.trim(), both);
    if (typeof peer !== 'string') return peer;
    draft.lose('InvalidSource', object, `${path('bgp_peers')} [${index}]`, peer);
    return [];
  });
  const single = env.get('bgp_peeraddress') ?? '';
  if (single === '' || list.length > 0) return read;
  const asn = Number(env.get('bgp_peeras') ?? '65000');
  const password = env.get('bgp_peerpass') ?? '';
  return [{ address: single, asn, password, multihop: daemon.on('bgp_multihop'), port: 179, bothFamilies: both }];
}

function readPeer(entry: string, both: boolean): WrittenPeer | string {
  // Older versions have the options of multiprotocol BGP behind a slash.
  const [main = '', options = ''] = entry.split('/');
  const { host, isUnnumbered, rest } = splitPeer(main);
  const part = (at: number): string => rest[at] ?? '';
  const asn = part(0);
  const number = asn === '' && isUnnumbered ? '0' : asn;
  if (!/^\d{1,10}$/.test(number)) return `"${asn}" is no AS number`;
  if (!isUnnumbered && parseIp(host) === undefined) return `"${host}" is no IP address`;
  return {
    ...(isUnnumbered ? { interface: host } : { address: host }),
    asn: Number(number),
    password: part(1),
    multihop: part(2) === 'true',
    port: numberOr(part(3), 179),
    bothFamilies: both || `${part(4)};${options}`.includes('mpbgp_nexthop='),
    ...readBfd(part(5)),
  };
}

function splitPeer(main: string): { readonly host: string; readonly isUnnumbered: boolean; readonly rest: readonly string[] } {
  const [, inBrackets, behind = ''] = /^\[([^\]]*)\]:?(.*)$/.exec(main) ?? [];
  if (inBrackets !== undefined) return { host: inBrackets, isUnnumbered: false, rest: behind.split(':') };
  const isUnnumbered = main.startsWith('unnumbered:');
  const [host = '', ...rest] = (isUnnumbered ? main.slice('unnumbered:'.length) : main).split(':');
  return { host, isUnnumbered, rest };
}

function readBfd(written: string): Pick<WrittenPeer, 'bfd'> {
  const [enabled, receive, transmit, multiplier] = written.split(';');
  if (enabled !== 'true') return {};
  return { bfd: { receive: numberOr(receive, 300), transmit: numberOr(transmit, 300), multiplier: numberOr(multiplier, 3) } };
}

function numberOr(written: string | undefined, otherwise: number): number {
  return written === undefined || written === '' ? otherwise : Number(written);
}

function writePeer(draft: Draft, daemon: Daemon, myASN: number, peer: WrittenPeer): void {
  const { env, object, path, nodeSelectors } = daemon;
  const name = `peer-${peer.interface ?? (peer.address ?? '').replaceAll(/[.:]+/g, '-')}`;
  if (peer.port !== 179)
    draft.lose(
      'Approximated',
      object,
      path('bgp_peers'),
      `port ${peer.port} is written; some versions of kube-vip read it and connected to 179`,
    );
  const spec = given({
    ...(peer.asn === 0 ? { dynamicASN: 'external' } : { peerASN: peer.asn }),
    peerAddress: peer.address,
    interface: peer.interface,
    sourceAddress: word(env.get('bgp_sourceip')),
    peerPort: peer.port === 179 ? undefined : peer.port,
    ebgpMultiHop: whenTrue(peer.multihop && peer.asn !== myASN),
    dualStackAddressFamily: whenTrue(peer.bothFamilies),
    nodeSelectors: some(nodeSelectors),
  });
  draft.write('BGPPeer', name, { myASN, ...spec, ...timersOf(daemon), ...guards(draft, name, peer) });
}

/** Its defaults are not ours. */
function timersOf({ env }: Daemon): object {
  return {
    holdTime: `${env.get('bgp_hold_time') ?? '30'}s`,
    keepaliveTime: `${env.get('bgp_keepalive_interval') ?? '10'}s`,
    // Fixed there.
    connectTime: '10s',
  };
}

function guards(draft: Draft, name: string, { password, bfd }: WrittenPeer): object {
  return {
    ...(password === '' ? {} : { passwordSecret: { name: draft.writePassword(name, password) } }),
    ...(bfd === undefined ? {} : { bfdProfile: writeProfile(draft, name, bfd) }),
  };
}

function writeProfile(draft: Draft, name: string, { receive, transmit, multiplier }: NonNullable<WrittenPeer['bfd']>): string {
  return draft.write('BFDProfile', name, { receiveInterval: receive, transmitInterval: transmit, detectMultiplier: multiplier });
}
