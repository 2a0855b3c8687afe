/** Large enough that the C library asks the kernel for it, who gives memory only where something is written. */
const BITS = 18;
const PAGE = 1 << BITS;
const MIN_PAGE = 256;

/** Bytes outside V8's heap that are written once, one piece after the other. A piece is never in two pages, so what is longer has its own. */
export class ByteArena {
  readonly #pages: Uint8Array[] = [];
  #used = 0;
  #room = 0;
  #size = 0;

  /** Of all pieces. */
  get size(): number {
    return this.#size;
  }

  /** @returns where the piece is */
  append(piece: Uint8Array): number {
    const { length } = piece;
    if (this.#used + Math.max(1, length) > this.#room) {
      // The first ones are small: there are many memories of few things.
      this.#room = Math.max(length, Math.min(PAGE, Math.max(MIN_PAGE, 2 * this.#room)));
      this.#pages.push(new Uint8Array(this.#room));
      this.#used = 0;
    }
    const page = this.#pages.length - 1;
    const at = this.#used;
    this.#pages[page]?.set(piece, at);
    this.#used += length;
    this.#size += length;
    return (page << BITS) | at;
  }

  /** The bytes from there to the end of the page. */
  page(at: number): Uint8Array {
    return this.#pages[at >>> BITS] as Uint8Array;
  }

  /** Where in its page a piece begins. */
  offset(at: number): number {
    return at & (PAGE - 1);
  }
}
