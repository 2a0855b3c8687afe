import { type Context, type Instant, type Step, after, earliest } from '../machine.ts';
import { CeaseError, ErrorCode, FsmError, MessageType } from '../wire/bgp/iana.ts';
import type { FsmStateName } from './session.ts';

/*
 * The finite state machine of RFC 4271 §8, for one connection. A neighbour has two of these (RFC 4271 §8.2.1): one that
 * dials and one that waits for the neighbour to dial; `peer` composes them. Here are the state, the events and what every
 * state has in common; `fsmStates` has the table.
 */

export interface FsmState {
  readonly name: FsmStateName;
  readonly connectRetryCounter: number;
  readonly connectRetryAt?: Instant;
  readonly holdAt?: Instant;
  readonly keepaliveAt?: Instant;
  readonly delayOpenAt?: Instant;
  readonly idleHoldAt?: Instant;
  /** Negotiated; 0: the timers do not run. */
  readonly holdTimeMs: number;
  readonly keepaliveTimeMs: number;
}

/** The numbers are those of RFC 4271 §8.1. */
export type FsmEvent =
  /** 1, 3, 6: dial. 4, 5, 7: wait for the peer. */
  | { readonly type: 'start'; readonly passive: boolean }
  /** 2, 8. Without a NOTIFICATION when the process restarts gracefully (RFC 4724 §4). */
  | { readonly type: 'stop'; readonly notice?: Notice }
  /** 9 to 13, and 29 of RFC 9687. */
  | {
      readonly type:
        | 'connectRetryExpired'
        | 'holdExpired'
        | 'keepaliveExpired'
        | 'delayOpenExpired'
        | 'idleHoldExpired'
        | 'sendHoldExpired';
    }
  /** 14 and 15 are the shell's: it accepts only what it can name. 16 and 17: the connection is up. 18: it is gone. */
  | { readonly type: 'tcpUp' | 'tcpFails' }
  /** 19, 20. */
  | { readonly type: 'open'; readonly holdTimeMs: number; readonly keepaliveTimeMs: number }
  /** 21, 22, 28: what was received is malformed. */
  | { readonly type: 'headerError' | 'openError' | 'updateError'; readonly notice: Notice }
  /** 23. */
  | { readonly type: 'collisionDump' }
  /** 24: the NOTIFICATION says Unsupported Version. 25: it says something else. */
  | { readonly type: 'versionNotification' | 'notification' }
  /** 26, 27, and RFC 2918. */
  | { readonly type: 'keepalive' | 'update' | 'routeRefresh' };

/** A NOTIFICATION to be sent. */
export interface Notice {
  readonly code: number;
  readonly subcode: number;
  readonly data?: Uint8Array;
}

export type FsmEffect =
  | { readonly type: 'connect' | 'sendOpen' | 'sendKeepalive' | 'drop' | 'established' }
  | { readonly type: 'sendNotification'; readonly notice: Notice };

/** What the peer machine decides for its connections. Times are already jittered (RFC 4271 §10). */
export interface FsmContext extends Context {
  /** How long a connection may take to come up. */
  readonly connectTimeoutMs: number;
  /** From a lost connection to the next try. */
  readonly connectRetryMs: number;
  readonly delayOpenMs?: number | undefined;
  /** From a failure to the automatic start; undefined: started from outside. */
  readonly idleHoldMs?: number | undefined;
}

/** RFC 4271 §8.2.2: "a large value", until the peer's own is known. */
export const LARGE_HOLD_MS = 240_000;

export const INITIAL: FsmState = { name: 'Idle', connectRetryCounter: 0, holdTimeMs: 0, keepaliveTimeMs: 0 };

export type Next = Step<FsmState, FsmEffect>;

export function fsmDeadline(state: FsmState): Instant | undefined {
  return earliest(state.connectRetryAt, state.holdAt, state.keepaliveAt, state.delayOpenAt, state.idleHoldAt);
}

/** A state with the timers of `timers` and no other. */
export function enter(state: FsmState, name: FsmStateName, timers: Partial<FsmState> = {}): FsmState {
  const { connectRetryCounter, holdTimeMs, keepaliveTimeMs } = state;
  return { name, connectRetryCounter, holdTimeMs, keepaliveTimeMs, ...timers };
}

/** Gives the connection up, tells the peer why if there is something to tell, and waits in Idle. */
export function fail(state: FsmState, context: FsmContext, notice?: Notice): Next {
  const idle = toIdle({ ...state, connectRetryCounter: state.connectRetryCounter + 1 }, context);
  return [idle, notice === undefined ? [{ type: 'drop' }] : [{ type: 'sendNotification', notice }, { type: 'drop' }]];
}

/** RFC 4271 §8.1.1, DampPeerOscillations: the way back leads through the IdleHoldTimer. */
export function toIdle(state: FsmState, context: FsmContext): FsmState {
  const { idleHoldMs } = context;
  return enter(state, 'Idle', idleHoldMs === undefined ? {} : { idleHoldAt: after(context.now, idleHoldMs) });
}

/** The operator ends it: no counter, no automatic start. */
export function stop(state: FsmState, notice: Notice | undefined): Next {
  const idle = { ...enter(state, 'Idle'), connectRetryCounter: 0 };
  return [idle, notice === undefined ? [{ type: 'drop' }] : [{ type: 'sendNotification', notice }, { type: 'drop' }]];
}

/** What each event says has come. */
const MESSAGES: { readonly [Type in FsmEvent['type']]?: number } = {
  open: MessageType.open,
  openError: MessageType.open,
  update: MessageType.update,
  updateError: MessageType.update,
  keepalive: MessageType.keepalive,
  routeRefresh: MessageType.routeRefresh,
};

export function unexpected(state: FsmState, event: FsmEvent, context: FsmContext): Next {
  const subcodes = { OpenSent: FsmError.openSent, OpenConfirm: FsmError.openConfirm, Established: FsmError.established };
  const subcode = subcodes[state.name as keyof typeof subcodes] ?? FsmError.unspecific;
  const message = MESSAGES[event.type];
  // RFC 6608 §4: the data is the type of the message that nobody has waited for.
  return fail(state, context, { code: ErrorCode.fsm, subcode, ...(message !== undefined && { data: Uint8Array.of(message) }) });
}

export const HOLD_EXPIRED: Notice = { code: ErrorCode.holdTimerExpired, subcode: 0 };
export const SEND_HOLD_EXPIRED: Notice = { code: ErrorCode.sendHoldTimerExpired, subcode: 0 };
export const COLLISION: Notice = { code: ErrorCode.cease, subcode: CeaseError.collision };

/** Both timers start anew; with a hold time of zero neither runs. */
export function holdTimers(state: FsmState, context: FsmContext): Partial<FsmState> {
  if (state.holdTimeMs === 0) return {};
  return { ...restartHold(state, context), ...restartKeepalive(state, context) };
}

export function restartHold(state: FsmState, context: Context): Partial<FsmState> {
  return state.holdTimeMs === 0 ? {} : { holdAt: after(context.now, state.holdTimeMs) };
}

/** RFC 4271 §10: jittered, so that many sessions do not speak at once. */
export function restartKeepalive(state: FsmState, context: Context): Partial<FsmState> {
  if (state.holdTimeMs === 0) return {};
  return { keepaliveAt: after(context.now, state.keepaliveTimeMs * (0.75 + 0.25 * context.random())) };
}
