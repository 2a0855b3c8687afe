import { after, earliest } from '../machine.ts';
import { encodeMessage } from '../wire/bgp/message.ts';
import { isDrained, pull } from './adjRibOut.ts';
import { type Draft, count, patch, patchWire, sendBytes } from './draft.ts';
import type { Side } from './link.ts';

/** Asked for at once; more only when the socket has let go of it. */
const PULL_BYTES = 262_144;
/** FRR 10 stops reading when more than 10,000 messages wait, until the next one comes. */
const BURST_MESSAGES = 9000;
const BURST_PAUSE_MS = 200;
/** After a burst of this size a KEEPALIVE is sent early, should the peer have fallen asleep over it. */
const WAKE_AFTER_MESSAGES = 1000;
const WAKE_DELAY_MS = 1000;

/** Fills the socket, as far as it has room. */
export function sendRoutes(draft: Draft, side: Side): void {
  const { fsm, wire } = draft.state[side];
  const { rib } = draft.state;
  if (fsm.name !== 'Established' || wire === undefined || wire.resumeAt !== undefined) return;
  const room = PULL_BYTES - wire.outstandingBytes;
  if (room <= 0 || isDrained(rib)) return;
  const { bytes, messages, updates } = pull(rib, room, BURST_MESSAGES - wire.burst);
  if (messages === 0) return;
  sendBytes(draft, side, bytes, messages);
  count(draft, { updatesSent: updates });
  const burst = wire.burst + messages;
  if (isDrained(rib)) patch(draft, { restarting: draft.state.restarting && rib.endOfRib.size > 0 });
  patchWire(draft, side, { burst });
  if (burst >= BURST_MESSAGES) pause(draft, side);
  else if (isDrained(rib)) wakeLater(draft, side, burst);
}

function pause(draft: Draft, side: Side): void {
  sendBytes(draft, side, encodeMessage({ type: 'keepalive' }), 1);
  patchWire(draft, side, { resumeAt: after(draft.context.now, BURST_PAUSE_MS) });
}

function wakeLater(draft: Draft, side: Side, burst: number): void {
  const { fsm, ...link } = draft.state[side];
  patchWire(draft, side, { burst: 0 });
  if (burst < WAKE_AFTER_MESSAGES || fsm.keepaliveAt === undefined) return;
  const keepaliveAt = earliest(fsm.keepaliveAt, after(draft.context.now, WAKE_DELAY_MS));
  if (keepaliveAt !== undefined) patch(draft, { [side]: { ...link, fsm: { ...fsm, keepaliveAt } } });
}

/** The pause between two bursts is over. */
export function resume(draft: Draft, side: Side): void {
  const { wire, ...link } = draft.state[side];
  if (wire === undefined) return;
  const { resumeAt: _, ...rest } = wire;
  patch(draft, { [side]: { ...link, wire: { ...rest, burst: 0 } } });
}
