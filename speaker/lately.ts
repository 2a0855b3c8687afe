import { after } from '../src/machine.ts';
import type { Ip } from '../src/net/ip.ts';
import type { EngineParts } from './engineParts.ts';

/** A stranger does not come within so long, and what is made anew by hand or by a tool does. */
const LATELY_MS = 2000;

/**
 * What this node answered for a moment ago, and gave up to nobody: a Service or an L2Advertisement was deleted, perhaps to be made anew, or its link flaps.
 * That no stranger has the address is known then (RFC 5227 §2.1 has a host ask before it begins to use one).
 */
export class Lately {
  readonly #parts: EngineParts;
  readonly #until = new Map<Ip, number>();

  constructor(parts: EngineParts) {
    this.#parts = parts;
  }

  add(ips: readonly Ip[]): void {
    if (ips.length === 0) return;
    const { clock, deadlines } = this.#parts;
    const until = after(clock.now(), LATELY_MS);
    for (const ip of ips) this.#until.set(ip, until);
    deadlines.set('lately', until, () => this.#until.clear());
  }

  has(ip: Ip): boolean {
    return (this.#until.get(ip) ?? 0) > this.#parts.clock.now();
  }
}
