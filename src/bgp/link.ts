import { type Instant, earliest } from '../machine.ts';
import type { Ip } from '../net/ip.ts';
import { type Framer, createFramer } from '../wire/bgp/framer.ts';
import type { Open } from '../wire/bgp/open.ts';
import { type FsmState, INITIAL, fsmDeadline } from './fsm.ts';
import type { FirstTable } from './firstTable.ts';
import type { Negotiated } from './negotiate.ts';
import type { ConnectionId, NextHops } from './session.ts';

/** One of the two ways to a neighbour: the connection we dial, or the one it dials. */
export interface Link {
  readonly side: Side;
  readonly fsm: FsmState;
  readonly wire?: Wire;
}

export type Side = 'out' | 'in';

/** A TCP connection, being made or up. The framer in it is mutable, and this connection's alone. */
export interface Wire {
  readonly conn: ConnectionId;
  readonly framer: Framer;
  readonly local?: Ip;
  readonly remote?: Ip;
  readonly nextHops?: NextHops;
  readonly ours?: Open;
  readonly negotiated?: Negotiated;
  /** Made in OpenConfirm; in Established until it is out. */
  readonly ready?: FirstTable;
  /** Handed to the shell and not yet reported as gone to the kernel. */
  readonly outstandingBytes: number;
  /** RFC 9687: when a peer that reads nothing is given up. */
  readonly sendHoldAt?: Instant;
  /** Our OPEN is gone, and the peer's is late: said once, while the connection goes on. */
  readonly silentAt?: Instant;
  /** UPDATEs of the burst that is going on. */
  readonly burst: number;
  /** When the next burst may begin. */
  readonly resumeAt?: Instant;
}

export function createLink(side: Side): Link {
  return { side, fsm: INITIAL };
}

export function createWire(conn: ConnectionId): Wire {
  return { conn, framer: createFramer(), outstandingBytes: 0, burst: 0 };
}

export function linkDeadline(link: Link): Instant | undefined {
  return earliest(fsmDeadline(link.fsm), link.wire?.sendHoldAt, link.wire?.resumeAt, silentAt(link));
}

export function silentAt({ fsm, wire }: Link): Instant | undefined {
  return fsm.name === 'OpenSent' ? wire?.silentAt : undefined;
}

/** RFC 9687 §3.3: twice the hold time, and eight minutes at least; none without a hold time. */
export function sendHoldMs(negotiated: Negotiated | undefined): number | undefined {
  if (negotiated === undefined) return 480_000;
  return negotiated.holdTimeMs === 0 ? undefined : Math.max(480_000, negotiated.holdTimeMs * 2);
}
