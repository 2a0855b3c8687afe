import type { PeerPlan } from '../src/announce/plan.ts';
import { type Instant, after } from '../src/machine.ts';
import { decodeBfd, isBfdFault } from '../src/wire/bfd.ts';
import { type BfdDoor, BfdPorts } from './bfdPorts.ts';
import type { BfdRefusal } from './bfdRefusal.ts';
import { BfdSession } from './bfdSession.ts';
import { type BfdTarget, ECHO_PORT, MULTIHOP_PORT, bfdTargets } from './bfdTargets.ts';
import { freeDiscriminator } from './discriminator.ts';
import type { EngineParts } from './engineParts.ts';
import type { Datagram, HostLink } from './hands.ts';
import type { BfdReport, WireProblem } from './report.ts';

/** A port that another program has may be free later, without any change of the plan. */
const RETRY_MS = 10_000;
/** RFC 5881 §5. */
const SINGLE_HOP_TTL = 255;

/** What BFD tells the BGP sessions that it guards. */
export type OnBfd = (peer: string, event: 'bfdUp' | 'bfdDown') => void;

/** Obeys the BFD part of the plan: one session for each path that a BGPPeer wants guarded. */
export class BfdEngine {
  readonly #parts: EngineParts;
  readonly #onBfd: OnBfd;
  readonly #ports: BfdPorts;
  readonly #sessions = new Map<string, BfdSession>();
  readonly #byDiscriminator = new Map<number, BfdSession>();
  readonly #dropped = new Map<BfdRefusal, number>();
  #links: readonly HostLink[] = [];
  #targets: readonly BfdTarget[] = [];

  constructor(parts: EngineParts, onBfd: OnBfd) {
    this.#parts = parts;
    this.#onBfd = onBfd;
    this.#ports = new BfdPorts(parts.hands.udp, (datagram, door) => this.#receive(datagram, door));
  }

  setLinks(links: readonly HostLink[]): void {
    this.#links = links;
    if (this.#ports.setLinks(links)) this.#carryOut();
  }

  apply(plans: readonly PeerPlan[]): void {
    this.#targets = bfdTargets(plans);
    this.#carryOut();
  }

  #carryOut(): void {
    const { deadlines, clock } = this.#parts;
    const wanted = new Set(this.#targets.map(({ key }) => key));
    for (const [key, session] of this.#sessions) if (!wanted.has(key)) session.leave();
    // A session that says goodbye still hears the peer.
    const leaving = [...this.#sessions.values()].filter((session) => session.isLeaving).map(({ target }) => target);
    this.#ports.set([...this.#targets, ...leaving]);
    for (const target of this.#targets) {
      const session = this.#sessions.get(target.key);
      if (session !== undefined) session.configure(target, this.#ports.echoes(target));
      else if (this.#ports.hears(target)) this.#add(target);
    }
    const again: Instant | undefined = this.#ports.problems().length > 0 ? after(clock.now(), RETRY_MS) : undefined;
    deadlines.set('bfd/ports', again, () => this.#carryOut());
    this.#parts.changed();
  }

  #add(target: BfdTarget): void {
    const session = new BfdSession(this.#parts, target, {
      discriminator: freeDiscriminator(this.#parts.random, this.#byDiscriminator),
      echoes: this.#ports.echoes(target),
      onBfd: this.#onBfd,
      onGone: () => this.#gone(session),
    });
    this.#sessions.set(target.key, session);
    this.#byDiscriminator.set(session.discriminator, session);
    session.start();
  }

  #gone(session: BfdSession): void {
    this.#sessions.delete(session.target.key);
    this.#byDiscriminator.delete(session.discriminator);
    this.#carryOut();
  }

  #receive(datagram: Datagram, door: BfdDoor): void {
    const reason = door.port === ECHO_PORT ? this.#receiveEcho(datagram, door) : this.#receiveControl(datagram, door);
    if (reason !== undefined) this.#dropped.set(reason, (this.#dropped.get(reason) ?? 0) + 1);
  }

  /** @returns why it was not believed */
  #receiveControl(datagram: Datagram, door: BfdDoor): BfdRefusal | undefined {
    const packet = decodeBfd(datagram.bytes);
    if (isBfdFault(packet)) return packet.reason;
    const { yourDiscriminator } = packet;
    const session = yourDiscriminator === 0 ? this.#sessionFrom(datagram, door) : this.#byDiscriminator.get(yourDiscriminator);
    // RFC 5883 §3: over several hops the address belongs to the session. Over one hop, too: who has seen a discriminator could end the session.
    if (session === undefined || !this.#isFrom(session, datagram, door)) return 'BfdNoSession';
    const isMultihop = door.port === MULTIHOP_PORT;
    const minimum = isMultihop ? session.target.profile.minimumTtl : SINGLE_HOP_TTL;
    if ((datagram.ttl ?? 0) < minimum) return 'BfdHopLimit';
    return session.receive(packet, datagram.bytes);
  }

  /** RFC 5881 §3: before the peer knows our discriminator the session is found by its address. */
  #sessionFrom(datagram: Datagram, door: BfdDoor): BfdSession | undefined {
    for (const session of this.#sessions.values()) if (this.#isFrom(session, datagram, door)) return session;
    return undefined;
  }

  #isFrom({ target }: BfdSession, { source, interfaceIndex }: Datagram, { port, device }: BfdDoor): boolean {
    const { remote, multihop, scope } = target;
    if (remote !== source || target.device !== device || multihop !== (port === MULTIHOP_PORT)) return false;
    return scope === undefined || this.#links.some(({ index, name }) => index === interfaceIndex && name === scope);
  }

  #receiveEcho(datagram: Datagram, door: BfdDoor): BfdRefusal | undefined {
    const session = this.#sessionFrom(datagram, door);
    if (session === undefined) return 'BfdNoSession';
    // One that was sent back already comes with less: two systems that send back what they get would never end.
    if (datagram.ttl !== SINGLE_HOP_TTL) return 'BfdHopLimit';
    return session.receiveEcho(datagram);
  }

  /** Says AdminDown, so that nobody takes the end of this process for the end of the path. */
  stop(): void {
    this.#parts.deadlines.set('bfd/ports', undefined, () => undefined);
    for (const session of this.#sessions.values()) session.stop();
    this.#sessions.clear();
    this.#byDiscriminator.clear();
    this.#ports.close();
  }

  report(): BfdReport[] {
    return [...this.#sessions.values()].filter((session) => !session.isLeaving).map((session) => session.report());
  }

  /** Packets that were not believed, by reason. */
  dropped(): ReadonlyMap<BfdRefusal, number> {
    return this.#dropped;
  }

  problems(): WireProblem[] {
    return [...this.#ports.problems(), ...[...this.#sessions.values()].flatMap((session) => session.problems())];
  }
}
