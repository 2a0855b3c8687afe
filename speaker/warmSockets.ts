import type { Mac } from '../src/net/mac.ts';
import type { Ip } from '../src/net/ip.ts';
import { BgpPeer } from './bgpPeer.ts';
import type { Clock } from './clock.ts';
import { Deadlines } from './deadlines.ts';
import type { EngineParts } from './engineParts.ts';
import type { Hands, HostLink } from './hands.ts';
import { listenOnLoopback } from './io/tcpHands.ts';
import { NO_RECORDER } from './recorder.ts';
import type { Neighbour } from './sessionConfig.ts';
import { warmConfig, warmRoutes } from './warmUp.ts';

const ROUNDS = 4;
/** A round takes some 5 ms. */
const ROUND_MS = 200;
const LOOPBACK = '127.0.0.1' as Ip;
const LINKS: readonly HostLink[] = [
  {
    name: 'lo',
    index: 1,
    mac: '00:00:00:00:00:00' as Mac,
    up: true,
    arp: false,
    ndp: false,
    addresses: [LOOPBACK, '2001:db8::1' as Ip],
    isPort: false,
  },
];

/**
 * What {@link warmUp} does for the machines, for all that stands between them and the kernel: sessions of this process with itself, over a port
 * of the loopback interface. Whatever else of this machine comes to it is told of a few routes of documentation, and no more. Without it the first table of the first router waits 1 to 2 ms for the compiler.
 * Nothing is kept, and where there is no loopback nothing happens.
 * @returns how many tables came over whole
 */
export async function warmSockets(hands: Hands, clock: Clock, log: EngineParts['log']): Promise<number> {
  const deadlines = new Deadlines(clock);
  const quiet = log.child({}, { level: 'silent' });
  const parts: EngineParts = { hands, clock, deadlines, random: () => 0.5, recorder: NO_RECORDER, log: quiet, changed: () => undefined };
  let played = 0;
  try {
    for (let round = 0; round < ROUNDS; round++) if (await playSession(parts, round)) played++;
  } catch (error) {
    log.debug({ err: error }, 'no session over loopback: the first one is slower');
  } finally {
    deadlines.stop();
  }
  return played;
}

async function playSession(parts: EngineParts, round: number): Promise<boolean> {
  const listener = new BgpPeer(parts, neighbourOf(0, round, 0), { links: LINKS, restarting: false });
  const door = await listenOnLoopback((accepted) => listener.accept(accepted));
  const dialler = new BgpPeer(parts, neighbourOf(1, round, door.port), { links: LINKS, restarting: false });
  try {
    listener.setRoutes(warmRoutes());
    for (const peer of [listener, dialler]) peer.input({ type: 'start' });
    return await isTold(parts.clock, dialler, listener.desired);
  } finally {
    for (const peer of [dialler, listener]) peer.remove({ kind: 'shutdown', text: '' });
    door.close();
  }
}

async function isTold(clock: Clock, peer: BgpPeer, routes: number): Promise<boolean> {
  const began = clock.now();
  while (peer.state.counters.prefixesReceived < routes) {
    if (clock.now() - began > ROUND_MS) return false;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return true;
}

function neighbourOf(side: 0 | 1, round: number, peerPort: number): Neighbour {
  const config = { ...warmConfig(side), peerAddress: LOOPBACK, peerPort };
  return { name: `warm-up ${round}/${side}`, config, socket: { ttl: 1 }, gracefulRestart: true };
}
