import { after, earliest } from '../machine.ts';
import { type BfdPacket, type BfdState, encodeBfd } from '../wire/bfd.ts';
import { nextSequence, signedBfd } from './auth.ts';
import { type BfdConfig, signerOf } from './contract.ts';
import { appendNote } from './note.ts';
import { type BfdSessionState, type Draft, agreedTransmitUs, isOnDemand, patch } from './draft.ts';
import { type Microseconds, asked, jitteredMs, microseconds } from './timing.ts';

/** So many packets may go out of turn within so long: more than it takes for a session to come up, and to say what has changed with that. */
const MOST_IN_HASTE = 8;
const HASTE_MS = 100;

/** RFC 5880 §6.8.7: a passive side does not speak to somebody it has not heard. */
function isMute({ silent, config, remote }: BfdSessionState): boolean {
  return silent || (config.passive && remote.discriminator === 0);
}

/** RFC 5880 §6.8.7. */
function wantedPeriodUs(state: BfdSessionState): Microseconds {
  if (isMute(state) || state.remote.requiredMinRxUs === 0) return 0;
  if (isOnDemand(state) && state.pacing.poll.phase !== 'polling') return 0;
  return agreedTransmitUs(state);
}

function saidDiag(state: BfdState, { upDiag, downDiag }: BfdConfig): number | undefined {
  if (state === 'AdminDown') return undefined;
  if (state === 'Down') return downDiag;
  // A packet in Init is the first that takes the other side Up: there it is read as said while Up.
  return state === 'Up' ? upDiag : (downDiag ?? upDiag);
}

function packetOf({ config, discriminator, state, localDiag, remote, pacing }: BfdSessionState, final: boolean): BfdPacket {
  return {
    diag: saidDiag(state, config) ?? localDiag,
    state,
    // RFC 5880 §6.5: never both.
    poll: !final && pacing.poll.phase === 'polling',
    final,
    controlPlaneIndependent: config.controlPlaneIndependent ?? false,
    demand: false,
    detectMult: config.multiplier,
    myDiscriminator: discriminator,
    yourDiscriminator: remote.discriminator,
    desiredMinTxUs: pacing.offered.transmitUs,
    requiredMinRxUs: pacing.offered.receiveUs,
    requiredMinEchoRxUs: microseconds(config.echoReceiveMs),
  };
}

function send(draft: Draft, final: boolean): void {
  const { state, effects, context } = draft;
  const auth = signerOf(state.auth);
  const packet = packetOf(state, final);
  const counters = { ...state.counters, packetsSent: state.counters.packetsSent + 1 };
  if (auth === undefined) {
    effects.push({ type: 'send', kind: 'control', bytes: withNote(draft, encodeBfd(packet)) });
    patch(draft, { counters });
    return;
  }
  // RFC 5880 §6.8.1: it begins anywhere.
  const sequence = state.sendSequence ?? Math.floor(context.random() * 2 ** 32);
  effects.push({ type: 'send', kind: 'control', bytes: withNote(draft, signedBfd(auth, packet, sequence)) });
  patch(draft, { counters, sendSequence: nextSequence(sequence) });
}

function withNote({ state: { state, config, auth } }: Draft, bytes: Uint8Array): Uint8Array {
  const isTold = config.note !== undefined && (state === 'Init' || state === 'Up');
  return isTold ? appendNote(bytes, config.note, signerOf(auth)?.keys[0]?.password) : bytes;
}

/** Sends what is due, and sets the time of the next periodic packet. */
export function transmit(draft: Draft): void {
  const { now, random } = draft.context;
  reschedule(draft);
  if (isMute(draft.state)) return;
  // RFC 5880 §6.8.7: at once, whatever the timer says. It does not count as periodic: two sides that poll each other would
  // otherwise answer for ever and never ask.
  if (draft.isFinal) send(draft, true);
  const { nextAt, periodUs, config, pacing } = draft.state;
  const isDue = nextAt !== undefined && nextAt <= now;
  const isUnsaid = draft.isUrgent && !draft.isFinal;
  if (!isDue && !(isUnsaid && isInTime(draft))) return;
  send(draft, false);
  const next = periodUs === 0 ? undefined : after(now, jitteredMs(periodUs, config.multiplier, random));
  patch(draft, { sentAt: now, pacing: asked(pacing, now), nextAt: next });
}

/**
 * RFC 5880 §6.8.7 has a change told at once. Where packets come twice and overtake one another, the old ones take a session down that has just come
 * up, and each change brings the next: two of them would talk as fast as they can. So after some the next one waits, and says what is so by then.
 */
function isInTime(draft: Draft): boolean {
  const { haste, nextAt } = draft.state;
  const { now } = draft.context;
  const end = after(haste.since, HASTE_MS);
  if (now < end && haste.sent >= MOST_IN_HASTE) {
    patch(draft, { nextAt: earliest(nextAt, end) });
    return false;
  }
  patch(draft, { haste: now < end ? { ...haste, sent: haste.sent + 1 } : { since: now, sent: 1 } });
  return true;
}

/** RFC 5880 §6.8.3: another interval counts from the packet before. */
function reschedule(draft: Draft): void {
  const { state, context } = draft;
  const periodUs = wantedPeriodUs(state);
  if (periodUs === state.periodUs) return;
  if (periodUs === 0) {
    patch(draft, { periodUs, nextAt: undefined });
    return;
  }
  const { sentAt, config } = state;
  const next = sentAt === undefined ? context.now : after(sentAt, jitteredMs(periodUs, config.multiplier, context.random));
  patch(draft, { periodUs, nextAt: next > context.now ? next : context.now });
}
