import type { PeerState } from '../src/bgp/draft.ts';
import { createPeer, stepPeer } from '../src/bgp/peer.ts';
import type { Endpoints, PeerEvent } from '../src/bgp/peerContract.ts';
import type { RouteSet, SessionConfig } from '../src/bgp/session.ts';
import { type Instant, instant } from '../src/machine.ts';
import type { Ip } from '../src/net/ip.ts';
import type { Prefix } from '../src/net/prefix.ts';
import { warmAnswers } from './warmAnswers.ts';

const ROUNDS = 3;
const ROUTES = 500;
const ADDRESSES = ['192.0.2.1', '192.0.2.2'] as const;

/**
 * Plays a few sessions in memory, so that the first real one does not wait for the compiler: it would cost a first table some 10 ms,
 * which is more than its routes do. Likewise a few answers. Nothing of it is kept, and nothing goes out.
 */
export function warmUp(): void {
  const routes = warmRoutes();
  for (let round = 0; round < ROUNDS; round++) playSession(routes);
  warmAnswers();
}

/** Two sets of IPv4 and one of IPv6. */
export function warmRoutes(): readonly RouteSet[] {
  return [hostRoutes('10.0', ''), hostRoutes('10.1', ''), hostRoutes('2001:db8:', ':')];
}

function hostRoutes(net: string, colon: string): RouteSet {
  const attributes = { communities: [65_536], largeCommunities: [[1, 2, 3] as const] };
  const hosts = Array.from({ length: ROUTES }, (_, i) => (colon === '' ? `.${i >> 8}.${i & 255}/32` : `:${(i + 1).toString(16)}/128`));
  return { attributes, prefixes: hosts.map((host) => `${net}${host}` as Prefix) };
}

function playSession([first, second, third]: readonly RouteSet[]): void {
  const pair = new Pair();
  const plain = { communities: [], largeCommunities: [] };
  pair.say(0, { type: 'desired', routes: [first, third].flatMap((set) => set ?? []) });
  pair.connect();
  pair.say(0, { type: 'desired', routes: [first, second, third].flatMap((set) => set ?? []) });
  pair.say(0, { type: 'desired', routes: second === undefined ? [] : [{ ...second, attributes: plain }] });
  pair.say(0, { type: 'desired', routes: [] });
  for (const side of [0, 1] as const) pair.say(side, { type: 'tick' });
  pair.say(0, { type: 'stop', reason: { kind: 'shutdown' } });
}

/** Two neighbours and the wire between them. The second dials. */
class Pair {
  readonly #states: [PeerState, PeerState] = [createPeer(warmConfig(0)), createPeer(warmConfig(1))];
  readonly #now: Instant = instant(1);
  readonly #onTheWay: { readonly to: 0 | 1; readonly data: Uint8Array }[] = [];

  connect(): void {
    for (const side of [0, 1] as const) this.#step(side, { type: 'start' });
    this.#step(1, { type: 'tcpConnected', conn: 'out/1', ...endsOf(1) });
    this.say(0, { type: 'tcpAccepted', conn: 'in/1', ...endsOf(0) });
  }

  /** And all that follows from it. */
  say(side: 0 | 1, event: PeerEvent): void {
    this.#step(side, event);
    for (let next = this.#onTheWay.shift(); next !== undefined; next = this.#onTheWay.shift()) {
      this.#step(next.to, { type: 'bytes', conn: next.to === 0 ? 'in/1' : 'out/1', data: next.data });
      this.#step(next.to === 0 ? 1 : 0, { type: 'writable', conn: next.to === 0 ? 'out/1' : 'in/1' });
    }
  }

  #step(side: 0 | 1, event: PeerEvent): void {
    const [state, effects] = stepPeer(this.#states[side], event, { now: this.#now, random: () => 0.5 });
    this.#states[side] = state;
    for (const effect of effects) if (effect.type === 'send') this.#onTheWay.push({ to: side === 0 ? 1 : 0, data: effect.bytes });
  }
}

const NEXT_HOPS = { ipv6: '2001:db8:ffff::1' as Ip };

function endsOf(side: 0 | 1): Pick<Endpoints, 'local' | 'remote' | 'nextHops'> {
  return { local: ADDRESSES[side] as Ip, remote: ADDRESSES[side === 0 ? 1 : 0] as Ip, nextHops: NEXT_HOPS };
}

/** Of two neighbours; the second dials. */
export function warmConfig(side: 0 | 1): SessionConfig {
  return {
    myAsn: 64_512 + side,
    peerAsn: 64_513 - side,
    peerAddress: ADDRESSES[side === 0 ? 1 : 0] as Ip,
    peerPort: 179,
    routerId: ADDRESSES[side] as Ip,
    holdTimeMs: 90_000,
    families: ['ipv4', 'ipv6'],
    extendedMessages: false,
    passive: side === 0,
    ebgpMultiHop: false,
    gracefulRestart: { restartTimeSeconds: 120 },
  };
}
