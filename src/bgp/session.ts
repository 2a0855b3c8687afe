import type { Family, Ip } from '../net/ip.ts';
import type { Prefix } from '../net/prefix.ts';
import type { NlriRun } from '../wire/bgp/nlri.ts';

/** What one BGP session is configured to be. A change of a field re-establishes the session, but for `connectRetryMs` and `delayOpenMs`. */
export interface SessionConfig {
  readonly myAsn: number;
  /** `internal`: must equal ours; `external`: every other one (RFC 4271 §8 has no name for it; FRR's `remote-as`). */
  readonly peerAsn: number | 'internal' | 'external';
  /** Shown to this peer in the place of `myAsn`. */
  readonly localAsn?: number;
  readonly peerAddress: Ip;
  readonly peerPort: number;
  readonly sourceAddress?: Ip;
  /** IPv4 in form; never 0.0.0.0 (RFC 6286 §2.1). */
  readonly routerId: Ip;
  /** 0 (no keepalives, no hold timer) or at least 3000. */
  readonly holdTimeMs: number;
  /** Default: a third of the negotiated hold time. */
  readonly keepaliveTimeMs?: number;
  /** Fixed ConnectRetryTime. Absent: 1 s doubling to 30 s. */
  readonly connectRetryMs?: number;
  /** What is offered, and never more. Empty: no multiprotocol capability at all, so IPv4 unicast (RFC 4760 §8). */
  readonly families: readonly Family[];
  /** Never dial; wait for the peer's connection. */
  readonly passive: boolean;
  /** DelayOpenTime of RFC 4271 §8.1.1; absent: the OPEN goes out at once. */
  readonly delayOpenMs?: number;
  /** Hops to the peer may be more than one: the shell leaves the TTL alone, and the next hop need not be on its link. */
  readonly ebgpMultiHop: boolean;
  readonly gracefulRestart?: GracefulRestartConfig;
  /** Next hop by family, over what the connection's own addresses would give. */
  readonly nextHop?: NextHops;
  /** RFC 9234; absent: no role is offered. */
  readonly role?: 'provider' | 'rsServer' | 'rsClient' | 'customer' | 'peer';
  /** Offer to send several paths per prefix (RFC 7911). */
  readonly addPath?: boolean;
  /** Offer messages up to 65,535 bytes (RFC 8654). Default true. */
  readonly extendedMessages?: boolean;
}

export interface GracefulRestartConfig {
  /** How long the peer keeps our routes while we are away; 0..4095. */
  readonly restartTimeSeconds: number;
  /** RFC 9494: how long it keeps them afterwards as least preferred; 0 or absent: not offered. */
  readonly longLivedStaleSeconds?: number;
}

/** Next hops this node can be reached at, by family. */
export interface NextHops {
  readonly ipv4?: Ip;
  readonly ipv6?: Ip;
  /** Sent beside the global one when the peer is on the same link (RFC 2545 §3). */
  readonly ipv6LinkLocal?: Ip;
}

/** Prefixes that share all their attributes. A prefix stands in one set only. */
export interface RouteSet {
  readonly attributes: RouteAttributes;
  readonly prefixes: readonly Prefix[];
}

/** The same with the prefixes of one family in wire form, without path identifiers: large tables travel and are kept so. */
export interface PackedSet {
  readonly attributes: RouteAttributes;
  readonly nlri: NlriRun;
}

/** What the operator said about a route; AS_PATH, NEXT_HOP and the eBGP/iBGP rules are added per session. */
export interface RouteAttributes {
  /** Default `igp`. */
  readonly origin?: 'igp' | 'incomplete';
  readonly localPref?: number;
  readonly med?: number;
  /** How many more times our AS number stands in AS_PATH. */
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

/** Names one TCP connection. The machine makes `out/1`, `out/2`, ... for those it asks for; the shell names accepted ones, `in/...`. */
export type ConnectionId = string;

/** Why the operator's side ends a session. */
export type StopReason =
  /** Cease / Administrative Shutdown, with the text of RFC 9003 when given. */
  | { readonly kind: 'shutdown'; readonly text?: string }
  /** Cease / Administrative Reset. */
  | { readonly kind: 'reset'; readonly text?: string }
  /** Cease / Peer De-configured. */
  | { readonly kind: 'deconfigured' }
  /** This process restarts: close without NOTIFICATION, so that a graceful restart helper keeps our routes (RFC 4724 §4). */
  | { readonly kind: 'restart' };

export type FsmStateName = 'Idle' | 'Connect' | 'Active' | 'OpenSent' | 'OpenConfirm' | 'Established';
