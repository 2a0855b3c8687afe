import { after } from '../machine.ts';
import {
  COLLISION,
  type FsmContext,
  type FsmEffect,
  type FsmEvent,
  type FsmState,
  HOLD_EXPIRED,
  LARGE_HOLD_MS,
  type Next,
  SEND_HOLD_EXPIRED,
  enter,
  fail,
  holdTimers,
  restartHold,
  restartKeepalive,
  stop,
  toIdle,
  unexpected,
} from './fsm.ts';
import type { FsmStateName } from './session.ts';

type EventType = FsmEvent['type'];
type EventOf<Type extends EventType> = FsmEvent & { readonly type: Type };
type Handlers = { readonly [Type in EventType]?: (state: FsmState, event: EventOf<Type>, context: FsmContext) => Next };

/** Events that the RFC asks a state to ignore. */
const ignore = (state: FsmState): Next => [state, []];
const stopping = (state: FsmState, event: EventOf<'stop'>): Next => stop(state, event.notice);
/** Before an OPEN was sent there is nobody to tell. */
const stoppingSilently = (state: FsmState): Next => stop(state, undefined);
const failing = (state: FsmState, _: FsmEvent, context: FsmContext): Next => fail(state, context);
const refusing = (state: FsmState, event: EventOf<'headerError' | 'openError' | 'updateError'>, context: FsmContext): Next =>
  fail(state, context, event.notice);
const dumping = (state: FsmState, _: FsmEvent, context: FsmContext): Next => fail(state, context, COLLISION);
const holdExpiring = (state: FsmState, _: FsmEvent, context: FsmContext): Next => fail(state, context, HOLD_EXPIRED);
const sendHoldExpiring = (state: FsmState, _: FsmEvent, context: FsmContext): Next => fail(state, context, SEND_HOLD_EXPIRED);
/** Not the peer's fault, so not counted. */
const resting = (state: FsmState, _: FsmEvent, context: FsmContext): Next => [toIdle(state, context), [{ type: 'drop' }]];

function start(state: FsmState, passive: boolean, context: FsmContext): Next {
  if (passive) return [enter(state, 'Active'), []];
  return [enter(state, 'Connect', { connectRetryAt: after(context.now, context.connectTimeoutMs) }), [{ type: 'connect' }]];
}

/** RFC 4271 §8.2.2, Connect and Active: the connection is there. */
function connected(state: FsmState, context: FsmContext): Next {
  if (context.delayOpenMs !== undefined) return [enter(state, state.name, { delayOpenAt: after(context.now, context.delayOpenMs) }), []];
  return opened(state, context);
}

function opened(state: FsmState, context: FsmContext): Next {
  return [enter(state, 'OpenSent', { holdAt: after(context.now, LARGE_HOLD_MS) }), [{ type: 'sendOpen' }]];
}

function confirm(state: FsmState, event: EventOf<'open'>, context: FsmContext, effects: readonly FsmEffect[]): Next {
  const agreed: FsmState = { ...state, holdTimeMs: event.holdTimeMs, keepaliveTimeMs: event.keepaliveTimeMs };
  return [enter(agreed, 'OpenConfirm', holdTimers(agreed, context)), [...effects, { type: 'sendKeepalive' }]];
}

/** Event 20: the peer's OPEN came while ours was being delayed. */
function openWhileDelaying(state: FsmState, event: EventOf<'open'>, context: FsmContext): Next {
  if (state.delayOpenAt === undefined) return fail(state, context);
  return confirm(state, event, context, [{ type: 'sendOpen' }]);
}

function dialAgain(state: FsmState, context: FsmContext): Next {
  const [next, effects] = start(state, false, context);
  return [next, [{ type: 'drop' }, ...effects]];
}

/** Waits for the peer, and for the time to dial again. */
function waitActive(state: FsmState, context: FsmContext): Next {
  return [enter(state, 'Active', { connectRetryAt: after(context.now, context.connectRetryMs) }), [{ type: 'drop' }]];
}

/** What Connect and Active share; everything they do not name ends in Idle. */
const BEFORE_OPEN: Handlers = {
  start: ignore,
  stop: stoppingSilently,
  connectRetryExpired: (state, _, context) => dialAgain(state, context),
  delayOpenExpired: (state, _, context) => opened(state, context),
  tcpUp: (state, _, context) => connected(state, context),
  open: openWhileDelaying,
  headerError: refusing,
  openError: refusing,
  versionNotification: (state, event, context) => (state.delayOpenAt === undefined ? fail(state, context) : resting(state, event, context)),
};

const TABLE: Readonly<Record<FsmStateName, Handlers>> = {
  Idle: {
    start: (state, event, context) => start(state, event.passive, context),
    idleHoldExpired: (state, _, context) => start(state, false, context),
    stop: (state) => [{ ...enter(state, 'Idle'), connectRetryCounter: 0 }, []],
  },
  Connect: {
    ...BEFORE_OPEN,
    tcpFails: (state, _, context) =>
      state.delayOpenAt === undefined ? resting(state, { type: 'tcpFails' }, context) : waitActive(state, context),
  },
  Active: { ...BEFORE_OPEN, tcpFails: failing },
  OpenSent: {
    start: ignore,
    stop: stopping,
    holdExpired: holdExpiring,
    sendHoldExpired: sendHoldExpiring,
    // A second connection is another machine's business (RFC 4271 §6.8).
    tcpUp: ignore,
    tcpFails: (state, _, context) => waitActive(state, context),
    open: (state, event, context) => confirm(state, event, context, []),
    headerError: refusing,
    openError: refusing,
    collisionDump: dumping,
    versionNotification: resting,
    // The RFC treats it as a machine error, which would answer a NOTIFICATION with a NOTIFICATION (§6.4 forbids that).
    notification: failing,
  },
  OpenConfirm: {
    start: ignore,
    stop: stopping,
    holdExpired: holdExpiring,
    sendHoldExpired: sendHoldExpiring,
    keepaliveExpired: (state, _, context) => [{ ...state, ...restartKeepalive(state, context) }, [{ type: 'sendKeepalive' }]],
    tcpUp: ignore,
    tcpFails: failing,
    headerError: refusing,
    openError: refusing,
    collisionDump: dumping,
    versionNotification: resting,
    notification: failing,
    keepalive: (state, _, context) => [{ ...state, name: 'Established', ...restartHold(state, context) }, [{ type: 'established' }]],
  },
  Established: {
    start: ignore,
    stop: stopping,
    holdExpired: holdExpiring,
    sendHoldExpired: sendHoldExpiring,
    keepaliveExpired: (state, _, context) => [{ ...state, ...restartKeepalive(state, context) }, [{ type: 'sendKeepalive' }]],
    tcpUp: ignore,
    tcpFails: failing,
    headerError: refusing,
    updateError: refusing,
    collisionDump: dumping,
    versionNotification: failing,
    notification: failing,
    keepalive: (state, _, context) => [{ ...state, ...restartHold(state, context) }, []],
    update: (state, _, context) => [{ ...state, ...restartHold(state, context) }, []],
    // RFC 7313 §5 has it restart the hold timer like any other message.
    routeRefresh: (state, _, context) => [{ ...state, ...restartHold(state, context) }, []],
  },
};

export function stepFsm(state: FsmState, event: FsmEvent, context: FsmContext): Next {
  const handler = TABLE[state.name][event.type] as ((state: FsmState, event: FsmEvent, context: FsmContext) => Next) | undefined;
  if (handler !== undefined) return handler(state, event, context);
  if (state.name === 'Idle') return [state, []];
  return state.name === 'Connect' || state.name === 'Active' ? fail(state, context) : unexpected(state, event, context);
}
