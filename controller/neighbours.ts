import type { Config } from '../src/config/config.ts';
import { occupiedAddresses } from '../src/ipam/occupied.ts';
import { type Block, blockContains } from '../src/net/block.ts';
import type { Ip } from '../src/net/ip.ts';
import type { Watches } from './watches.ts';

/** Addresses of the pools that nodes of the cluster or other hosts have. */
export class Neighbours {
  readonly #watches: Watches;
  #seen = '';
  #inUse: ReadonlyMap<Ip, string> = new Map();
  #contents = '';

  constructor(watches: Watches) {
    this.#watches = watches;
  }

  /** @param version of `config` @returns a text that changes when {@link inUse} does */
  refresh(config: Pick<Config, 'pools'>, version: number): string {
    const { nodes, nodeStates } = this.#watches;
    const seen = `${version} ${nodes.store.version} ${nodeStates.store.version}`;
    if (seen === this.#seen) return this.#contents;
    this.#seen = seen;
    const blocks = config.pools.flatMap((pool) => pool.blocks);
    this.#inUse = new Map([...addressesInUse(this.#watches)].filter(([ip]) => isIn(blocks, ip)));
    this.#contents = JSON.stringify([...this.#inUse].toSorted(([a], [b]) => (a < b ? -1 : 1)));
    return this.#contents;
  }

  inUse(): ReadonlyMap<Ip, string> {
    return this.#inUse;
  }
}

/** In pools or not. */
export function addressesInUse({ nodes, nodeStates }: Pick<Watches, 'nodes' | 'nodeStates'>): Map<Ip, string> {
  return occupiedAddresses(nodes.store.values(), nodeStates.store.values());
}

function isIn(blocks: readonly Block[], ip: Ip): boolean {
  return blocks.some((block) => blockContains(block, ip));
}
