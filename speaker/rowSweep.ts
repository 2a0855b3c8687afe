import type { Sweep } from '../src/host/kube/store.ts';
import { Column } from '../src/rows/columns.ts';
import type { Texts } from '../src/rows/texts.ts';

/** Which rows a new list does not have, by the numbers of their names. */
export class RowSweep implements Sweep {
  readonly #names: Texts;
  readonly #rowOf: Column;
  readonly #unseen = new Column();

  /** @param rowOf by name, zero where none is */
  constructor(names: Texts, rowOf: Column) {
    this.#names = names;
    this.#rowOf = rowOf;
    for (const name of this.#here()) this.#unseen.set(name, 1);
  }

  /** Called when it has been put: its name may have the number of one that is gone. */
  seen(key: string): void {
    const name = this.#names.find(key);
    if (name >= 0 && this.#unseen.get(name) !== 0) this.#unseen.set(name, 0);
  }

  *unseen(): Iterable<string> {
    for (const name of this.#here()) if (this.#unseen.get(name) !== 0) yield this.#names.text(name);
  }

  *#here(): Iterable<number> {
    for (let name = 0; name < this.#names.room; name++) if (this.#rowOf.get(name) !== 0) yield name;
  }
}
