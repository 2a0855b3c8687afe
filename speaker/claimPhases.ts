import type { Claim, PhaseSince } from '../src/layer2/announcerState.ts';
import type { Ip } from '../src/net/ip.ts';
import { wallTime } from './clock.ts';
import type { EngineParts } from './engineParts.ts';

/** So many are told of one by one. */
const FEW = 20;

/** Since when each claim is what it is, and which of them the last report did not tell of. */
export class ClaimPhases {
  readonly #parts: EngineParts;
  /** By phase: of the second in which a claim last came into it. */
  readonly #latest = new Map<string, PhaseSince>();
  #taken: Ip[] = [];
  readonly #untold = new Set<Ip>();
  #areAllUntold = true;

  constructor(parts: EngineParts) {
    this.#parts = parts;
  }

  /** @param claim undefined: it is none any more @returns whether it is another than it was */
  note(ip: Ip, claim: Claim | undefined): boolean {
    this.touch(ip);
    if (claim === undefined) return true;
    if (claim.noted?.phase === claim.phase) return false;
    claim.noted = this.#now(claim);
    if (claim.phase === 'claimed') this.#taken.push(ip);
    return true;
  }

  #now({ phase }: Claim): PhaseSince {
    const since = wallTime(this.#parts.clock.now());
    const known = this.#latest.get(phase);
    if (known?.since === since) return known;
    const value = { phase, since };
    this.#latest.set(phase, value);
    return value;
  }

  /** Something of it may be otherwise than was reported. */
  touch(ip: Ip): void {
    if (!this.#areAllUntold) this.#untold.add(ip);
  }

  touchAll(): void {
    this.#areAllUntold = true;
    this.#untold.clear();
  }

  /** @returns what is to be reported, for the last time; undefined: all there is */
  untold(): Ip[] | undefined {
    const ips = this.#areAllUntold ? undefined : [...this.#untold];
    this.#areAllUntold = false;
    this.#untold.clear();
    return ips;
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
}
