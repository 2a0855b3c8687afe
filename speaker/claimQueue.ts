import type { WireClaim } from '../src/announce/plan.ts';
import { type AnnouncerEvent, type Claim, type WantedClaim, isSameWish } from '../src/layer2/announcerState.ts';
import type { Ip } from '../src/net/ip.ts';
import type { EngineParts } from './engineParts.ts';
import { Lately } from './lately.ts';

/** So many claims are begun with at a time: in between, BFD packets are read and sent. */
const SLICE = 500;

/** What a speaker is to hold. */
export interface WantedClaims {
  readonly claims: readonly WireClaim[];
  /** To be asked for first. */
  readonly fresh: readonly Ip[];
  /** What is another's, and still answered for without a word. */
  readonly parting: readonly WireClaim[];
}

/** Thousands of claims may change at once, and are handed to the announcer in slices. What is to be given up goes at once. */
export class ClaimQueue {
  #waiting = new Map<Ip, WantedClaim>();
  readonly #lately: Lately;

  constructor(parts: EngineParts) {
    this.#lately = new Lately(parts);
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** In the place of all that waits. @param held what the announcer has now @returns how to begin */
  begin({ claims, fresh, parting }: WantedClaims, held: ReadonlyMap<Ip, Claim>): AnnouncerEvent {
    const before = this.#waiting;
    const probed = new Set(fresh);
    const kept = new Set<Ip>();
    this.#waiting = new Map();
    for (const { ip, interfaces } of claims) {
      kept.add(ip);
      const probe = (probed.has(ip) && !this.#lately.has(ip)) || before.get(ip)?.probe === true;
      const want = interfaces === undefined ? { ip, probe } : { ip, interfaces, probe };
      const claim = held.get(ip);
      if (claim === undefined || !isSameWish(claim.wanted, want)) this.#waiting.set(ip, want);
    }
    for (const { ip } of parting) kept.add(ip);
    const gone: Ip[] = [];
    for (const ip of held.keys()) if (!kept.has(ip)) gone.push(ip);
    this.#lately.add(gone.filter((ip) => wasHeld(held.get(ip))));
    const silenced = parting.map((claim): WantedClaim => ({ ...claim, probe: false, quiet: true }));
    return { kind: 'claims', claims: [...silenced, ...this.#take()], gone };
  }

  /** Some more. */
  next(): AnnouncerEvent {
    return { kind: 'claims', claims: this.#take(), gone: [] };
  }

  /** It is not wanted any more. */
  drop(ip: Ip): void {
    this.#waiting.delete(ip);
  }

  #take(): WantedClaim[] {
    const slice: WantedClaim[] = [];
    for (const want of this.#waiting.values()) {
      if (slice.length === SLICE) break;
      slice.push(want);
    }
    for (const { ip } of slice) this.#waiting.delete(ip);
    return slice;
  }
}

/** It was answered for, until now or until the interface failed. */
function wasHeld(claim: Claim | undefined): boolean {
  return claim !== undefined && claim.held && claim.phase !== 'yielded';
}
