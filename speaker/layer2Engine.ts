import type { MeshPeer, WireClaim } from '../src/announce/plan.ts';
import { announcer, startAnnouncer } from '../src/layer2/announcer.ts';
import type { AnnouncerConfig, AnnouncerEffect, AnnouncerEvent, AnnouncerState } from '../src/layer2/announcerState.ts';
import { ClaimTable } from '../src/layer2/claimTable.ts';
import { conflicts, startConflicts } from '../src/layer2/conflict.ts';
import type { ConflictEvent, ConflictState } from '../src/layer2/conflictState.ts';
import { announcementFrames, probeFrame } from '../src/layer2/gratuitous.ts';
import type { InterfaceView } from '../src/layer2/link.ts';
import { respond } from '../src/layer2/responder.ts';
import { type Sighting, isProbe } from '../src/layer2/response.ts';
import type { Ip } from '../src/net/ip.ts';
import { ClaimPhases } from './claimPhases.ts';
import { ClaimQueue } from './claimQueue.ts';
import type { EngineParts } from './engineParts.ts';
import { type Handed, Handover } from './handover.ts';
import type { HostLink } from './hands.ts';
import { Hearing } from './hearing.ts';
import { Interfaces } from './interfaces.ts';
import { Layer2Counters } from './layer2Counters.ts';
import { ClaimReports, claimProblems } from './layer2Words.ts';
import { type Layer2Surroundings, NO_SURROUNDINGS } from './layer2Surroundings.ts';
import { Occupants } from './occupants.ts';
import { Questions } from './questions.ts';
import type { ClaimNews, ClaimReport, WireProblem } from './report.ts';
import { SpeakerMacs } from './speakerMacs.ts';

const DUE = 'layer2';
const CONFLICTS_DUE = 'layer2/conflicts';

export interface Layer2Options {
  readonly node: string;
  /** Interfaces whose names match are left alone. */
  readonly exclude?: RegExp;
  readonly announcer?: Partial<AnnouncerConfig>;
}

/** Obeys the layer-2 part of the plan: answers for its claims, announces them, and watches who else does. */
export class Layer2Engine {
  readonly #table = new ClaimTable();
  readonly counters = new Layer2Counters(this.#table);
  readonly #parts: EngineParts;
  readonly #options: Layer2Options;
  readonly #interfaces: Interfaces;
  readonly #hearing: Hearing;
  readonly #reports: ClaimReports;
  readonly #announcer: AnnouncerState;
  readonly #conflicts: ConflictState;
  readonly #phases: ClaimPhases;
  readonly #queue: ClaimQueue;
  readonly #occupants: Occupants;
  readonly #handover: Handover;
  readonly #questions: Questions;
  readonly #speakers = new SpeakerMacs();
  #around: Layer2Surroundings = NO_SURROUNDINGS;
  /** For the frames that are being read. */
  #isMute = false;

  constructor(parts: EngineParts, options: Layer2Options) {
    this.#parts = parts;
    this.#options = options;
    this.#phases = new ClaimPhases(parts);
    this.#queue = new ClaimQueue(parts);
    this.#occupants = new Occupants(parts);
    this.#announcer = startAnnouncer(parts.clock.now(), options.announcer);
    this.#conflicts = startConflicts(options.node);
    this.#interfaces = new Interfaces(parts, {
      begin: () => void (this.#isMute = this.#around.isDoubtful()),
      answer: (view, frame, out) => this.#receive(view, frame, out),
    });
    this.#hearing = new Hearing(parts, this.#interfaces);
    this.#reports = new ClaimReports(this.#interfaces);
    this.#questions = new Questions(this.#interfaces, () => this.#around.isDoubtful());
    this.#handover = new Handover(
      parts,
      (ip) => this.#release(ip),
      (claim) => this.#questions.whoElseHas(claim),
    );
  }

  setSurroundings(around: Layer2Surroundings): void {
    this.#around = around;
  }

  setSpeakers(peers: readonly MeshPeer[]): void {
    this.#speakers.set(peers);
    this.#hearing.setNeighbours(peers.map(({ address }) => address));
  }

  setLinks(all: readonly HostLink[]): void {
    // The frames of every own interface are ours, also of those that are not used.
    this.#table.setOwnMacs(all.map((link) => link.mac));
    const usable = all.filter((link) => !link.isPort && link.name !== 'lo' && this.#options.exclude?.test(link.name) !== true);
    const opened = this.#interfaces.set(usable);
    this.#announce({ kind: 'links', links: opened.map(({ name, index, mac, up, arp, ndp }) => ({ name, index, mac, up, arp, ndp })) });
    this.#hearing.join();
    this.#phases.touchAll();
    this.#parts.changed();
  }

  /**
   * @param claims what is this node's
   * @param handed what is another's, by address: where this node answers for it, it does so until that one is heard
   */
  apply(claims: readonly WireClaim[], fresh: readonly Ip[], handed: ReadonlyMap<Ip, Handed> = new Map()): void {
    const wanted = new Set(claims.map(({ ip }) => ip));
    const held = new Map<Ip, Handed>();
    for (const ip of this.#hearing.claims.keys()) {
      if (wanted.has(ip)) continue;
      this.#parts.log.debug({ ip, to: handed.get(ip)?.to }, "the address is not this node's any more");
      this.#forget(ip);
      this.#occupants.gone(ip);
      const next = handed.get(ip);
      if (next !== undefined && this.#announcer.claims.get(ip)?.phase === 'claimed') held.set(ip, next);
    }
    const parting = this.#handover.set(held);
    // Before anything is asked or said: the answers are to be heard.
    this.#hearing.setClaims(claims, parting);
    this.#announce(this.#queue.begin({ claims, fresh, parting }, this.#announcer.claims));
    if (this.#queue.size === 0) this.#hearing.join();
    this.#goOn();
    this.#parts.changed();
  }

  /** With what waits, and in the end with the groups: each in its turn, so that the thread hears others in between. */
  #goOn(): void {
    const { clock, deadlines } = this.#parts;
    if (this.#queue.size === 0) return deadlines.set('layer2/claims', undefined, () => undefined);
    deadlines.set('layer2/claims', clock.now(), () => {
      this.#announce(this.#queue.next());
      if (this.#queue.size === 0) this.#hearing.joinLater();
      this.#goOn();
    });
  }

  get ground(): Pick<Interfaces, 'reachOf' | 'addresses'> {
    return this.#interfaces;
  }

  /** Addresses that this node still answers for, until their new owners are heard. */
  partings(): number {
    return this.#handover.size;
  }

  handovers(): Readonly<Record<'heard' | 'timeout', number>> {
    return this.#handover.ends;
  }

  /** What was left to it comes back. */
  speakerGone(node: string): void {
    const { yielded, contested, waits } = this.#conflicts;
    if (yielded.size + contested.size + waits.size > 0) this.#judge({ kind: 'speakerGone', node });
  }

  refresh(): void {
    this.#announce({ kind: 'refresh' });
  }

  /** Asks the segment for a node that is lost. */
  knock(peer: MeshPeer): void {
    this.#questions.knock(peer);
  }

  #release(ip: Ip): void {
    this.#hearing.drop(ip);
    this.#queue.drop(ip);
    this.#announce({ kind: 'release', ip });
  }

  #receive(view: InterfaceView, frame: Uint8Array, out: Uint8Array): number {
    const met = this.#speakers.learn(frame);
    if (met !== undefined && this.#conflicts.foreign.size > 0) this.#judge({ kind: 'met', mac: met });
    if (this.#isMute) return 0;
    const response = respond(frame, view, this.#table, out);
    if (isProbe(response) && this.#handover.isWaitedFor(response.claim.ip, this.#speakers.senderOf(frame))) return 0;
    this.counters.count(response);
    if (response.kind === 'reply') return response.length;
    if (response.kind === 'conflict') this.#sighted(response.sighting);
    return 0;
  }

  #sighted(sighting: Sighting): void {
    const { ip, mac } = sighting;
    const node = this.#speakers.nodeOf(mac);
    if (sighting.by !== 'probe' && this.#handover.heard(ip, node)) return;
    if (node === undefined) this.#judge({ kind: 'sighted', sighting });
    else {
      const { orderOf, meeting } = this.#around;
      this.#judge({ kind: 'sighted', sighting, speaker: { node, order: orderOf(ip), ...meeting(node) } });
    }
  }

  #judge(event: ConflictEvent): void {
    const { clock, random, recorder, deadlines, log } = this.#parts;
    const now = clock.now();
    recorder.record(now, CONFLICTS_DUE, event);
    const [, effects] = conflicts.step(this.#conflicts, event, { now, random });
    for (const effect of effects) {
      if (effect.kind === 'foreign') {
        this.#occupants.found(effect.claim, 'another host uses an address that is announced from here');
        this.counters.conflicts += 1;
      } else if (effect.kind === 'foreignGone') this.#occupants.gone(effect.claim.ip);
      else {
        if (effect.kind === 'yield') log.info({ ip: effect.ip, to: effect.to }, 'the address is left to another speaker that announces it');
        this.#announce(effect);
      }
    }
    deadlines.set(CONFLICTS_DUE, conflicts.deadline(this.#conflicts), () => this.#judge({ kind: 'tick' }));
  }

  #announce(event: AnnouncerEvent): void {
    const { clock, random, recorder, deadlines } = this.#parts;
    const now = clock.now();
    recorder.record(now, DUE, event);
    const [, effects] = announcer.step(this.#announcer, event, { now, random });
    for (const effect of effects) this.#carryOut(effect);
    this.#interfaces.flush();
    deadlines.set(DUE, announcer.deadline(this.#announcer), () => this.#announce({ kind: 'tick' }));
    // No phase changes without an effect; to look at all claims at each of hundreds of ticks a second would be most of the work.
    for (const effect of effects) {
      if (effect.kind !== 'announce' && effect.kind !== 'probe') this.#notePhase(effect.ip);
    }
    // Another wish may be for other interfaces.
    if (event.kind === 'claims') for (const { ip } of event.claims) this.#phases.touch(ip);
    this.#phases.tell();
  }

  #carryOut(effect: AnnouncerEffect): void {
    switch (effect.kind) {
      case 'announce':
        this.#questions.say(effect.interface, (view) => announcementFrames(effect.ip, view));
        this.counters.gratuitous(effect.ip);
        this.#handover.said(effect.ip);
        return;
      case 'probe':
        this.#questions.say(effect.interface, (view) => [probeFrame(effect.ip, view)]);
        return;
      case 'answer':
        this.#table.set(effect);
        return;
      case 'silence':
        this.#table.delete(effect.ip);
        return;
      case 'refused':
        this.#occupants.found(effect, 'the address is in use by another host');
        return;
      case 'stranded':
        this.#parts.log.warn({ ip: effect.ip, interfaces: effect.interfaces }, 'no usable interface for the address');
    }
  }

  #notePhase(ip: Ip): void {
    const claim = this.#announcer.claims.get(ip);
    if (!this.#phases.note(ip, claim)) return;
    // Also of what is not this node's any more: it lacks none of that.
    this.#around.phasesChanged();
    // Nobody has it any more who had it when it was asked for before.
    if (claim?.phase === 'claimed' && this.#occupants.gone(ip)) this.#forget(ip);
    this.#parts.changed();
  }

  /** What was said about it, where anything was. */
  #forget(ip: Ip): void {
    const { foreign, yielded, contested, waits } = this.#conflicts;
    if (foreign.size + yielded.size + contested.size + waits.size > 0) this.#judge({ kind: 'released', ip });
  }

  has(ip: Ip): boolean {
    return this.#hearing.claims.has(ip);
  }

  /** What is this node's and not answered for. */
  *unheld(): Iterable<Ip> {
    for (const { ip, phase } of this.#announcer.claims.values()) if (phase !== 'claimed' && phase !== 'yielded') yield ip;
  }

  /** What is answered for, or about to be; with what is being handed over. */
  claims(): readonly WireClaim[] {
    return [...this.#hearing.claims.values()];
  }

  report(): ClaimReport[] {
    return this.#reports.of(this.#announcer.claims.values());
  }

  /** What the last call did not tell. @param isWhole everything, to one who knows nothing */
  news(isWhole: boolean): ClaimNews {
    if (isWhole) this.#phases.touchAll();
    return this.#reports.news(this.#announcer.claims, this.#phases.untold());
  }

  problems(): WireProblem[] {
    return [...this.#interfaces.problems(), ...claimProblems(this.#announcer.claims.values(), this.#occupants.all, this.#speakers)];
  }

  stop(): void {
    this.#interfaces.close();
  }
}
