import type { PeerPlan } from '../src/announce/plan.ts';
import type { PeerState } from '../src/bgp/draft.ts';
import { type AcceptRate, takeAccept } from '../src/bgp/acceptRate.ts';
import { createPeer, peerDeadline, stepPeer } from '../src/bgp/peer.ts';
import type { PeerEffect, PeerEvent, PeerStatus } from '../src/bgp/peerContract.ts';
import { peerStatus } from '../src/bgp/peerStatus.ts';
import { isDrained } from '../src/bgp/adjRibOut.ts';
import type { StopReason } from '../src/bgp/session.ts';
import { after } from '../src/machine.ts';
import type { EngineParts } from './engineParts.ts';
import type { Accepted, Connection, HostLink } from './hands.ts';
import { nextHopsAt } from './nextHops.ts';
import type { Neighbour } from './sessionConfig.ts';

/** By then a router on the link has answered. */
const DISTANCE_MS = 3000;

/** One neighbour: its machine, and the sockets that do what the machine says. */
export class BgpPeer {
  neighbour: Neighbour;
  state: PeerState;
  /** Prefixes that are to be announced. */
  desired = 0;
  /** Packets came from further away than they may (RFC 5082); the TTL of one, where it is known. */
  tooFar: { readonly ttl?: number } | undefined;
  readonly #parts: EngineParts;
  readonly #connections = new Map<string, Connection>();
  readonly #inputs: PeerEvent[] = [];
  #links: readonly HostLink[];
  #acceptedCount = 0;
  #acceptRate: AcceptRate | undefined;
  #isBusy = false;
  #isRemoved = false;
  /** A change that is on its way to the socket, and how many UPDATEs had been sent before. */
  #change: { readonly changedAtMs: number; readonly updates: number } | undefined;

  /** @param restarting its predecessor may have held this session, and the router kept its routes */
  constructor(parts: EngineParts, neighbour: Neighbour, options: { readonly links: readonly HostLink[]; readonly restarting: boolean }) {
    this.#parts = parts;
    this.neighbour = neighbour;
    this.#links = options.links;
    this.state = createPeer(neighbour.config, { restarting: options.restarting });
  }

  get status(): PeerStatus {
    return peerStatus(this.state);
  }

  /** Would the router keep our routes if this process ended without a word (RFC 4724)? Before it has said so we hope for it. */
  get keepsRoutes(): boolean {
    const link = this.state.out.fsm.name === 'Established' ? this.state.out : this.state.in;
    const negotiated = link.fsm.name === 'Established' ? link.wire?.negotiated : undefined;
    return this.neighbour.gracefulRestart && negotiated?.gracefulRestart !== false;
  }

  setRoutes(routes: PeerPlan['routes'], changedAtMs?: number): void {
    // One that is still on its way is finished with this one, and has waited longer.
    if (changedAtMs !== undefined) this.#change ??= { changedAtMs, updates: this.state.counters.updatesSent };
    this.desired = routes.reduce((sum, set) => sum + ('nlri' in set ? set.nlri.count : set.prefixes.length), 0);
    this.input({ type: 'desired', routes });
  }

  /** Makes the session anew where it has to be. */
  configure(neighbour: Neighbour): void {
    const before = this.neighbour;
    if (JSON.stringify(before) === JSON.stringify(neighbour)) return;
    this.neighbour = neighbour;
    this.tooFar = undefined;
    const otherSocket = !this.#rekeyed(before.socket, neighbour.socket);
    if (otherSocket) this.input({ type: 'stop', reason: { kind: 'reset' } });
    this.input({ type: 'configure', config: neighbour.config });
    if (otherSocket) this.input({ type: 'start' });
  }

  /**
   * Where nothing but the password is another the connection goes on with the new one: it survives when the router has it, too,
   * before the hold time is over.
   * @returns whether the sockets are now as they are to be
   */
  #rekeyed(before: Neighbour['socket'], after: Neighbour['socket']): boolean {
    const { password, ...rest } = after;
    const { password: old, ...others } = before;
    if (JSON.stringify(rest) !== JSON.stringify(others)) return false;
    if (password === old) return true;
    if (password === undefined || old === undefined || after.tcpAo !== undefined) return false;
    return [...this.#connections.values()].every((connection) => connection.setPassword(password));
  }

  /**
   * Which addresses a connection can give as next hops: routes follow them, for instance when duplicate address detection is
   * over after the node's start.
   */
  setLinks(links: readonly HostLink[]): void {
    const { local } = this.status;
    const before = local && this.#nextHops(local);
    this.#links = links;
    if (local === undefined) return;
    const nextHops = this.#nextHops(local);
    if (JSON.stringify(nextHops) !== JSON.stringify(before)) this.input({ type: 'nextHops', nextHops });
  }

  #nextHops(local: Parameters<typeof nextHopsAt>[1]) {
    return nextHopsAt(this.#links, local, this.neighbour.socket.scope);
  }

  accept(accepted: Accepted): void {
    const { minTtl, ttl } = this.neighbour.socket;
    // RFC 5082 §3: told, for a dropped SYN would look like a router that is down.
    if (minTtl !== undefined && accepted.ttl !== undefined && accepted.ttl < minTtl) {
      this.tooFar = { ttl: accepted.ttl };
      accepted.refuse();
      this.#parts.changed();
      return;
    }
    const rate = takeAccept(this.#acceptRate, this.#parts.clock.now());
    if (rate === undefined) {
      accepted.refuse();
      return;
    }
    this.#acceptRate = rate;
    const conn = `in/${++this.#acceptedCount}`;
    const connection = accepted.accept(
      {
        closed: (reason) => this.#closed(conn, reason),
        bytes: (data) => this.input({ type: 'bytes', conn, data }),
        writable: () => this.input({ type: 'writable', conn }),
      },
      { ...(minTtl === undefined ? {} : { minTtl }), ...(ttl === undefined ? {} : { ttl }) },
    );
    this.#connections.set(conn, connection);
    const { local, remote } = accepted;
    this.input({ type: 'tcpAccepted', conn, local, remote, nextHops: this.#nextHops(local) });
  }

  /** One at a time: sockets may answer while an effect is being carried out. */
  input(event: PeerEvent): void {
    this.#inputs.push(event);
    if (this.#isBusy) return;
    this.#isBusy = true;
    for (let next = this.#inputs.shift(); next !== undefined; next = this.#inputs.shift()) this.#step(next);
    this.#isBusy = false;
  }

  #step(event: PeerEvent): void {
    const { clock, random, deadlines, recorder } = this.#parts;
    const now = clock.now();
    recorder.record(now, this.#key, event);
    const [state, effects] = stepPeer(this.state, event, { now, random });
    this.state = state;
    for (const effect of effects) this.#carryOut(effect);
    if (this.#change !== undefined) this.#noteSent(this.#change);
    if (!this.#isRemoved) deadlines.set(this.#key, peerDeadline(this.state), () => this.input({ type: 'tick' }));
  }

  #carryOut(effect: PeerEffect): void {
    switch (effect.type) {
      case 'connect':
        this.#dial(effect);
        return;
      case 'send':
        this.#connections.get(effect.conn)?.send(effect.bytes);
        return;
      case 'close':
        this.#connections.get(effect.conn)?.close(effect.mode);
        this.#connections.delete(effect.conn);
        return;
      case 'report':
        this.#tell(effect.status);
    }
  }

  /** How long a change takes is told of sessions that are up, when all that it asks for has gone to the socket. */
  #noteSent({ changedAtMs, updates }: { readonly changedAtMs: number; readonly updates: number }): void {
    const { rib, counters } = this.state;
    const isUp = this.status.state === 'Established';
    if (isUp && !isDrained(rib)) return;
    this.#change = undefined;
    if (isUp && counters.updatesSent > updates) this.#parts.sent?.('bgp', changedAtMs);
  }

  #dial({ conn, remote, port, source }: Extract<PeerEffect, { type: 'connect' }>): void {
    const options = { remote, port, ...this.neighbour.socket, ...(source === undefined ? {} : { source }) };
    const connection = this.#parts.hands.tcp.dial(options, {
      up: (local, from) => this.input({ type: 'tcpConnected', conn, local, remote: from, nextHops: this.#nextHops(local) }),
      failed: (reason) => {
        this.#connections.delete(conn);
        this.input({ type: 'tcpFailed', conn, reason });
      },
      closed: (reason) => this.#closed(conn, reason),
      bytes: (data) => this.input({ type: 'bytes', conn, data }),
      writable: () => this.input({ type: 'writable', conn }),
    });
    this.#connections.set(conn, connection);
    this.#watchDistance();
  }

  /** What the kernel drops for its TTL it only counts, for all connections together. */
  #watchDistance(): void {
    const { clock, deadlines, hands, changed } = this.#parts;
    if (this.neighbour.socket.minTtl === undefined) return;
    const before = hands.tcp.ttlDrops();
    deadlines.set(`${this.#key}/ttl`, after(clock.now(), DISTANCE_MS), () => {
      if (this.status.state === 'Established' || hands.tcp.ttlDrops() === before) return;
      this.tooFar ??= {};
      changed();
    });
  }

  #closed(conn: string, reason: string | undefined): void {
    this.#connections.delete(conn);
    this.input({ type: 'tcpClosed', conn, ...(reason === undefined ? {} : { reason }) });
  }

  #tell({ state, lastError }: PeerStatus): void {
    const { log, changed } = this.#parts;
    const facts = { peer: this.neighbour.name, address: this.neighbour.config.peerAddress, state };
    if (state === 'Established') {
      this.tooFar = undefined;
      log.info(facts, 'BGP session established');
    } else log.debug({ ...facts, lastError: lastError?.name, text: lastError?.text }, 'BGP session changed');
    changed();
  }

  /** Tries at once, whatever came before: what was missing is there now. */
  retry(): void {
    if (this.status.state === 'Established') return;
    this.input({ type: 'stop', reason: { kind: 'restart' } });
    this.input({ type: 'start' });
  }

  /** For good. */
  remove(reason: StopReason): void {
    this.input({ type: 'stop', reason });
    this.#isRemoved = true;
    for (const key of [this.#key, `${this.#key}/ttl`]) this.#parts.deadlines.set(key, undefined, () => undefined);
  }

  get #key(): string {
    return `bgp/${this.neighbour.name}`;
  }
}
