/** Takes and frees numbers of 0..size-1 and finds the next free one in a few steps, however many are taken. */
export class FreeMap {
  readonly #size: number;
  readonly #leaf: (word: number) => number;
  /**
   * A tree of 32-bit words. In level 0 a bit says that the number is taken, above that the word below is full. Words that
   * nobody touched are not stored, so an empty /64 costs nothing.
   */
  readonly #levels: readonly Map<number, number>[];

  /**
   * @param size at most 2^31
   * @param leaf the bits of level-0 word `word` that are taken from the start; never all of them
   */
  constructor(size: number, leaf: (word: number) => number = () => 0) {
    this.#size = size;
    this.#leaf = leaf;
    const levels = [new Map<number, number>()];
    for (let words = Math.ceil(size / 32); words > 1; words = Math.ceil(words / 32)) levels.push(new Map());
    this.#levels = levels;
  }

  take(number: number): void {
    let index = number;
    for (let level = 0; level < this.#levels.length; level++) {
      const word = index >>> 5;
      const mask = this.#word(level, word) | (1 << (index & 31));
      this.#levels[level]?.set(word, mask);
      if (mask !== FULL) return;
      index = word;
    }
  }

  free(number: number): void {
    let index = number;
    for (let level = 0; level < this.#levels.length; level++) {
      const word = index >>> 5;
      const mask = this.#word(level, word);
      this.#levels[level]?.set(word, mask & ~(1 << (index & 31)));
      if (mask !== FULL) return;
      index = word;
    }
  }

  /** @returns the smallest free number that is `from` or more, undefined when there is none. */
  next(from: number): number | undefined {
    let index = from;
    for (let level = 0; level < this.#levels.length; level++) {
      const word = index >>> 5;
      const open = ~this.#word(level, word) & (-1 << (index & 31));
      if (open !== 0) return this.#descend(level, word * 32 + lowestBit(open));
      index = word + 1;
      // A shift by 32 is a shift by 0: past the last word of a level there is nothing to look at.
      if (index * 32 ** (level + 1) >= this.#size) return undefined;
    }
    return undefined;
  }

  #descend(from: number, found: number): number | undefined {
    let index = found;
    for (let level = from - 1; level >= 0; level--) index = index * 32 + lowestBit(~this.#word(level, index));
    return index < this.#size ? index : undefined;
  }

  #word(level: number, word: number): number {
    return this.#levels[level]?.get(word) ?? (level === 0 ? this.#leaf(word) : 0);
  }
}

const FULL = -1;

function lowestBit(mask: number): number {
  return 31 - Math.clz32(mask & -mask);
}
