import type { Block } from '../net/block.ts';
import type { Family, Ip } from '../net/ip.ts';
import type { Prefix } from '../net/prefix.ts';
import type { LabelSelector } from './selector.ts';

/**
 * The whole configuration as one immutable value, made from the custom resources by `parse`. Every reference in it
 * resolves, every default is filled in; what was wrong stands in the list of Problems beside it.
 */
export interface Config {
  readonly generation: number;
  readonly pools: readonly Pool[];
  readonly peers: readonly Peer[];
  readonly bgpAdvertisements: readonly BgpAdvertisement[];
  readonly l2Advertisements: readonly L2Advertisement[];
  readonly bfdProfiles: readonly BfdProfile[];
}

/** IPAddressPool. */
export interface Pool {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** In written order; never empty, never overlapping. */
  readonly blocks: readonly Block[];
  readonly autoAssign: boolean;
  readonly avoidBuggyIPs: boolean;
  /** Absent: the pool serves every Service. */
  readonly allocation?: PoolAllocation;
  /** Never given; sorted, without overlaps among themselves. */
  readonly excluded?: readonly Block[];
  /** It keeps what it gave and gives no more. */
  readonly disabled?: boolean;
  /** Addresses of each family that the Services of one namespace may have. */
  readonly quotaPerNamespace?: number;
  /** Absent: `firstFit`. */
  readonly allocationPolicy?: 'firstFit' | 'mostFree';
  /** What becomes of an address after its Service; absent: it is free. */
  readonly retention?: Retention;
  /** Absent: `refuse`. */
  readonly onConflict?: 'refuse' | 'reassign';
}

/** An address outlives its Service: forever, or for `ttl`. */
export interface Retention {
  /** A Go duration. */
  readonly ttl?: string;
}

export interface PoolAllocation {
  /** Lower goes first; 0 (or unset) goes last. */
  readonly priority: number;
  readonly namespaces: readonly string[];
  readonly namespaceSelectors: readonly LabelSelector[];
  readonly serviceSelectors: readonly LabelSelector[];
}

/** Which pools, Services and nodes an advertisement is for. An empty list means all. */
export interface AdvertisementScope {
  readonly name: string;
  /** Names of existing pools that the lists or selectors picked; `all` when neither was given. */
  readonly pools: 'all' | readonly string[];
  readonly nodeSelectors: readonly LabelSelector[];
  readonly serviceSelectors: readonly LabelSelector[];
}

export interface BgpAdvertisement extends AdvertisementScope {
  readonly aggregationLength: number;
  readonly aggregationLengthV6: number;
  /** undefined: not set by the operator; an iBGP session then sends 100. */
  readonly localPref?: number;
  /** RFC 1997, 32 bits, sorted, aliases resolved. */
  readonly communities: readonly number[];
  /** RFC 8092, sorted, aliases resolved. */
  readonly largeCommunities: readonly LargeCommunity[];
  /** BGPPeer names; empty means all. */
  readonly peers: readonly string[];
  /** Sixteen hex digits each (RFC 4360). */
  readonly extendedCommunities?: readonly string[];
  readonly med?: number;
  readonly asPathPrepend?: number;
  readonly origin?: 'igp' | 'incomplete';
  /** RFC 8326. */
  readonly gracefulShutdown?: boolean;
  readonly onlyWithEndpoints?: boolean;
  readonly linkBandwidth?: { readonly bytesPerEndpoint: number; readonly transitive: boolean };
}

export type LargeCommunity = readonly [global: number, local1: number, local2: number];

export interface L2Advertisement extends AdvertisementScope {
  /** Interface names; empty means all that are fit. */
  readonly interfaces: readonly string[];
  readonly preferredNodes: readonly { readonly weight: number; readonly preference: LabelSelector }[];
  /** Absent: what the speakers are set to. */
  readonly election?: 'balanced' | 'hash';
}

/** RFC 5925; the key is the password. */
export interface TcpAo {
  /** 0..255 */
  readonly sendId: number;
  readonly receiveId: number;
  readonly algorithm: 'hmac-sha1-96' | 'aes-128-cmac-96';
}

/** What a BGPPeer may say of its session beyond MetalLB's. */
export interface PeerExtras {
  readonly passive?: boolean;
  /** In the place of an address. */
  readonly listenRange?: Prefix;
  /** In the place of an address: the node's default gateway of this family. */
  readonly defaultGateway?: Family;
  /** Default: by `dualStackAddressFamily` and the address. */
  readonly families?: readonly Family[];
  readonly ttlSecurityHops?: number;
  readonly tcpAo?: TcpAo;
  readonly delayOpenMs?: number;
  readonly role?: 'provider' | 'rsServer' | 'rsClient' | 'customer' | 'peer';
  readonly addPath?: boolean;
  readonly extendedMessages?: boolean;
  readonly restartTimeSeconds?: number;
  readonly longLivedStaleSeconds?: number;
}

/** BGPPeer. */
export interface Peer extends PeerExtras {
  readonly name: string;
  readonly myAsn: number;
  readonly peerAsn: number | 'internal' | 'external';
  readonly localAsn?: number;
  /** Exactly one of address, interface, listenRange and defaultGateway. */
  readonly address?: Ip;
  readonly interface?: string;
  readonly sourceAddress?: Ip;
  readonly port: number;
  readonly holdTimeMs: number;
  readonly keepaliveTimeMs: number;
  readonly connectTimeMs?: number;
  /** IPv4 in form; a BGP Identifier (RFC 6286). */
  readonly routerId?: Ip;
  readonly nodeSelectors: readonly LabelSelector[];
  /** Resolved from `password` or `passwordSecret`. Never logged, never in status. */
  readonly password?: string;
  readonly bfdProfile?: string;
  readonly gracefulRestart: boolean;
  readonly ebgpMultiHop: boolean;
  readonly vrf?: string;
  readonly dualStackAddressFamily: boolean;
  readonly disableMP: boolean;
}

/** BFDProfile, MetalLB's defaults filled in. */
export interface BfdProfile {
  readonly name: string;
  readonly receiveIntervalMs: number;
  readonly transmitIntervalMs: number;
  readonly detectMultiplier: number;
  readonly echoIntervalMs: number;
  readonly echoMode: boolean;
  readonly passiveMode: boolean;
  readonly minimumTtl: number;
  readonly auth?: BfdAuth;
}

/** RFC 5880 §6.7. */
export interface BfdAuth {
  readonly type: 'simplePassword' | 'keyedMd5' | 'meticulousMd5' | 'keyedSha1' | 'meticulousSha1';
  /** 0..255 */
  readonly keyId: number;
  /** 1..16 bytes, with SHA1 up to 20. Never logged, never in status. */
  readonly password: string;
}
