import { type Ip, ipFromBytes, ipToBytes, solicitedNodeGroup } from '../net/ip.ts';
import { BROADCAST_MAC, ZERO_MAC, multicastMac } from '../net/mac.ts';
import { encodeArp } from '../wire/arp.ts';
import { ETHER_TYPE, encodeEthernet } from '../wire/ethernet.ts';
import { encodeNdp } from '../wire/ndp.ts';
import { ALL_NODES } from './responderNdp.ts';
import { type Link } from './link.ts';

const ALL_NODES_IP = ipFromBytes(ALL_NODES);

/**
 * The frames that tell a segment where an address now is: ARP as a request and as a reply, since some hosts heed only one of
 * the two (RFC 5227 §3), or an unsolicited advertisement with Override (RFC 4861 §7.2.6).
 */
export function announcementFrames(ip: Ip, link: Link): readonly Uint8Array[] {
  if (ip.includes(':')) {
    const payload = encodeNdp({
      kind: 'advertisement',
      source: ip,
      destination: ALL_NODES_IP,
      target: ip,
      linkLayer: link.mac,
      router: false,
      solicited: false,
      override: true,
    });
    return [encodeEthernet({ destination: multicastMac(ALL_NODES), source: link.mac, etherType: ETHER_TYPE.ipv6, payload })];
  }
  const sender = { senderMac: link.mac, senderIp: ip, targetIp: ip };
  return [
    arpFrame(link, encodeArp({ operation: 'request', ...sender, targetMac: ZERO_MAC })),
    arpFrame(link, encodeArp({ operation: 'reply', ...sender, targetMac: BROADCAST_MAC })),
  ];
}

/** The question "does anybody have this address?" from one who has no address himself (RFC 5227 §2.1.1, RFC 4862 §5.4.2). */
export function probeFrame(ip: Ip, link: Link): Uint8Array {
  if (!ip.includes(':')) {
    const senderIp = '0.0.0.0' as Ip;
    return arpFrame(link, encodeArp({ operation: 'request', senderMac: link.mac, senderIp, targetMac: ZERO_MAC, targetIp: ip }));
  }
  const destination = solicitedNodeGroup(ip);
  const payload = encodeNdp({ kind: 'solicitation', source: '::' as Ip, destination, target: ip });
  return encodeEthernet({
    destination: multicastMac(ipToBytes(destination)),
    source: link.mac,
    etherType: ETHER_TYPE.ipv6,
    payload,
  });
}

/** An ordinary question for the host of an address, whose answer the kernel learns from; so does the one that is asked. */
export function questionFrame(ip: Ip, source: Ip, link: Link): Uint8Array {
  if (!ip.includes(':'))
    return arpFrame(link, encodeArp({ operation: 'request', senderMac: link.mac, senderIp: source, targetMac: ZERO_MAC, targetIp: ip }));
  const destination = solicitedNodeGroup(ip);
  const payload = encodeNdp({ kind: 'solicitation', source, destination, target: ip, linkLayer: link.mac });
  return encodeEthernet({ destination: multicastMac(ipToBytes(destination)), source: link.mac, etherType: ETHER_TYPE.ipv6, payload });
}

function arpFrame(link: Link, payload: Uint8Array): Uint8Array {
  return encodeEthernet({ destination: BROADCAST_MAC, source: link.mac, etherType: ETHER_TYPE.arp, payload });
}
