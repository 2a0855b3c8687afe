import type { BfdProfile, TcpAo } from '../config/config.ts';
import type { Problem } from '../config/problem.ts';
import type { ServiceKey } from '../cluster/service.ts';
import type { Contest } from '../layer2/election.ts';
import type { Family, Ip } from '../net/ip.ts';
import type { Prefix } from '../net/prefix.ts';
import type { Ineligible } from './eligibility.ts';

/** Everything one node has to do on the wire, as one value. */
export interface NodePlan {
  readonly generation: number;
  readonly node: string;
  readonly peers: readonly PeerPlan<RouteSet>[];
  /** Of `layer2.candidacies` those that this node owns as far as Kubernetes knows who lives. */
  readonly claims: readonly ClaimPlan[];
  /** The node is drained: what the routers are told when this process ends (RFC 9003). They are not to wait for its return. */
  readonly farewell?: string;
  /** Absent: `claims` are owned whoever lives. */
  readonly layer2?: Layer2Plan;
}

/** What the wire thread needs to find the owners itself, from what it knows of the other speakers. */
export interface Layer2Plan<Claim = ClaimPlan> {
  /** What this node answers for where it is elected. */
  readonly candidacies: readonly Claim[];
  /** Of each of them: the first address of its group, which stands for it in the contests; absent: itself. */
  readonly groups: readonly (Ip | undefined)[];
  readonly contests: readonly Contest[];
  /** The other nodes that may have a speaker, sorted by name. */
  readonly peers: readonly MeshPeer[];
  /** Absent: every other node can be spoken to. */
  readonly beyond?: BeyondMesh;
}

/** Nodes without an address of a family that this one has too. Of them Kubernetes alone is asked. */
export interface BeyondMesh {
  /** Those that are ready, sorted. */
  readonly nodes: readonly string[];
  /** What they are told of this node. */
  readonly isReady: boolean;
}

/** Everything that this node may come to answer for. */
export function candidaciesOf({ claims, layer2 }: NodePlan): readonly ClaimPlan[] {
  return layer2?.candidacies ?? claims;
}

export interface MeshPeer {
  readonly node: string;
  readonly address: Ip;
  /** This node's own, by which the other one knows it. */
  readonly source: Ip;
  /** Kubernetes says that it is, and that a speaker runs there. */
  readonly ready: boolean;
}

/**
 * The plan as the Kubernetes worker hands it to the wire thread, which obeys it: whole, with a generation, and the latest wins. What
 * is much of (routes, claims) may be in a form that is quick to hand over.
 */
export interface WirePlan {
  readonly generation: number;
  readonly node: string;
  readonly peers: readonly PeerPlan[];
  readonly claims: readonly WireClaim[];
  readonly farewell?: string;
  readonly layer2?: Layer2Plan<WireClaim>;
}

/** One BGP session and all that is to be said on it. */
export interface PeerPlan<Routes = RouteSet | PackedSet> {
  /** BGPPeer name: the identity of the session across plans. */
  readonly name: string;
  readonly session: PeerSession;
  readonly routes: readonly Routes[];
}

/** A change of a field here re-establishes this session, and no other; one of the password, the BFD profile, `connectTimeMs` or `delayOpenMs` not even this. */
export interface PeerSession {
  readonly myAsn: number;
  readonly peerAsn: number | 'internal' | 'external';
  readonly localAsn?: number;
  readonly address?: Ip;
  readonly interface?: string;
  readonly port: number;
  readonly sourceAddress?: Ip;
  readonly holdTimeMs: number;
  readonly keepaliveTimeMs: number;
  readonly connectTimeMs?: number;
  /** Always present: BGPPeer `routerID`, else the node's first IPv4 InternalIP, else a hash of the node's name. */
  readonly routerId: Ip;
  readonly families: readonly Family[];
  readonly ebgpMultiHop: boolean;
  readonly gracefulRestart: boolean;
  /** RFC 4724: how long the router keeps our routes while the speaker is away. Default 120. */
  readonly restartTimeSeconds?: number;
  /** RFC 9494: how much longer it keeps them as least preferred. */
  readonly longLivedStaleSeconds?: number;
  /** Never dial; wait for the router's connection. */
  readonly passive?: boolean;
  /** In the place of `address`: every router of this prefix may connect, each with a session of its own. */
  readonly listenRange?: Prefix;
  /** In the place of `address`: the router is the node's default gateway of this family. */
  readonly defaultGateway?: Family;
  /** RFC 5082: packets that came over more hops are dropped by the kernel. */
  readonly ttlSecurityHops?: number;
  /** RFC 5925; `password` is the master key. */
  readonly tcpAo?: TcpAo;
  readonly delayOpenMs?: number;
  /** RFC 9234. */
  readonly role?: 'provider' | 'rsServer' | 'rsClient' | 'customer' | 'peer';
  /** RFC 7911: offer to send several paths of a prefix. */
  readonly addPath?: boolean;
  /** RFC 8654. Default true. */
  readonly extendedMessages?: boolean;
  readonly password?: string;
  readonly vrf?: string;
  readonly bfd?: BfdProfile;
}

/** Prefixes that share all their attributes: what one UPDATE can carry. */
export interface RouteSet {
  readonly attributes: RouteAttributes;
  readonly prefixes: readonly Prefix[];
}

/** The same, as it crosses to the wire thread: prefixes of one family in the form they have in an UPDATE (RFC 4271 §4.3). */
export interface PackedSet {
  readonly attributes: RouteAttributes;
  readonly nlri: {
    readonly family: Family;
    readonly addPath: boolean;
    readonly count: number;
    readonly bytes: Uint8Array;
    /** How many bytes each prefix takes, where all take as many. */
    readonly stride?: number;
  };
}

/** What the operator said about a route; AS_PATH, NEXT_HOP and the eBGP/iBGP rules are added per session. */
export interface RouteAttributes {
  readonly origin?: 'igp' | 'incomplete';
  readonly localPref?: number;
  readonly med?: number;
  readonly asPathPrepend?: number;
  readonly communities: readonly number[];
  readonly largeCommunities: readonly (readonly [number, number, number])[];
  /** Sixteen hex digits each (RFC 4360). */
  readonly extendedCommunities?: readonly string[];
  /** The link bandwidth extended community; the session adds its AS number. */
  readonly linkBandwidth?: LinkBandwidth;
}

export interface LinkBandwidth {
  readonly bytesPerSecond: number;
  readonly transitive: boolean;
}

/** One VIP this node answers ARP or NDP for. */
export interface ClaimPlan {
  readonly ip: Ip;
  /** Every Service that has this address, sorted. */
  readonly services: readonly ServiceKey[];
  /** Interface names; undefined means every interface that is fit. */
  readonly interfaces?: readonly string[];
}

export type WireClaim = Omit<ClaimPlan, 'services'>;

/** Why a Service is, or is not, announced from this node; one per Service that this installation handles. */
export interface ServiceVerdict {
  readonly service: ServiceKey;
  /** Of the Service among the names, where these are kept. */
  readonly place?: number;
  /** Its addresses, in status order. */
  readonly addresses: readonly Ip[];
  readonly bgp: Verdict;
  readonly layer2: Verdict;
}

export type Verdict =
  | {
      readonly announced: true;
      readonly advertisements: readonly string[];
      readonly peers?: readonly string[];
      readonly interfaces?: readonly string[];
    }
  | { readonly announced: false; readonly ineligible: Ineligible };

export interface NodePlanResult {
  readonly plan: NodePlan;
  /** Of all nodes exactly one, a ready one, tells what is true on every node; the others would only repeat it. */
  readonly speaksForAll: boolean;
  /** The same value as long as none can be another one. */
  readonly verdicts: Iterable<ServiceVerdict>;
  /** For instance a selector that selects nothing, seen from the whole cluster. */
  readonly problems: readonly Problem[];
}
