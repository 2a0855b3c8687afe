import type { Claim } from '../src/layer2/announcerState.ts';
import type { Ip } from '../src/net/ip.ts';
import { wallTime } from './clock.ts';
import type { EngineParts } from './engineParts.ts';

/** So many are told of one by one. */
const FEW = 20;

/** Since when each claim is what it is. The report tells that; the announcer itself does not care. */
export class ClaimPhases {
  readonly #parts: EngineParts;
  readonly #phases = new Map<Ip, { phase: string; since: string }>();
  #taken: Ip[] = [];

  constructor(parts: EngineParts) {
    this.#parts = parts;
  }

  since(ip: Ip): string | undefined {
    return this.#phases.get(ip)?.since;
  }

  /** @returns whether it is another than it was */
  note({ ip, phase }: Claim): boolean {
    if (this.#phases.get(ip)?.phase === phase) return false;
    this.#phases.set(ip, { phase, since: wallTime(this.#parts.clock.now()) });
    if (phase === 'claimed') this.#taken.push(ip);
    return true;
  }

  /** Tells what was taken since the last call. */
  tell(): void {
    const { log } = this.#parts;
    const taken = this.#taken;
    if (taken.length === 0) return;
    this.#taken = [];
    if (taken.length <= FEW) for (const ip of taken) log.info({ ip }, 'announcing the address by layer 2');
    else log.info({ count: taken.length, first: taken[0], last: taken.at(-1) }, 'announcing many addresses by layer 2');
  }

  delete(ip: Ip): void {
    this.#phases.delete(ip);
  }
}
