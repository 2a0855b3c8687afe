import type { WireClaim } from '../src/announce/plan.ts';
import type { Ip } from '../src/net/ip.ts';
import type { ClaimReport } from './report.ts';

/** How a change of the cluster reached the wire. `layer2Probed`: whether a stranger has the address was asked first (RFC 5227). */
export type WireProtocol = 'bgp' | 'layer2' | 'layer2Probed';

/** Told when what a change asks for has been handed to the kernel. @param changedAtMs see {@link monotonicMs} */
export type NoteSent = (protocol: WireProtocol, changedAtMs: number) => void;

/** One clock for all threads of the process, which performance.now() is not. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

interface Planned {
  /** What the node had before the plan. */
  readonly held: ReadonlySet<Ip>;
  /** Addresses that are asked for first. */
  readonly fresh: readonly Ip[];
  readonly changedAtMs: number | undefined;
}

/** Claims that a plan brought, until the first announcement of each is on the wire. */
export class AwaitedClaims {
  readonly #note: NoteSent;
  readonly #awaited = new Map<Ip, { readonly changedAtMs: number; readonly protocol: WireProtocol }>();

  constructor(note: NoteSent) {
    this.#note = note;
  }

  /** @param claims what the node holds under the plan */
  planned(claims: readonly WireClaim[], { held, fresh, changedAtMs }: Planned): void {
    const known = new Set(claims.map(({ ip }) => ip));
    for (const ip of this.#awaited.keys()) if (!known.has(ip)) this.#awaited.delete(ip);
    if (changedAtMs === undefined) return;
    const probed = new Set(fresh);
    for (const ip of known) if (!held.has(ip)) this.#awaited.set(ip, { changedAtMs, protocol: probed.has(ip) ? 'layer2Probed' : 'layer2' });
  }

  /** Something about the claims is another now. */
  look(report: () => readonly ClaimReport[]): void {
    if (this.#awaited.size === 0) return;
    for (const { ip, phase } of report()) {
      const awaited = phase === 'claimed' ? this.#awaited.get(ip) : undefined;
      if (awaited === undefined) continue;
      this.#awaited.delete(ip);
      this.#note(awaited.protocol, awaited.changedAtMs);
    }
  }
}
