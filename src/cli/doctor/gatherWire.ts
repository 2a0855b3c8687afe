import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LinkState } from '../../../speaker/io/linkTable.ts';
import { watchLinks } from '../../../speaker/io/links.ts';
import { hearing, openPackets } from '../../../speaker/io/packet.ts';
import { BROADCAST_MAC, type Mac, ZERO_MAC } from '../../net/mac.ts';
import type { Ip } from '../../net/ip.ts';
import type { Peer } from '../../config/config.ts';
import { decodeArp, encodeArp } from '../../wire/arp.ts';
import { ETHERNET_LENGTH, ETHER_TYPE, encodeEthernet, etherTypeOf } from '../../wire/ethernet.ts';
import { ping } from '../ping.ts';
import type { Reach, WireFacts } from './contract.ts';

const TIMEOUT_MS = 1500;

export interface WireAsk {
  readonly peers: readonly Peer[];
  readonly gateways: readonly Ip[];
  /** IPv4; asked for by ARP probes on these interfaces. */
  readonly vips: readonly Ip[];
  readonly interfaces: readonly string[];
}

/** Asks around: echoes, connections that are closed at once, ARP probes that change nobody's table (RFC 5227 §2.1.1). */
export async function gatherWire({ peers, gateways, vips, interfaces }: WireAsk): Promise<WireFacts> {
  const dialled = peers.flatMap(({ name, address, port, passive, password }) =>
    // A router with a key answers nobody who has none: to ask it would prove nothing.
    address === undefined || passive === true || password !== undefined ? [] : [{ name, address, port }],
  );
  const asked = [...new Set([...gateways, ...dialled.map(({ address }) => address)])];
  const [reached, echoes, answers] = await Promise.all([
    Promise.all(dialled.map(async (peer) => [peer.name, { ...peer, reach: await reach(peer.address, peer.port) }] as const)),
    Promise.all(asked.map(async (ip, index) => [ip, await ping(ip, index, TIMEOUT_MS)] as const)),
    vips.length === 0 ? new Map<Ip, string[]>() : probe(vips, interfaces),
  ]);
  return {
    peers: new Map(reached),
    echoes: new Map(echoes.flatMap(([ip, echo]) => (echo.kind === 'impossible' ? [] : [[ip, echo.kind] as const]))),
    answers,
  };
}

function reach(host: Ip, port: number): Promise<Reach> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: TIMEOUT_MS });
    const end = (result: Reach): void => {
      socket.destroy();
      resolve(result);
    };
    socket.once('connect', () => end('open'));
    socket.once('timeout', () => end('timeout'));
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ECONNRESET') end('refused');
      else end(error.code === 'ENETUNREACH' ? 'noRoute' : 'timeout');
    });
  });
}

const UNSPECIFIED = '0.0.0.0' as Ip;

/** @returns the MACs that answered, by address */
async function probe(vips: readonly Ip[], interfaces: readonly string[]): Promise<Map<Ip, string[]>> {
  const answers = new Map<Ip, Set<string>>(vips.map((ip) => [ip, new Set()]));
  const links = await new Promise<readonly LinkState[]>((resolve) => {
    const watcher = watchLinks((found) => {
      watcher.close();
      resolve(found);
    });
  });
  const own = new Set(links.map(({ mac }) => mac));
  const endpoints = links
    .filter(({ name, mac, running }) => interfaces.includes(name) && mac !== undefined && running)
    .map(({ index, mac }) => ({
      mac: mac as Mac,
      endpoint: openPackets({ index, listener: hearing((frame) => take(frame, answers, own)) }),
    }));
  for (let round = 0; round < 2; round++) {
    for (const { mac, endpoint } of endpoints) for (const ip of vips) endpoint.send(probeFrame(mac, ip));
    await sleep(400);
  }
  for (const { endpoint } of endpoints) endpoint.close();
  return new Map([...answers].map(([ip, macs]) => [ip, [...macs].toSorted()]));
}

function probeFrame(mac: Mac, ip: Ip): Uint8Array {
  const payload = encodeArp({ operation: 'request', senderMac: mac, senderIp: UNSPECIFIED, targetMac: ZERO_MAC, targetIp: ip });
  return encodeEthernet({ destination: BROADCAST_MAC, source: mac, etherType: ETHER_TYPE.arp, payload });
}

function take(frame: Uint8Array, answers: ReadonlyMap<Ip, Set<string>>, own: ReadonlySet<Mac | undefined>): void {
  if (etherTypeOf(frame) !== ETHER_TYPE.arp) return;
  const arp = decodeArp(frame.subarray(ETHERNET_LENGTH));
  if ('reason' in arp || arp.operation !== 'reply' || own.has(arp.senderMac)) return;
  answers.get(arp.senderIp)?.add(arp.senderMac);
}
