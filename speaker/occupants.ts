import type { Ip } from '../src/net/ip.ts';
import type { Mac } from '../src/net/mac.ts';
import type { EngineParts } from './engineParts.ts';

interface Occupant {
  readonly ip: Ip;
  readonly mac: Mac;
  readonly interface: string;
}

/** Hosts that were seen to have an address of ours. */
export class Occupants {
  readonly #parts: EngineParts;
  readonly #known = new Map<Ip, { readonly mac: Mac; readonly interface: string }>();

  constructor(parts: EngineParts) {
    this.#parts = parts;
  }

  get all(): ReadonlyMap<Ip, { readonly mac: Mac; readonly interface: string }> {
    return this.#known;
  }

  found({ ip, mac, interface: name }: Occupant, message: string): void {
    this.#parts.log.warn({ ip, mac, interface: name }, message);
    this.#known.set(ip, { mac, interface: name });
    this.#parts.changed();
  }

  /** @returns whether there was one */
  gone(ip: Ip): boolean {
    const was = this.#known.delete(ip);
    if (was) this.#parts.changed();
    return was;
  }
}
