import { type Context, type Instant, instant } from '../../src/machine.ts';
import type { Ip } from '../../src/net/ip.ts';
import type { Prefix } from '../../src/net/prefix.ts';
import type { PeerState } from '../../src/bgp/draft.ts';
import { createPeer, peerDeadline, stepPeer } from '../../src/bgp/peer.ts';
import type { PeerEffect, PeerEvent, PeerStatus } from '../../src/bgp/peerContract.ts';
import { peerStatus } from '../../src/bgp/peerStatus.ts';
import type { RouteAttributes, RouteSet, SessionConfig } from '../../src/bgp/session.ts';
import { isMalformed } from '../../src/wire/bgp/malformed.ts';
import { type Message, type MessageContext, decodeMessage } from '../../src/wire/bgp/message.ts';
import { nlriPrefixes } from '../../src/wire/bgp/nlri.ts';

export const ip = (text: string): Ip => text as Ip;
export const prefix = (text: string): Prefix => text as Prefix;

export const A = ip('192.0.2.1');
export const B = ip('192.0.2.2');

export function config(change: Partial<SessionConfig> = {}): SessionConfig {
  return {
    myAsn: 64_512,
    peerAsn: 64_513,
    peerAddress: B,
    peerPort: 179,
    routerId: A,
    holdTimeMs: 90_000,
    families: ['ipv4', 'ipv6'],
    passive: false,
    ebgpMultiHop: false,
    ...change,
  };
}

export const mirror = (change: Partial<SessionConfig> = {}): SessionConfig =>
  config({ myAsn: 64_513, peerAsn: 64_512, peerAddress: A, routerId: B, ...change });

export const PLAIN: RouteAttributes = { communities: [], largeCommunities: [] };

export function routes(...prefixes: string[]): RouteSet[] {
  return [{ attributes: PLAIN, prefixes: prefixes.map(prefix) }];
}

interface Pipe {
  readonly ends: readonly [{ host: Host; conn: string }, { host: Host; conn: string }];
  open: boolean;
}

/** One speaker of the simulation: a peer machine, and its log. */
export class Host {
  readonly name: string;
  readonly address: Ip;
  state: PeerState;
  readonly effects: { readonly at: number; readonly effect: PeerEffect }[] = [];
  readonly sent: Message[] = [];
  /** What this host has been told by the other, by prefix. */
  readonly learnt = new Map<string, string>();
  readonly endOfRibs: string[] = [];
  listening = true;
  /** How its messages are read: as on a session between two ASes that agreed on long AS numbers. */
  readAs: MessageContext = { as4: true, ebgp: true, addPath: [], extended: true };
  readsNothing = false;

  constructor(name: string, address: Ip, settings: SessionConfig, restarting = false) {
    this.name = name;
    this.address = address;
    this.state = createPeer(settings, { restarting });
  }

  get status(): PeerStatus {
    return peerStatus(this.state);
  }

  sentOf<Type extends Message['type']>(type: Type): (Message & { readonly type: Type })[] {
    return this.sent.filter((message): message is Message & { readonly type: Type } => message.type === type);
  }
}

interface Task {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** Two speakers on an in-memory wire, with virtual time. Every delivery takes `latencyMs`. */
export class Simulation {
  now = 1000;
  readonly latencyMs = 1;
  readonly hosts: Host[] = [];
  chunkBytes = Infinity;
  /** Connections come up only when a test says so. */
  scripted = false;
  #tasks: Task[] = [];
  #order = 0;
  #pipes: Pipe[] = [];
  #seed: number;
  #accepted = 0;

  constructor(seed = 1) {
    this.#seed = seed;
  }

  add(host: Host): Host {
    this.hosts.push(host);
    return host;
  }

  context(): Context {
    return {
      now: instant(this.now),
      random: () => {
        this.#seed = (this.#seed * 1_103_515_245 + 12_345) % 2_147_483_648;
        return this.#seed / 2_147_483_648;
      },
    };
  }

  step(host: Host, event: PeerEvent): void {
    const [state, effects] = stepPeer(host.state, event, this.context());
    host.state = state;
    for (const effect of effects) this.#perform(host, effect);
  }

  runFor(ms: number): void {
    this.runUntil(() => false, ms);
  }

  /** @returns whether `done` came true within `ms` of virtual time. */
  runUntil(done: () => boolean, ms: number): boolean {
    const end = this.now + ms;
    for (let steps = 0; steps < 200_000; steps++) {
      if (done()) return true;
      const task = this.#tasks.toSorted((a, b) => a.at - b.at || a.order - b.order)[0];
      const timer = this.#nextTimer();
      const next = Math.min(task?.at ?? Infinity, timer?.at ?? Infinity);
      if (next > end) break;
      this.now = Math.max(this.now, next);
      if (task !== undefined && task.at <= next) {
        this.#tasks = this.#tasks.filter((each) => each !== task);
        task.run();
      } else if (timer !== undefined) this.step(timer.host, { type: 'tick' });
    }
    if (done()) return true;
    this.now = end;
    return false;
  }

  /** Cuts all connections without a word on either side. */
  cutSilently(): void {
    for (const pipe of this.#pipes) pipe.open = false;
  }

  resetConnections(): void {
    for (const pipe of this.#pipes.filter((each) => each.open)) {
      pipe.open = false;
      for (const { host, conn } of pipe.ends) this.later(() => this.step(host, { type: 'tcpClosed', conn, reason: 'ECONNRESET' }));
    }
  }

  later(run: () => void, ms = this.latencyMs): void {
    this.#tasks.push({ at: this.now + ms, order: this.#order++, run });
  }

  #nextTimer(): { readonly host: Host; readonly at: Instant } | undefined {
    let first: { readonly host: Host; readonly at: Instant } | undefined;
    for (const host of this.hosts) {
      const at = peerDeadline(host.state);
      if (at !== undefined && (first === undefined || at < first.at)) first = { host, at };
    }
    return first;
  }

  #perform(host: Host, effect: PeerEffect): void {
    host.effects.push({ at: this.now, effect });
    if (effect.type === 'connect') this.#connect(host, effect.conn, effect.remote);
    if (effect.type === 'send') this.#send(host, effect.conn, effect.bytes);
    if (effect.type === 'close') this.#close(host, effect.conn);
  }

  #connect(host: Host, conn: string, remote: Ip): void {
    if (this.scripted) return;
    const other = this.hosts.find((each) => each.address === remote);
    this.later(() => {
      if (other === undefined || !other.listening) {
        this.step(host, { type: 'tcpFailed', conn, reason: 'ECONNREFUSED' });
        return;
      }
      const accepted = `in/${++this.#accepted}`;
      this.#pipes.push({
        open: true,
        ends: [
          { host, conn },
          { host: other, conn: accepted },
        ],
      });
      this.step(other, { type: 'tcpAccepted', conn: accepted, local: other.address, remote: host.address, nextHops: nextHopsOf(other) });
      this.step(host, { type: 'tcpConnected', conn, local: host.address, remote, nextHops: nextHopsOf(host) });
    });
  }

  #pipe(host: Host, conn: string): { pipe: Pipe; far: { host: Host; conn: string } } | undefined {
    for (const pipe of this.#pipes) {
      const [a, b] = pipe.ends;
      if (a.host === host && a.conn === conn) return { pipe, far: b };
      if (b.host === host && b.conn === conn) return { pipe, far: a };
    }
    return undefined;
  }

  #send(host: Host, conn: string, bytes: Uint8Array): void {
    this.#record(host, bytes);
    const found = this.#pipe(host, conn);
    if (found === undefined) return;
    const { pipe, far } = found;
    this.later(() => {
      if (far.host.readsNothing) return;
      if (pipe.open) {
        for (let at = 0; at < bytes.length; at += this.chunkBytes) {
          this.step(far.host, { type: 'bytes', conn: far.conn, data: bytes.slice(at, at + this.chunkBytes) });
        }
      }
      this.step(host, { type: 'writable', conn });
    });
  }

  #close(host: Host, conn: string): void {
    const found = this.#pipe(host, conn);
    if (found === undefined || !found.pipe.open) return;
    this.later(() => {
      found.pipe.open = false;
      this.step(found.far.host, { type: 'tcpClosed', conn: found.far.conn, reason: 'ECONNRESET' });
    });
  }

  #record(host: Host, bytes: Uint8Array): void {
    const far = this.hosts.find((each) => each !== host);
    let at = 0;
    while (at < bytes.length) {
      const length = ((bytes[at + 16] ?? 0) << 8) | (bytes[at + 17] ?? 0);
      const message = decodeMessage(bytes.slice(at, at + length), host.readAs);
      if (isMalformed(message)) throw new Error(`${host.name} sent a malformed message: ${JSON.stringify(message)}`);
      host.sent.push(message);
      if (far !== undefined) learn(far, message);
      at += length;
    }
  }
}

function nextHopsOf(host: Host): { ipv4: Ip; ipv6: Ip } {
  return { ipv4: host.address, ipv6: ip(`2001:db8::${host.address.split('.')[3]}`) };
}

function learn(host: Host, message: Message): void {
  if (message.type !== 'update') return;
  const said = JSON.stringify(message.attributes.filter((attribute) => attribute.type !== 'mpReach'));
  for (const { prefix } of nlriPrefixes(message.withdrawn)) host.learnt.delete(prefix);
  for (const { prefix } of nlriPrefixes(message.nlri)) host.learnt.set(prefix, said);
  for (const attribute of message.attributes) {
    if (attribute.type === 'mpReach' && attribute.nlri !== undefined)
      for (const { prefix } of nlriPrefixes(attribute.nlri)) host.learnt.set(prefix, said);
    if (attribute.type === 'mpUnreach' && attribute.nlri !== undefined)
      for (const { prefix } of nlriPrefixes(attribute.nlri)) host.learnt.delete(prefix);
  }
}

/** Two speakers that know each other, both started. */
export function pair(a: Partial<SessionConfig> = {}, b: Partial<SessionConfig> = {}, seed = 1): { sim: Simulation; a: Host; b: Host } {
  const sim = new Simulation(seed);
  const left = sim.add(new Host('a', A, config(a)));
  const right = sim.add(new Host('b', B, mirror(b)));
  return { sim, a: left, b: right };
}

export function startBoth(sim: Simulation): void {
  for (const host of sim.hosts) sim.step(host, { type: 'start' });
}

export const isUp = (host: Host): boolean => host.status.state === 'Established';
