import type { PeerPlan } from '../src/announce/plan.ts';
import type { StopReason } from '../src/bgp/session.ts';
import { doorOf, keyOf, listenKeys, ownerOf } from './acceptance.ts';
import { BgpPeer } from './bgpPeer.ts';
import { peerProblems, reportPeer } from './bgpReport.ts';
import { Discovery } from './discovery.ts';
import type { EngineParts } from './engineParts.ts';
import { type Accepted, type HostLink, listenKeyName } from './hands.ts';
import { Listeners } from './listeners.ts';
import type { PeerReport, WireProblem } from './report.ts';
import { type Neighbour, neighbourOf } from './sessionConfig.ts';

/** Obeys the BGP part of the plan: one peer machine per neighbour, and the port where routers connect. */
export class BgpEngine {
  readonly #parts: EngineParts;
  readonly #peers = new Map<string, BgpPeer>();
  readonly #listeners: Listeners;
  #links: readonly HostLink[] = [];
  readonly #discovery: Discovery;
  readonly #onPlans: (plans: readonly PeerPlan[]) => void;
  #plans: readonly PeerPlan[] = [];
  #problems: WireProblem[] = [];
  /** Sessions of the first plan are those that a predecessor of this process may have held. undefined: before it. */
  #inherited: Set<string> | undefined;

  /** @param onPlans gets the plans with the addresses of the routers that were found, whenever they are others */
  constructor(parts: EngineParts, onPlans: (plans: readonly PeerPlan[]) => void = () => undefined) {
    this.#parts = parts;
    this.#onPlans = onPlans;
    this.#listeners = new Listeners(parts, (accepted) => this.#accept(accepted));
    this.#discovery = new Discovery(parts, {
      changed: () => this.#carryOut(),
      isUp: (name) => [...this.#peers.values()].some((peer) => peer.neighbour.socket.scope === name && peer.status.state === 'Established'),
    });
  }

  listen(port: number): Promise<void> {
    return this.#listeners.listen(port);
  }

  setLinks(links: readonly HostLink[]): void {
    const before = this.#links;
    this.#links = links;
    this.#listeners.setLinks(links);
    this.#discovery.setLinks(links);
    for (const peer of this.#peers.values()) {
      peer.setLinks(links);
      const { device } = peer.neighbour.socket;
      const appeared = device !== undefined && has(links, device) && !has(before, device);
      if (appeared) peer.retry();
    }
  }

  apply(plans: readonly PeerPlan[]): void {
    this.#plans = plans;
    this.#discovery.set(new Set(plans.flatMap(({ session }) => (session.address === undefined ? (session.interface ?? []) : []))));
    this.#inherited ??= new Set(plans.map(({ name }) => name));
    this.#carryOut();
  }

  #carryOut(): void {
    this.#problems = [];
    const wanted = new Set<string>();
    const doors = new Map<string, string>();
    const plans = this.#plans.flatMap((plan) => this.#found(plan));
    for (const plan of plans) {
      const neighbour = this.#admit(plan, doors);
      if (neighbour === undefined) continue;
      wanted.add(plan.name);
      this.#applyOne(neighbour, plan.routes);
    }
    for (const [name, peer] of this.#peers) if (!wanted.has(name)) this.#remove(peer, { kind: 'deconfigured' });
    this.#setListeners();
    this.#onPlans(plans);
    this.#parts.changed();
  }

  /** A plan with the address of its router; none while that is not known. */
  #found(plan: PeerPlan): PeerPlan[] {
    const { address, interface: name } = plan.session;
    if (address !== undefined || name === undefined) return [plan];
    const router = this.#discovery.routerOn(name);
    return router === undefined ? [] : [{ ...plan, session: { ...plan.session, address: router } }];
  }

  /** @param doors those of the neighbours before, with their names */
  #admit(plan: PeerPlan, doors: Map<string, string>): Neighbour | undefined {
    const neighbour = neighbourOf(plan);
    if ('reason' in neighbour) {
      this.#problems.push(neighbour);
      return undefined;
    }
    if (neighbour.socket.tcpAo !== undefined && !this.#parts.hands.tcp.hasTcpAo()) {
      this.#problems.push({ reason: 'NoTcpAo', peer: plan.name });
      return undefined;
    }
    const door = doorOf(neighbour);
    const other = doors.get(door);
    if (other !== undefined) {
      this.#problems.push({ reason: 'SameRouter', peer: plan.name, other });
      return undefined;
    }
    doors.set(door, plan.name);
    return neighbour;
  }

  #applyOne(neighbour: Neighbour, routes: PeerPlan['routes']): void {
    let peer = this.#peers.get(neighbour.name);
    // Another address is another router: the old one is told that it is not configured any more.
    if (peer !== undefined && isOtherRouter(peer.neighbour, neighbour)) {
      this.#remove(peer, { kind: 'deconfigured' });
      peer = undefined;
    }
    if (peer === undefined) {
      const restarting = this.#inherited?.delete(neighbour.name) === true && neighbour.gracefulRestart;
      peer = new BgpPeer(this.#parts, neighbour, { links: this.#links, restarting });
      this.#peers.set(neighbour.name, peer);
      peer.setRoutes(routes);
      peer.input({ type: 'start' });
      return;
    }
    peer.setRoutes(routes);
    peer.configure(neighbour);
  }

  #remove(peer: BgpPeer, reason: StopReason): void {
    this.#peers.delete(peer.neighbour.name);
    peer.remove(reason);
  }

  #setListeners(): void {
    const neighbours = [...this.#peers.values()].map(({ neighbour }) => neighbour);
    const devices = new Set(neighbours.flatMap(({ socket }) => socket.device ?? []));
    const { byDevice, problems } = listenKeys(neighbours);
    this.#problems.push(...problems);
    this.#listeners.set(devices, byDevice);
  }

  /** What BFD says of the path to a peer (RFC 5882). */
  bfd(name: string, event: 'bfdUp' | 'bfdDown'): void {
    this.#peers.get(name)?.input({ type: event });
  }

  #accept(accepted: Accepted): void {
    // A router that connects over the link is found by that, too.
    if (accepted.scope !== undefined) this.#discovery.heard(accepted.scope, accepted.remote);
    const peer = ownerOf(this.#peers.values(), accepted);
    // A key that the kernel did not take cannot have been asked for: whoever connects has proved nothing.
    if (peer === undefined || this.#unsigned(peer) !== undefined) accepted.refuse();
    else peer.accept(accepted);
  }

  #unsigned({ neighbour }: BgpPeer): string | undefined {
    const key = keyOf(neighbour);
    return key && this.#listeners.refusedKey(neighbour.socket.device ?? '', listenKeyName(key));
  }

  /** @param text told to the routers (RFC 9003); those that keep our routes over a restart are told nothing */
  stop(text: string): void {
    this.#listeners.close();
    this.#discovery.close();
    for (const peer of this.#peers.values()) {
      const reason: StopReason = peer.neighbour.gracefulRestart ? { kind: 'restart' } : { kind: 'shutdown', text };
      this.#remove(peer, reason);
    }
  }

  report(): PeerReport[] {
    return [...this.#peers.values()].map(reportPeer);
  }

  problems(): WireProblem[] {
    const peers = [...this.#peers.values()];
    const unfound = this.#plans.flatMap((plan) => (plan.session.address === undefined ? (this.#discovery.problemOf(plan) ?? []) : []));
    return [...this.#problems, ...unfound, ...this.#listeners.problems(), ...peers.flatMap((peer) => this.#problemsOf(peer))];
  }

  #problemsOf(peer: BgpPeer): WireProblem[] {
    const { name, socket } = peer.neighbour;
    const problems = peerProblems(peer);
    const error = this.#unsigned(peer);
    if (error !== undefined) problems.push({ reason: 'CannotSetKey', peer: name, error });
    if (socket.device !== undefined && !has(this.#links, socket.device))
      problems.push({ reason: 'NoDevice', peer: name, device: socket.device });
    return problems;
  }
}

function isOtherRouter(a: Neighbour, b: Neighbour): boolean {
  return a.config.peerAddress !== b.config.peerAddress || a.socket.scope !== b.socket.scope;
}

function has(links: readonly HostLink[], device: string): boolean {
  return links.some(({ name }) => name === device);
}
