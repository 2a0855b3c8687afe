import type { Layer2Plan, WireClaim } from '../src/announce/plan.ts';
import { REACH, type Reach, type ReachRange, reachRanges } from '../src/layer2/reach.ts';
import { type WatchedRanges, watchedRanges } from '../src/layer2/watched.ts';
import { type Instant, after, instant } from '../src/machine.ts';
import type { Ip } from '../src/net/ip.ts';
import { reachOfGroups } from './electionFacts.ts';
import type { EngineParts } from './engineParts.ts';
import type { Layer2Engine } from './layer2Engine.ts';
import type { Mesh } from './mesh.ts';

const NO_GROUPS: ReadonlyMap<Ip, Reach> = new Map();
/** Of what is more than that others among them are told of, too. */
const MOST_UNHELD = 8;
/** Thousands come into their phase one after the other; the first is told of at once, since others may ask for what they think is missing. */
const GATHER_MS = 50;

/** What this node tells the others of itself: what it cannot announce, and what of its own it does not answer for. */
export class SelfNote {
  readonly #parts: EngineParts;
  readonly #layer2: Layer2Engine;
  readonly #mesh: Mesh;
  /** What others are to announce before this node, where one can do it better. */
  reach: readonly ReachRange[] = [];
  #unheld: WatchedRanges = { v4: [], v6: [] };
  /** How many groups of addresses it has no interface for, or none in their subnet. */
  unfit = { subnet: 0, interface: 0 };
  #isGathering = false;
  /** The node's own addresses, which are no Service's. By the one that its Node has the others know it anyway. */
  own: readonly Ip[] = [];
  #toldAt: Instant | undefined;

  constructor(parts: EngineParts, layer2: Layer2Engine, mesh: Mesh) {
    this.#parts = parts;
    this.#layer2 = layer2;
    this.#mesh = mesh;
  }

  /** How well this node can announce what it may own. */
  measure(plan: Layer2Plan<WireClaim>): void {
    const reachOf = (claim: WireClaim): Reach => this.#layer2.ground.reachOf(claim);
    const groups = plan.candidacies.every((claim) => reachOf(claim) === REACH.near) ? NO_GROUPS : reachOfGroups(plan, reachOf);
    this.unfit = { subnet: 0, interface: 0 };
    for (const reach of groups.values()) {
      if (reach === REACH.afar) this.unfit.subnet += 1;
      else if (reach === REACH.none) this.unfit.interface += 1;
    }
    const ranges = reachRanges(groups);
    if (JSON.stringify(ranges) !== JSON.stringify(this.reach)) {
      this.#parts.changed();
      this.#parts.log.info(
        { ranges },
        'what other nodes are to announce before this one: 1 is in no subnet of its interfaces, 2 has no interface',
      );
    }
    this.reach = ranges;
    const known = new Set(plan.peers.map(({ source }) => source));
    this.own = this.#layer2.ground.addresses().filter((ip) => !known.has(ip) && !ip.startsWith('fe80:'));
    this.#tell();
  }

  /** It has no interface for any of what it may own. */
  isStranded({ candidacies }: Layer2Plan<WireClaim>): boolean {
    return candidacies.length > 0 && candidacies.every((claim) => this.#layer2.ground.reachOf(claim) === REACH.none);
  }

  /** Some address is answered for, or not any more. */
  phasesChanged(): void {
    if (this.#isGathering) return;
    this.#isGathering = true;
    const { clock, deadlines } = this.#parts;
    const now = clock.now();
    const next = this.#toldAt === undefined ? now : instant(Math.max(now, after(this.#toldAt, GATHER_MS)));
    deadlines.set('unheld', next, () => {
      this.#isGathering = false;
      this.#toldAt = clock.now();
      this.#unheld = watchedRanges(this.#layer2.unheld(), MOST_UNHELD);
      this.#tell();
    });
  }

  #tell(): void {
    this.#mesh.setNote({ reach: this.reach, unheld: this.#unheld, own: this.own });
  }

  stop(): void {
    this.#parts.deadlines.set('unheld', undefined, () => undefined);
  }
}
