import { type Context, type Instant, after } from '../machine.ts';
import { ErrorCode, errorName } from '../wire/bgp/iana.ts';
import { type Message, encodeMessage } from '../wire/bgp/message.ts';
import { type AdjRibOut, type RibSession, changePolicy, startSession, stopSession } from './adjRibOut.ts';
import { type Backoff, STABLE_MS, connectTimeoutMs, dampingMs, isOpenError, retryDelayMs } from './backoff.ts';
import { exportPolicy } from './exportPolicy.ts';
import { adoptTable } from './firstTable.ts';
import type { FsmContext, FsmEffect, FsmEvent, FsmState, Notice } from './fsm.ts';
import { stepFsm } from './fsmStates.ts';
import { type Link, type Side, type Wire, createWire, sendHoldMs } from './link.ts';
import { type Withheld, makeOpen } from './offer.ts';
import type { PeerCounters, PeerEffect, PeerError } from './peerContract.ts';
import type { NextHops, SessionConfig } from './session.ts';

/** The state of one neighbour, as {@link Draft} changes it. */
export interface PeerState {
  readonly config: SessionConfig;
  readonly running: boolean;
  readonly bfdDown: boolean;
  /** This process has begun anew and has not yet told this peer its whole table (RFC 4724 §4.1). */
  readonly restarting: boolean;
  readonly out: Link;
  readonly in: Link;
  /** How many connections were asked for: the names are made from it. */
  readonly dials: number;
  readonly backoff: Backoff;
  readonly withheld: Withheld;
  /** A mutable value that this machine owns. */
  readonly rib: AdjRibOut;
  readonly counters: Counters;
  readonly lastError?: PeerError;
  readonly since: Instant;
  readonly establishedAt?: Instant;
}

export type Counters = Omit<PeerCounters, 'prefixesAnnounced'>;

/** One step in the making: the state so far, and the effects so far. Lives only while `step` runs. */
export interface Draft {
  state: PeerState;
  readonly effects: PeerEffect[];
  readonly context: Context;
}

export function patch(draft: Draft, change: Partial<PeerState>): void {
  draft.state = { ...draft.state, ...change };
}

export function count(draft: Draft, change: Partial<Counters>): void {
  const counters = { ...draft.state.counters };
  for (const name in change) counters[name as keyof Counters] += change[name as keyof Counters] ?? 0;
  patch(draft, { counters });
}

export function patchWire(draft: Draft, side: Side, change: Partial<Wire>): void {
  const link = draft.state[side];
  if (link.wire !== undefined) patch(draft, { [side]: { ...link, wire: { ...link.wire, ...change } } });
}

/** Gives one connection's machine an event, and does what it asks for. */
export function drive(draft: Draft, side: Side, event: FsmEvent): void {
  const before = draft.state[side];
  const [fsm, effects] = stepFsm(before.fsm, event, new SideContext(draft, side));
  patch(draft, { [side]: { ...before, fsm } });
  for (const effect of effects) perform(draft, side, effect);
  const left = before.fsm.name === 'Established' && fsm.name !== 'Established';
  if (left) leaveEstablished(draft);
  if (isFailure(side, before.fsm, fsm, event)) afterFailure(draft);
}

/** Worked out where it is asked for: most messages set no timer but the hold timer, and there may be a million of them. */
class SideContext implements FsmContext {
  readonly now: Instant;
  readonly random: () => number;
  readonly #state: PeerState;
  readonly #side: Side;

  constructor({ state, context }: Draft, side: Side) {
    this.now = context.now;
    this.random = context.random;
    this.#state = state;
    this.#side = side;
  }

  get connectTimeoutMs(): number {
    return connectTimeoutMs(this.#state.config, this.#state.backoff, this);
  }

  get connectRetryMs(): number {
    return retryDelayMs(this.#state.config, this.#state.backoff, this);
  }

  get delayOpenMs(): number | undefined {
    return this.#state.config.delayOpenMs;
  }

  /** The side that listens is started again by the peer machine, at once. */
  get idleHoldMs(): number | undefined {
    return this.#side === 'out' ? this.connectRetryMs : undefined;
  }
}

function perform(draft: Draft, side: Side, effect: FsmEffect): void {
  switch (effect.type) {
    case 'connect':
      dial(draft);
      return;
    case 'sendOpen':
      sendOpen(draft, side);
      return;
    case 'sendKeepalive':
      sendMessage(draft, side, { type: 'keepalive' });
      return;
    case 'sendNotification':
      sendNotice(draft, side, effect.notice);
      return;
    case 'drop':
      drop(draft, side);
      return;
    case 'established':
      enterEstablished(draft, side);
  }
}

function dial(draft: Draft): void {
  const { config, dials, out } = draft.state;
  const conn = `out/${dials + 1}`;
  patch(draft, { dials: dials + 1, out: { ...out, wire: createWire(conn) } });
  const { peerAddress, peerPort, sourceAddress } = config;
  draft.effects.push({
    type: 'connect',
    conn,
    remote: peerAddress,
    port: peerPort,
    ...(sourceAddress !== undefined && { source: sourceAddress }),
  });
}

/** The hold timer gives a silent peer four minutes (RFC 4271 §8.2.2); nobody is left without a word for so long. */
const NO_OPEN_MS = 10_000;

function sendOpen(draft: Draft, side: Side): void {
  const { config, withheld, restarting } = draft.state;
  const ours = makeOpen(config, withheld, restarting);
  patchWire(draft, side, { ours, silentAt: after(draft.context.now, NO_OPEN_MS) });
  sendMessage(draft, side, ours);
}

export function sendMessage(draft: Draft, side: Side, message: Message): void {
  sendBytes(draft, side, encodeMessage(message), 1);
}

/** Starts the send hold timer with the first byte that is not yet gone (RFC 9687 §3.1). */
export function sendBytes(draft: Draft, side: Side, bytes: Uint8Array, messages: number): void {
  const { wire } = draft.state[side];
  if (wire === undefined) return;
  draft.effects.push({ type: 'send', conn: wire.conn, bytes });
  count(draft, { messagesSent: messages });
  const holdMs = sendHoldMs(wire.negotiated);
  const fresh = wire.sendHoldAt === undefined && holdMs !== undefined;
  patchWire(draft, side, {
    outstandingBytes: wire.outstandingBytes + bytes.length,
    ...(fresh && { sendHoldAt: after(draft.context.now, holdMs) }),
  });
}

function sendNotice(draft: Draft, side: Side, notice: Notice): void {
  const { code, subcode, data = new Uint8Array(0) } = notice;
  // A dump of a second connection is no fault of the session.
  if (!(code === ErrorCode.cease && subcode === 7))
    recordError(draft, { direction: 'sent', code, subcode, name: errorName(code, subcode) });
  sendMessage(draft, side, { type: 'notification', code, subcode, data });
}

export function recordError(draft: Draft, error: Omit<PeerError, 'at'>): void {
  patch(draft, { lastError: { at: draft.context.now, ...error } });
}

function drop(draft: Draft, side: Side): void {
  const { wire, ...link } = draft.state[side];
  if (wire === undefined) return;
  // Only last words are worth waiting for.
  const silent = draft.effects.every((effect) => effect.type !== 'send' || effect.conn !== wire.conn);
  draft.effects.push({ type: 'close', conn: wire.conn, mode: wire.local === undefined || silent ? 'abort' : 'flush' });
  patch(draft, { [side]: link });
}

/** Lets go of a connection that is gone already. */
export function forget(draft: Draft, side: Side): void {
  const { wire: _, ...link } = draft.state[side];
  patch(draft, { [side]: link });
}

function enterEstablished(draft: Draft, side: Side): void {
  const { wire } = draft.state[side];
  const { rib } = draft.state;
  if (wire?.ready === undefined || !adoptTable(rib, wire.ready)) {
    const session = wire && sessionOn(draft, wire);
    if (session === undefined) return;
    notReady(draft, side);
    startSession(rib, session);
  }
  patch(draft, { establishedAt: draft.context.now });
  count(draft, { timesEstablished: 1 });
}

/** Of the session that is up, or about to be. */
export function sessionOn(draft: Draft, wire: Wire): RibSession | undefined {
  const sendable = sendableBy(draft, wire);
  const { negotiated } = wire;
  if (negotiated === undefined || sendable === undefined) return undefined;
  return {
    ...sendable,
    addPath: negotiated.addPath,
    maxMessage: negotiated.extendedMessages ? 65_535 : 4096,
    enhancedRefresh: negotiated.enhancedRouteRefresh,
    envelopes: new Map(),
  };
}

/** What was made ready is out, or good for nothing any more. */
export function notReady(draft: Draft, side: Side): void {
  const { wire, ...link } = draft.state[side];
  if (wire?.ready === undefined) return;
  const { ready: _, ...rest } = wire;
  patch(draft, { [side]: { ...link, wire: rest } });
}

/** What can be sent on a connection: of the families that were negotiated, those that have a next hop. */
function sendableBy(draft: Draft, { negotiated, local, nextHops }: Wire): Pick<RibSession, 'policy' | 'families'> | undefined {
  if (negotiated === undefined || local === undefined) return undefined;
  const policy = exportPolicy(draft.state.config, negotiated, local, nextHops);
  return { policy, families: negotiated.families.filter((family) => policy.nextHops[family] !== undefined) };
}

/** RFC 4271 §9.2: a route that has another next hop is advertised again; the session goes on. */
export function changeNextHops(draft: Draft, side: Side, nextHops: NextHops): void {
  patchWire(draft, side, { nextHops });
  const { fsm, wire } = draft.state[side];
  const sendable = wire && sendableBy(draft, wire);
  if (fsm.name !== 'Established') notReady(draft, side);
  else if (sendable !== undefined) changePolicy(draft.state.rib, sendable.policy, sendable.families);
}

function leaveEstablished(draft: Draft): void {
  const { establishedAt, ...state } = draft.state;
  stopSession(state.rib);
  const held = establishedAt !== undefined && draft.context.now - establishedAt >= STABLE_MS;
  draft.state = held ? { ...state, backoff: { failures: 0 } } : state;
}

/** A connection that the peer opened and dropped before it said anything is no reason for us to dial less. */
function isFailure(side: Side, before: FsmState, after: FsmState, event: FsmEvent): boolean {
  if (event.type === 'stop' || event.type === 'collisionDump') return false;
  if (after.name === 'Idle') return before.name !== 'Idle';
  return side === 'out' && event.type === 'tcpFails';
}

/** Counts the failure, so that the next try comes later; after a refused OPEN it comes much later. */
function afterFailure(draft: Draft): void {
  const { backoff, lastError } = draft.state;
  const failures = backoff.failures + 1;
  const refused = isOpenError(lastError) && lastError?.at === draft.context.now;
  const damping = refused && { dampedUntil: after(draft.context.now, dampingMs(backoff, draft.context)) };
  patch(draft, { backoff: { ...backoff, failures, ...damping } });
}
