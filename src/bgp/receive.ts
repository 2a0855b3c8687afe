import { CeaseError, ErrorCode, OpenError, RefreshSubtype } from '../wire/bgp/iana.ts';
import { familyOf } from '../wire/bgp/family.ts';
import { feedFramer, nextMessage } from '../wire/bgp/framer.ts';
import { type Malformed, isMalformed } from '../wire/bgp/malformed.ts';
import { type Message, type MessageContext, decodeMessage } from '../wire/bgp/message.ts';
import { type Notification, notificationName, shutdownText, unwrapHardReset } from '../wire/bgp/notification.ts';
import type { Open } from '../wire/bgp/open.ts';
import { type RouteRefresh } from '../wire/bgp/routeRefresh.ts';
import type { Update } from '../wire/bgp/update.ts';
import { refresh } from './adjRibOut.ts';
import { survivor } from './collision.ts';
import { refusalIsNews } from './dialling.ts';
import { type Draft, count, drive, patch, patchWire, recordError } from './draft.ts';
import type { Side, Wire } from './link.ts';
import { negotiate } from './negotiate.ts';
import { NOTHING_WITHHELD, downgrade, makeOpen, ourAsn } from './offer.ts';

/** Reads what one connection has received. Stops where a message ends the connection. */
export function receive(draft: Draft, side: Side, data: Uint8Array): void {
  const { wire } = draft.state[side];
  if (wire === undefined) return;
  feedFramer(wire.framer, data);
  const tally: Tally = { messagesReceived: 0, updatesReceived: 0, updatesFaulty: 0, prefixesReceived: 0, prefixesWithdrawn: 0 };
  while (draft.state[side].wire?.conn === wire.conn) {
    const bytes = nextMessage(wire.framer);
    if (bytes === undefined) break;
    if (isMalformed(bytes)) {
      refuse(draft, side, bytes);
      break;
    }
    tally.messagesReceived++;
    const message = decodeMessage(bytes, messageContext(draft.state[side].wire ?? wire));
    if (isMalformed(message)) refuse(draft, side, message);
    else accept(draft, side, message, tally);
  }
  count(draft, tally);
}

/** What one chunk brought. It may bring more than a thousand messages, so that the counters move once. */
interface Tally {
  messagesReceived: number;
  updatesReceived: number;
  updatesFaulty: number;
  prefixesReceived: number;
  prefixesWithdrawn: number;
}

function messageContext({ framer, negotiated }: Wire): MessageContext {
  // We only ever offer to send several paths, so that the peer has no reason to (RFC 7911 §4).
  return { as4: negotiated?.as4 ?? true, ebgp: negotiated?.ebgp ?? true, addPath: [], extended: framer.extended };
}

function refuse(draft: Draft, side: Side, fault: Malformed): void {
  const type = fault.code === ErrorCode.open ? 'openError' : fault.code === ErrorCode.update ? 'updateError' : 'headerError';
  drive(draft, side, { type, notice: fault });
}

function accept(draft: Draft, side: Side, message: Message, tally: Tally): void {
  switch (message.type) {
    case 'open':
      acceptOpen(draft, side, message);
      return;
    case 'keepalive':
      drive(draft, side, { type: 'keepalive' });
      return;
    case 'update':
      acceptUpdate(draft, side, message, tally);
      return;
    case 'notification':
      acceptNotification(draft, side, message);
      return;
    case 'routeRefresh':
      acceptRefresh(draft, side, message);
  }
}

function acceptOpen(draft: Draft, side: Side, theirs: Open): void {
  const { config, withheld, restarting, [side]: link } = draft.state;
  if (link.wire === undefined) return;
  // A second OPEN is the machine's to refuse, and must not change what was agreed.
  if (link.wire.negotiated !== undefined) {
    drive(draft, side, { type: 'open', holdTimeMs: 0, keepaliveTimeMs: 0 });
    return;
  }
  const negotiated = negotiate(config, link.wire.ours ?? makeOpen(config, withheld, restarting), theirs);
  if ('type' in negotiated) {
    drive(draft, side, { type: 'openError', notice: negotiated });
    return;
  }
  patchWire(draft, side, { negotiated });
  link.wire.framer.extended = negotiated.extendedMessages;
  const { holdTimeMs, keepaliveTimeMs } = negotiated;
  drive(draft, side, { type: 'open', holdTimeMs, keepaliveTimeMs });
  resolveCollision(draft, side, theirs);
}

/** RFC 4271 §6.8: looked for when an OPEN has named its sender, among the connections that have got as far. */
function resolveCollision(draft: Draft, side: Side, theirs: Open): void {
  const other: Side = side === 'out' ? 'in' : 'out';
  const { config } = draft.state;
  const rival = draft.state[other];
  if (draft.state[side].fsm.name !== 'OpenConfirm') return;
  if (rival.fsm.name === 'Established') {
    drive(draft, side, { type: 'collisionDump' });
    return;
  }
  if (rival.fsm.name !== 'OpenConfirm') return;
  const peer = draft.state[side].wire?.negotiated?.peerAsn ?? 0;
  const keep = survivor({ routerId: config.routerId, asn: ourAsn(config) }, { routerId: theirs.routerId, asn: peer });
  drive(draft, keep === side ? other : side, { type: 'collisionDump' });
}

/** All routes are read and dropped: this speaker only announces. */
function acceptUpdate(draft: Draft, side: Side, update: Update, tally: Tally): void {
  if (draft.state[side].fsm.name === 'Established') countUpdate(update, tally);
  drive(draft, side, { type: 'update' });
}

function countUpdate(update: Update, tally: Tally): void {
  tally.updatesReceived++;
  if (update.faults.length > 0) tally.updatesFaulty++;
  tally.prefixesReceived += update.nlri.count;
  tally.prefixesWithdrawn += update.withdrawn.count;
  for (const attribute of update.attributes) {
    if (attribute.type === 'mpReach') tally.prefixesReceived += attribute.nlri?.count ?? 0;
    if (attribute.type === 'mpUnreach') tally.prefixesWithdrawn += attribute.nlri?.count ?? 0;
  }
}

function acceptNotification(draft: Draft, side: Side, notification: Notification): void {
  const reason = unwrapHardReset(notification);
  const text = shutdownText(notification);
  const { code, subcode } = reason;
  // The end of a second connection says nothing of why there is no first one.
  const isEcho = code === ErrorCode.cease && subcode === CeaseError.collision && refusalIsNews(draft);
  const name = notificationName(reason);
  if (!isEcho) recordError(draft, { direction: 'received', code, subcode, name, ...(text !== undefined && { text }) });
  const withheld = downgrade(draft.state.config, draft.state.withheld, notification);
  const version = code === ErrorCode.open && subcode === OpenError.unsupportedVersion;
  const { failures } = draft.state.backoff;
  drive(draft, side, { type: version ? 'versionNotification' : 'notification' });
  // With less on offer the next try is a new one, and need not wait for long.
  if (withheld !== undefined) patch(draft, { withheld, backoff: { failures } });
  // Less was no help. When the router is mended the session is to have all again.
  else if (code === ErrorCode.open) patch(draft, { withheld: NOTHING_WITHHELD });
}

function acceptRefresh(draft: Draft, side: Side, message: RouteRefresh): void {
  drive(draft, side, { type: 'routeRefresh' });
  const family = familyOf(message.afi, message.safi);
  // RFC 7313 §5: other subtypes are to be ignored; so are families that were not agreed on (RFC 2918 §4).
  if (message.subtype !== RefreshSubtype.request || family === undefined) return;
  if (draft.state[side].fsm.name === 'Established') refresh(draft.state.rib, family);
}
