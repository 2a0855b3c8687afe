import type { PeerPlan } from '../src/announce/plan.ts';
import type { BfdConfig } from '../src/bfd/contract.ts';
import type { BfdProfile } from '../src/config/config.ts';
import { type Family, type Ip, ipFamily, isLinkLocal } from '../src/net/ip.ts';

/** RFC 5881 §4, RFC 5883 §5. */
export const SINGLE_HOP_PORT = 3784;
export const ECHO_PORT = 3785;
export const MULTIHOP_PORT = 4784;

/** MetalLB's default, which asks for nothing: a single hop has 255 anyway. */
const DEFAULT_MINIMUM_TTL = 254;

/** One BFD session as the plan wants it. BGPPeers with one router share it: the path is one (RFC 5882 §2). */
export interface BfdTarget {
  /** The same path has the same key in every plan. */
  readonly key: string;
  readonly remote: Ip;
  readonly family: Family;
  /** BGPPeer names, sorted. */
  readonly peers: readonly string[];
  /** Of the first of them. */
  readonly profile: BfdProfile;
  readonly multihop: boolean;
  readonly source?: Ip;
  /** Interface of a link-local address. */
  readonly scope?: string;
  /** SO_BINDTODEVICE. */
  readonly device?: string;
  /** Of the mesh of speakers, which has a port of its own. */
  readonly port?: number;
  /** In the place of the profile's, which has one key. */
  readonly auth?: BfdConfig['auth'];
  /** See BfdConfig. */
  readonly waitsForKey?: boolean;
  readonly upDiag?: number;
  readonly downDiag?: number;
  /** See BfdConfig. */
  readonly call?: BfdConfig['call'];
  readonly note?: Uint8Array;
}

/** @param plans sorted by name; those without BFD or without an address are left out */
export function bfdTargets(plans: readonly PeerPlan[]): BfdTarget[] {
  const targets = new Map<string, BfdTarget>();
  for (const plan of plans) {
    const target = targetOf(plan);
    if (target === undefined) continue;
    const found = targets.get(target.key);
    targets.set(target.key, found === undefined ? target : { ...found, peers: [...found.peers, plan.name] });
  }
  return [...targets.values()];
}

function targetOf({ name, session }: PeerPlan): BfdTarget | undefined {
  const { bfd: profile, address: remote, sourceAddress: source, vrf: device } = session;
  if (profile === undefined || remote === undefined) return undefined;
  // An internal peer some hops away cannot say ebgpMultiHop: its minimum TTL does.
  const multihop = session.ebgpMultiHop || profile.minimumTtl < DEFAULT_MINIMUM_TTL;
  const scope = isLinkLocal(remote) ? session.interface : undefined;
  const key = [remote, scope === undefined ? '' : `%${scope}`, device === undefined ? '' : `@${device}`, multihop ? ' multihop' : ''].join(
    '',
  );
  return {
    key: source === undefined ? key : `${key} from ${source}`,
    remote,
    family: ipFamily(remote),
    peers: [name],
    profile,
    multihop,
    waitsForKey: true,
    ...(source === undefined ? {} : { source }),
    ...(scope === undefined ? {} : { scope }),
    ...(device === undefined ? {} : { device }),
  };
}
