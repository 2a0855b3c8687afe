import { ETHER_TYPE, ETHERNET_LENGTH, ethernetFault, etherTypeOf, sameMac, writeEthernet } from '../wire/ethernet.ts';
import { ARP_AT, ARP_LENGTH, ARP_REQUEST, arpFault, writeArpReply } from '../wire/arp.ts';
import { macFromBytes } from '../net/mac.ts';
import { type ClaimTable } from './claimTable.ts';
import { type DropReason } from './dropReason.ts';
import { type InterfaceView, isSelected } from './link.ts';
import { NDP_FRAME, respondNdp } from './responderNdp.ts';
import { type Response, type Sighting, drop, refuse } from './response.ts';

const EVERYBODY = new Uint8Array(6).fill(0xff);
/** Where the ARP message starts. */
const ARP = ETHERNET_LENGTH;
const ARP_FRAME = ETHERNET_LENGTH + ARP_LENGTH;
/** The longest reply: an advertisement with its option. */
export const REPLY_BYTES = NDP_FRAME;

/**
 * What to do with one received frame: the hot path of layer 2. Never throws on any bytes.
 * @param out where the reply is written, {@link REPLY_BYTES} or more
 */
export function respond(frame: Uint8Array, iface: InterfaceView, claims: ClaimTable, out: Uint8Array): Response {
  const fault = ethernetFault(frame);
  if (fault !== undefined) return drop(fault);
  const etherType = etherTypeOf(frame);
  if (etherType === ETHER_TYPE.arp) return respondArp(frame, iface, claims, out);
  if (etherType === ETHER_TYPE.ipv6) return respondNdp(frame, iface, claims, out);
  return drop({ reason: 'EtherTypeUnknown', found: etherType });
}

function respondArp(frame: Uint8Array, iface: InterfaceView, claims: ClaimTable, out: Uint8Array): Response {
  const reason = arpDrop(frame, iface, claims);
  if (reason !== undefined) return drop(reason);
  const sighting = arpSighting(frame, iface, claims);
  if (sighting !== undefined) return { kind: 'conflict', sighting };
  if (frame[ARP + ARP_AT.operation + 1] !== ARP_REQUEST) return drop({ reason: 'NoQuestion' });
  const claim = claims.find4(frame, ARP + ARP_AT.targetIp);
  if (claim === undefined) return drop({ reason: 'NotClaimed' });
  const refusal = refuse(claim, iface);
  if (refusal !== undefined) return drop(refusal);
  // RFC 826 answers to the sender in the message, which may stand behind another Ethernet source (proxies, bonds).
  writeEthernet(out, frame, ARP + ARP_AT.senderMac, iface.hardware, ETHER_TYPE.arp);
  writeArpReply(out, ARP, frame, iface.hardware);
  return { kind: 'reply', length: ARP_FRAME, claim, defended: isZero(frame, ARP + ARP_AT.senderIp) };
}

function arpDrop(frame: Uint8Array, iface: InterfaceView, claims: ClaimTable): DropReason | undefined {
  if (!iface.up || !iface.arp) return { reason: 'InterfaceUnfit' };
  if (!isBroadcast(frame) && !sameMac(frame, 0, iface.hardware, 0)) return { reason: 'NotForUs' };
  const fault = arpFault(frame, ARP);
  if (fault !== undefined) return fault;
  return claims.isOwnMac(frame, ARP + ARP_AT.senderMac) ? { reason: 'OwnFrame' } : undefined;
}

/** RFC 5227 §2.4 means every ARP packet whose sender address is ours; §2.1.1: while probing, also a probe of another host for it. */
function arpSighting(frame: Uint8Array, iface: InterfaceView, claims: ClaimTable): Sighting | undefined {
  const sender = ARP + ARP_AT.senderIp;
  const isRequest = frame[ARP + ARP_AT.operation + 1] === ARP_REQUEST;
  const isProbe = isZero(frame, sender) && isRequest;
  const claim = isProbe ? claims.find4(frame, ARP + ARP_AT.targetIp) : claims.find4(frame, sender);
  if (claim === undefined || !isSelected(iface.name, claim.interfaces)) return undefined;
  // A probe for what we already hold is answered, not fought over.
  if (isProbe && claim.phase === 'claimed') return undefined;
  const mac = macFromBytes(frame, ARP + ARP_AT.senderMac);
  const by = isProbe ? 'probe' : isRequest ? 'arp-request' : 'arp-reply';
  return { ip: claim.ip, mac, interface: iface.name, by, phase: claim.phase };
}

function isZero(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === 0 && bytes[at + 1] === 0 && bytes[at + 2] === 0 && bytes[at + 3] === 0;
}

function isBroadcast(frame: Uint8Array): boolean {
  return sameMac(frame, 0, EVERYBODY, 0);
}
