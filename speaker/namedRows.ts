import type { Sweep } from '../src/host/kube/store.ts';
import { Column, Rows } from '../src/rows/columns.ts';
import type { Texts } from '../src/rows/texts.ts';
import { RowSweep } from './rowSweep.ts';

/** Rows outside V8's heap, each with a name that is held for as long as the row is there. */
export class NamedRows {
  readonly #names: Texts;
  /** By the number of the name, plus one. */
  readonly #rowOf = new Column();
  readonly #rows: Rows;
  #size = 0;

  /** @param names which others may hold as well */
  constructor(names: Texts, width: number) {
    this.#names = names;
    this.#rows = new Rows(width);
  }

  get size(): number {
    return this.#size;
  }

  /** @returns -1 where no row has the name */
  find(key: string): number {
    const name = this.#names.find(key);
    return name < 0 ? -1 : this.rowAt(name);
  }

  /** Of a name's number. */
  rowAt(name: number): number {
    return this.#rowOf.get(name) - 1;
  }

  /** No row has the name. @returns a row of zeros */
  add(key: string): number {
    const row = this.#rows.add();
    this.#rowOf.set(this.#names.hold(key), row + 1);
    this.#size += 1;
    return row;
  }

  /** A row has the name. */
  remove(key: string): void {
    const name = this.#names.find(key);
    this.#rows.remove(this.rowAt(name));
    this.#rowOf.set(name, 0);
    this.#names.release(name);
    this.#size -= 1;
  }

  get(row: number, field: number): number {
    return this.#rows.get(row, field);
  }

  set(row: number, field: number, value: number): void {
    this.#rows.set(row, field, value);
  }

  sweep(): Sweep {
    return new RowSweep(this.#names, this.#rowOf);
  }

  *keys(): Generator<string, undefined> {
    for (const name of this.names()) yield this.#names.text(name);
    return undefined;
  }

  /** The numbers of the names that have a row. */
  *names(): Iterable<number> {
    for (let name = 0; name < this.#names.room; name++) if (this.#rowOf.get(name) !== 0) yield name;
  }
}
