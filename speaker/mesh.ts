import { type BfdAuthConfig, signerOf } from '../src/bfd/contract.ts';
import type { MeshPeer } from '../src/announce/plan.ts';
import type { Standing } from '../src/layer2/election.ts';
import { NO_NOTE, type NodeNote, decodeNote, encodeNote } from '../src/layer2/reachNote.ts';
import { isWatched } from '../src/layer2/watched.ts';
import { type MeshPace, MESH_DIAG, UNMET, type PeerState, follow, livenessOf, meshPace, saysAlone } from '../src/layer2/liveness.ts';
import type { PeerStanding } from '../src/layer2/standing.ts';
import { type Instant, after } from '../src/machine.ts';
import { type Family, type Ip, ipFamily } from '../src/net/ip.ts';
import { decodeBfd, isBfdFault } from '../src/wire/bfd.ts';
import { type BfdRefusal, isDisbelief } from './bfdRefusal.ts';
import { BfdSession } from './bfdSession.ts';
import type { BfdTarget } from './bfdTargets.ts';
import { freeDiscriminator } from './discriminator.ts';
import type { EngineParts } from './engineParts.ts';
import { isSigned, meshNoteOf } from './meshKey.ts';
import { CALL_MS, GTSM_TTL, type SaidOfNode, meshTarget } from './meshTarget.ts';
import type { Datagram, UdpListener } from './hands.ts';
import type { BfdReport, WireProblem } from './report.ts';

const RETRY_MS = 10_000;
/** A packet that was not believed speaks for its node so long. */
const UNBELIEVED_MS = 5000;

interface Member {
  peer: MeshPeer;
  state: PeerState;
  readonly session: BfdSession;
  unbelievedAt: Instant | undefined;
  /** When it last spoke. */
  heardAt: Instant | undefined;
  /** What it said besides, and how that was said. */
  note: NodeNote;
  text: string;
}

/** BFD sessions with the speakers of all other nodes: who of them lives, without asking the API server. */
export class Mesh {
  readonly #parts: EngineParts;
  readonly #port: number;
  readonly #onChange: (cameUp: string | undefined) => void;
  readonly #onDetected: (ms: number) => void;
  readonly #members = new Map<string, Member>();
  readonly #leaving = new Set<BfdSession>();
  readonly #byDiscriminator = new Map<number, BfdSession>();
  readonly #listeners = new Map<Family, UdpListener>();
  readonly #failed = new Map<Family, string>();
  readonly dropped = new Map<BfdRefusal, number>();
  #peers: readonly MeshPeer[] = [];
  #auth: BfdAuthConfig | undefined;
  #said: SaidOfNode = { standing: 'last', isAlone: false, note: undefined };

  /** @param onChange a peer is another than it was; `cameUp`: which one came up; @param onDetected one is silent for so long */
  constructor(parts: EngineParts, port: number, onChange: (cameUp: string | undefined) => void, onDetected: (ms: number) => void) {
    this.#parts = parts;
    this.#port = port;
    this.#onChange = onChange;
    this.#onDetected = onDetected;
  }

  apply(peers: readonly MeshPeer[], auth: BfdAuthConfig | undefined): void {
    this.#peers = peers;
    this.#auth = auth;
    this.#carryOut();
  }

  /** What this node tells the others of itself. @param isAlone whoever it does not hear is to go on: it hears none of several, or has just begun */
  setStanding(standing: Standing, isAlone = false): void {
    if (this.#said.standing === standing && this.#said.isAlone === isAlone) return;
    this.#say({ ...this.#said, standing, isAlone });
  }

  /** What this node cannot announce, and what is its and it does not answer for. */
  setNote(note: NodeNote): void {
    const bytes = encodeNote(note);
    if (bytes.join() === (this.#said.note ?? []).join()) return;
    this.#say({ ...this.#said, note: bytes.length === 0 ? undefined : bytes });
  }

  #say(said: SaidOfNode): void {
    this.#said = said;
    for (const { peer, session } of this.#members.values()) session.configure(this.#target(peer), false);
  }

  notes(): Map<string, NodeNote> {
    return new Map([...this.#members].map(([node, { note }]) => [node, note]));
  }

  /** Whether that node said last that it does not answer for an address, though it may be its. */
  lacks(node: string, ip: Ip): boolean {
    const note = this.#members.get(node)?.note;
    return note !== undefined && isWatched(note.unheld, ip);
  }

  /** Whether what is said is signed. */
  get isSigned(): boolean {
    return signerOf(this.#auth) !== undefined;
  }

  pace(): MeshPace {
    return meshPace(this.#peers.length + 1);
  }

  #carryOut(): void {
    const wanted = new Map(this.#peers.map((peer) => [peer.node, peer]));
    for (const [node, member] of this.#members) {
      const peer = wanted.get(node);
      if (peer !== undefined && peer.address === member.peer.address && peer.source === member.peer.source) continue;
      this.#members.delete(node);
      this.#leaving.add(member.session);
      member.session.leave(MESH_DIAG.pathDown);
    }
    this.#listen();
    for (const peer of this.#peers) {
      const member = this.#members.get(peer.node);
      if (member === undefined) this.#add(peer);
      else {
        member.peer = peer;
        member.session.configure(this.#target(peer), false);
      }
    }
    const { deadlines, clock } = this.#parts;
    deadlines.set('mesh/ports', this.#failed.size > 0 ? after(clock.now(), RETRY_MS) : undefined, () => this.#carryOut());
  }

  #listen(): void {
    const families = new Set(this.#peers.map(({ address }) => ipFamily(address)));
    this.#failed.clear();
    for (const family of families) {
      if (this.#listeners.has(family) || this.#port === 0) continue;
      try {
        const listener = this.#parts.hands.udp.listen({ family, port: this.#port }, (datagram) => this.#receive(datagram));
        this.#listeners.set(family, listener);
      } catch (error) {
        this.#failed.set(family, error instanceof Error && 'code' in error ? String(error.code) : String(error));
        this.#parts.changed();
      }
    }
  }

  #add(peer: MeshPeer): void {
    // Who only talks and does not hear would be taken for one that lives.
    if (!this.#listeners.has(ipFamily(peer.address))) return;
    // What that goes on to say would take down what begins now.
    for (const old of this.#leaving) if (old.target.remote === peer.address) old.end();
    const session = new BfdSession(this.#parts, this.#target(peer), {
      discriminator: freeDiscriminator(this.#parts.random, this.#byDiscriminator),
      echoes: false,
      onBfd: () => undefined,
      onStatus: (status) => {
        if (this.#members.get(peer.node)?.session !== session) return;
        const isUp = status.state === 'Up' && member.state.status?.state !== 'Up';
        if (status.lastDown?.reason === 'DetectionTimeExpired' && member.state.status?.state === 'Up') this.#detected(member);
        const isFirst = isUp && this.#isUnmet();
        member.state = follow(member.state, status);
        // It is not alone any more, which the others are told.
        if (isFirst) this.#say(this.#said);
        this.#onChange(isUp ? peer.node : undefined);
      },
      onGone: () => {
        this.#leaving.delete(session);
        this.#byDiscriminator.delete(session.discriminator);
      },
    });
    const member: Member = { peer, session, state: UNMET, unbelievedAt: undefined, heardAt: undefined, note: NO_NOTE, text: '' };
    this.#members.set(peer.node, member);
    this.#byDiscriminator.set(session.discriminator, session);
    session.start();
  }

  #detected({ heardAt }: Member): void {
    if (heardAt !== undefined) this.#onDetected(this.#parts.clock.now() - heardAt);
  }

  #target(peer: MeshPeer): BfdTarget {
    const { intervalMs, multiplier } = this.pace();
    return meshTarget(peer, {
      port: this.#port,
      intervalMs,
      multiplier,
      auth: this.#auth,
      said: { ...this.#said, isAlone: this.#said.isAlone || this.#isUnmet() },
    });
  }

  #receive(datagram: Datagram): void {
    const reason = this.#refusal(datagram);
    if (reason !== undefined) this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + 1);
  }

  /** @returns why it was not believed */
  #refusal(datagram: Datagram): BfdRefusal | undefined {
    const packet = decodeBfd(datagram.bytes);
    if (isBfdFault(packet)) return packet.reason;
    if (!isSigned(packet, this.#auth) && datagram.ttl !== GTSM_TTL) return 'BfdHopLimit';
    const member = [...this.#members.values()].find(({ peer }) => peer.address === datagram.source);
    const session = packet.yourDiscriminator === 0 ? member?.session : this.#byDiscriminator.get(packet.yourDiscriminator);
    // A node that has begun anew may still be spoken to by the number of the session before.
    if (session === undefined || session.target.remote !== datagram.source) return 'BfdNoSession';
    const refusal = session.receive(packet, datagram.bytes);
    if (member !== undefined) this.#heard(member, refusal);
    if (member !== undefined && refusal === undefined && packet.state !== 'Down')
      this.#read(member, meshNoteOf(datagram.bytes, packet, this.#auth));
    return refusal;
  }

  #heard(member: Member, refusal: BfdRefusal | undefined): void {
    if (refusal === undefined) member.heardAt = this.#parts.clock.now();
    else if (isDisbelief(refusal)) this.#disbelieve(member);
  }

  #read(member: Member, note: Uint8Array | undefined): void {
    const text = note?.join() ?? '';
    if (text === member.text) return;
    const before = member.note;
    member.text = text;
    member.note = (note === undefined ? undefined : decodeNote(note)) ?? NO_NOTE;
    const [now, was] = [member.note, before].map(({ reach, own }) => JSON.stringify([reach, own]));
    if (now !== was) this.#onChange(undefined);
  }

  #disbelieve(member: Member): void {
    const before = member.unbelievedAt;
    member.unbelievedAt = this.#parts.clock.now();
    if (before === undefined) this.#onChange(undefined);
  }

  standings(): PeerStanding[] {
    const now = this.#parts.clock.now();
    return this.#peers.map(({ node, ready }) => {
      const member = this.#members.get(node);
      const state = member?.state ?? UNMET;
      const isUnbelieved = member?.unbelievedAt !== undefined && now - member.unbelievedAt < UNBELIEVED_MS;
      const isStrange = isUnbelieved || state.farewell === 'unmeshed';
      const isUp = state.status?.state === 'Up';
      return { node, ready, liveness: livenessOf(state, isUnbelieved), isUp, wasUp: state.wasUp, isStrange };
    });
  }

  /** Those that were up and are not heard any more, for as long as they are called for. */
  lost(): MeshPeer[] {
    const now = this.#parts.clock.now();
    return [...this.#members.values()].flatMap(({ peer, state: { wasUp, status, farewell } }) => {
      const isLost = wasUp && farewell === 'none' && status?.remoteDiscriminator === 0 && now - status.since < CALL_MS;
      return isLost ? [peer] : [];
    });
  }

  isUp(node: string): boolean {
    return this.#members.get(node)?.state.status?.state === 'Up';
  }

  hearsAnybody(): boolean {
    return [...this.#members.values()].some(({ state }) => state.status?.state === 'Up');
  }

  /** It says that it hears none of several. */
  saysAlone(node: string): boolean {
    return saysAlone(this.#members.get(node)?.state.status);
  }

  /** Several others are to be there, and none of them was ever heard. */
  #isUnmet(): boolean {
    return this.#peers.length > 1 && ![...this.#members.values()].some(({ state }) => state.wasUp);
  }

  /** Of those that are up now: whether each has been heard after some time. */
  roll(): (since: Instant) => boolean {
    const sessions = [...this.#members.values()].filter(({ state }) => state.status?.state === 'Up').map(({ session }) => session);
    return (since) => sessions.every((session) => (session.heardAt() ?? since) > since);
  }

  /** Says goodbye, so that nobody waits for the detection time. */
  stop(): void {
    this.#parts.deadlines.set('mesh/ports', undefined, () => undefined);
    const sessions = [...this.#members.values()].map(({ session }) => session);
    // Before they end: to nobody here it is to look as if all others had died, and their addresses were to be taken.
    this.#members.clear();
    for (const session of [...sessions, ...this.#leaving]) session.stop();
    for (const listener of this.#listeners.values()) listener.close();
    this.#listeners.clear();
  }

  report(): BfdReport[] {
    return [...this.#members.values()].map(({ session }) => session.report());
  }

  problems(): WireProblem[] {
    const ports = [...new Set(this.#failed.values())].map((error): WireProblem => ({ reason: 'NoMeshPort', port: this.#port, error }));
    const unknown = this.standings().flatMap(({ node, liveness, ready }): WireProblem[] => {
      if (liveness !== 'unknown' || !ready) return [];
      const error = this.#members.get(node)?.session.sendError();
      return [{ reason: 'LivenessUnknown', node, ...(error === undefined ? {} : { error }) }];
    });
    return [...ports, ...unknown];
  }
}
