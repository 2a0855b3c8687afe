import { ByteArena } from './byteArena.ts';
import { Rows } from './columns.ts';

const [AT, SIZE, HOLDERS] = [0, 1, 2] as const;
/** Of the size: the letters have two bytes each. */
const WIDE = 1;
const MIN_SLOTS = 16;
/** With less than this it is not worth the work to give bytes back. */
const MIN_WASTE = 65_536;
const CHUNK = 4096;

/**
 * Texts outside V8's heap, a byte for a letter where all are Latin-1. A text has a number for as long as somebody holds it, and equal texts have
 * the same one; numbers are small, and are given out again.
 */
export class Texts {
  #arena = new ByteArena();
  readonly #rows = new Rows(3);
  /** Numbers of texts plus one, each as near as can be behind the place that its hash says (open addressing). */
  #slots = new Int32Array(MIN_SLOTS);
  #count = 0;
  #wasted = 0;
  /** What the text that was looked at last is in bytes. */
  #scratch = new Uint8Array(0);

  get size(): number {
    return this.#count;
  }

  /** All numbers are below. */
  get room(): number {
    return this.#rows.room;
  }

  /** @returns -1 where nobody holds such a text */
  find(text: string): number {
    const size = this.#encode(text);
    return (this.#slots[this.#seek(size)] ?? 0) - 1;
  }

  /** To be released as often. @returns its number */
  hold(text: string): number {
    const size = this.#encode(text);
    const slot = this.#seek(size);
    const known = (this.#slots[slot] ?? 0) - 1;
    if (known >= 0) {
      this.keep(known);
      return known;
    }
    const made = this.#rows.add();
    this.#rows.set(made, AT, this.#arena.append(this.#scratch.subarray(0, size >> 1)));
    this.#rows.set(made, SIZE, size);
    this.#rows.set(made, HOLDERS, 1);
    this.#slots[slot] = made + 1;
    this.#count += 1;
    if (this.#count * 4 > this.#slots.length * 3) this.#grow();
    return made;
  }

  /** One holder more of what is held already. */
  keep(number: number): void {
    this.#rows.set(number, HOLDERS, this.#rows.get(number, HOLDERS) + 1);
  }

  release(number: number): void {
    const holders = this.#rows.get(number, HOLDERS) - 1;
    if (holders > 0) {
      this.#rows.set(number, HOLDERS, holders);
      return;
    }
    this.#unslot(number);
    this.#wasted += this.#rows.get(number, SIZE) >> 1;
    this.#rows.remove(number);
    this.#count -= 1;
    if (this.#wasted > MIN_WASTE && this.#wasted * 2 > this.#arena.size) this.#compact();
  }

  text(number: number): string {
    const size = this.#rows.get(number, SIZE);
    const at = this.#rows.get(number, AT);
    const step = size & WIDE ? 2 : 1;
    const [page, begin] = [this.#arena.page(at), this.#arena.offset(at)];
    const end = begin + (size >> 1);
    const codes: number[] = [];
    const parts: string[] = [];
    for (let i = begin; i < end; i += step) {
      codes.push(step === 1 ? (page[i] ?? 0) : (page[i] ?? 0) | ((page[i + 1] ?? 0) << 8));
      if (codes.length === CHUNK) parts.push(String.fromCharCode(...codes.splice(0)));
    }
    parts.push(String.fromCharCode(...codes));
    return parts.length === 1 ? (parts[0] ?? '') : parts.join('');
  }

  /** @returns how many bytes it has, times two, and whether it is {@link WIDE} */
  #encode(text: string): number {
    const { length } = text;
    if (this.#scratch.length < 2 * length) this.#scratch = new Uint8Array(2 * length);
    const scratch = this.#scratch;
    let wide = 0;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      wide |= code;
      scratch[i] = code;
    }
    if (wide < 256) return length << 1;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      scratch[2 * i] = code;
      scratch[2 * i + 1] = code >> 8;
    }
    return (length << 2) | WIDE;
  }

  /** @returns the slot of the text in the scratch, or the empty one where it belongs */
  #seek(size: number): number {
    const mask = this.#slots.length - 1;
    let slot = hashOf(this.#scratch, 0, size >> 1) & mask;
    for (;;) {
      const number = (this.#slots[slot] ?? 0) - 1;
      if (number < 0 || this.#isScratch(number, size)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #isScratch(number: number, size: number): boolean {
    if (this.#rows.get(number, SIZE) !== size) return false;
    const at = this.#rows.get(number, AT);
    const [page, begin] = [this.#arena.page(at), this.#arena.offset(at)];
    for (let i = 0; i < size >> 1; i++) if (page[begin + i] !== this.#scratch[i]) return false;
    return true;
  }

  /** Where its hash says that a text is to be. */
  #home(number: number): number {
    const at = this.#rows.get(number, AT);
    const begin = this.#arena.offset(at);
    return hashOf(this.#arena.page(at), begin, begin + (this.#rows.get(number, SIZE) >> 1)) & (this.#slots.length - 1);
  }

  /** Takes a text out, and moves those behind it that would not be found any more over the gap. */
  #unslot(number: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let gap = this.#home(number);
    while (slots[gap] !== number + 1) gap = (gap + 1) & mask;
    for (let next = (gap + 1) & mask; slots[next] !== 0; next = (next + 1) & mask) {
      const home = this.#home((slots[next] ?? 0) - 1);
      // Not one whose place is behind the gap already.
      if (((next - home) & mask) < ((next - gap) & mask)) continue;
      slots[gap] = slots[next] ?? 0;
      gap = next;
    }
    slots[gap] = 0;
  }

  #grow(): void {
    const before = this.#slots;
    this.#slots = new Int32Array(2 * before.length);
    const mask = this.#slots.length - 1;
    for (const each of before) {
      if (each === 0) continue;
      let slot = this.#home(each - 1);
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
      this.#slots[slot] = each;
    }
  }

  /** Half of the bytes are of texts that nobody holds. */
  #compact(): void {
    const before = this.#arena;
    this.#arena = new ByteArena();
    this.#wasted = 0;
    for (let number = 0; number < this.room; number++) {
      if (this.#rows.get(number, HOLDERS) === 0) continue;
      const at = this.#rows.get(number, AT);
      const begin = before.offset(at);
      const piece = before.page(at).subarray(begin, begin + (this.#rows.get(number, SIZE) >> 1));
      this.#rows.set(number, AT, this.#arena.append(piece));
    }
  }
}

/** FNV-1a, with its upper bits mixed into the lower ones, which are those that count. */
function hashOf(bytes: Uint8Array, begin: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let i = begin; i < end; i++) hash = Math.imul(hash ^ (bytes[i] ?? 0), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return hash ^ (hash >>> 16);
}
