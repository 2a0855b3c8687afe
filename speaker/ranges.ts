import type { PeerPlan } from '../src/announce/plan.ts';
import type { PeerStatus } from '../src/bgp/peerContract.ts';
import { after } from '../src/machine.ts';
import { blockContains, blockOfPrefix } from '../src/net/block.ts';
import type { Ip } from '../src/net/ip.ts';
import { type Prefix, prefixLength } from '../src/net/prefix.ts';
import type { EngineParts } from './engineParts.ts';
import type { Accepted } from './hands.ts';
import { memberName } from './peerName.ts';
import type { WireProblem } from './report.ts';

/** More routers than any node has; what a forgotten firewall lets in must not eat the memory. */
const MAX_ROUTERS = 256;
/** A router that has been away for so long is forgotten. */
const GONE_MS = 180_000;

export interface RangeEvents {
  /** Routers have come or gone. */
  readonly changed: () => void;
  readonly statusOf: (session: string) => PeerStatus | undefined;
}

/** BGPPeers that are prefixes: each router that connects from there has a session of its own for as long as it is there. */
export class Ranges {
  readonly #parts: EngineParts;
  readonly #events: RangeEvents;
  #plans: readonly PeerPlan[] = [];
  /** By BGPPeer name. */
  readonly #members = new Map<string, Set<Ip>>();
  readonly #full = new Set<string>();

  constructor(parts: EngineParts, events: RangeEvents) {
    this.#parts = parts;
    this.#events = events;
  }

  /** @param plans those with a `listenRange` */
  set(plans: readonly PeerPlan[]): void {
    this.#plans = plans;
    for (const [name, routers] of this.#members) {
      const range = this.#plans.find((plan) => plan.name === name)?.session.listenRange;
      for (const router of routers) if (range === undefined || !contains(range, router)) this.#forget(name, router);
    }
  }

  /** The plan of each router that is there. */
  plansOf({ name, session, routes }: PeerPlan): PeerPlan[] {
    const members = [...(this.#members.get(name) ?? [])];
    return members.map((address) => ({ name: memberName(name, address), session: { ...session, address, passive: true }, routes }));
  }

  /** The range that a connection belongs to: the longest, as in routing. */
  ownerOf({ remote, device }: Pick<Accepted, 'remote' | 'device'>): PeerPlan | undefined {
    let best: PeerPlan | undefined;
    for (const plan of this.#plans) {
      const { listenRange: range, vrf } = plan.session;
      if (range === undefined || vrf !== device || !contains(range, remote)) continue;
      if (best?.session.listenRange === undefined || prefixLength(range) > prefixLength(best.session.listenRange)) best = plan;
    }
    return best;
  }

  /** @returns whether there is room for this router */
  add({ name }: PeerPlan, router: Ip): boolean {
    const routers = this.#members.get(name) ?? new Set();
    if (routers.size >= MAX_ROUTERS) {
      if (!this.#full.has(name)) this.#parts.log.warn({ peer: name, router }, 'too many routers');
      this.#full.add(name);
      return false;
    }
    this.#members.set(name, routers.add(router));
    this.#events.changed();
    this.#watch(name, router, GONE_MS);
    return true;
  }

  problems(): WireProblem[] {
    return [...this.#full].map((peer) => ({ reason: 'TooManyRouters', peer, limit: MAX_ROUTERS }));
  }

  #watch(name: string, router: Ip, delayMs: number): void {
    const { clock, deadlines } = this.#parts;
    const session = memberName(name, router);
    deadlines.set(`range/${session}`, after(clock.now(), delayMs), () => {
      const status = this.#events.statusOf(session);
      const goneMs = status === undefined ? GONE_MS : clock.now() - status.since;
      if (status?.state === 'Established') this.#watch(name, router, GONE_MS);
      else if (goneMs < GONE_MS) this.#watch(name, router, GONE_MS - goneMs);
      else {
        this.#forget(name, router);
        this.#events.changed();
      }
    });
  }

  #forget(name: string, router: Ip): void {
    const routers = this.#members.get(name);
    routers?.delete(router);
    if (routers?.size === 0) this.#members.delete(name);
    this.#full.delete(name);
    this.#parts.deadlines.set(`range/${memberName(name, router)}`, undefined, () => undefined);
  }
}

function contains(range: Prefix, ip: Ip): boolean {
  return blockContains(blockOfPrefix(range), ip);
}
