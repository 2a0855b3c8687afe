import type { Instant } from '../machine.ts';
import type { Standing } from './election.ts';

/** What of a BFD session tells whether the other speaker lives; see `bfdStatus`. */
export interface MeshStatus {
  /** When the state was entered. */
  readonly since: Instant;
  readonly state: 'AdminDown' | 'Down' | 'Init' | 'Up';
  /** 0: nothing was heard for a detection time. */
  readonly remoteDiscriminator: number;
  readonly remoteState: 'AdminDown' | 'Down' | 'Init' | 'Up';
  readonly remoteDiag: number;
}

/** RFC 5880 §4.1, the codes that the mesh gives a meaning. */
export const MESH_DIAG = {
  detectionTimeExpired: 1,
  /** With AdminDown: this pair has no session any more, which says nothing about the node. */
  pathDown: 5,
  /** RFC 5880 §6.8.17: all is well between us, and yet nothing is to be sent this way. `holding`, and with the other one `last`. */
  concatenatedPathDown: 6,
  /** In an AdminDown packet it has left; while Up it is drained, which others may not have been told. */
  administrativelyDown: 7,
  reverseConcatenatedPathDown: 8,
} as const;

/** What is remembered of one other speaker. */
export interface PeerState {
  readonly status: MeshStatus | undefined;
  /** The session was Up once: from then on its silence means something. */
  readonly wasUp: boolean;
  /** It took its leave, or ended the session; until it is Up again. */
  readonly farewell: 'none' | 'left' | 'unmeshed';
}

/**
 * `unknown`: BFD has nothing to say, and Kubernetes is asked. `disowning`: it is heard and does not hear us, so to all it can tell
 * this node is dead, and it has taken what was ours. `alone`: likewise, but it hears none of several: it is the one that is cut off.
 */
export type Liveness = Standing | 'disowning' | 'alone' | 'dead' | 'unknown';

export const UNMET: PeerState = { status: undefined, wasUp: false, farewell: 'none' };

export function follow(peer: PeerState, status: MeshStatus): PeerState {
  if (status.state === 'Up') return { status, wasUp: true, farewell: 'none' };
  if (status.remoteDiscriminator === 0 || status.remoteState !== 'AdminDown') return { ...peer, status };
  return { ...peer, status, farewell: status.remoteDiag === MESH_DIAG.pathDown ? 'unmeshed' : 'left' };
}

/** @param unbelieved packets come from there that are signed with another key, or not at all */
export function livenessOf({ status, wasUp, farewell }: PeerState, unbelieved: boolean): Liveness {
  if (status?.state === 'Up') return saidStanding(status.remoteDiag);
  if (farewell === 'unmeshed' || unbelieved) return 'unknown';
  if (farewell === 'left') return 'dead';
  if (!wasUp || status === undefined) return 'unknown';
  if (saysAlone(status)) return 'alone';
  if (status.remoteDiscriminator === 0 || status.remoteState === 'Up') return 'dead';
  return status.remoteDiag === MESH_DIAG.detectionTimeExpired ? 'disowning' : 'dead';
}

/** It is heard, and hears nobody of several. */
export function saysAlone(status: MeshStatus | undefined): boolean {
  if (status === undefined || status.remoteDiscriminator === 0 || status.remoteState === 'Up') return false;
  return status.remoteDiag === MESH_DIAG.reverseConcatenatedPathDown;
}

/** What a node says of itself while all is well. */
export function diagOf(standing: Standing): number | undefined {
  return STANDING_DIAG[standing];
}

const STANDING_DIAG: Readonly<Record<Standing, number | undefined>> = {
  willing: undefined,
  holding: MESH_DIAG.concatenatedPathDown,
  draining: MESH_DIAG.administrativelyDown,
  last: MESH_DIAG.reverseConcatenatedPathDown,
};

function saidStanding(diag: number): Standing {
  if (diag === MESH_DIAG.concatenatedPathDown) return 'holding';
  if (diag === MESH_DIAG.administrativelyDown) return 'draining';
  return diag === MESH_DIAG.reverseConcatenatedPathDown ? 'last' : 'willing';
}

export interface MeshPace {
  readonly intervalMs: number;
  readonly multiplier: number;
}

/** RFC 5880 packets that a node sends and gets in a second at most: so many of them cost a few per cent of a core. */
const PACKETS_PER_SECOND = 500;
const FASTEST_MS = 100;
const MULTIPLIER = 3;

/** The default pace: 100 ms and three packets lost up to 50 nodes, slower in proportion beyond. */
export function meshPace(nodes: number): MeshPace {
  const intervalMs = Math.max(FASTEST_MS, Math.ceil((nodes * 1000) / PACKETS_PER_SECOND));
  return { intervalMs, multiplier: MULTIPLIER };
}
