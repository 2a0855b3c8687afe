import type { Layer2Plan, WireClaim } from '../src/announce/plan.ts';
import type { NodeNote } from '../src/layer2/reachNote.ts';
import type { Ip } from '../src/net/ip.ts';
import type { EngineParts } from './engineParts.ts';
import type { WireProblem } from './report.ts';

/**
 * Addresses that no Service can have, whoever gave them to one: those of nodes, and the gateways of this one. To announce one of these
 * would take the node, or the whole segment, off the network.
 */
export class ReservedAddresses {
  readonly #parts: EngineParts;
  readonly #onChange: () => void;
  readonly #nodes = new Map<Ip, string>();
  /** What the nodes have besides, as they say themselves. */
  #others = new Map<Ip, string>();
  #candidacies: readonly WireClaim[] = [];
  #gateways: ReadonlySet<Ip> = new Set();
  #unwatch: (() => void) | undefined;
  #refused: readonly Ip[] = [];

  /** @param onChange the gateways are others */
  constructor(parts: EngineParts, onChange: () => void) {
    this.#parts = parts;
    this.#onChange = onChange;
  }

  set(node: string, { peers, candidacies }: Layer2Plan<WireClaim>): void {
    this.#nodes.clear();
    for (const { node: other, address, source } of peers) this.#nodes.set(source, node).set(address, other);
    if (candidacies.length > 0) this.#watch();
    this.#candidacies = candidacies;
    this.#look();
  }

  /** What each node says of itself. */
  setOthers(notes: ReadonlyMap<string, Pick<NodeNote, 'own'>>): void {
    const others = new Map([...notes].flatMap(([node, { own }]) => own.map((ip): [Ip, string] => [ip, node])));
    if (others.size === this.#others.size && [...others].every(([ip, node]) => this.#others.get(ip) === node)) return;
    this.#others = others;
    this.#look();
  }

  #look(): void {
    this.#refused = this.#candidacies.flatMap(({ ip }) => (this.of(ip) === undefined ? [] : [ip]));
  }

  #watch(): void {
    if (this.#unwatch !== undefined) return;
    let isFirst = true;
    try {
      this.#unwatch = this.#parts.hands.routes.watch((routes) => {
        const gateways = new Set(routes.map(({ gateway }) => gateway));
        const isSame = gateways.size === this.#gateways.size && [...gateways].every((gateway) => this.#gateways.has(gateway));
        this.#gateways = gateways;
        if (!isSame && !isFirst) this.#onChange();
      });
    } catch (error) {
      this.#parts.log.warn({ err: error }, 'the kernel does not tell the default routes: gateways are not known');
      this.#unwatch = () => undefined;
    }
    isFirst = false;
  }

  /** Whose address it is. */
  of(ip: Ip): string | undefined {
    const node = this.#nodes.get(ip) ?? this.#others.get(ip);
    if (node !== undefined) return `Node/${node}`;
    return this.#gateways.has(ip) ? 'the default gateway' : undefined;
  }

  problems(): WireProblem[] {
    return this.#refused.flatMap((ip): WireProblem[] => {
      const owner = this.of(ip);
      return owner === undefined ? [] : [{ reason: 'AddressOfNode', ip, owner }];
    });
  }

  stop(): void {
    this.#unwatch?.();
    this.#unwatch = undefined;
  }
}
