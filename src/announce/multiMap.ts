/**
 * Several values to a key, of which nearly every key has one: that one is kept without a set around it, which at 100,000 keys is a
 * hundred bytes each.
 */
export class MultiMap<K, V extends string | object> {
  readonly #map = new Map<K, V | Set<V>>();

  get(key: K): readonly V[] {
    const known = this.#map.get(key);
    if (known === undefined) return [];
    return known instanceof Set ? [...known] : [known];
  }

  has(key: K): boolean {
    return this.#map.has(key);
  }

  /** Without a list around it, where there is just one. */
  only(key: K): V | undefined {
    const known = this.#map.get(key);
    return known instanceof Set ? undefined : known;
  }

  add(key: K, value: V): void {
    const known = this.#map.get(key);
    if (known === undefined) this.#map.set(key, value);
    else if (known instanceof Set) known.add(value);
    else if (known !== value) this.#map.set(key, new Set([known, value]));
  }

  delete(key: K, value: V): void {
    const known = this.#map.get(key);
    if (known instanceof Set) known.delete(value);
    if (known === value || (known instanceof Set && known.size === 0)) this.#map.delete(key);
  }
}
