/** One list for all that are alike. */
export class SharedLists {
  readonly #known = new Map<string, readonly string[]>();

  of(list: readonly string[]): readonly string[] {
    const key = list.join();
    const known = this.#known.get(key) ?? list;
    this.#known.set(key, known);
    return known;
  }
}
