import { after } from '../machine.ts';
import { CeaseError, ErrorCode } from '../wire/bgp/iana.ts';
import { isOpenError, retryDelayMs } from './backoff.ts';
import { type Draft, drive, patch, recordError } from './draft.ts';
import type { Link, Side } from './link.ts';
import type { PeerError } from './peerContract.ts';

const REFUSAL_IS_NEWS_MS = 300_000;

/** Dials, unless the peer's own connection has got so far that ours would only collide with it. */
export function redial(draft: Draft, side: Side, type: 'idleHoldExpired' | 'connectRetryExpired'): void {
  const { fsm, wire } = draft.state[side];
  if (fsm.name === 'Connect' && wire !== undefined && wire.local === undefined) recordLoss(draft, 'ConnectTimeout');
  if (side === 'out' && !isBusy(draft.state.in)) drive(draft, side, { type });
  else drive(draft, side, { type: 'stop' });
}

/** It will not have us: the connections that end in the wake of this explain nothing. */
function isRefusal(error: PeerError | undefined): boolean {
  return isOpenError(error) || (error?.code === ErrorCode.cease && error.subcode === CeaseError.maxPrefixes);
}

/** The router was told by its operator not to have us, and says that once only. */
function isShutdown(error: PeerError | undefined): boolean {
  const { direction, code, subcode } = error ?? {};
  return direction === 'received' && code === ErrorCode.cease && (subcode === CeaseError.shutdown || subcode === CeaseError.deconfigured);
}

/** Nobody who is there says why. */
const SILENT: ReadonlySet<string> = new Set(['ConnectionClosed', 'ECONNRESET']);

/** A refusal stays the news for a while, and what a router gave as its reason until it says another or is not there. */
export function recordLoss(draft: Draft, name: string): void {
  if (refusalIsNews(draft) || (isShutdown(draft.state.lastError) && SILENT.has(name))) return;
  recordError(draft, { direction: 'local', name });
}

export function refusalIsNews({ state: { lastError }, context }: Draft): boolean {
  return isRefusal(lastError) && context.now - (lastError?.at ?? 0) < REFUSAL_IS_NEWS_MS;
}

function isBusy({ fsm }: Link): boolean {
  return fsm.name === 'OpenConfirm' || fsm.name === 'Established';
}

/** What has to be true between events: one session at most, and somebody on the way to one. */
export function settle(draft: Draft): void {
  const { running, bfdDown: dark, backoff } = draft.state;
  if (!running || dark) return;
  const damped = (backoff.dampedUntil ?? -Infinity) > draft.context.now;
  if (backoff.dampedUntil !== undefined && !damped) patch(draft, { backoff: { failures: backoff.failures } });
  const established = (['out', 'in'] as const).find((side) => draft.state[side].fsm.name === 'Established');
  if (established !== undefined) {
    const other: Side = established === 'out' ? 'in' : 'out';
    dismiss(draft, other);
    return;
  }
  if (draft.state.in.fsm.name === 'Idle' && !damped) drive(draft, 'in', { type: 'start', passive: true });
  startDialling(draft, damped);
}

function dismiss(draft: Draft, side: Side): void {
  const { name } = draft.state[side].fsm;
  if (name === 'OpenSent' || name === 'OpenConfirm') drive(draft, side, { type: 'collisionDump' });
  if (draft.state[side].fsm.name !== 'Idle' || draft.state[side].fsm.idleHoldAt !== undefined) drive(draft, side, { type: 'stop' });
}

function startDialling(draft: Draft, damped: boolean): void {
  const { config, out, backoff } = draft.state;
  if (out.fsm.name !== 'Idle' || config.passive || isBusy(draft.state.in)) return;
  if (damped) {
    // The damping is the longer wait.
    const { dampedUntil } = backoff;
    if (dampedUntil !== undefined) patch(draft, { out: { ...out, fsm: { ...out.fsm, idleHoldAt: dampedUntil } } });
  } else if (out.fsm.idleHoldAt === undefined && backoff.failures > 0) {
    // The peer's own connection has failed, and ours is not to storm it.
    const delayMs = retryDelayMs(config, { failures: backoff.failures - 1 }, draft.context);
    patch(draft, { out: { ...out, fsm: { ...out.fsm, idleHoldAt: after(draft.context.now, delayMs) } } });
  } else if (out.fsm.idleHoldAt === undefined) drive(draft, 'out', { type: 'start', passive: false });
}
