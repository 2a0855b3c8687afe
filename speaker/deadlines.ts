import { DueHeap, type DueItem } from '../src/layer2/dueHeap.ts';
import { type Instant, instant } from '../src/machine.ts';
import type { Clock } from './clock.ts';

interface Entry extends DueItem {
  readonly key: string;
  readonly run: () => void;
}

/** So long others may have to wait for what is due at the same time. */
const MOST_MS = 20;

/** All timers of the wire thread: one heap, and one timer of the process for the earliest of them. */
export class Deadlines {
  readonly #clock: Clock;
  readonly #heap = new DueHeap<Entry>();
  readonly #entries = new Map<string, Entry>();
  #armedFor: Instant | undefined;
  #cancel: (() => void) | undefined;
  #serving = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** One deadline per key; undefined removes it. `run` has to set the next one, or there is none. */
  set(key: string, at: Instant | undefined, run: () => void): void {
    const entry = this.#entries.get(key) ?? { key, run, dueAt: instant(0), slot: -1 };
    if (at === undefined) {
      this.#heap.remove(entry);
      this.#entries.delete(key);
    } else {
      this.#entries.set(key, entry);
      this.#heap.schedule(entry, at);
    }
    this.#arm();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#serving = true;
  }

  #arm(): void {
    const first = this.#heap.first();
    if (this.#serving || first?.dueAt === this.#armedFor) return;
    this.#cancel?.();
    this.#armedFor = first?.dueAt;
    this.#cancel = first === undefined ? undefined : this.#clock.wake(first.dueAt - this.#clock.now(), () => this.#serve());
  }

  #serve(): void {
    this.#serving = true;
    this.#armedFor = undefined;
    this.#cancel = undefined;
    // What becomes due while this runs waits for the next wake-up, so that input is read in between.
    const now = this.#clock.now();
    const due: Entry[] = [];
    for (let first = this.#heap.first(); first !== undefined && first.dueAt <= now; first = this.#heap.first()) {
      this.#heap.remove(first);
      this.#entries.delete(first.key);
      due.push(first);
    }
    for (const [at, entry] of due.entries()) {
      entry.run();
      if (this.#clock.now() - now < MOST_MS) continue;
      for (const left of due.slice(at + 1)) this.#putBack(left);
      break;
    }
    this.#serving = false;
    this.#arm();
  }

  /** What is left when this has taken long waits for the next wake-up, too; unless it was set anew by what ran before it. */
  #putBack(entry: Entry): void {
    if (this.#entries.has(entry.key)) return;
    this.#entries.set(entry.key, entry);
    this.#heap.schedule(entry, entry.dueAt);
  }
}
