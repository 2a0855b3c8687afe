import type { PeerPlan } from '../src/announce/plan.ts';
import type { PeerState } from '../src/bgp/draft.ts';
import { createPeer, peerCounters, peerDeadline, stepPeer } from '../src/bgp/peer.ts';
import type { PeerEffect, PeerEvent, PeerStatus } from '../src/bgp/peerContract.ts';
import { peerStatus } from '../src/bgp/peerStatus.ts';
import type { StopReason } from '../src/bgp/session.ts';
import type { Ip } from '../src/net/ip.ts';
import { wallTime } from './clock.ts';
import type { EngineParts } from './engineParts.ts';
import type { Accepted, Connection, HostLink, Listener } from './hands.ts';
import { nextHopsAt } from './nextHops.ts';
import type { PeerReport, WireProblem } from './report.ts';
import { type Neighbour, neighbourOf } from './sessionConfig.ts';

interface Peer {
  neighbour: Neighbour;
  state: PeerState;
  desired: number;
  readonly connections: Map<string, Connection>;
}

/** Obeys the BGP part of the plan: one peer machine per neighbour, and its sockets. */
export class BgpEngine {
  readonly #parts: EngineParts;
  readonly #peers = new Map<string, Peer>();
  readonly #inputs: { readonly peer: Peer; readonly event: PeerEvent }[] = [];
  #links: readonly HostLink[] = [];
  #problems: WireProblem[] = [];
  #listener: Listener | undefined;
  #listenProblem: WireProblem | undefined;
  #acceptedCount = 0;
  #isBusy = false;
  /** Sessions of the first plan are those that a predecessor of this process may have held. */
  #isFirstPlan = true;

  constructor(parts: EngineParts) {
    this.#parts = parts;
  }

  /** Without a listening port HeraldLB still dials; so a port that is taken is a problem and no failure. */
  async listen(port: number): Promise<void> {
    try {
      this.#listener = await this.#parts.hands.tcp.listen(port, (accepted) => this.#accept(accepted));
      this.#setPasswords();
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
      this.#listenProblem = { reason: 'CannotListen', port, error: code };
      this.#parts.log.warn({ port, err: error }, 'no BGP connections are accepted');
    }
  }

  /**
   * Which addresses a connection can give as next hops. Read when a connection comes up: a session that had none for a family
   * begins anew when there is one, for instance when duplicate address detection is over after the node's start.
   */
  setLinks(links: readonly HostLink[]): void {
    this.#links = links;
    for (const peer of this.#peers.values()) {
      const { unannounced, local } = peerStatus(peer.state);
      if (local === undefined || unannounced.length === 0) continue;
      const nextHops = nextHopsAt(links, local);
      if (!unannounced.some((family) => nextHops[family] !== undefined)) continue;
      this.#input(peer, { type: 'stop', reason: { kind: 'reset', text: 'a next hop for another address family' } });
      this.#input(peer, { type: 'start' });
    }
  }

  apply(plans: readonly PeerPlan[]): void {
    this.#problems = [];
    const wanted = new Set<string>();
    for (const plan of plans) {
      const neighbour = neighbourOf(plan);
      if ('reason' in neighbour) {
        this.#problems.push(neighbour);
        continue;
      }
      wanted.add(plan.name);
      this.#applyOne(neighbour, plan.routes);
    }
    for (const [name, peer] of this.#peers) if (!wanted.has(name)) this.#remove(peer, { kind: 'deconfigured' });
    this.#setPasswords();
    this.#isFirstPlan = false;
  }

  #applyOne(neighbour: Neighbour, routes: PeerPlan['routes']): void {
    let peer = this.#peers.get(neighbour.name);
    // Another address is another router: the old one is told that it is not configured any more.
    if (peer !== undefined && peer.neighbour.config.peerAddress !== neighbour.config.peerAddress) {
      this.#remove(peer, { kind: 'deconfigured' });
      peer = undefined;
    }
    const isNew = peer === undefined;
    peer ??= this.#add(neighbour);
    const otherSocket = JSON.stringify(peer.neighbour.socket) !== JSON.stringify(neighbour.socket);
    peer.neighbour = neighbour;
    peer.desired = routes.reduce((sum, set) => sum + set.prefixes.length, 0);
    this.#input(peer, { type: 'desired', routes });
    if (isNew) {
      this.#input(peer, { type: 'start' });
      return;
    }
    if (otherSocket) this.#input(peer, { type: 'stop', reason: { kind: 'reset' } });
    this.#input(peer, { type: 'configure', config: neighbour.config });
    if (otherSocket) this.#input(peer, { type: 'start' });
  }

  #add(neighbour: Neighbour): Peer {
    const restarting = this.#isFirstPlan && neighbour.gracefulRestart;
    const peer: Peer = { neighbour, state: createPeer(neighbour.config, { restarting }), desired: 0, connections: new Map() };
    this.#peers.set(neighbour.name, peer);
    return peer;
  }

  #remove(peer: Peer, reason: StopReason): void {
    this.#input(peer, { type: 'stop', reason });
    this.#peers.delete(peer.neighbour.name);
    this.#parts.deadlines.set(this.#key(peer), undefined, () => undefined);
  }

  #setPasswords(): void {
    const passwords = new Map<Ip, string>();
    for (const { neighbour } of this.#peers.values()) {
      if (neighbour.socket.password !== undefined) passwords.set(neighbour.config.peerAddress, neighbour.socket.password);
    }
    this.#listener?.setPasswords(passwords);
  }

  #accept(accepted: Accepted): void {
    const peer = [...this.#peers.values()].find(({ neighbour }) => neighbour.config.peerAddress === accepted.remote);
    if (peer === undefined) {
      accepted.refuse();
      return;
    }
    const conn = `in/${++this.#acceptedCount}`;
    const connection = accepted.accept({
      closed: (reason) => this.#closed(peer, conn, reason),
      bytes: (data) => this.#input(peer, { type: 'bytes', conn, data }),
      writable: () => this.#input(peer, { type: 'writable', conn }),
    });
    peer.connections.set(conn, connection);
    const { local, remote } = accepted;
    this.#input(peer, { type: 'tcpAccepted', conn, local, remote, nextHops: nextHopsAt(this.#links, local) });
  }

  /** One at a time: sockets may answer while an effect is being carried out. */
  #input(peer: Peer, event: PeerEvent): void {
    this.#inputs.push({ peer, event });
    if (this.#isBusy) return;
    this.#isBusy = true;
    for (let next = this.#inputs.shift(); next !== undefined; next = this.#inputs.shift()) this.#step(next.peer, next.event);
    this.#isBusy = false;
  }

  #step(peer: Peer, event: PeerEvent): void {
    const { clock, random, deadlines, recorder } = this.#parts;
    const now = clock.now();
    recorder.record(now, this.#key(peer), event);
    const [state, effects] = stepPeer(peer.state, event, { now, random });
    peer.state = state;
    for (const effect of effects) this.#carryOut(peer, effect);
    if (this.#peers.get(peer.neighbour.name) === peer)
      deadlines.set(this.#key(peer), peerDeadline(peer.state), () => this.#input(peer, { type: 'tick' }));
  }

  #carryOut(peer: Peer, effect: PeerEffect): void {
    switch (effect.type) {
      case 'connect':
        this.#dial(peer, effect);
        return;
      case 'send':
        peer.connections.get(effect.conn)?.send(effect.bytes);
        return;
      case 'close':
        peer.connections.get(effect.conn)?.close(effect.mode);
        peer.connections.delete(effect.conn);
        return;
      case 'report':
        this.#tell(peer, effect.status);
    }
  }

  #dial(peer: Peer, { conn, remote, port, source }: Extract<PeerEffect, { type: 'connect' }>): void {
    const { tcp } = this.#parts.hands;
    const options = { remote, port, ...peer.neighbour.socket, ...(source === undefined ? {} : { source }) };
    const connection = tcp.dial(options, {
      up: (local, from) => this.#input(peer, { type: 'tcpConnected', conn, local, remote: from, nextHops: nextHopsAt(this.#links, local) }),
      failed: (reason) => {
        peer.connections.delete(conn);
        this.#input(peer, { type: 'tcpFailed', conn, reason });
      },
      closed: (reason) => this.#closed(peer, conn, reason),
      bytes: (data) => this.#input(peer, { type: 'bytes', conn, data }),
      writable: () => this.#input(peer, { type: 'writable', conn }),
    });
    peer.connections.set(conn, connection);
  }

  #closed(peer: Peer, conn: string, reason: string | undefined): void {
    peer.connections.delete(conn);
    this.#input(peer, { type: 'tcpClosed', conn, ...(reason === undefined ? {} : { reason }) });
  }

  #tell(peer: Peer, { state, lastError }: PeerStatus): void {
    const { log, changed } = this.#parts;
    const facts = { peer: peer.neighbour.name, address: peer.neighbour.config.peerAddress, state };
    if (state === 'Established') log.info(facts, 'BGP session established');
    else log.debug({ ...facts, lastError: lastError?.name, text: lastError?.text }, 'BGP session changed');
    changed();
  }

  /** @param text told to the routers (RFC 9003); those that keep our routes over a restart are told nothing */
  stop(text: string): void {
    this.#listener?.close();
    for (const peer of this.#peers.values()) {
      const reason: StopReason = peer.neighbour.gracefulRestart ? { kind: 'restart' } : { kind: 'shutdown', text };
      this.#remove(peer, reason);
    }
  }

  report(): PeerReport[] {
    return [...this.#peers.values()].map(reportPeer);
  }

  problems(): WireProblem[] {
    const unannounced = [...this.#peers.values()].flatMap(({ neighbour, state }) =>
      peerStatus(state).unannounced.map((family): WireProblem => ({ reason: 'NoNextHop', peer: neighbour.name, family })),
    );
    return [...this.#problems, ...(this.#listenProblem === undefined ? [] : [this.#listenProblem]), ...unannounced];
  }

  #key(peer: Peer): string {
    return `bgp/${peer.neighbour.name}`;
  }
}

function reportPeer({ neighbour, state, desired }: Peer): PeerReport {
  const status = peerStatus(state);
  const { lastError } = status;
  return {
    name: neighbour.name,
    address: neighbour.config.peerAddress,
    port: neighbour.config.peerPort,
    state: status.state,
    since: wallTime(status.since),
    ...(status.peerAsn === undefined ? {} : { asn: status.peerAsn }),
    families: status.families ?? [],
    ...(lastError === undefined ? {} : { lastError: { at: wallTime(lastError.at), text: errorText(lastError) } }),
    counters: peerCounters(state),
    desired,
  };
}

function errorText({ direction, name, text }: NonNullable<PeerStatus['lastError']>): string {
  const said = text === undefined ? '' : `: ${text}`;
  return direction === 'local' ? `${name}${said}` : `${direction} ${name}${said}`;
}
