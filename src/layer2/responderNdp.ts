import { macFromBytes } from '../net/mac.ts';
import { ETHER_TYPE, ETHERNET_LENGTH, sameMac, writeEthernet } from '../wire/ethernet.ts';
import { IPV6_AT, isUnspecified } from '../wire/ipv6.ts';
import { NA_FLAG, NDP_AT, NDP_LENGTH, NS_TYPE, ndpFault, ndpLinkLayerAt, writeAdvertisement } from '../wire/ndp.ts';
import { type ClaimEntry, type ClaimTable } from './claimTable.ts';
import { type DropReason } from './dropReason.ts';
import { type InterfaceView, isSelected } from './link.ts';
import { type Response, type Sighting, drop, refuse } from './response.ts';

/** ff02::1 and its Ethernet group (RFC 2464 §7). */
export const ALL_NODES = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
export const ALL_NODES_MAC = Uint8Array.of(0x33, 0x33, 0, 0, 0, 1);

const IP = ETHERNET_LENGTH;
export const NDP_FRAME = ETHERNET_LENGTH + NDP_LENGTH;

/** The NDP half of the responder; the frame's Ethernet header has been checked. */
export function respondNdp(frame: Uint8Array, iface: InterfaceView, claims: ClaimTable, out: Uint8Array): Response {
  const reason = ndpDrop(frame, iface);
  if (reason !== undefined) return drop(reason);
  const senderAt = senderMacAt(frame);
  if (claims.isOwnMac(frame, senderAt)) return drop({ reason: 'OwnFrame' });
  const claim = claims.find6(frame, IP + NDP_AT.target);
  const sighting = claim === undefined ? undefined : ndpSighting(frame, senderAt, iface, claim);
  if (sighting !== undefined) return { kind: 'conflict', sighting };
  if (frame[IP + NDP_AT.type] !== NS_TYPE) return drop({ reason: 'NoQuestion' });
  if (claim === undefined) return drop({ reason: 'NotClaimed' });
  const refusal = refuse(claim, iface);
  if (refusal !== undefined) return drop(refusal);
  const isDad = isUnspecified(frame, IP + IPV6_AT.source);
  advertise(frame, senderAt, isDad, iface.hardware, out);
  return { kind: 'reply', length: NDP_FRAME, claim, defended: isDad };
}

function ndpDrop(frame: Uint8Array, iface: InterfaceView): DropReason | undefined {
  if (!iface.up || !iface.ndp) return { reason: 'InterfaceUnfit' };
  if (!isIpv6Group(frame) && !sameMac(frame, 0, iface.hardware, 0)) return { reason: 'NotForUs' };
  return ndpFault(frame, IP);
}

/** The link-layer option if there is one, else the Ethernet source: a solicitation need not carry the option (RFC 4861 §4.3). */
function senderMacAt(frame: Uint8Array): number {
  const optionAt = ndpLinkLayerAt(frame, IP);
  return optionAt === -1 ? 6 : optionAt;
}

function ndpSighting(frame: Uint8Array, senderAt: number, iface: InterfaceView, claim: ClaimEntry): Sighting | undefined {
  if (!isSelected(iface.name, claim.interfaces)) return undefined;
  const isQuestion = frame[IP + NDP_AT.type] === NS_TYPE;
  // RFC 4862 §5.4.3: two hosts that test the same address at once both give it up.
  if (isQuestion && (claim.phase !== 'probing' || !isUnspecified(frame, IP + IPV6_AT.source))) return undefined;
  const mac = macFromBytes(frame, senderAt);
  return { ip: claim.ip, mac, interface: iface.name, by: isQuestion ? 'probe' : 'advertisement', phase: claim.phase };
}

/** RFC 4861 §7.2.4: to the asker with Solicited set; a DAD probe is answered to all nodes, unsolicited, as it has no address yet. */
function advertise(frame: Uint8Array, senderAt: number, isDad: boolean, mac: Uint8Array, out: Uint8Array): void {
  // Override: nobody else may own the address, and a stale entry of a former owner must go.
  if (isDad) {
    writeEthernet(out, ALL_NODES_MAC, 0, mac, ETHER_TYPE.ipv6);
    writeAdvertisement(out, IP, frame, IP + NDP_AT.target, ALL_NODES, 0, mac, NA_FLAG.override);
    return;
  }
  writeEthernet(out, frame, senderAt, mac, ETHER_TYPE.ipv6);
  const flags = NA_FLAG.solicited | NA_FLAG.override;
  writeAdvertisement(out, IP, frame, IP + NDP_AT.target, frame, IP + IPV6_AT.source, mac, flags);
}

/** All nodes, or any solicited-node group: a solicitation or an advertisement that may concern us. */
function isIpv6Group(frame: Uint8Array): boolean {
  if (sameMac(frame, 0, ALL_NODES_MAC, 0)) return true;
  return frame[0] === 0x33 && frame[1] === 0x33 && frame[2] === 0xff;
}
