import type { Block } from '../net/block.ts';
import type { Family } from '../net/ip.ts';

interface Owned {
  readonly block: Block;
  readonly owner: string;
}

/** Blocks that do not overlap with each other, in order: what a new one overlaps with is found without a look at all. */
export class BlockIndex {
  readonly #sorted: Readonly<Record<Family, Owned[]>> = { ipv4: [], ipv6: [] };

  overlapping(block: Block): Owned[] {
    const sorted = this.#sorted[block.family];
    const found: Owned[] = [];
    for (let at = this.#firstEndingAtOrAfter(block); at < sorted.length; at++) {
      const other = sorted[at];
      if (other === undefined || other.block.first > block.last) break;
      found.push(other);
    }
    return found;
  }

  /** @param block one that overlaps with none of those that are here */
  add(block: Block, owner: string): void {
    this.#sorted[block.family].splice(this.#firstEndingAtOrAfter(block), 0, { block, owner });
  }

  #firstEndingAtOrAfter({ family, first }: Block): number {
    const sorted = this.#sorted[family];
    let low = 0;
    let high = sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = sorted[middle];
      if (other !== undefined && other.block.last < first) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
