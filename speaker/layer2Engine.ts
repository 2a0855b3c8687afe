import type { WireClaim } from '../src/announce/plan.ts';
import { announcer, startAnnouncer } from '../src/layer2/announcer.ts';
import type { AnnouncerConfig, AnnouncerEffect, AnnouncerEvent, AnnouncerState, Claim } from '../src/layer2/announcerState.ts';
import { ClaimTable } from '../src/layer2/claimTable.ts';
import { type ConflictEvent, conflicts, startConflicts, type ConflictState } from '../src/layer2/conflict.ts';
import { announcementFrames, probeFrame } from '../src/layer2/gratuitous.ts';
import { solicitedGroups } from '../src/layer2/groups.ts';
import { type InterfaceView, isFit, isSelected } from '../src/layer2/link.ts';
import { respond } from '../src/layer2/responder.ts';
import type { Ip } from '../src/net/ip.ts';
import type { Mac } from '../src/net/mac.ts';
import { wallTime } from './clock.ts';
import type { EngineParts } from './engineParts.ts';
import type { HostLink } from './hands.ts';
import { Interfaces } from './interfaces.ts';
import { Layer2Counters } from './layer2Counters.ts';
import type { ClaimReport, WireProblem } from './report.ts';

const DUE = 'layer2';
const CONFLICTS_DUE = 'layer2/conflicts';
/** A reply needs 86 bytes. */
const REPLY_BYTES = 128;

export interface Layer2Options {
  readonly node: string;
  /** Interfaces whose names match are left alone. */
  readonly exclude?: RegExp;
  readonly announcer?: Partial<AnnouncerConfig>;
}

/** Obeys the layer-2 part of the plan: answers for its claims, announces them, and watches who else does. */
export class Layer2Engine {
  readonly counters = new Layer2Counters();
  readonly #parts: EngineParts;
  readonly #options: Layer2Options;
  readonly #table = new ClaimTable();
  readonly #interfaces: Interfaces;
  readonly #announcer: AnnouncerState;
  readonly #conflicts: ConflictState;
  readonly #out = new Uint8Array(REPLY_BYTES);
  readonly #phases = new Map<Ip, { phase: string; since: string }>();
  readonly #occupants = new Map<Ip, { readonly mac: Mac; readonly interface: string }>();
  #claims: readonly WireClaim[] = [];

  constructor(parts: EngineParts, options: Layer2Options) {
    this.#parts = parts;
    this.#options = options;
    this.#announcer = startAnnouncer(parts.clock.now(), options.announcer);
    this.#conflicts = startConflicts(options.node);
    this.#interfaces = new Interfaces(parts, (view, frame) => this.#receive(view, frame));
  }

  setLinks(all: readonly HostLink[]): void {
    const { exclude } = this.#options;
    // The frames of every own interface are ours, also of those that are not used.
    this.#table.setOwnMacs(all.map((link) => link.mac));
    const usable = all.filter((link) => !link.isPort && link.name !== 'lo' && exclude?.test(link.name) !== true);
    const opened = this.#interfaces.set(usable);
    this.#announce({ kind: 'links', links: opened.map(({ name, index, mac, up, arp, ndp }) => ({ name, index, mac, up, arp, ndp })) });
    this.#join();
    this.#parts.changed();
  }

  apply(claims: readonly WireClaim[], fresh: readonly Ip[]): void {
    const wanted = new Set(claims.map(({ ip }) => ip));
    for (const { ip } of this.#claims) {
      if (wanted.has(ip)) continue;
      this.#judge({ kind: 'released', ip });
      this.#occupants.delete(ip);
      this.#phases.delete(ip);
    }
    this.#claims = claims;
    const probed = new Set(fresh);
    this.#announce({
      kind: 'claims',
      claims: claims.map(({ ip, interfaces }) => ({ ip, probe: probed.has(ip), ...(interfaces === undefined ? {} : { interfaces }) })),
    });
    this.#join();
  }

  #receive(view: InterfaceView, frame: Uint8Array): void {
    const response = respond(frame, view, this.#table, this.#out);
    this.counters.count(response);
    if (response.kind === 'reply') this.#interfaces.send(view.name, response.frame);
    else if (response.kind === 'conflict') this.#judge({ kind: 'sighted', sighting: response.sighting });
  }

  #judge(event: ConflictEvent): void {
    const { clock, random, recorder, deadlines, log } = this.#parts;
    const now = clock.now();
    recorder.record(now, CONFLICTS_DUE, event);
    const [, effects] = conflicts.step(this.#conflicts, event, { now, random });
    for (const effect of effects) {
      if (effect.kind === 'foreign') {
        const { ip, mac, interface: name } = effect.claim;
        log.warn({ ip, mac, interface: name }, 'another host uses an address that is announced from here');
        this.#occupants.set(ip, { mac, interface: name });
        this.counters.conflicts += 1;
        this.#parts.changed();
      } else if (effect.kind === 'foreignGone') {
        this.#occupants.delete(effect.claim.ip);
        this.#parts.changed();
      } else this.#announce(effect);
    }
    deadlines.set(CONFLICTS_DUE, conflicts.deadline(this.#conflicts), () => this.#judge({ kind: 'tick' }));
  }

  #announce(event: AnnouncerEvent): void {
    const { clock, random, recorder, deadlines } = this.#parts;
    const now = clock.now();
    recorder.record(now, DUE, event);
    const [, effects] = announcer.step(this.#announcer, event, { now, random });
    for (const effect of effects) this.#carryOut(effect);
    deadlines.set(DUE, announcer.deadline(this.#announcer), () => this.#announce({ kind: 'tick' }));
    this.#notePhases();
  }

  #carryOut(effect: AnnouncerEffect): void {
    switch (effect.kind) {
      case 'announce':
        this.#send(effect.interface, (view) => announcementFrames(effect.ip, view));
        this.counters.gratuitous(effect.ip);
        return;
      case 'probe':
        this.#send(effect.interface, (view) => [probeFrame(effect.ip, view)]);
        return;
      case 'answer':
        this.#table.set(effect);
        return;
      case 'silence':
        this.#table.delete(effect.ip);
        return;
      case 'refused':
        this.#occupants.set(effect.ip, { mac: effect.mac, interface: effect.interface });
        this.#parts.log.warn({ ip: effect.ip, mac: effect.mac, interface: effect.interface }, 'the address is in use by another host');
        return;
      case 'stranded':
        this.#parts.log.warn({ ip: effect.ip, interfaces: effect.interfaces }, 'no usable interface for the address');
    }
  }

  #send(name: string, frames: (view: InterfaceView) => readonly Uint8Array[]): void {
    const view = this.#interfaces.view(name);
    if (view === undefined) return;
    for (const frame of frames(view)) this.#interfaces.send(name, frame);
  }

  #join(): void {
    const entries = this.#claims.map(({ ip, interfaces }) => ({
      ip,
      phase: 'claimed' as const,
      ...(interfaces === undefined ? {} : { interfaces }),
    }));
    this.#interfaces.join(solicitedGroups(entries, this.#interfaces.views()));
  }

  /** The report tells since when; the announcer itself does not care. */
  #notePhases(): void {
    for (const { ip, phase } of this.#announcer.claims.values()) {
      if (this.#phases.get(ip)?.phase === phase) continue;
      this.#phases.set(ip, { phase, since: wallTime(this.#parts.clock.now()) });
      if (phase === 'claimed') this.#parts.log.info({ ip }, 'announcing the address by layer 2');
      this.#parts.changed();
    }
  }

  report(): ClaimReport[] {
    return [...this.#announcer.claims.values()].map((claim) => ({
      ip: claim.ip,
      phase: claim.phase,
      interfaces: claim.phase === 'claimed' ? this.#interfacesOf(claim) : [],
      since: this.#phases.get(claim.ip)?.since ?? wallTime(this.#parts.clock.now()),
    }));
  }

  #interfacesOf({ ip, wanted }: Claim): string[] {
    const fit = this.#interfaces.views().filter((view) => isFit(view, ip) && isSelected(view.name, wanted.interfaces));
    return fit.map((view) => view.name).toSorted();
  }

  problems(): WireProblem[] {
    const stranded = [...this.#announcer.claims.values()]
      .filter(({ phase }) => phase === 'waiting')
      .map(({ ip, wanted }): WireProblem => ({ reason: 'NoUsableInterface', ip, interfaces: wanted.interfaces ?? [] }));
    const occupied = [...this.#occupants].map(([ip, occupant]): WireProblem => ({ reason: 'AddressInUse', ip, ...occupant }));
    return [...this.#interfaces.problems(), ...stranded, ...occupied];
  }

  stop(): void {
    this.#interfaces.close();
  }
}
