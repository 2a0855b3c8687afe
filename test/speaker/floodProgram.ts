/*
 * The programs of layer2Flood.net.test.ts, by the first argument:
 *   speaker NODE PEER SOURCE ADDRESS VIPS   the wire thread of a node with a session to its peer, and so many VIPs of either family if it is `a`;
 *                                           a line of its input is answered with a report
 *   flood DEVICE SECONDS MAC                questions for these VIPs as fast as it can, from changing MACs, and frames that mean no good
 *   noise DEVICE SECONDS MAC                broadcasts that concern no VIP, as fast as it can
 *   ask DEVICE COUNT                        one question for another VIP every 40 ms; prints how many were answered, and the longest wait
 */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { realClock } from '../../speaker/clock.ts';
import { Deadlines } from '../../speaker/deadlines.ts';
import { Engine } from '../../speaker/engine.ts';
import { AF_PACKET, SOCK_RAW } from '../../speaker/io/constants.ts';
import { hearing, openPackets } from '../../speaker/io/packet.ts';
import { createHands } from '../../speaker/io/realHands.ts';
import { linkAddress } from '../../speaker/io/sockaddr.ts';
import { addon } from '../../speaker/native/addon.ts';
import { goFirst } from '../../speaker/priority.ts';
import { NO_RECORDER } from '../../speaker/recorder.ts';
import { createLogger } from '../../src/host/log.ts';
import { RankCache } from '../../src/layer2/elector.ts';
import type { Ip } from '../../src/net/ip.ts';
import { BROADCAST_MAC, type Mac, ZERO_MAC } from '../../src/net/mac.ts';
import { decodeArp, encodeArp } from '../../src/wire/arp.ts';
import { ETHER_TYPE, encodeEthernet } from '../../src/wire/ethernet.ts';
import { encodeNdp } from '../../src/wire/ndp.ts';
import { sleep } from '../support/until.ts';

const [role = '', ...words] = process.argv.slice(2);
const say = (line: unknown): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
const vip4 = (vip: number): Ip => `10.20.${vip >> 8}.${vip & 255}` as Ip;
const vip6 = (vip: number): Ip => `2001:db8:20::${(vip + 1).toString(16)}` as Ip;
const FRAMES = 256;
const STRIDE = 4096;

async function speaker([node = '', peer = '', source = '', address = '', count = '0']: readonly string[]): Promise<void> {
  const log = createLogger({ level: 'warn', name: node, destination: { write: (line) => process.stderr.write(line) } });
  const parts = { hands: createHands(log), clock: realClock, deadlines: new Deadlines(realClock), random: Math.random };
  const engine = new Engine({ ...parts, recorder: NO_RECORDER, log, changed: () => undefined }, { node });
  goFirst();
  await engine.start(0);
  const vips = Array.from({ length: Number(count) }, (_, vip) => [vip4(vip), vip6(vip)]).flat();
  const cache = new RankCache();
  const ranks = new Float64Array(vips.flatMap((vip) => [...cache.ranks(['a'], vip)]));
  const contest = { policy: 'hash' as const, nodes: ['a'], weights: [0], tiers: [0], vips, ranks };
  const peers = [{ node: peer, address: address as Ip, source: source as Ip, ready: true }];
  const layer2 = { candidacies: vips.map((ip) => ({ ip })), groups: vips, contests: [contest], peers };
  engine.apply({ plan: { generation: 1, node, peers: [], claims: [], layer2 }, fresh: [] });
  createInterface({ input: process.stdin })
    .on('line', () => {
      const { bfd, claims } = engine.report();
      const [session] = bfd;
      const drops = [...engine.layer2.counters.drops.keys()];
      const { user, system } = process.cpuUsage();
      say({
        cpuMicros: user + system,
        state: session?.state,
        downs: session?.counters.timesDown,
        claimed: claims.filter(({ phase }) => phase === 'claimed').length,
        drops,
      });
    })
    .on('close', () => process.exit(0));
}

function question(ip: Ip, mac: Mac, to: Mac): Uint8Array {
  if (!ip.includes(':')) {
    const payload = encodeArp({ operation: 'request', senderMac: mac, senderIp: '10.99.0.2' as Ip, targetMac: ZERO_MAC, targetIp: ip });
    return encodeEthernet({ destination: BROADCAST_MAC, source: mac, etherType: ETHER_TYPE.arp, payload });
  }
  const payload = encodeNdp({ kind: 'solicitation', source: '2001:db8:99::2' as Ip, destination: ip, target: ip, linkLayer: mac });
  return encodeEthernet({ destination: to, source: mac, etherType: ETHER_TYPE.ipv6, payload });
}

/** One of each kind in turns: a good question, and ways to break it. */
function hostile(at: number, to: Mac): Uint8Array {
  const mac = `02:00:00:00:${(at >> 8).toString(16).padStart(2, '0')}:${(at & 255).toString(16).padStart(2, '0')}` as Mac;
  const frame = question(at % 2 === 0 ? vip4(at) : vip6(at), mac, to);
  const broken: Readonly<Record<number, () => Uint8Array>> = {
    // Cut off, padded to nine kilobytes, tagged, with lengths and types that cannot be, and bytes that mean nothing.
    3: () => frame.slice(0, 14 + (at % 28)),
    4: () => Uint8Array.from([...frame, ...new Uint8Array(3_900)]),
    5: () => Uint8Array.from([...frame.slice(0, 12), 0x81, 0, 0, 100, ...frame.slice(12)]),
    6: () => frame.with(18, 255),
    7: () => frame.with(15, at & 255).with(20, 255),
    8: () => frame.map((byte, position) => (position < 14 ? byte : (byte * 31 + at * position) & 255)),
    9: () => frame.with(6, 1),
  };
  return broken[at % 10]?.() ?? frame;
}

/** Questions for hosts that are none of ours, and what is no question at all. */
function irrelevant(at: number): Uint8Array {
  const ip = `10.99.${(at >> 8) & 255}.${at & 255}` as Ip;
  const frame = question(ip, '02:00:00:00:99:01' as Mac, BROADCAST_MAC);
  return at % 4 === 0 ? frame.with(13, 0) : frame;
}

function flood([device = '', seconds = '1', mac = '']: readonly string[], make = hostile): void {
  const fd = addon().socket(AF_PACKET, SOCK_RAW, 0);
  addon().bind(fd, linkAddress(addon().ifindex(device), 0));
  const slab = new Uint8Array(FRAMES * STRIDE);
  const lengths = new Uint32Array(FRAMES);
  const end = performance.now() + Number(seconds) * 1_000;
  let sent = 0;
  for (let round = 0; performance.now() < end; round++) {
    if (round % 16 === 0) {
      for (let at = 0; at < FRAMES; at++) {
        const frame = make((round * 16 + at) & 0x1fff, mac as Mac);
        slab.set(frame, at * STRIDE);
        lengths[at] = frame.length;
      }
    }
    sent += Math.max(0, addon().sendBatch(fd, slab, STRIDE, new Uint8Array(lengths.buffer)));
  }
  say({ sent });
}

async function ask([device = '', count = '1']: readonly string[]): Promise<void> {
  const mac = readFileSync(`/sys/class/net/${device}/address`, 'utf8').trim() as Mac;
  const asked = new Map<Ip, number>();
  let [answered, longestMs] = [0, 0];
  const hear = (frame: Uint8Array): void => {
    const arp = decodeArp(frame.subarray(14));
    if (!('operation' in arp) || arp.operation !== 'reply') return;
    const since = asked.get(arp.senderIp);
    if (since === undefined) return;
    asked.delete(arp.senderIp);
    answered += 1;
    longestMs = Math.max(longestMs, performance.now() - since);
  };
  const endpoint = openPackets({ index: addon().ifindex(device), listener: hearing(hear) });
  for (let at = 0; at < Number(count); at++) {
    const ip = vip4(9_000 + at);
    asked.set(ip, performance.now());
    endpoint.send(question(ip, mac, BROADCAST_MAC));
    await sleep(40);
  }
  await sleep(1_000);
  endpoint.close();
  say({ answered, longestMs: Math.round(longestMs) });
}

if (role === 'speaker') await speaker(words);
else if (role === 'flood') flood(words);
else if (role === 'noise') flood(words, irrelevant);
else await ask(words);
