import { after, earliest } from '../machine.ts';
import { encodeMessage } from '../wire/bgp/message.ts';
import { type AdjRibOut, type Pulled, isDrained, pull } from './adjRibOut.ts';
import { type Draft, count, notReady, patch, patchWire, sendBytes, sessionOn } from './draft.ts';
import { prepareTable } from './firstTable.ts';
import type { Side, Wire } from './link.ts';

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
  const { bytes, messages, updates } = wire.ready?.first ?? more(rib, wire);
  notReady(draft, side);
  if (messages === 0) return;
  sendBytes(draft, side, bytes, messages);
  count(draft, { updatesSent: updates });
  const burst = wire.burst + messages;
  if (isDrained(rib)) patch(draft, { restarting: draft.state.restarting && rib.endOfRib.size > 0 });
  patchWire(draft, side, { burst });
  if (burst >= BURST_MESSAGES) pause(draft, side);
  else if (isDrained(rib)) wakeLater(draft, side, burst);
}

const NOTHING: Pulled = { bytes: new Uint8Array(0), messages: 0, updates: 0 };

function more(rib: AdjRibOut, wire: Wire): Pulled {
  const room = PULL_BYTES - wire.outstandingBytes;
  return room <= 0 || isDrained(rib) ? NOTHING : pull(rib, room, BURST_MESSAGES - wire.burst);
}

/** Our KEEPALIVE is on its way, and the peer's takes as long as the way is: the routes need not wait for it to be packed. */
export function prepareRoutes(draft: Draft, side: Side): void {
  const { fsm, wire } = draft.state[side];
  const { desired } = draft.state.rib;
  if (fsm.name !== 'OpenConfirm' || wire === undefined || desired === undefined || wire.ready?.rib.desired === desired) return;
  const session = sessionOn(draft, wire);
  if (session !== undefined) patchWire(draft, side, { ready: prepareTable(desired, session, BURST_MESSAGES) });
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
