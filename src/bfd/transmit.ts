import { after } from '../machine.ts';
import { type BfdPacket, encodeBfd } from '../wire/bfd.ts';
import { nextSequence, signedBfd } from './auth.ts';
import { type BfdSessionState, type Draft, agreedTransmitUs, count, isOnDemand, patch } from './draft.ts';
import { type Microseconds, asked, jitteredMs, microseconds } from './timing.ts';

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

function packetOf({ config, discriminator, state, localDiag, remote, pacing }: BfdSessionState, final: boolean): BfdPacket {
  return {
    diag: localDiag,
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
  const { auth } = state.config;
  const packet = packetOf(state, final);
  if (auth === undefined) effects.push({ type: 'send', kind: 'control', bytes: encodeBfd(packet) });
  else {
    // RFC 5880 §6.8.1: it begins anywhere.
    const sequence = state.sendSequence ?? Math.floor(context.random() * 2 ** 32);
    effects.push({ type: 'send', kind: 'control', bytes: signedBfd(auth, packet, sequence) });
    patch(draft, { sendSequence: nextSequence(sequence) });
  }
  count(draft, 'packetsSent');
}

/** Sends what is due, and sets the time of the next periodic packet. */
export function transmit(draft: Draft): void {
  const { now } = draft.context;
  reschedule(draft);
  if (isMute(draft.state)) return;
  // RFC 5880 §6.8.7: at once, whatever the timer says. It does not count as periodic: two sides that poll each other would
  // otherwise answer for ever and never ask.
  if (draft.isFinal) send(draft, true);
  const { nextAt, periodUs, config } = draft.state;
  const isDue = nextAt !== undefined && nextAt <= now;
  const isUnsaid = draft.isUrgent && !draft.isFinal;
  if (!isDue && !isUnsaid) return;
  send(draft, false);
  patch(draft, { pacing: asked(draft.state.pacing, now) });
  const next = periodUs === 0 ? {} : { nextAt: after(now, jitteredMs(periodUs, config.multiplier, draft.context.random)) };
  patch(draft, { sentAt: now, ...next });
}

/** RFC 5880 §6.8.3: another interval counts from the packet before. */
function reschedule(draft: Draft): void {
  const { state, context } = draft;
  const periodUs = wantedPeriodUs(state);
  if (periodUs === state.periodUs) return;
  const { nextAt: _, ...rest } = state;
  if (periodUs === 0) {
    draft.state = { ...rest, periodUs };
    return;
  }
  const next =
    state.sentAt === undefined ? context.now : after(state.sentAt, jitteredMs(periodUs, state.config.multiplier, context.random));
  draft.state = { ...rest, periodUs, nextAt: next > context.now ? next : context.now };
}
