import type { PeerPlan } from '../src/announce/plan.ts';
import type { StopReason } from '../src/bgp/session.ts';
import { prefixAddress } from '../src/net/prefix.ts';
import { doorOf, keyOf, listenKeys, ownerOf } from './acceptance.ts';
import { BgpPeer } from './bgpPeer.ts';
import { peerProblems, reportPeer } from './bgpReport.ts';
import { Discovery } from './discovery.ts';
import type { EngineParts } from './engineParts.ts';
import { Gateways } from './gateways.ts';
import { type Accepted, type HostLink, listenKeyName } from './hands.ts';
import { Listeners } from './listeners.ts';
import type { PeerReport, WireProblem } from './report.ts';
import { Ranges } from './ranges.ts';
import { type Neighbour, neighbourOf } from './sessionConfig.ts';

/** Obeys the BGP part of the plan: one peer machine per neighbour, and the port where routers connect. */
export class BgpEngine {
  readonly #parts: EngineParts;
  readonly #peers = new Map<string, BgpPeer>();
  readonly #listeners: Listeners;
  #links: readonly HostLink[] = [];
  readonly #discovery: Discovery;
  readonly #gateways: Gateways;
  readonly #ranges: Ranges;
  readonly #onPlans: (plans: readonly PeerPlan[]) => void;
  #plans: readonly PeerPlan[] = [];
  /** The sessions of the last plan, as {@link sessionsKey} has them. */
  #sessions: string | undefined;
  #rangeTemplates: readonly Admitted[] = [];
  #problems: WireProblem[] = [];
  /** Sessions of the first plan are those that a predecessor of this process may have held. undefined: before it. */
  #inherited: Set<string> | undefined;

  /** @param onPlans gets the plans with the addresses of the routers that were found, whenever they are others */
  constructor(parts: EngineParts, onPlans: (plans: readonly PeerPlan[]) => void = () => undefined) {
    this.#parts = parts;
    this.#onPlans = onPlans;
    this.#listeners = new Listeners(parts, (accepted) => this.#accept(accepted));
    this.#ranges = new Ranges(parts, { changed: () => this.#carryOut(), statusOf: (name) => this.#peers.get(name)?.status });
    this.#discovery = new Discovery(parts, {
      changed: () => this.#carryOut(),
      isUp: (name) => this.#isUp(({ socket }) => socket.scope === name),
    });
    this.#gateways = new Gateways(parts, {
      changed: () => this.#carryOut(),
      isUp: ({ address, interface: scope }) => this.#isUp(({ config, socket }) => config.peerAddress === address && socket.scope === scope),
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
    this.#gateways.setLinks(links);
    for (const peer of this.#peers.values()) {
      peer.setLinks(links);
      const { device } = peer.neighbour.socket;
      const appeared = device !== undefined && has(links, device) && !has(before, device);
      if (appeared) peer.retry();
    }
  }

  /** @param changedAtMs of the message that brings them */
  apply(plans: readonly PeerPlan[], changedAtMs?: number): void {
    this.#plans = plans;
    const sessions = sessionsKey(plans);
    const isSettled = sessions !== undefined && sessions === this.#sessions && this.#problems.length === 0 && !this.#listeners.hasRefused();
    this.#sessions = sessions;
    if (isSettled) {
      // As with nearly every plan: nothing but what is announced is another.
      for (const { name, routes } of plans) this.#peers.get(name)?.setRoutes(routes, changedAtMs);
      return;
    }
    this.#discovery.set(new Set(plans.flatMap(({ session }) => (session.address === undefined ? (session.interface ?? []) : []))));
    this.#gateways.set(plans);
    this.#inherited ??= new Set(plans.map(({ name }) => name));
    this.#carryOut(changedAtMs);
  }

  #carryOut(changedAtMs?: number): void {
    this.#problems = [];
    const doors = new Map<string, string>();
    const plans = this.#plans.filter(({ session }) => session.listenRange === undefined).flatMap((plan) => this.#found(plan));
    const admitted = this.#admitAll(plans, doors);
    const ranges = this.#plans.filter(({ session }) => session.listenRange !== undefined);
    this.#rangeTemplates = ranges.flatMap((plan) => this.#admit(templateOf(plan), doors) ?? []);
    this.#ranges.set(this.#rangeTemplates.map(({ plan }) => plan));
    // A router that has a BGPPeer of its own is no member any more.
    const members = this.#rangeTemplates
      .flatMap(({ plan }) => this.#ranges.plansOf(plan))
      .flatMap((plan) => this.#admit(plan, doors, true) ?? []);
    const all = [...admitted, ...members];
    const wanted = new Set(all.map(({ plan }) => plan.name));
    for (const [name, peer] of this.#peers) if (!wanted.has(name)) this.#remove(peer, { kind: 'deconfigured' });
    for (const { neighbour, plan } of all) this.#applyOne(neighbour, plan.routes, changedAtMs);
    this.#setListeners([...admitted, ...this.#rangeTemplates].map(({ neighbour }) => neighbour));
    this.#onPlans(all.map(({ plan }) => plan));
    this.#parts.changed();
  }

  /**
   * In the order of the plans, but who is refused for the router of another is so by another order: a router that has its own BGPPeer is that
   * one's, and of those that are found the one stays that has it.
   */
  #admitAll(plans: readonly PeerPlan[], doors: Map<string, string>): Admitted[] {
    const named = new Set(this.#plans.filter(({ session }) => session.address !== undefined).map(({ name }) => name));
    const has = ({ name, session }: PeerPlan): boolean => this.#peers.get(name)?.neighbour.config.peerAddress === session.address;
    const rank = (plan: PeerPlan): number => (named.has(plan.name) ? 0 : has(plan) ? 1 : 2);
    const inTurn = plans.toSorted((a, b) => rank(a) - rank(b));
    const byName = new Map(inTurn.map((plan) => [plan.name, this.#admit(plan, doors)]));
    return plans.flatMap(({ name }) => byName.get(name) ?? []);
  }

  /** A plan with the address of its router; none while that is not known. */
  #found(plan: PeerPlan): PeerPlan[] {
    const { address, interface: name, defaultGateway } = plan.session;
    if (defaultGateway !== undefined) {
      const router = this.#gateways.routerOf(plan.session);
      return router === undefined ? [] : [{ ...plan, session: { ...plan.session, ...router } }];
    }
    if (address !== undefined || name === undefined) return [plan];
    const router = this.#discovery.routerOn(name);
    return router === undefined ? [] : [{ ...plan, session: { ...plan.session, address: router } }];
  }

  /**
   * @param doors those of the neighbours before, with their names
   * @param quietly leaves it out without a word
   */
  #admit(plan: PeerPlan, doors: Map<string, string>, quietly = false): Admitted | undefined {
    const neighbour = neighbourOf(plan);
    const problem = 'reason' in neighbour ? neighbour : this.#problemOf(neighbour, doors);
    if (problem !== undefined && !quietly) this.#problems.push(problem);
    if ('reason' in neighbour || problem !== undefined) return undefined;
    doors.set(doorOf(neighbour), plan.name);
    return { plan, neighbour };
  }

  #problemOf(neighbour: Neighbour, doors: ReadonlyMap<string, string>): WireProblem | undefined {
    const { name: peer, socket } = neighbour;
    if (socket.tcpAo !== undefined && !this.#parts.hands.tcp.hasTcpAo()) return { reason: 'NoTcpAo', peer };
    const other = doors.get(doorOf(neighbour));
    return other === undefined ? undefined : { reason: 'SameRouter', peer, other };
  }

  #applyOne(neighbour: Neighbour, routes: PeerPlan['routes'], changedAtMs: number | undefined): void {
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
    peer.setRoutes(routes, changedAtMs);
    peer.configure(neighbour);
  }

  #isUp(isMeant: (neighbour: Neighbour) => boolean): boolean {
    return [...this.#peers.values()].some(({ neighbour, status }) => isMeant(neighbour) && status.state === 'Established');
  }

  #remove(peer: BgpPeer, reason: StopReason): void {
    this.#peers.delete(peer.neighbour.name);
    peer.remove(reason);
  }

  #setListeners(neighbours: readonly Neighbour[]): void {
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
    const peer = ownerOf(this.#peers.values(), accepted) ?? this.#newMember(accepted);
    // A key that the kernel did not take cannot have been asked for: whoever connects has proved nothing.
    if (peer === undefined || this.#unsigned(peer) !== undefined) accepted.refuse();
    else peer.accept(accepted);
  }

  /** A router of a range that was not there before. */
  #newMember(accepted: Accepted): BgpPeer | undefined {
    const range = this.#ranges.ownerOf(accepted);
    const template = this.#rangeTemplates.find(({ plan }) => plan.name === range?.name);
    if (template === undefined || this.#unsigned(template) !== undefined) return undefined;
    const { minTtl: least } = template.neighbour.socket;
    if (least !== undefined && accepted.ttl !== undefined && accepted.ttl < least) {
      this.#problems = [
        ...this.#problems.filter(({ reason }) => reason !== 'RouterTooFar'),
        { reason: 'RouterTooFar', peer: template.plan.name, ttl: accepted.ttl, least },
      ];
      this.#parts.changed();
      return undefined;
    }
    return this.#ranges.add(template.plan, accepted.remote) ? ownerOf(this.#peers.values(), accepted) : undefined;
  }

  #unsigned({ neighbour }: { readonly neighbour: Neighbour }): string | undefined {
    const key = keyOf(neighbour);
    return key && this.#listeners.refusedKey(neighbour.socket.device ?? '', listenKeyName(key));
  }

  /**
   * @param text told to the routers (RFC 9003); those that keep our routes over a restart are told nothing
   * @param isFinal the node is drained: nobody is to keep anything
   */
  stop(text: string, isFinal = false): void {
    this.#listeners.close();
    this.#discovery.close();
    this.#gateways.close();
    for (const peer of this.#peers.values()) {
      const reason: StopReason = !isFinal && peer.keepsRoutes ? { kind: 'restart' } : { kind: 'shutdown', text };
      this.#remove(peer, reason);
    }
  }

  report(): PeerReport[] {
    return [...this.#peers.values()].map(reportPeer);
  }

  problems(): WireProblem[] {
    const peers = [...this.#peers.values()];
    const unfound = this.#plans.flatMap((plan) => this.#discovery.problemOf(plan) ?? this.#gateways.problemOf(plan) ?? []);
    const unsigned = this.#rangeTemplates.flatMap((template) => this.#keyProblem(template));
    return [
      ...this.#problems,
      ...unfound,
      ...unsigned,
      ...this.#ranges.problems(),
      ...this.#listeners.problems(),
      ...peers.flatMap((peer) => this.#problemsOf(peer)),
    ];
  }

  #keyProblem(peer: { readonly neighbour: Neighbour }): WireProblem[] {
    const error = this.#unsigned(peer);
    if (error === undefined) return [];
    const { name } = peer.neighbour;
    if (error === 'EPERM') return [{ reason: 'CapabilityMissing', capability: 'NET_ADMIN', what: 'no TCP MD5 and no TCP-AO', peer: name }];
    return [{ reason: 'CannotSetKey', peer: name, error }];
  }

  #problemsOf(peer: BgpPeer): WireProblem[] {
    const { name, socket } = peer.neighbour;
    const problems = peerProblems(peer);
    if (peer.neighbour.range === undefined) problems.push(...this.#keyProblem(peer));
    if (socket.device !== undefined && !has(this.#links, socket.device))
      problems.push({ reason: 'NoDevice', peer: name, device: socket.device });
    return problems;
  }
}

interface Admitted {
  readonly plan: PeerPlan;
  readonly neighbour: Neighbour;
}

/** What the routers of a range have in common, with the address of none of them. */
function templateOf(plan: PeerPlan): PeerPlan {
  const { listenRange } = plan.session;
  return listenRange === undefined ? plan : { ...plan, session: { ...plan.session, address: prefixAddress(listenRange) } };
}

/** Equal for plans of the same sessions; undefined where more than the plans says what they are. */
function sessionsKey(plans: readonly PeerPlan[]): string | undefined {
  const isPlain = plans.every(
    ({ session: { address, listenRange, defaultGateway } }) =>
      address !== undefined && listenRange === undefined && defaultGateway === undefined,
  );
  return isPlain ? JSON.stringify(plans.map(({ name, session }) => [name, session])) : undefined;
}

function isOtherRouter(a: Neighbour, b: Neighbour): boolean {
  return a.config.peerAddress !== b.config.peerAddress || a.socket.scope !== b.socket.scope;
}

function has(links: readonly HostLink[], device: string): boolean {
  return links.some(({ name }) => name === device);
}
