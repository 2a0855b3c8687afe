import type { Instant } from '../machine.ts';
import type { BfdDigestType, BfdPacket, BfdState } from '../wire/bfd.ts';

/** What one session is to do. Any of it may change while the session is Up, and only another `auth` can take it down, where it does not wait for the peer. */
export interface BfdConfig {
  /** Between our packets while Up; before that no less than a second (RFC 5880 §6.8.3). */
  readonly transmitMs: number;
  /** The shortest interval between the peer's packets that we can stand. */
  readonly receiveMs: number;
  /** How fast and for how long a session that is lost, or has just begun, is called for; absent, and after that: once a second (RFC 5880 §6.8.3). */
  readonly call?: { readonly everyMs: number; readonly forMs: number };
  /** 1..255 */
  readonly multiplier: number;
  /** Says nothing before the peer has spoken (RFC 5880 §6.1). */
  readonly passive: boolean;
  /** The shortest interval between the peer's echo packets that this node sends back; 0: it sends none back. */
  readonly echoReceiveMs: number;
  /** Between our echo packets, where the peer sends them back; absent: none. Never over several hops (RFC 5883 §3). */
  readonly echoTransmitMs?: number;
  /** RFC 5880 §4.1: forwarding, and these packets, go on when this process dies. Default: they do not. */
  readonly controlPlaneIndependent?: boolean;
  readonly auth?: BfdAuthConfig;
  /**
   * While Up another `auth` takes the place of the one that works when the peer has signed with it: keys are never changed on both sides within a
   * detection time. Not for a peer that waits for us in turn.
   */
  readonly waitsForKey?: boolean;
  /** What is said while Up (RFC 5880 §6.8.17: a concatenated path is down, and the session is not), and in Init unless `downDiag` is; absent: nothing. */
  readonly upDiag?: number;
  /** What is said in Down and Init; absent: in Down why the session went down. */
  readonly downDiag?: number;
  /** Goes behind every packet in Init and Up, for a peer that knows what to make of it. */
  readonly note?: Uint8Array;
}

export interface BfdAuthConfig {
  readonly type: 'simplePassword' | BfdDigestType;
  /** Any of them is taken, the first one signs (RFC 5880 §6.7.2). Never empty. */
  readonly keys: readonly BfdKey[];
  /**
   * Signing is being switched on or off, which RFC 5880 §6.7.1 leaves to whoever does it: packets without a signature are taken, too, and with
   * `sent` these are what is sent. Absent: never.
   */
  readonly unsigned?: 'taken' | 'sent';
}

/** @returns undefined: what is sent is not signed */
export function signerOf(auth: BfdAuthConfig | undefined): BfdAuthConfig | undefined {
  return auth?.unsigned === 'sent' ? undefined : auth;
}

/** Recordings leave out fields with the name `password`. */
export interface BfdKey {
  /** 0..255 */
  readonly keyId: number;
  /** 1..16 bytes; with SHA1 up to 20. */
  readonly password: Uint8Array;
}

export type BfdEvent =
  /** From AdminDown to Down; nothing where it runs already. */
  | { readonly type: 'start' }
  /** AdminDown, which the peer is told at once, and again by every further `stop`. `diag`: BFD_DIAG, default adminDown (RFC 5880 §6.8.16). */
  | { readonly type: 'stop'; readonly diag?: number }
  | { readonly type: 'configure'; readonly config: BfdConfig }
  /** Decoded, its TTL checked, and this session's. `bytes` as it came, for the digest; no reference is kept. */
  | { readonly type: 'packet'; readonly packet: BfdPacket; readonly bytes: Uint8Array }
  /** An echo packet that came back, or that somebody has made up. */
  | { readonly type: 'echoReturned'; readonly bytes: Uint8Array }
  | { readonly type: 'tick' };

export type BfdEffect =
  /** To be sent with TTL 255 and left as it is: the same bytes may be sent again later. */
  | { readonly type: 'send'; readonly kind: 'control' | 'echo'; readonly bytes: Uint8Array }
  /** What came was not believed; it changed nothing. */
  | { readonly type: 'drop'; readonly reason: BfdDrop }
  | { readonly type: 'report'; readonly status: BfdStatus };

/** Why a well-formed packet was not believed (RFC 5880 §6.8.6). */
export type BfdDrop =
  | 'BfdAuthMissing'
  | 'BfdAuthUnexpected'
  /** Another kind of authentication than ours. */
  | 'BfdAuthMismatch'
  | 'BfdAuthKeyUnknown'
  /** RFC 5880 §6.7.3: a sequence number of the past, or one too far ahead. */
  | 'BfdAuthSequence'
  /** The password or the digest is wrong. */
  | 'BfdAuthWrong'
  /** This side is shut. */
  | 'BfdAdminDown'
  /** No echo packet of ours that is still out. */
  | 'BfdEchoUnknown';

/**
 * What BFD says of the path. `Unknown`: nothing, because the session has not been Up yet, or because either side has shut it
 * (RFC 5882 §3.2): whoever trusts in the path is not to be brought down for that.
 */
export type BfdVerdict = 'Up' | 'Down' | 'Unknown';

/** Why a session left Up. `NeighborSignaledDown`: the peer said so; `remoteDiag` has its reason. */
export type BfdDownReason = 'DetectionTimeExpired' | 'EchoFailed' | 'NeighborSignaledDown' | 'NeighborAdminDown' | 'AdminDown';

export interface BfdStatus {
  readonly state: BfdState;
  readonly verdict: BfdVerdict;
  /** When it entered `state`. */
  readonly since: Instant;
  /** BFD_DIAG, as we say it. */
  readonly localDiag: number;
  /** `Down` before the peer was heard. */
  readonly remoteState: BfdState;
  readonly remoteDiag: number;
  /** 0: the peer has not been heard for a detection time. */
  readonly remoteDiscriminator: number;
  /** The peer asks for no packets as long as all is well (RFC 5880 §6.6); it gets none. */
  readonly remoteDemand: boolean;
  /** RFC 5882 §4.3.2: when both sides say it, Down is about the path and not about the peer's control plane. */
  readonly remoteControlPlaneIndependent: boolean;
  /** The peer does not sign with the `auth` of the configuration yet, and the one before goes on. */
  readonly isKeyAwaited?: true;
  /** Between our packets, without jitter; 0: none, because the peer wants none. */
  readonly transmitMs: number;
  /** Between the peer's packets, as agreed, and the silence after which it is gone; absent before it was heard. */
  readonly receiveMs?: number;
  readonly detectionMs?: number;
  /** Between our echo packets; absent while there are none. */
  readonly echoMs?: number;
  readonly lastDown?: { readonly at: Instant; readonly reason: BfdDownReason; readonly remoteDiag: number };
}

export interface BfdCounters {
  readonly packetsSent: number;
  /** Without those that were dropped. */
  readonly packetsReceived: number;
  readonly echoesSent: number;
  readonly echoesReturned: number;
  readonly timesUp: number;
  readonly timesDown: number;
  readonly drops: Readonly<Partial<Record<BfdDrop, number>>>;
}
