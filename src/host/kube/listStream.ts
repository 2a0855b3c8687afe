import { joined } from './lines.ts';

const [QUOTE, BACKSLASH, COMMA, OPEN_LIST, CLOSE_LIST, OPEN, CLOSE] = [0x22, 0x5c, 0x2c, 0x5b, 0x5d, 0x7b, 0x7d];
/** How an object's own list of items begins. What stands before a quote that is itself within a name is a backslash. */
const BEGINS_ITEMS = /[{,\s]"items"\s*:\s*$/;

/** @param metadata of the list */
export type EachItem = (item: unknown, metadata: unknown) => void;

/**
 * Reads a list while it comes: each item is parsed by itself and handed over, so that neither the text of a page nor what is made of it is in memory as a
 * whole. What a page is made of is young when it is done with; as one tree it was old before, and stayed until the whole heap was collected.
 *
 * An item is handed over when the list's metadata is known. Custom resources come sorted by name, their items first: these stand in what is
 * returned at the end, as all else does.
 */
export class ListStream {
  readonly #each: EachItem;
  /** What is not of the items. */
  #rest: Uint8Array[] = [];
  /** Of the item that has begun. */
  #pending: Uint8Array[] = [];
  #depth = 0;
  #isText = false;
  #isEscaped = false;
  #isItems = false;
  #metadata: unknown;
  readonly #kept: unknown[] = [];

  constructor(each: EachItem) {
    this.#each = each;
  }

  push(chunk: Uint8Array): void {
    let from = 0;
    const first = this.#isText ? this.#endOfText(chunk, 0) + 1 : 0;
    for (let at = this.#next(chunk, first); at < chunk.length; at = this.#next(chunk, at + 1)) {
      if (chunk[at] === OPEN_LIST) {
        if (this.#begins(chunk.subarray(from, at + 1))) from = at + 1;
      } else if (this.#isItems) {
        this.#item(chunk.subarray(from, at));
        this.#isItems = chunk[at] === COMMA;
        from = this.#isItems ? at + 1 : at;
      }
    }
    if (from < chunk.length) (this.#isItems ? this.#pending : this.#rest).push(chunk.subarray(from));
  }

  /** @throws SyntaxError where it was cut, or never was a list */
  end(): unknown {
    const whole: unknown = JSON.parse(joined(this.#rest));
    return this.#kept.length === 0 || typeof whole !== 'object' ? whole : { ...whole, items: this.#kept };
  }

  /** Where a field of the whole that is a list or an object begins, parts or ends; or the piece does. */
  #next(chunk: Uint8Array, from: number): number {
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at];
      if (byte === QUOTE) at = this.#endOfText(chunk, at + 1);
      else if (byte === OPEN || byte === OPEN_LIST) {
        this.#depth += 1;
        if (this.#depth === 2) return at;
      } else if (byte === CLOSE || byte === CLOSE_LIST) {
        this.#depth -= 1;
        if (this.#depth === 1) return at;
      } else if (byte === COMMA && this.#depth === 2) return at;
    }
    return chunk.length;
  }

  /** Where the text ends, or the piece that came of it. */
  #endOfText(chunk: Uint8Array, from: number): number {
    let at = from;
    if (this.#isEscaped) at += 1;
    for (; at < chunk.length && chunk[at] !== QUOTE; at++) if (chunk[at] === BACKSLASH) at += 1;
    this.#isText = at >= chunk.length;
    this.#isEscaped = at > chunk.length;
    return at;
  }

  /** @param chunk up to where the list begins @returns whether it is that of the items */
  #begins(chunk: Uint8Array): boolean {
    const before = joined([...this.#rest, chunk]);
    if (!BEGINS_ITEMS.test(before.slice(0, -1))) return false;
    this.#rest.push(chunk);
    this.#isItems = true;
    this.#metadata = (JSON.parse(`${before}]}`) as { readonly metadata?: unknown }).metadata;
    return true;
  }

  #item(last: Uint8Array): void {
    const text = this.#pending.length === 0 ? joined([last]) : joined([...this.#pending, last]);
    this.#pending = [];
    if (text.trim() === '') return;
    const item: unknown = JSON.parse(text);
    if (this.#metadata === undefined) this.#kept.push(item);
    else this.#each(item, this.#metadata);
  }
}
