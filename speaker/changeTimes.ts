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

  /** Announced while a plan is being carried out, of which it is not known yet what it brings. */
  #meanwhile: Set<Ip> | undefined;

  constructor(note: NoteSent) {
    this.#note = note;
  }

  /** A plan is about to be carried out; `planned` follows. */
  begin(): void {
    this.#meanwhile = new Set();
  }

  /** @param claims what the node holds under the plan */
  planned(claims: readonly WireClaim[], { held, fresh, changedAtMs }: Planned): void {
    const meanwhile = this.#meanwhile;
    this.#meanwhile = undefined;
    if (changedAtMs === undefined && this.#awaited.size === 0) return;
    const known = new Set(claims.map(({ ip }) => ip));
    for (const ip of this.#awaited.keys()) if (!known.has(ip)) this.#awaited.delete(ip);
    if (changedAtMs === undefined) return;
    const probed = new Set(fresh);
    for (const ip of known) {
      if (held.has(ip)) continue;
      this.#awaited.set(ip, { changedAtMs, protocol: probed.has(ip) ? 'layer2Probed' : 'layer2' });
      if (meanwhile?.has(ip) === true) this.announced(ip);
    }
  }

  /** The address was announced on the wire. */
  announced(ip: Ip): void {
    this.#meanwhile?.add(ip);
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
