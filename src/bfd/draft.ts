import { type Context, type Instant, after } from '../machine.ts';
import type { BfdState } from '../wire/bfd.ts';
import type { BfdConfig, BfdCounters, BfdDownReason, BfdDrop, BfdEffect, BfdStatus, BfdVerdict } from './contract.ts';
import type { EchoRun } from './echo.ts';
import { type Microseconds, type Pacing, milliseconds } from './timing.ts';

/** What the peer has said last: the variables bfd.Remote... of RFC 5880 §6.8.1. */
export interface Remote {
  /** 0: it has not been heard for a detection time. */
  readonly discriminator: number;
  readonly state: BfdState;
  readonly diag: number;
  readonly detectMult: number;
  readonly desiredMinTxUs: Microseconds;
  readonly requiredMinRxUs: Microseconds;
  readonly requiredMinEchoRxUs: Microseconds;
  readonly demand: boolean;
  readonly controlPlaneIndependent: boolean;
}

/** RFC 5880 §6.8.1: the initial values; and again when the peer is forgotten, since then nothing is known of it. */
export const UNHEARD: Remote = {
  discriminator: 0,
  state: 'Down',
  diag: 0,
  detectMult: 0,
  desiredMinTxUs: 0,
  requiredMinRxUs: 1,
  requiredMinEchoRxUs: 0,
  demand: false,
  controlPlaneIndependent: false,
};

/** Every field is always there, so that all states have one shape and copies are quick. */
export interface BfdSessionState {
  readonly config: BfdConfig;
  readonly discriminator: number;
  /** It has not been started yet, and nobody has to know that it is in AdminDown. */
  readonly silent: boolean;
  readonly state: BfdState;
  readonly since: Instant;
  readonly localDiag: number;
  readonly verdict: BfdVerdict;
  readonly lastDown: BfdStatus['lastDown'] | undefined;
  readonly remote: Remote;
  /** The last packet that was believed. */
  readonly heardAt: Instant | undefined;
  readonly pacing: Pacing;
  /** Between periodic packets as they are scheduled now; 0: there are none. */
  readonly periodUs: Microseconds;
  readonly sentAt: Instant | undefined;
  readonly nextAt: Instant | undefined;
  /** Since when packets went out of turn, and how many. */
  readonly haste: { readonly since: Instant; readonly sent: number };
  readonly echo: EchoRun | undefined;
  /** What signs and is believed: `config.auth`, or the one before as long as that waits for the peer. */
  readonly auth: BfdConfig['auth'];
  /** bfd.XmitAuthSeq; undefined before the first signed packet. */
  readonly sendSequence: number | undefined;
  /** bfd.RcvAuthSeq, and until when it binds (bfd.AuthSeqKnown). */
  readonly receiveSequence: { readonly last: number; readonly until: Instant } | undefined;
  readonly counters: BfdCounters;
}

/** One step in the making. Lives only while `stepBfd` runs. */
export interface Draft {
  state: BfdSessionState;
  readonly effects: BfdEffect[];
  readonly context: Context;
  /** Something is to be said that does not wait for the next periodic packet. */
  isUrgent: boolean;
  /** A poll of the peer is to be answered. */
  isFinal: boolean;
}

export function patch(draft: Draft, change: Partial<BfdSessionState>): void {
  draft.state = { ...draft.state, ...change };
}

type Tally = Exclude<keyof BfdCounters, 'drops'>;

export function count(draft: Draft, name: Tally): void {
  const { counters } = draft.state;
  patch(draft, { counters: { ...counters, [name]: counters[name] + 1 } });
}

export function drop(draft: Draft, reason: BfdDrop): void {
  const { counters } = draft.state;
  patch(draft, { counters: { ...counters, drops: { ...counters.drops, [reason]: (counters.drops[reason] ?? 0) + 1 } } });
  draft.effects.push({ type: 'drop', reason });
}

export function enter(draft: Draft, state: BfdState, localDiag: number, reason?: BfdDownReason): void {
  const { now } = draft.context;
  const before = draft.state;
  if (before.state === 'Up') {
    // Who has shut it by hand takes that back.
    patch(draft, { verdict: 'Down' });
    useAuth(draft, before.config.auth);
    if (reason !== undefined) patch(draft, { lastDown: { at: now, reason, remoteDiag: before.remote.diag } });
    count(draft, 'timesDown');
  }
  if (state === 'Up') {
    patch(draft, { verdict: 'Up' });
    count(draft, 'timesUp');
  }
  patch(draft, { state, localDiag, since: now });
  // RFC 5880 §6.8.7: a change is told at once.
  draft.isUrgent = true;
}

/** With another key the peer may begin with any sequence number. */
export function useAuth(draft: Draft, auth: BfdConfig['auth']): void {
  if (auth !== draft.state.auth) patch(draft, { auth, receiveSequence: undefined });
}

export function isKeyAwaited({ auth, config }: BfdSessionState): boolean {
  return auth !== config.auth;
}

/** RFC 5880 §6.8.4; undefined: the peer has not been heard. */
export function detectionUs({ remote, pacing }: BfdSessionState): Microseconds | undefined {
  return remote.discriminator === 0 ? undefined : remote.detectMult * agreedReceiveUs({ remote, pacing });
}

/** RFC 5880 §6.8.4: between the peer's packets. */
export function agreedReceiveUs({ remote, pacing }: Pick<BfdSessionState, 'remote' | 'pacing'>): Microseconds {
  return Math.max(pacing.used.receiveUs, remote.desiredMinTxUs);
}

/** RFC 5880 §6.8.2: between ours. */
export function agreedTransmitUs({ remote, pacing }: BfdSessionState): Microseconds {
  return Math.max(pacing.used.transmitUs, remote.requiredMinRxUs);
}

/** RFC 5880 §6.6. */
export function isOnDemand({ remote, state }: BfdSessionState): boolean {
  return remote.demand && state === 'Up' && remote.state === 'Up';
}

/** When the peer will have been silent for too long. */
export function heardUntil(state: BfdSessionState): Instant | undefined {
  const detection = detectionUs(state);
  return detection === undefined || state.heardAt === undefined ? undefined : after(state.heardAt, milliseconds(detection));
}
