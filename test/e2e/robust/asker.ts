/**
 * A host of the segment that asks who has each of many addresses, over and over, and prints everything it hears of them, one
 * JSON line each: {"at": ms since the epoch, "ip", "mac", "how": "answer" | "announcement"}
 *   node run.mjs asker.ts DEVICE IPV4 IPV6 EVERY_MS ADDRESS...
 */
import { readFileSync } from 'node:fs';
import { hearing, openPackets } from '../../../speaker/io/packet.ts';
import { addon } from '../../../speaker/native/addon.ts';
import { type Ip, ipToBytes, parseIp, solicitedNodeGroup } from '../../../src/net/ip.ts';
import { BROADCAST_MAC, type Mac, ZERO_MAC, multicastMac } from '../../../src/net/mac.ts';
import { decodeArp, encodeArp } from '../../../src/wire/arp.ts';
import { ETHER_TYPE, decodeEthernet, encodeEthernet } from '../../../src/wire/ethernet.ts';
import { decodeNdp, encodeNdp } from '../../../src/wire/ndp.ts';

const [device = 'eth0', ipv4 = '', ipv6 = '', every = '200', ...addresses] = process.argv.slice(2);
const mac = readFileSync(`/sys/class/net/${device}/address`, 'utf8').trim() as Mac;
const wanted = new Set(addresses.flatMap((text) => parseIp(text) ?? []));
const [own4, own6] = [ipv4 as Ip, ipv6 as Ip];

const endpoint = openPackets({ index: addon().ifindex(device), listener: hearing(hear) });

function hear(bytes: Uint8Array): void {
  const frame = decodeEthernet(bytes);
  if (!('payload' in frame) || frame.source === mac) return;
  if (frame.etherType === ETHER_TYPE.arp) hearArp(frame.payload);
  else hearNdp(frame.payload, frame.source);
}

function hearArp(payload: Uint8Array): void {
  const arp = decodeArp(payload);
  if (!('operation' in arp)) return;
  // A request for the sender's own address is an announcement, so is a reply to everybody.
  const isAnnouncement = arp.senderIp === arp.targetIp;
  if (!isAnnouncement && arp.operation !== 'reply') return;
  say(arp.senderIp, arp.senderMac, isAnnouncement ? 'announcement' : 'answer');
}

function hearNdp(payload: Uint8Array, source: Mac): void {
  const message = decodeNdp(payload);
  if (!('kind' in message) || message.kind !== 'advertisement') return;
  say(message.target, message.linkLayer ?? source, message.solicited ? 'answer' : 'announcement');
}

function say(ip: Ip, from: Mac, how: string): void {
  if (wanted.has(ip)) console.log(JSON.stringify({ at: Date.now(), ip, mac: from, how }));
}

function question(ip: Ip): Uint8Array {
  if (!ip.includes(':')) {
    const payload = encodeArp({ operation: 'request', senderMac: mac, senderIp: own4, targetMac: ZERO_MAC, targetIp: ip });
    return encodeEthernet({ destination: BROADCAST_MAC, source: mac, etherType: ETHER_TYPE.arp, payload });
  }
  const destination = solicitedNodeGroup(ip);
  const payload = encodeNdp({ kind: 'solicitation', source: own6, destination, target: ip, linkLayer: mac });
  return encodeEthernet({ destination: multicastMac(ipToBytes(destination)), source: mac, etherType: ETHER_TYPE.ipv6, payload });
}

setInterval(() => {
  for (const ip of wanted) endpoint.send(question(ip));
}, Number(every));
console.log(JSON.stringify({ ready: true }));
