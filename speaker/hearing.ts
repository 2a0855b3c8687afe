import type { WireClaim } from '../src/announce/plan.ts';
import { solicitedGroups } from '../src/layer2/groups.ts';
import { after } from '../src/machine.ts';
import type { Ip } from '../src/net/ip.ts';
import type { EngineParts } from './engineParts.ts';
import type { Interfaces } from './interfaces.ts';

const LEAVE_GROUPS_MS = 200;

/** What the interfaces have to hear: frames about the claims and about the other speakers, from whose ARP their MACs are learnt. */
export class Hearing {
  readonly #parts: EngineParts;
  readonly #interfaces: Interfaces;
  #claims = new Map<Ip, WireClaim>();
  #neighbours: readonly Ip[] = [];
  /** The interfaces know of something else. */
  #isOther = true;

  constructor(parts: EngineParts, interfaces: Interfaces) {
    this.#parts = parts;
    this.#interfaces = interfaces;
  }

  get claims(): ReadonlyMap<Ip, WireClaim> {
    return this.#claims;
  }

  setNeighbours(neighbours: readonly Ip[]): void {
    if (neighbours.join() !== this.#neighbours.join()) this.#isOther = true;
    this.#neighbours = neighbours;
    this.#watch();
  }

  setClaims(...lists: readonly (readonly WireClaim[])[]): void {
    const before = this.#claims;
    this.#claims = new Map();
    for (const list of lists) for (const claim of list) this.#claims.set(claim.ip, claim);
    if (this.#claims.size !== before.size) this.#isOther = true;
    else for (const ip of this.#claims.keys()) if (!before.has(ip)) this.#isOther = true;
    this.#watch();
  }

  /** Thousands are released one by one, and to hear a group for a little longer does no harm. */
  drop(ip: Ip): void {
    this.#claims.delete(ip);
    this.#isOther = true;
    this.joinLater(LEAVE_GROUPS_MS);
  }

  joinLater(delayMs = 0): void {
    const { clock, deadlines } = this.#parts;
    deadlines.set('layer2/join', after(clock.now(), delayMs), () => this.join());
  }

  join(): void {
    this.#interfaces.join(solicitedGroups(this.#claims.values(), this.#interfaces.views()));
    this.#watch();
  }

  #watch(): void {
    if (!this.#isOther) return;
    this.#isOther = false;
    this.#interfaces.watch([...this.#claims.keys(), ...this.#neighbours]);
  }
}
