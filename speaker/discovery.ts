import type { PeerPlan } from '../src/announce/plan.ts';
import { after } from '../src/machine.ts';
import type { Ip } from '../src/net/ip.ts';
import type { EngineParts } from './engineParts.ts';
import type { HostLink, RouterWatch } from './hands.ts';
import { codeOf } from './io/errno.ts';
import { type WireProblem, cannotOpen } from './report.ts';

/** RFC 4861 §10, RTR_SOLICITATION_INTERVAL. */
const SOLICIT_MS = 4000;
/** MAX_RTR_SOLICITATIONS; afterwards more slowly, for as long as there is no session. */
const QUICK_SOLICITS = 3;
const SLOW_SOLICIT_MS = 10_000;
/** A router that was chosen has this long to come up before another one that advertises itself is tried. */
const PATIENCE_MS = 10_000;

interface Finder {
  readonly index: number;
  readonly watch: RouterWatch;
  router?: Ip;
  chosenAt: number;
  solicits: number;
}

export interface DiscoveryEvents {
  /** The routers are others now. */
  readonly changed: () => void;
  /** Whether a session over this interface is established: its router stays. */
  readonly isUp: (name: string) => boolean;
}

/** Finds the router at the other end of an interface by its Router Advertisements (RFC 4861 §6.3). */
export class Discovery {
  readonly #parts: EngineParts;
  readonly #events: DiscoveryEvents;
  readonly #finders = new Map<string, Finder>();
  readonly #errors = new Map<string, string>();
  #wanted: ReadonlySet<string> = new Set();
  #links: readonly HostLink[] = [];

  constructor(parts: EngineParts, events: DiscoveryEvents) {
    this.#parts = parts;
    this.#events = events;
  }

  setLinks(links: readonly HostLink[]): void {
    this.#links = links;
    this.#settle();
  }

  /** @param names of interfaces */
  set(names: ReadonlySet<string>): void {
    this.#wanted = names;
    this.#settle();
  }

  routerOn(name: string): Ip | undefined {
    return this.#finders.get(name)?.router;
  }

  /** It advertised itself, or connected to us. */
  heard(name: string, router: Ip): void {
    const finder = this.#finders.get(name);
    if (finder === undefined || finder.router === router || this.#events.isUp(name)) return;
    if (this.#linkOf(name)?.addresses.includes(router) === true) return;
    const now = this.#parts.clock.now();
    if (finder.router !== undefined && now - finder.chosenAt < PATIENCE_MS) return;
    finder.router = router;
    finder.chosenAt = now;
    this.#parts.log.info({ interface: name, router }, 'router found');
    this.#events.changed();
  }

  /** Why a peer has no router to talk with. */
  problemOf({ name: peer, session }: PeerPlan): WireProblem | undefined {
    const { address, interface: device } = session;
    if (address !== undefined || device === undefined || this.routerOn(device) !== undefined) return undefined;
    if (this.#linkOf(device)?.index === undefined) return { reason: 'NoDevice', peer, device };
    const error = this.#errors.get(device);
    return error === undefined ? { reason: 'NoRouter', peer, interface: device } : cannotOpen(device, error);
  }

  close(): void {
    for (const name of this.#finders.keys()) this.#drop(name);
  }

  #linkOf(name: string): HostLink | undefined {
    return this.#links.find((link) => link.name === name);
  }

  #settle(): void {
    for (const [name, { index }] of this.#finders) if (!this.#wanted.has(name) || this.#linkOf(name)?.index !== index) this.#drop(name);
    for (const name of this.#wanted) {
      const index = this.#linkOf(name)?.index;
      if (index !== undefined && !this.#finders.has(name)) this.#open(name, index);
    }
  }

  #open(name: string, index: number): void {
    const { hands, log } = this.#parts;
    try {
      const watch = hands.routers.watch(name, (router) => this.heard(name, router));
      this.#finders.set(name, { index, watch, chosenAt: 0, solicits: 0 });
      this.#errors.delete(name);
      this.#solicit(name);
    } catch (error) {
      this.#errors.set(name, codeOf(error));
      log.warn({ interface: name, err: error }, 'cannot look for routers');
    }
  }

  #solicit(name: string): void {
    const { clock, deadlines } = this.#parts;
    const finder = this.#finders.get(name);
    if (finder === undefined) return;
    if (this.#events.isUp(name)) finder.solicits = 0;
    else {
      const mac = this.#linkOf(name)?.mac;
      finder.watch.solicit();
      // A router may take a neighbour for there only when that has advertised itself, too (FRR).
      if (mac !== undefined) finder.watch.advertise(mac);
      finder.solicits += 1;
    }
    const delayMs = finder.solicits < QUICK_SOLICITS ? SOLICIT_MS : SLOW_SOLICIT_MS;
    deadlines.set(`router/${name}`, after(clock.now(), delayMs), () => this.#solicit(name));
  }

  #drop(name: string): void {
    this.#finders.get(name)?.watch.close();
    this.#finders.delete(name);
    this.#parts.deadlines.set(`router/${name}`, undefined, () => undefined);
  }
}
