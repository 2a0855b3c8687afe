import type { Layer2Plan, NodePlan } from '../src/announce/plan.ts';
import type { Mac } from '../src/net/mac.ts';
import type { Ip } from '../src/net/ip.ts';
import { BgpPeer } from './bgpPeer.ts';
import { monotonicMs } from './changeTimes.ts';
import { type PlanMessage, packMessage } from './channel.ts';
import type { Clock } from './clock.ts';
import { Deadlines } from './deadlines.ts';
import { Engine } from './engine.ts';
import type { EngineParts } from './engineParts.ts';
import type { Accepted, Hands, HostLink } from './hands.ts';
import { listenOnLoopback } from './io/tcpHands.ts';
import { NO_RECORDER } from './recorder.ts';
import type { Neighbour } from './sessionConfig.ts';
import { warmConfig, warmRoutes } from './warmUp.ts';

const ROUNDS = 4;
/** Of each round: what is announced when the session comes up, and what plans make of it then. */
const TABLES = [1, 3, 2, 0, 3, 1] as const;
/** A round takes some 10 ms. */
const ROUND_MS = 200;
const NO_LAYER2: Layer2Plan = { candidacies: [], groups: [], contests: [], peers: [] };
const NAME = 'warm-up';
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
 * What {@link warmUp} does for the machines, for all that stands between a plan and the kernel: sessions of this process with itself, over a port
 * of the loopback interface. Whatever else of this machine comes to it is told of a few routes of documentation, and no more. Without it the first table of the first router waits 1 to 2 ms
 * for the compiler, and the first plan that brings routes half a millisecond.
 * Nothing is kept, and where there is no loopback nothing happens.
 * @returns how many sessions told all that their plans said
 */
export async function warmSockets(hands: Hands, clock: Clock, log: EngineParts['log']): Promise<number> {
  const quiet = log.child({}, { level: 'silent' });
  const parts = { hands, clock, random: () => 0.5, recorder: NO_RECORDER, log: quiet, changed: () => undefined };
  let played = 0;
  try {
    for (let round = 0; round < ROUNDS; round++) if (await playSession({ ...parts, deadlines: new Deadlines(clock) })) played++;
  } catch (error) {
    log.debug({ err: error }, 'no session over loopback: the first one is slower');
  }
  return played;
}

async function playSession(parts: EngineParts): Promise<boolean> {
  let accept: ((accepted: Accepted) => void) | undefined;
  const door = await listenOnLoopback((accepted) => (accept === undefined ? accepted.refuse() : accept(accepted)));
  const hands = handsAt(parts.hands, door.close, (onConnection) => (accept = onConnection));
  const engine = new Engine({ ...parts, hands }, { node: NAME });
  const router = new BgpPeer(parts, routerOf(door.port), { links: LINKS, restarting: false });
  try {
    await engine.start(door.port);
    let told = 0;
    for (const [generation, sets] of TABLES.entries()) {
      engine.apply(messageOf(generation, sets));
      if (generation === 0) router.input({ type: 'start' });
      told += news(generation);
      if (!(await isTold(parts.clock, router, told))) return false;
    }
    return true;
  } finally {
    router.remove({ kind: 'shutdown', text: '' });
    // And with it the timers of both.
    engine.stop('');
    door.close();
  }
}

/** As they are, but with one interface and one door, which is open already. */
function handsAt(hands: Hands, close: () => void, onListen: (onConnection: (accepted: Accepted) => void) => void): Hands {
  const listener = { setKeys: () => new Map<string, string>(), close };
  return {
    ...hands,
    links: {
      watch: (onLinks) => {
        onLinks(LINKS);
        return () => undefined;
      },
    },
    tcp: {
      ...hands.tcp,
      listen: (_port, onConnection) => {
        onListen(onConnection);
        return Promise.resolve(listener);
      },
    },
  };
}

/** As it comes from the other thread. */
function messageOf(generation: number, sets: number): PlanMessage {
  const { peerAddress: _, peerPort: port, keepaliveTimeMs = 30_000, gracefulRestart: _restart, peerAsn, ...config } = warmConfig(0);
  const session = { ...config, peerAsn, address: LOOPBACK, port, keepaliveTimeMs, gracefulRestart: true };
  const plan: NodePlan = {
    generation,
    node: NAME,
    peers: [{ name: NAME, session, routes: warmRoutes().slice(0, sets) }],
    claims: [],
    layer2: NO_LAYER2,
  };
  return structuredClone({ ...packMessage(plan, []), changedAtMs: monotonicMs() });
}

/** How many prefixes a plan brings that the one before it had not. */
function news(generation: number): number {
  const [before, now] = [TABLES[generation - 1] ?? 0, TABLES[generation] ?? 0];
  return warmRoutes()
    .slice(before, now)
    .reduce((sum, { prefixes }) => sum + prefixes.length, 0);
}

async function isTold(clock: Clock, router: BgpPeer, routes: number): Promise<boolean> {
  const began = clock.now();
  while (router.state.counters.prefixesReceived < routes) {
    if (clock.now() - began > ROUND_MS) return false;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return true;
}

function routerOf(peerPort: number): Neighbour {
  const config = { ...warmConfig(1), peerAddress: LOOPBACK, peerPort };
  return { name: 'router', config, socket: { ttl: 1 }, gracefulRestart: true };
}
