/** Large enough that the C library asks the kernel for each, who gives memory only where something is written. */
const BITS = 15;
const PAGE = 1 << BITS;
const MASK = PAGE - 1;
const ROW_BITS = 14;
const ROWS = 1 << ROW_BITS;
const ROW_MASK = ROWS - 1;

/** Numbers of 32 bits by place, outside V8's heap, zero where none was set. It grows by a page, so that nothing is ever copied. */
export class Column {
  readonly #pages: (Int32Array | undefined)[] = [];

  get(place: number): number {
    return this.#pages[place >>> BITS]?.[place & MASK] ?? 0;
  }

  set(place: number, value: number): void {
    const at = place >>> BITS;
    // Without holes, which would make it slow.
    while (this.#pages.length <= at) this.#pages.push(undefined);
    const page = withRoom(this.#pages[at], at === 0 ? place + 1 : PAGE, PAGE);
    this.#pages[at] = page;
    page[place & MASK] = value;
  }
}

/** A first page begins small: there are many memories of few things. */
function withRoom(page: Int32Array | undefined, wanted: number, most: number): Int32Array {
  if (page !== undefined && page.length >= wanted) return page;
  const grown = new Int32Array(Math.min(most, Math.max(2 * wanted, 16)));
  if (page !== undefined) grown.set(page);
  return grown;
}

/** Rows of so many numbers each. A row that is given back is the next one that is given out. */
export class Rows {
  readonly #width: number;
  readonly #pages: Int32Array[] = [];
  #room = 0;
  /** The row that was given back last, plus one; its first number tells of the one before it. */
  #free = 0;

  constructor(width: number) {
    this.#width = width;
  }

  /** All rows are below. */
  get room(): number {
    return this.#room;
  }

  /** @returns a row of zeros */
  add(): number {
    const free = this.#free - 1;
    if (free >= 0) {
      this.#free = this.get(free, 0);
      this.set(free, 0, 0);
      return free;
    }
    const row = this.#room++;
    const at = row >>> ROW_BITS;
    this.#pages[at] = withRoom(this.#pages[at], (at === 0 ? this.#room : ROWS) * this.#width, ROWS * this.#width);
    return row;
  }

  remove(row: number): void {
    for (let field = 1; field < this.#width; field++) this.set(row, field, 0);
    this.set(row, 0, this.#free);
    this.#free = row + 1;
  }

  get(row: number, field: number): number {
    return this.#pages[row >>> ROW_BITS]?.[(row & ROW_MASK) * this.#width + field] ?? 0;
  }

  set(row: number, field: number, value: number): void {
    const page = this.#pages[row >>> ROW_BITS];
    if (page !== undefined) page[(row & ROW_MASK) * this.#width + field] = value;
  }
}
