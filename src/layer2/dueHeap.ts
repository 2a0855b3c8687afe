import { type Instant } from '../machine.ts';

/** Something that is due at one moment. `slot` is the heap's own note of where it stands; -1 outside. */
export interface DueItem {
  dueAt: Instant;
  slot: number;
}

/**
 * A binary min-heap by `dueAt` whose items know their place, so that moving or removing one of 10,000 costs a dozen steps and
 * nothing stale is ever left in it. Mutable, owned by the machine that holds it.
 */
export class DueHeap<T extends DueItem> {
  readonly #items: T[] = [];

  get size(): number {
    return this.#items.length;
  }

  first(): T | undefined {
    return this.#items[0];
  }

  /** Puts the item in, or moves it when it is in already. */
  schedule(item: T, dueAt: Instant): void {
    item.dueAt = dueAt;
    if (item.slot === -1) {
      item.slot = this.#items.length;
      this.#items.push(item);
    }
    this.#settle(item);
  }

  remove(item: T): void {
    if (item.slot === -1) return;
    const last = this.#items.pop();
    if (last !== undefined && last !== item) {
      this.#place(last, item.slot);
      this.#settle(last);
    }
    item.slot = -1;
  }

  #settle(item: T): void {
    this.#rise(item);
    this.#sink(item);
  }

  #rise(item: T): void {
    while (item.slot > 0) {
      const parent = this.#items[(item.slot - 1) >> 1];
      if (parent === undefined || parent.dueAt <= item.dueAt) return;
      this.#swap(item, parent);
    }
  }

  #sink(item: T): void {
    for (;;) {
      const left = this.#items[item.slot * 2 + 1];
      const right = this.#items[item.slot * 2 + 2];
      const least = right !== undefined && left !== undefined && right.dueAt < left.dueAt ? right : left;
      if (least === undefined || least.dueAt >= item.dueAt) return;
      this.#swap(item, least);
    }
  }

  #swap(a: T, b: T): void {
    const slot = a.slot;
    this.#place(a, b.slot);
    this.#place(b, slot);
  }

  #place(item: T, slot: number): void {
    this.#items[slot] = item;
    item.slot = slot;
  }
}
