import { type Context, type Instant, type Step, earliest, instant, isDue } from '../machine.ts';
import { BFD_DIAG } from '../wire/bfd.ts';
import type { BfdConfig, BfdCounters, BfdEffect, BfdEvent } from './contract.ts';
import { type BfdSessionState, type Draft, UNHEARD, count, drop, enter, heardUntil, patch, useAuth } from './draft.ts';
import { echoExpiresAt, echoReturned, isProven, nextEcho, startEcho } from './echo.ts';
import { receive } from './receive.ts';
import { bfdStatus, hasNews } from './status.ts';
import { type Microseconds, microseconds, repaced, samePace, settled, wantedPace } from './timing.ts';
import { transmit } from './transmit.ts';

/*
 * One BFD session of RFC 5880 in asynchronous mode. Every step first lets the event change the state, then brings into line what
 * follows from the state: the run of echo packets, the values that are offered, the poll sequence, and what has to be sent.
 *
 * Demand mode (§6.6) is the peer's to ask for, never ours. §6.8.3 asks for a poll sequence after every change of an interval; here
 * there is none while the session is not Up, since then both sides are slow and every packet tells the values anyhow.
 */

/** In AdminDown, and silent until `start`. @param options.discriminator unique on this node, not 0 */
export function createBfd(config: BfdConfig, options: { readonly discriminator: number }): BfdSessionState {
  return {
    config,
    discriminator: options.discriminator,
    silent: true,
    state: 'AdminDown',
    since: instant(0),
    localDiag: BFD_DIAG.none,
    verdict: 'Unknown',
    lastDown: undefined,
    remote: UNHEARD,
    heardAt: undefined,
    pacing: settled(wantedPace(config, false, false)),
    periodUs: 0,
    sentAt: undefined,
    nextAt: undefined,
    haste: { since: instant(0), sent: 0 },
    echo: undefined,
    auth: config.auth,
    sendSequence: undefined,
    receiveSequence: undefined,
    counters: { packetsSent: 0, packetsReceived: 0, echoesSent: 0, echoesReturned: 0, timesUp: 0, timesDown: 0, drops: {} },
  };
}

export function stepBfd(state: BfdSessionState, event: BfdEvent, context: Context): Step<BfdSessionState, BfdEffect> {
  const draft: Draft = { state, effects: [], context, isUrgent: false, isFinal: false };
  handle(draft, event);
  settleEcho(draft);
  settlePace(draft);
  transmit(draft);
  transmitEcho(draft);
  if (hasNews(state, draft.state)) draft.effects.push({ type: 'report', status: bfdStatus(draft.state) });
  return [draft.state, draft.effects];
}

export function bfdDeadline(state: BfdSessionState): Instant | undefined {
  const { echo, config, nextAt } = state;
  const echoAt = echo === undefined ? undefined : earliest(echo.nextAt, echoExpiresAt(echo, config.multiplier));
  return earliest(nextAt, heardUntil(state), echoAt);
}

export function bfdCounters(state: BfdSessionState): BfdCounters {
  return state.counters;
}

function handle(draft: Draft, event: BfdEvent): void {
  switch (event.type) {
    case 'packet':
      receive(draft, event.packet, event.bytes);
      return;
    case 'tick':
      expire(draft);
      return;
    case 'echoReturned':
      receiveEcho(draft, event.bytes);
      return;
    case 'start':
      if (draft.state.state !== 'AdminDown') return;
      patch(draft, { silent: false });
      enter(draft, 'Down', BFD_DIAG.none);
      return;
    case 'stop':
      stop(draft, event.diag ?? BFD_DIAG.adminDown);
      return;
    case 'configure':
      configure(draft, event.config);
  }
}

/** RFC 5880 §6.8.16. It goes on saying so as long as it is stepped. */
function stop(draft: Draft, diag: number): void {
  if (draft.state.state !== 'AdminDown') enter(draft, 'AdminDown', diag, 'AdminDown');
  patch(draft, { localDiag: diag, verdict: 'Unknown' });
  draft.isUrgent = true;
}

function configure(draft: Draft, config: BfdConfig): void {
  const { state } = draft;
  const before = state.config;
  if (JSON.stringify(before) === JSON.stringify(config)) return;
  patch(draft, { config });
  rekey(draft);
  const isSaid =
    before.multiplier !== config.multiplier ||
    before.echoReceiveMs !== config.echoReceiveMs ||
    before.controlPlaneIndependent !== config.controlPlaneIndependent ||
    before.upDiag !== config.upDiag ||
    before.downDiag !== config.downDiag ||
    String(before.note) !== String(config.note);
  const isPolled = !samePace(wantedPace(config, state.state === 'Up', isProven(state.echo)), state.pacing.offered);
  // RFC 5880 §6.8.7 wants it told at once; §6.5 has no packets but the periodic ones for a poll, and those tell it too.
  if (isSaid && !isPolled && state.state !== 'AdminDown') draft.isUrgent = true;
}

/** RFC 5880 leaves to both sides how they come to another key. */
function rekey(draft: Draft): void {
  const { state, auth, config } = draft.state;
  if (JSON.stringify(auth) === JSON.stringify(config.auth)) patch(draft, { auth: config.auth });
  else if (state !== 'Up' || config.waitsForKey !== true) useAuth(draft, config.auth);
}

function expire(draft: Draft): void {
  const { now } = draft.context;
  if (isDue(heardUntil(draft.state), now)) {
    // RFC 5880 §6.8.4.
    const { state } = draft.state;
    if (state === 'Init' || state === 'Up') enter(draft, 'Down', BFD_DIAG.detectionTimeExpired, 'DetectionTimeExpired');
    // RFC 5880 §6.8.1, bfd.RemoteDiscr.
    patch(draft, { remote: UNHEARD, heardAt: undefined });
  }
  const { state, echo, config } = draft.state;
  // RFC 5880 §6.8.5.
  if (state === 'Up' && echo !== undefined && isDue(echoExpiresAt(echo, config.multiplier), now))
    enter(draft, 'Down', BFD_DIAG.echoFailed, 'EchoFailed');
}

function receiveEcho(draft: Draft, bytes: Uint8Array): void {
  const { echo, discriminator } = draft.state;
  const run = echo === undefined ? undefined : echoReturned(echo, discriminator, bytes, draft.context.now);
  if (run === undefined) {
    drop(draft, 'BfdEchoUnknown');
    return;
  }
  patch(draft, { echo: run });
  count(draft, 'echoesReturned');
}

/** RFC 5880 §6.8.9. @returns undefined: no echo packets */
function wantedEchoUs({ config, state, remote }: BfdSessionState): Microseconds | undefined {
  if (config.echoTransmitMs === undefined || state !== 'Up' || remote.requiredMinEchoRxUs === 0) return undefined;
  return Math.max(microseconds(config.echoTransmitMs), remote.requiredMinEchoRxUs);
}

function settleEcho(draft: Draft): void {
  const intervalUs = wantedEchoUs(draft.state);
  if (intervalUs === draft.state.echo?.intervalUs) return;
  // Another interval is another run: by a shorter one the last echo of the old would be overdue at once.
  patch(draft, { echo: intervalUs === undefined ? undefined : startEcho(intervalUs, draft.context) });
}

function settlePace(draft: Draft): void {
  const { config, state, echo, pacing } = draft.state;
  const wanted = wantedPace(config, state === 'Up', isProven(echo), callMs(draft));
  if (state === 'Up') {
    const next = repaced(pacing, wanted);
    if (next !== pacing) patch(draft, { pacing: next });
    return;
  }
  if (pacing.poll.phase === 'none' && samePace(pacing.offered, wanted) && samePace(pacing.used, wanted)) return;
  patch(draft, { pacing: settled(wanted) });
  if (state !== 'AdminDown') draft.isUrgent = true;
}

/** Only where the configuration knows the other side: RFC 5880 §6.8.3 has a second, for peers of which nothing is known. */
function callMs({ state: { config, state, since }, context }: Draft): number | undefined {
  const { call } = config;
  return call === undefined || state === 'AdminDown' || context.now - since >= call.forMs ? undefined : call.everyMs;
}

function transmitEcho(draft: Draft): void {
  const { echo, discriminator, config } = draft.state;
  if (echo === undefined || echo.nextAt > draft.context.now) return;
  const [run, bytes] = nextEcho(echo, discriminator, config.multiplier, draft.context);
  patch(draft, { echo: run });
  draft.effects.push({ type: 'send', kind: 'echo', bytes });
  count(draft, 'echoesSent');
}
