import type { WireClaim } from '../src/announce/plan.ts';
import type { Ip } from '../src/net/ip.ts';

/** How a change of the cluster reached the wire. `layer2Probed`: whether a stranger has the address was asked first (RFC 5227). */
export type WireProtocol = 'bgp' | 'layer2' | 'layer2Probed';

/** Told when what a change asks for has been handed to the kernel. @param changedAtMs see {@link monotonicMs} */
export type NoteSent = (protocol: WireProtocol, changedAtMs: number) => void;

/** One clock for all threads of the process, which performance.now() is not. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Claims that a plan brought, until the first announcement of each is on the wire. */
export class AwaitedClaims {
  readonly #note: NoteSent;
  readonly #awaited = new Map<Ip, { readonly changedAtMs: number; readonly protocol: WireProtocol }>();
  #known: ReadonlySet<Ip> = new Set();

  constructor(note: NoteSent) {
    this.#note = note;
  }

  planned(claims: readonly WireClaim[], fresh: readonly Ip[], changedAtMs: number | undefined): void {
    const before = this.#known;
    this.#known = new Set(claims.map(({ ip }) => ip));
    for (const ip of this.#awaited.keys()) if (!this.#known.has(ip)) this.#awaited.delete(ip);
    if (changedAtMs === undefined) return;
    const probed = new Set(fresh);
    for (const ip of this.#known)
      if (!before.has(ip)) this.#awaited.set(ip, { changedAtMs, protocol: probed.has(ip) ? 'layer2Probed' : 'layer2' });
  }

  /** The address was announced on the wire. */
  announced(ip: Ip): void {
    if (this.#awaited.size === 0) return;
    const awaited = this.#awaited.get(ip);
    if (awaited === undefined) return;
    this.#awaited.delete(ip);
    this.#note(awaited.protocol, awaited.changedAtMs);
  }

  /** What waits for an interface has not been slow. */
  forget(): void {
    this.#awaited.clear();
  }
}
