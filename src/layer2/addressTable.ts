/** The 32-bit words of an address, each as a signed number; of an IPv4 address the last alone, and the others zero. */
export interface Addressed {
  readonly w0: number;
  readonly w1: number;
  readonly w2: number;
  readonly w3: number;
}

const LEAST_BITS = 6;
/** Addresses that stand together lie together: so many share a line of the processor's cache. */
const NEIGHBOUR_BITS = 3;
/** Knuth's multiplier, the golden ratio of 2^32, and two more of the kind. */
const [SPREAD, SPREAD1, SPREAD2] = [0x9e3779b1, 0x85ebca6b, 0xc2b2ae35];

/**
 * Entries by address, for the look-up per received frame: with ten thousand of them its time is that of the memory it has to touch, which here
 * is a place in one array and the entry itself. Open addressing, at most half full.
 */
export class AddressTable<E extends Addressed> {
  #slots: (E | undefined)[] = emptySlots(LEAST_BITS);
  #bits = LEAST_BITS;
  #size = 0;

  find4(w3: number): E | undefined {
    const slots = this.#slots;
    const last = slots.length - 1;
    for (let slot = place(w3 >>> NEIGHBOUR_BITS, w3, this.#bits); ; slot = (slot + 1) & last) {
      const entry = slots[slot];
      if (entry === undefined || entry.w3 === w3) return entry;
    }
  }

  find6(w0: number, w1: number, w2: number, w3: number): E | undefined {
    const slots = this.#slots;
    const last = slots.length - 1;
    for (let slot = place(mix(w0, w1, w2, w3), w3, this.#bits); ; slot = (slot + 1) & last) {
      const entry = slots[slot];
      if (entry === undefined || (entry.w3 === w3 && entry.w2 === w2 && entry.w1 === w1 && entry.w0 === w0)) return entry;
    }
  }

  /** In the place of one of the same address. */
  set(entry: E): void {
    if ((this.#size + 1) * 2 > this.#slots.length) this.#grow();
    const slot = this.#slotOf(entry);
    if (this.#slots[slot] === undefined) this.#size += 1;
    this.#slots[slot] = entry;
  }

  delete(address: Addressed): void {
    const slots = this.#slots;
    const last = slots.length - 1;
    let free = this.#slotOf(address);
    if (slots[free] === undefined) return;
    this.#size -= 1;
    // Those behind it that were pushed on by it move up, so that no search ends at a gap before them.
    for (let slot = (free + 1) & last, entry = slots[slot]; entry !== undefined; slot = (slot + 1) & last, entry = slots[slot]) {
      if (((slot - this.#homeOf(entry)) & last) < ((slot - free) & last)) continue;
      slots[free] = entry;
      free = slot;
    }
    slots[free] = undefined;
  }

  *[Symbol.iterator](): Iterator<E> {
    for (const entry of this.#slots) if (entry !== undefined) yield entry;
  }

  #slotOf(address: Addressed): number {
    const last = this.#slots.length - 1;
    for (let slot = this.#homeOf(address); ; slot = (slot + 1) & last) {
      const entry = this.#slots[slot];
      if (entry === undefined || isSame(entry, address)) return slot;
    }
  }

  #homeOf({ w0, w1, w2, w3 }: Addressed): number {
    return place(mix(w0, w1, w2, w3), w3, this.#bits);
  }

  #grow(): void {
    const before = this.#slots;
    this.#bits += 1;
    this.#slots = emptySlots(this.#bits);
    for (const entry of before) if (entry !== undefined) this.#slots[this.#slotOf(entry)] = entry;
  }
}

function emptySlots(bits: number): undefined[] {
  return Array.from({ length: 1 << bits });
}

/** Of an IPv4 address the last word alone. */
function mix(w0: number, w1: number, w2: number, w3: number): number {
  return (w3 >>> NEIGHBOUR_BITS) ^ Math.imul(w2 ^ Math.imul(w1 ^ Math.imul(w0, SPREAD2), SPREAD1), SPREAD2);
}

function place(group: number, w3: number, bits: number): number {
  const groups = Math.imul(group, SPREAD) >>> (32 + NEIGHBOUR_BITS - bits);
  return (groups << NEIGHBOUR_BITS) | (w3 & ((1 << NEIGHBOUR_BITS) - 1));
}

function isSame(a: Addressed, b: Addressed): boolean {
  return a.w3 === b.w3 && a.w2 === b.w2 && a.w1 === b.w1 && a.w0 === b.w0;
}
