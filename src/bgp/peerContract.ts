import type { Instant } from '../machine.ts';
import type { Family, Ip } from '../net/ip.ts';
import type { ConnectionId, FsmStateName, NextHops, PackedSet, RouteSet, SessionConfig, StopReason } from './session.ts';

export type PeerEvent =
  | { readonly type: 'start' }
  | { readonly type: 'stop'; readonly reason: StopReason }
  | { readonly type: 'configure'; readonly config: SessionConfig }
  /** The whole set of routes to be announced; kept over reconnects. */
  | { readonly type: 'desired'; readonly routes: readonly (RouteSet | PackedSet)[] }
  | ({ readonly type: 'tcpConnected' | 'tcpAccepted' } & Endpoints)
  | { readonly type: 'tcpFailed'; readonly conn: ConnectionId; readonly reason: string }
  | { readonly type: 'tcpClosed'; readonly conn: ConnectionId; readonly reason?: string }
  | { readonly type: 'bytes'; readonly conn: ConnectionId; readonly data: Uint8Array }
  /** All that was sent has left for the kernel. */
  | { readonly type: 'writable'; readonly conn: ConnectionId }
  /** The addresses beside the local one are others now. */
  | { readonly type: 'nextHops'; readonly nextHops: NextHops }
  | { readonly type: 'bfdUp' | 'bfdDown' }
  | { readonly type: 'tick' };

export interface Endpoints {
  readonly conn: ConnectionId;
  readonly local: Ip;
  readonly remote: Ip;
  /** Addresses of the interface that holds `local`. */
  readonly nextHops?: NextHops;
}

export type PeerEffect =
  | { readonly type: 'connect'; readonly conn: ConnectionId; readonly remote: Ip; readonly port: number; readonly source?: Ip }
  | { readonly type: 'send'; readonly conn: ConnectionId; readonly bytes: Uint8Array }
  /** `flush`: end after what is queued; `abort`: destroy at once. */
  | { readonly type: 'close'; readonly conn: ConnectionId; readonly mode: 'flush' | 'abort' }
  | { readonly type: 'report'; readonly status: PeerStatus };

export interface PeerStatus {
  readonly state: FsmStateName;
  readonly since: Instant;
  readonly peerAsn?: number;
  readonly peerRouterId?: Ip;
  readonly holdTimeMs?: number;
  readonly keepaliveTimeMs?: number;
  readonly families?: readonly Family[];
  readonly local?: Ip;
  readonly lastError?: PeerError;
  /** Families that are negotiated but have no next hop on this node, so that nothing of them is announced. */
  readonly unannounced: readonly Family[];
}

export interface PeerError {
  readonly at: Instant;
  /** `local`: no NOTIFICATION was involved (TCP, BFD). */
  readonly direction: 'sent' | 'received' | 'local';
  readonly code?: number;
  readonly subcode?: number;
  /** `Hold Timer Expired`, `OPEN Message Error/Bad Peer AS`, `ECONNREFUSED`. */
  readonly name: string;
  /** The peer's or our own words (RFC 9003). */
  readonly text?: string;
}

export interface PeerCounters {
  readonly messagesReceived: number;
  readonly messagesSent: number;
  readonly updatesReceived: number;
  readonly updatesSent: number;
  /** UPDATEs with at least one fault that RFC 7606 does not answer with a reset. */
  readonly updatesFaulty: number;
  readonly prefixesReceived: number;
  readonly prefixesWithdrawn: number;
  /** Held by the peer now, as far as we know. */
  readonly prefixesAnnounced: number;
  readonly timesEstablished: number;
}
