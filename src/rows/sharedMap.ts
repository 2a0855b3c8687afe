import { Column } from './columns.ts';
import { SharedValues } from './sharedValues.ts';
import type { Texts } from './texts.ts';

/** A map whose keys are numbers of names, and of which thousands have the same value. An entry has four bytes besides its name. */
export class SharedMap<K extends string, V> {
  readonly #names: Texts;
  /** Of the value, plus one. */
  readonly #numbers = new Column();
  readonly #values = new SharedValues<V>();
  #size = 0;

  /** @param names may have more names than are keys here, and has those that are */
  constructor(names: Texts) {
    this.#names = names;
  }

  get size(): number {
    return this.#size;
  }

  get(key: K): V | undefined {
    const place = this.#names.find(key);
    return place < 0 ? undefined : this.at(place);
  }

  /** @param place of the key among the names */
  at(place: number): V | undefined {
    return this.#values.of(this.#numbers.get(place) - 1);
  }

  set(key: K, value: V): void {
    const place = this.#names.hold(key);
    const before = this.#numbers.get(place);
    this.#numbers.set(place, this.#values.hold(value) + 1);
    if (before === 0) this.#size += 1;
    else {
      this.#names.release(place);
      this.#values.release(before - 1);
    }
  }

  delete(key: K): boolean {
    const place = this.#names.find(key);
    const before = place < 0 ? 0 : this.#numbers.get(place);
    if (before === 0) return false;
    this.#numbers.set(place, 0);
    this.#values.release(before - 1);
    this.#names.release(place);
    this.#size -= 1;
    return true;
  }

  /** The places of the keys, in no particular order. */
  *places(): Iterable<number> {
    for (let place = 0; place < this.#names.room; place++) if (this.#numbers.get(place) !== 0) yield place;
  }
}
