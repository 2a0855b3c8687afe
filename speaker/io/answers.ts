import { READER_BATCH, addon } from '../native/addon.ts';
import { ENETDOWN } from './constants.ts';

export interface PacketCounters {
  sent: number;
  /** The kernel's queue was full, or the link down. */
  sendErrors: number;
  /** Frames longer than any ARP or ND message. */
  truncated: number;
  readErrors: number;
}

/** Room for any answer. */
export const ANSWER_BYTES = 128;

/** Frames that go out together, as the answers to those of one reading do: a system call costs more than an answer. */
export class Answers {
  readonly #counters: PacketCounters;
  readonly #frames = new Uint8Array(READER_BATCH * ANSWER_BYTES);
  readonly #lengths = new Uint32Array(READER_BATCH);
  /** Made once: a view costs as much as the rest of an answer. */
  readonly #places = Array.from({ length: READER_BATCH }, (_, at) => this.#frames.subarray(at * ANSWER_BYTES, (at + 1) * ANSWER_BYTES));
  readonly #lengthsOf = Array.from({ length: READER_BATCH + 1 }, (_, count) => new Uint8Array(this.#lengths.buffer, 0, count * 4));
  #count = 0;

  constructor(counters: PacketCounters) {
    this.#counters = counters;
  }

  /** Where the next answer is to be written. */
  place(): Uint8Array {
    return this.#places[this.#count] ?? new Uint8Array(ANSWER_BYTES);
  }

  /** @param length of what stands there now */
  add(length: number): void {
    this.#lengths[this.#count] = length;
    this.#count += 1;
  }

  /** All of them, in as many system calls as that takes. */
  sendAll(fd: number, frames: readonly Uint8Array[]): void {
    for (const frame of frames) {
      if (frame.length > ANSWER_BYTES) {
        sendFrame(fd, frame, this.#counters);
        continue;
      }
      this.place().set(frame);
      this.add(frame.length);
      if (this.#count === READER_BATCH) this.flush(fd);
    }
    this.flush(fd);
  }

  flush(fd: number): void {
    const count = this.#count;
    const lengths = this.#lengthsOf[count];
    if (count === 0 || lengths === undefined) return;
    this.#count = 0;
    const sent = Math.max(0, addon().sendBatch(fd, this.#frames, ANSWER_BYTES, lengths));
    this.#counters.sent += sent;
    // The one that was refused, and what stood behind it: one by one each has its own chance.
    for (let at = sent; at < count; at++) {
      sendFrame(fd, this.#frames.subarray(at * ANSWER_BYTES, at * ANSWER_BYTES + (this.#lengths[at] ?? 0)), this.#counters);
    }
  }
}

/** @returns whether the kernel took it */
export function sendFrame(fd: number, frame: Uint8Array, counters: PacketCounters): boolean {
  let result = addon().send(fd, frame, undefined);
  // The first send after link-up returns the error of the time before it.
  if (result === -ENETDOWN) result = addon().send(fd, frame, undefined);
  if (result >= 0) counters.sent += 1;
  else counters.sendErrors += 1;
  return result >= 0;
}
