import { type Context, type Instant, type Step, earliest, instant, isDue } from '../machine.ts';
import { CeaseError, ErrorCode } from '../wire/bgp/iana.ts';
import { encodeMessage } from '../wire/bgp/message.ts';
import { shutdownData } from '../wire/bgp/notification.ts';
import { createAdjRibOut, setDesired } from './adjRibOut.ts';
import { NO_BACKOFF } from './backoff.ts';
import { recordLoss, redial, settle } from './dialling.ts';
import { announcedCount } from './ribCounts.ts';
import { type Draft, type PeerState, changeNextHops, drive, forget, patch, patchWire, recordError } from './draft.ts';
import type { Notice } from './fsm.ts';
import { type Side, createLink, createWire, linkDeadline, silentAt } from './link.ts';
import { NOTHING_WITHHELD } from './offer.ts';
import type { Endpoints, PeerCounters, PeerEffect, PeerEvent } from './peerContract.ts';
import { peerStatus, sameStatus } from './peerStatus.ts';
import { receive } from './receive.ts';
import { prepareRoutes, resume, sendRoutes } from './routeFlow.ts';
import type { SessionConfig, StopReason } from './session.ts';

/*
 * One BGP neighbour: the two machines of RFC 4271 §8 (one dials, one listens), the collision between them, patience with
 * a peer that fails, and the routes it is to hold. A neighbour has at most one connection of each kind.
 *
 * `step` returns a new state and leaves the old one alone, except for two mutable values that the state owns and no other
 * may touch: the table (`rib`) and the framers. A state must therefore not be stepped twice.
 */

const SIDES = ['out', 'in'] as const;

/** @param options.restarting this process has just begun and its predecessor's routes may still be held (RFC 4724 §4.1) */
export function createPeer(config: SessionConfig, options: { readonly restarting?: boolean } = {}): PeerState {
  return {
    config,
    running: false,
    bfdDown: false,
    restarting: options.restarting ?? false,
    out: createLink('out'),
    in: createLink('in'),
    dials: 0,
    backoff: NO_BACKOFF,
    withheld: NOTHING_WITHHELD,
    rib: createAdjRibOut(),
    counters: {
      messagesReceived: 0,
      messagesSent: 0,
      updatesReceived: 0,
      updatesSent: 0,
      updatesFaulty: 0,
      prefixesReceived: 0,
      prefixesWithdrawn: 0,
      timesEstablished: 0,
    },
    since: instant(0),
  };
}

export function stepPeer(state: PeerState, event: PeerEvent, context: Context): Step<PeerState, PeerEffect> {
  const draft: Draft = { state, effects: [], context };
  const before = peerStatus(state);
  if ('conn' in event) handleConnection(draft, event);
  else handle(draft, event);
  settle(draft);
  for (const side of SIDES) sendRoutes(draft, side);
  if (peerStatus(draft.state).state !== before.state) patch(draft, { since: context.now });
  const status = peerStatus(draft.state);
  if (!sameStatus(before, status)) draft.effects.push({ type: 'report', status });
  return [draft.state, draft.effects];
}

export function peerDeadline(state: PeerState): Instant | undefined {
  return earliest(linkDeadline(state.out), linkDeadline(state.in), state.running ? state.backoff.dampedUntil : undefined);
}

export function peerCounters(state: PeerState): PeerCounters {
  return { ...state.counters, prefixesAnnounced: announcedCount(state.rib) };
}

function handle(draft: Draft, event: Exclude<PeerEvent, ConnectionEvent>): void {
  switch (event.type) {
    case 'start':
      patch(draft, { running: true });
      return;
    case 'stop':
      patch(draft, { running: false, backoff: NO_BACKOFF });
      stopAll(draft, stopNotice(event.reason, draft.state));
      return;
    case 'configure':
      configure(draft, event.config);
      return;
    case 'desired':
      setDesired(draft.state.rib, event.routes);
      return;
    case 'nextHops':
      for (const side of SIDES) changeNextHops(draft, side, event.nextHops);
      return;
    case 'bfdUp':
      patch(draft, { bfdDown: false });
      return;
    case 'bfdDown':
      bfdDown(draft);
      return;
    case 'tick':
      for (const side of SIDES) expire(draft, side);
  }
}

type ConnectionEvent = Extract<PeerEvent, { readonly conn: string }>;

function handleConnection(draft: Draft, event: ConnectionEvent): void {
  if (event.type === 'tcpAccepted') {
    accept(draft, event);
    return;
  }
  const side = SIDES.find((each) => draft.state[each].wire?.conn === event.conn);
  // Late news of a connection that was given up.
  if (side === undefined) return;
  switch (event.type) {
    case 'tcpConnected':
      connected(draft, side, event);
      return;
    case 'tcpFailed':
    case 'tcpClosed':
      recordLoss(draft, event.reason ?? 'ConnectionClosed');
      forget(draft, side);
      drive(draft, side, { type: 'tcpFails' });
      return;
    case 'bytes':
      receive(draft, side, event.data);
      return;
    case 'writable':
      writable(draft, side);
  }
}

function stopNotice(reason: StopReason, state: PeerState): Notice | undefined {
  switch (reason.kind) {
    case 'restart':
      return undefined;
    case 'shutdown':
      return hardened(state, CeaseError.shutdown, shutdownData(reason.text));
    case 'reset':
      return { code: ErrorCode.cease, subcode: CeaseError.reset, data: shutdownData(reason.text) };
    case 'deconfigured':
      return hardened(state, CeaseError.deconfigured, new Uint8Array(0));
  }
}

/** RFC 8538 §4: a peer that would keep our routes over a NOTIFICATION has to be told that this is for good. */
function hardened(state: PeerState, subcode: number, data: Uint8Array): Notice {
  const keeps = SIDES.some((side) => state[side].wire?.negotiated?.notificationRestart === true);
  if (!keeps) return { code: ErrorCode.cease, subcode, data };
  return { code: ErrorCode.cease, subcode: CeaseError.hardReset, data: Uint8Array.of(ErrorCode.cease, subcode, ...data) };
}

function stopAll(draft: Draft, notice: Notice | undefined): void {
  for (const side of SIDES) drive(draft, side, notice === undefined ? { type: 'stop' } : { type: 'stop', notice });
}

function configure(draft: Draft, config: SessionConfig): void {
  if (JSON.stringify(config) === JSON.stringify(draft.state.config)) return;
  const isUp = SIDES.some((side) => draft.state[side].fsm.name === 'Established');
  if (isUp && lasting(config) === lasting(draft.state.config)) {
    patch(draft, { config });
    return;
  }
  stopAll(draft, { code: ErrorCode.cease, subcode: CeaseError.configurationChange });
  // What went wrong before was the old configuration's.
  const { lastError: _, ...state } = draft.state;
  draft.state = { ...state, config, withheld: NOTHING_WITHHELD, backoff: NO_BACKOFF };
}

/** Without what only says how a session comes about: one that is up has no use for it, and is not ended for it. */
function lasting(config: SessionConfig): string {
  const { connectRetryMs: _retry, delayOpenMs: _delay, ...rest } = config;
  return JSON.stringify(rest);
}

/** RFC 9384. Without the path there is nothing to wait for. */
function bfdDown(draft: Draft): void {
  if (draft.state.bfdDown) return;
  patch(draft, { bfdDown: true });
  stopAll(draft, { code: ErrorCode.cease, subcode: CeaseError.bfdDown });
  recordError(draft, { direction: 'local', code: ErrorCode.cease, subcode: CeaseError.bfdDown, name: 'Cease/BFD Down' });
}

/** A connection from the peer. */
function accept(draft: Draft, event: Endpoints): void {
  const { state, context } = draft;
  const refused = !state.running || state.bfdDown || (state.backoff.dampedUntil ?? -Infinity) > context.now;
  if (refused) {
    draft.effects.push({ type: 'close', conn: event.conn, mode: 'abort' });
    return;
  }
  const established = SIDES.find((side) => state[side].fsm.name === 'Established');
  if (established !== undefined && state[established].wire?.negotiated?.gracefulRestart !== true) {
    // RFC 4271 §6.8: the session that works is kept.
    const { cease: code } = ErrorCode;
    const bytes = encodeMessage({ type: 'notification', code, subcode: CeaseError.collision, data: new Uint8Array(0) });
    draft.effects.push({ type: 'send', conn: event.conn, bytes }, { type: 'close', conn: event.conn, mode: 'flush' });
    return;
  }
  // RFC 4724 §5: the peer has restarted and does not know the old session any more.
  if (established !== undefined) drive(draft, established, { type: 'stop' });
  // Of two connections from a peer the older one is the dead one.
  drive(draft, 'in', { type: 'stop', notice: { code: ErrorCode.cease, subcode: CeaseError.collision } });
  drive(draft, 'in', { type: 'start', passive: true });
  patch(draft, { in: { ...draft.state.in, wire: createWire(event.conn) } });
  connected(draft, 'in', event);
}

function connected(draft: Draft, side: Side, event: Endpoints): void {
  const { local, remote, nextHops } = event;
  patchWire(draft, side, { local, remote, ...(nextHops !== undefined && { nextHops }) });
  drive(draft, side, { type: 'tcpUp' });
}

function writable(draft: Draft, side: Side): void {
  const { wire, ...link } = draft.state[side];
  if (wire === undefined) return;
  const { sendHoldAt: _, ...rest } = wire;
  patch(draft, { [side]: { ...link, wire: { ...rest, outstandingBytes: 0 } } });
  prepareRoutes(draft, side);
}

const TIMERS = [
  ['holdAt', 'holdExpired'],
  ['connectRetryAt', 'connectRetryExpired'],
  ['keepaliveAt', 'keepaliveExpired'],
  ['delayOpenAt', 'delayOpenExpired'],
  ['idleHoldAt', 'idleHoldExpired'],
] as const;

function expire(draft: Draft, side: Side): void {
  const { now } = draft.context;
  for (const [timer, type] of TIMERS) {
    if (!isDue(draft.state[side].fsm[timer], now)) continue;
    if (type === 'idleHoldExpired' || type === 'connectRetryExpired') redial(draft, side, type);
    else drive(draft, side, { type });
  }
  if (isDue(draft.state[side].wire?.sendHoldAt, now)) drive(draft, side, { type: 'sendHoldExpired' });
  if (isDue(draft.state[side].wire?.resumeAt, now)) resume(draft, side);
  if (isDue(silentAt(draft.state[side]), now)) noOpen(draft, side);
}

function noOpen(draft: Draft, side: Side): void {
  const { wire, ...link } = draft.state[side];
  if (wire === undefined) return;
  const { silentAt: _, ...rest } = wire;
  patch(draft, { [side]: { ...link, wire: rest } });
  recordLoss(draft, 'NoOpen');
}
