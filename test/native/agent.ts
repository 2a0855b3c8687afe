// Runs inside a network namespace and does what it is told: one JSON command per line of its input, one JSON line out for
// every answer and event. See agentClient.ts.
import { createInterface } from 'node:readline';
import { readdirSync } from 'node:fs';
import { AF_PACKET, SOCK_RAW } from '../../speaker/io/constants.ts';
import { watchDefaultRoutes } from '../../speaker/io/defaultRoutes.ts';
import { type LinkWatcher, watchLinks } from '../../speaker/io/links.ts';
import { joinGroups } from '../../speaker/io/multicast.ts';
import { type PacketEndpoint, hearing, openPackets } from '../../speaker/io/packet.ts';
import { linkAddress } from '../../speaker/io/sockaddr.ts';
import { listenUdp, openSender } from '../../speaker/io/udp.ts';
import type { UdpListener, UdpSender } from '../../speaker/hands.ts';
import { addon } from '../../speaker/native/addon.ts';
import { parseIp } from '../../src/net/ip.ts';
import type { Command } from './agentClient.ts';

const endpoints = new Map<string, PacketEndpoint>();
const udpListeners = new Map<string, UdpListener>();
const udpSenders = new Map<string, UdpSender>();
const rawSockets = new Map<string, number>();
let watcher: LinkWatcher | undefined;
let stopRoutes: (() => void) | undefined;
const groups = joinGroups((error, name) => say({ event: 'groupError', interface: name, message: error.message }));

function say(line: unknown): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function endpoint(name: string): PacketEndpoint {
  const found = endpoints.get(name);
  if (found === undefined) throw new Error(`${name} is not open`);
  return found;
}

/** A socket that only sends, any frame at all. */
function rawSocket(name: string): number {
  let fd = rawSockets.get(name);
  if (fd === undefined) {
    fd = addon().socket(AF_PACKET, SOCK_RAW, 0);
    addon().bind(fd, linkAddress(addon().ifindex(name), 0));
    rawSockets.set(name, fd);
  }
  return fd;
}

function flood(name: string, frame: Uint8Array, durationMs: number): void {
  const slab = new Uint8Array(64 * frame.length);
  for (let i = 0; i < 64; i++) slab.set(frame, i * frame.length);
  const lengths = new Uint8Array(new Uint32Array(64).fill(frame.length).buffer);
  const end = performance.now() + durationMs;
  let sent = 0;
  const burst = (): void => {
    sent += Math.max(0, addon().sendBatch(rawSocket(name), slab, frame.length, lengths));
    if (performance.now() < end) setTimeout(burst, 1);
    else say({ event: 'flooded', sent });
  };
  burst();
}

function open(name: string): void {
  endpoints.set(
    name,
    openPackets({
      index: addon().ifindex(name),
      listener: hearing((frame) => say({ event: 'frame', interface: name, frame: Buffer.from(frame).toString('hex') })),
    }),
  );
}

function performUdp(command: Extract<Command, { readonly do: `udp${string}` }>): unknown {
  const { name } = command;
  switch (command.do) {
    case 'udpListen':
      udpListeners.set(
        name,
        listenUdp(command.options, (datagram) => {
          say({ event: 'datagram', datagram: { ...datagram, bytes: Buffer.from(datagram.bytes).toString('hex'), listener: name } });
        }),
      );
      return undefined;
    case 'udpOpen': {
      const sender = openSender(command.options, () => 0);
      udpSenders.set(name, sender);
      return sender.local;
    }
    case 'udpSend': {
      const bytes = Buffer.from(command.bytes, 'hex');
      let taken = false;
      for (let i = 0; i < (command.times ?? 1); i++) taken = udpSenders.get(name)?.send(bytes) ?? false;
      return taken;
    }
    case 'udpClose':
      udpListeners.get(name)?.close();
      return udpSenders.get(name)?.close();
  }
}

function performWatch(what: 'watch' | 'unwatch' | 'watchRoutes' | 'current'): unknown {
  if (what === 'watch') watcher = watchLinks((links) => say({ event: 'links', links }));
  if (what === 'watchRoutes') stopRoutes = watchDefaultRoutes((routes) => say({ event: 'routes', routes }));
  if (what === 'unwatch') watcher?.close();
  return what === 'current' ? watcher?.current() : undefined;
}

function perform(command: Command): unknown {
  switch (command.do) {
    case 'open':
      return open(command.interface);
    case 'close':
      return endpoint(command.interface).close();
    case 'counters':
      return endpoint(command.interface).counters;
    case 'send':
      return endpoint(command.interface).send(Buffer.from(command.frame, 'hex'));
    case 'narrow':
      return endpoint(command.interface).watch(command.addresses.flatMap((text) => parseIp(text) ?? []));
    case 'raw':
      return addon().send(rawSocket(command.interface), Buffer.from(command.frame, 'hex'), undefined);
    case 'flood':
      return flood(command.interface, Buffer.from(command.frame, 'hex'), command.durationMs);
    case 'watch':
    case 'unwatch':
    case 'watchRoutes':
    case 'current':
      return performWatch(command.do);
    case 'groups':
      return groups.set(command.groups);
    case 'stall':
      say({ event: 'stalling' });
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, command.durationMs);
      return command.send && endpoint(command.send.interface).send(Buffer.from(command.send.frame, 'hex'));
    case 'udpListen':
    case 'udpOpen':
    case 'udpSend':
    case 'udpClose':
      return performUdp(command);
    case 'descriptors':
      return readdirSync('/proc/self/fd').length;
  }
}

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const { id, ...command } = JSON.parse(line) as Command & { readonly id: number };
    try {
      say({ id, value: perform(command) });
    } catch (error) {
      say({ id, error: error instanceof Error && 'code' in error ? error.code : String(error) });
    }
  })
  .on('close', () => {
    stopRoutes?.();
    process.exit(0);
  });
