import { Column } from './columns.ts';
import type { Texts } from './texts.ts';

const SEVERAL = -1;

/** Several texts to a text, of which nearly every one has a single one; both are held by their numbers, outside V8's heap. */
export class TextMultiMap<K extends string, V extends string> {
  readonly #keys: Texts;
  readonly #values: Texts;
  /** By the key: the number of its value, plus one, or {@link SEVERAL}. */
  readonly #only = new Column();
  readonly #several = new Map<number, Set<number>>();

  /** Both may have more texts than these. */
  constructor(keys: Texts, values: Texts) {
    this.#keys = keys;
    this.#values = values;
  }

  get(key: K): readonly V[] {
    const at = this.#keys.find(key);
    const only = at < 0 ? 0 : this.#only.get(at);
    if (only === 0) return [];
    const values = only === SEVERAL ? [...(this.#several.get(at) ?? [])] : [only - 1];
    return values.map((value) => this.#values.text(value) as V);
  }

  has(key: K): boolean {
    const at = this.#keys.find(key);
    return at >= 0 && this.#only.get(at) !== 0;
  }

  /** More than one. */
  hasSeveral(key: K): boolean {
    const at = this.#keys.find(key);
    return at >= 0 && this.#only.get(at) === SEVERAL;
  }

  add(key: K, value: V): void {
    const [at, added] = [this.#keys.hold(key), this.#values.hold(value)];
    const only = this.#only.get(at);
    const several = this.#several.get(at);
    if (only === added + 1 || several?.has(added) === true) {
      this.#keys.release(at);
      this.#values.release(added);
    } else if (only === 0) this.#only.set(at, added + 1);
    else if (several === undefined) {
      this.#only.set(at, SEVERAL);
      this.#several.set(at, new Set([only - 1, added]));
    } else several.add(added);
  }

  delete(key: K, value: V): void {
    const [at, gone] = [this.#keys.find(key), this.#values.find(value)];
    if (at < 0 || gone < 0 || !this.#remove(at, gone)) return;
    this.#keys.release(at);
    this.#values.release(gone);
  }

  #remove(at: number, gone: number): boolean {
    if (this.#only.get(at) === gone + 1) {
      this.#only.set(at, 0);
      return true;
    }
    const several = this.#several.get(at);
    if (several?.delete(gone) !== true) return false;
    const [last] = several;
    if (several.size === 1 && last !== undefined) {
      this.#several.delete(at);
      this.#only.set(at, last + 1);
    }
    return true;
  }
}
