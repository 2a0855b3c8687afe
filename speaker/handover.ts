import type { WireClaim } from '../src/announce/plan.ts';
import { DueHeap, type DueItem } from '../src/layer2/dueHeap.ts';
import { type Instant, after } from '../src/machine.ts';
import type { Ip } from '../src/net/ip.ts';
import type { EngineParts } from './engineParts.ts';

/** The new owner announces within milliseconds; after so long it does not know of it, or was not heard. */
const LIMIT_MS = 1000;
/** It may have announced it before this node listened, as after a flap; so many are asked for out of turn. */
const EARLY_MS = 60;
const FEW = 256;
/** Who has the address answers a question for it at once, but the question may be lost, or the answer, or its announcement still be to come. */
const PAUSES_MS = [100, 200, 400];
/** So recently heard, the new owner was there before the plan that made it one. */
const RECENT_MS = 1000;
/** What this node may not have any more by the configuration is not kept for longer, whether another has it or not. */
const STRAY_MS = 10_000;
/** A question may come twice; who has got an answer to it does not ask another time so soon. */
const TWICE_MS = 60;

/** What is another's now. */
export interface Handed {
  readonly claim: WireClaim;
  readonly to: string;
  /** This node would not be its owner if it were the only one. */
  readonly isStray?: boolean;
}

interface Parting extends DueItem {
  claim: WireClaim;
  readonly to: string;
  readonly isStray: boolean;
  readonly since: Instant;
  asked: number;
  /** When its new owner asked for the first time whether it is free. */
  questionAt: Instant | undefined;
}

/** Addresses that are another node's now, and that this one goes on answering for until it has heard that one (make before break). */
export class Handover {
  /** `timeout`: nobody has taken it, and it is kept for another while. */
  readonly ends = { heard: 0, timeout: 0 };
  readonly #parts: EngineParts;
  readonly #onEnd: (ip: Ip) => void;
  readonly #ask: (claim: WireClaim) => void;
  readonly #partings = new Map<Ip, Parting>();
  readonly #due = new DueHeap<Parting>();
  /** Who was last heard to claim an address that was this node's own; undefined: it is not known which node. */
  readonly #heard = new Map<Ip, { readonly at: Instant; readonly node: string | undefined }>();

  /** @param onEnd another has it; @param ask ask the segment who else has it */
  constructor(parts: EngineParts, onEnd: (ip: Ip) => void, ask: (claim: WireClaim) => void) {
    this.#parts = parts;
    this.#onEnd = onEnd;
    this.#ask = ask;
  }

  /** @param handed what is held and another's now @returns what of it is still to be answered for */
  set(handed: ReadonlyMap<Ip, Handed>): WireClaim[] {
    const now = this.#parts.clock.now();
    for (const [ip, parting] of this.#partings) if (handed.get(ip)?.to !== parting.to) this.#forget(ip, parting);
    // What is older means nothing; the rest outlives elections that have to do with other nodes.
    for (const [ip, { at }] of this.#heard) if (now - at >= RECENT_MS) this.#heard.delete(ip);
    const isFew = handed.size <= FEW;
    const asked = isFew ? 0 : PAUSES_MS.length;
    for (const [ip, { claim, to, isStray = false }] of handed) {
      const known = this.#partings.get(ip);
      // It may be announced elsewhere by now, or nowhere.
      if (known !== undefined) known.claim = claim;
      else if (!this.#hasIt(ip, to))
        this.#begin({ claim, to, isStray, since: now, asked, questionAt: undefined, dueAt: now, slot: -1 }, isFew ? EARLY_MS : LIMIT_MS);
    }
    this.#schedule();
    return [...this.#partings.values()].map(({ claim }) => claim);
  }

  /** It has taken it before it was known here to be the owner. */
  #hasIt(ip: Ip, node: string): boolean {
    const heard = this.#heard.get(ip);
    return heard !== undefined && (heard.node ?? node) === node;
  }

  #begin(parting: Parting, askAfterMs: number): void {
    this.#partings.set(parting.claim.ip, parting);
    this.#due.schedule(parting, after(parting.since, askAfterMs));
  }

  get size(): number {
    return this.#partings.size;
  }

  /**
   * Somebody has announced the address: the new owner, or one that knows more than this node.
   * @param node its node, where its MAC is known
   * @returns whether it was being handed over
   */
  heard(ip: Ip, node: string | undefined): boolean {
    const parting = this.#partings.get(ip);
    if (parting === undefined) {
      this.#heard.set(ip, { at: this.#parts.clock.now(), node });
      return false;
    }
    this.ends.heard += 1;
    this.#end(ip, parting);
    return true;
  }

  /**
   * Its new owner asks whether it is free, though it was answered: it does not take that for leave, having given way before to what this node
   * said, and would ask for ever. So the address is given up without another answer.
   * @returns whether it is
   */
  isWaitedFor(ip: Ip, node: string | undefined): boolean {
    const parting = this.#partings.get(ip);
    if (parting === undefined || parting.to !== node) return false;
    const now = this.#parts.clock.now();
    parting.questionAt ??= now;
    if (now - parting.questionAt < TWICE_MS) return false;
    this.ends.heard += 1;
    this.#end(ip, parting);
    return true;
  }

  /** This node has announced it: whoever was heard before may have given way to that. */
  said(ip: Ip): void {
    this.#heard.delete(ip);
  }

  #end(ip: Ip, parting: Parting): void {
    this.#forget(ip, parting);
    this.#schedule();
    this.#onEnd(ip);
  }

  #forget(ip: Ip, parting: Parting): void {
    this.#partings.delete(ip);
    this.#due.remove(parting);
  }

  #schedule(): void {
    this.#parts.deadlines.set('handover', this.#due.first()?.dueAt, () => this.#expire());
  }

  /** Whoever is to have it may not have been told yet, having lost the API server: then it is better kept than left to nobody. */
  #expire(): void {
    const now = this.#parts.clock.now();
    for (let parting = this.#due.first(); parting !== undefined && parting.dueAt <= now; parting = this.#due.first()) {
      if (now - parting.since > LIMIT_MS) this.ends.timeout += 1;
      if (parting.isStray && now - parting.since >= STRAY_MS) {
        this.#end(parting.claim.ip, parting);
        continue;
      }
      this.#ask(parting.claim);
      this.#due.schedule(parting, after(now, PAUSES_MS[parting.asked] ?? LIMIT_MS));
      parting.asked += 1;
    }
    this.#schedule();
  }
}
