/** Values that many have in common, each with a number for as long as somebody holds it. */
export class SharedValues<V> {
  readonly #numbers = new Map<unknown, number>();
  readonly #entries: ({ readonly key: unknown; readonly value: V; holders: number } | undefined)[] = [];
  readonly #free: number[] = [];

  /** @param key equal for values that are alike; default: the value itself @returns the value's number, to be released as often */
  hold(value: V, key: unknown = value): number {
    const known = this.#numbers.get(key);
    const entry = known === undefined ? undefined : this.#entries[known];
    if (known !== undefined && entry !== undefined) {
      entry.holders += 1;
      return known;
    }
    const made = this.#free.pop() ?? this.#entries.length;
    this.#numbers.set(key, made);
    this.#entries[made] = { key, value, holders: 1 };
    return made;
  }

  of(number: number): V | undefined {
    return this.#entries[number]?.value;
  }

  release(number: number): void {
    const entry = this.#entries[number];
    if (entry === undefined) return;
    entry.holders -= 1;
    if (entry.holders > 0) return;
    this.#numbers.delete(entry.key);
    this.#entries[number] = undefined;
    this.#free.push(number);
  }
}
