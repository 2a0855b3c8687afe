import { after } from '../machine.ts';
import type { BfdPacket } from '../wire/bfd.ts';
import { type AuthVerdict, checkAuth } from './auth.ts';
import { type Draft, type Remote, count, detectionUs, drop, enter, isKeyAwaited, patch, useAuth } from './draft.ts';
import { transitionOf } from './fsm.ts';
import { answered, milliseconds } from './timing.ts';

/** RFC 5880 §6.8.6 from where the session is known, in its order. What stands before is the codec's and the shell's. */
export function receive(draft: Draft, packet: BfdPacket, bytes: Uint8Array): void {
  const { receiveSequence } = draft.state;
  const { now } = draft.context;
  // RFC 5880 §6.8.1: a peer that was silent for long may have begun anew.
  const known = receiveSequence !== undefined && now < receiveSequence.until ? receiveSequence.last : undefined;
  const verdict = judge(draft, packet, bytes, known);
  if ('drop' in verdict) {
    drop(draft, verdict.drop);
    return;
  }
  patch(draft, { remote: remoteOf(packet, draft.state.remote), heardAt: now, pacing: answered(draft.state.pacing, packet.final, now) });
  if (verdict.sequence !== undefined) remember(draft, verdict.sequence, packet);
  if (draft.state.state === 'AdminDown') {
    drop(draft, 'BfdAdminDown');
    return;
  }
  count(draft, 'packetsReceived');
  follow(draft, packet);
  if (packet.poll) draft.isFinal = true;
}

function judge(draft: Draft, packet: BfdPacket, bytes: Uint8Array, known: number | undefined): AuthVerdict {
  const { auth, config } = draft.state;
  const verdict = checkAuth(auth, packet, bytes, known);
  if (!('drop' in verdict) || !isKeyAwaited(draft.state)) return verdict;
  const next = checkAuth(config.auth, packet, bytes, undefined);
  if ('drop' in next) return next;
  useAuth(draft, config.auth);
  // It may believe nothing else any more, and its detection time runs.
  draft.isUrgent = true;
  return next;
}

function follow(draft: Draft, packet: BfdPacket): void {
  const { state, localDiag } = draft.state;
  const isShut = packet.state === 'AdminDown';
  const next = transitionOf(state, packet.state, localDiag);
  if (next !== undefined) enter(draft, next.state, next.diag, isShut ? 'NeighborAdminDown' : 'NeighborSignaledDown');
  // RFC 5882 §4.1: whatever took the session down before, from now on it is somebody's wish.
  if (isShut && draft.state.verdict === 'Down') patch(draft, { verdict: 'Unknown' });
}

/**
 * RFC 5880 §6.8.1: bfd.RcvAuthSeq binds until twice the detection time has passed in silence. Who shuts the session speaks once a second from then
 * on, by which that would be six seconds: it may have begun anew, with any number, long before. So it is the time of a session that runs.
 */
function remember(draft: Draft, last: number, { state, detectMult }: BfdPacket): void {
  const running = detectMult * draft.state.config.receiveMs;
  const detectionMs = state === 'AdminDown' ? running : milliseconds(detectionUs(draft.state) ?? 0);
  patch(draft, { receiveSequence: { last, until: after(draft.context.now, 2 * detectionMs) } });
}

/** The same object where nothing changed, since that is what most packets are. */
function remoteOf(packet: BfdPacket, before: Remote): Remote {
  const isSame =
    packet.myDiscriminator === before.discriminator &&
    packet.state === before.state &&
    packet.diag === before.diag &&
    packet.detectMult === before.detectMult &&
    packet.desiredMinTxUs === before.desiredMinTxUs &&
    packet.requiredMinRxUs === before.requiredMinRxUs &&
    packet.requiredMinEchoRxUs === before.requiredMinEchoRxUs &&
    packet.demand === before.demand &&
    packet.controlPlaneIndependent === before.controlPlaneIndependent;
  if (isSame) return before;
  return {
    discriminator: packet.myDiscriminator,
    state: packet.state,
    diag: packet.diag,
    detectMult: packet.detectMult,
    desiredMinTxUs: packet.desiredMinTxUs,
    requiredMinRxUs: packet.requiredMinRxUs,
    requiredMinEchoRxUs: packet.requiredMinEchoRxUs,
    demand: packet.demand,
    controlPlaneIndependent: packet.controlPlaneIndependent,
  };
}
