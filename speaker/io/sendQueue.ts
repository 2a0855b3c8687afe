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

/** Room for any ARP or ND message; the few that are longer go by themselves. */
const STRIDE = 128;

/** Sends frames one by one, but the answers to all frames of one reading together: a system call costs more than an answer. */
export class SendQueue {
  readonly counters: PacketCounters;
  readonly #frames = new Uint8Array(READER_BATCH * STRIDE);
  readonly #lengths = new Uint32Array(READER_BATCH);
  #count = 0;
  #fd = -1;
  #held = false;

  constructor(counters: PacketCounters) {
    this.counters = counters;
  }

  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    this.#flush();
  }

  /** @returns false when the kernel did not take it; of one that waits for others that is not known yet */
  send(fd: number, frame: Uint8Array): boolean {
    if (!this.#held || frame.length > STRIDE) return this.#sendOne(fd, frame);
    if (this.#count === READER_BATCH) this.#flush();
    this.#fd = fd;
    this.#frames.set(frame, this.#count * STRIDE);
    this.#lengths[this.#count] = frame.length;
    this.#count += 1;
    return true;
  }

  #flush(): void {
    const count = this.#count;
    if (count === 0) return;
    this.#count = 0;
    const lengths = new Uint8Array(this.#lengths.buffer, 0, count * 4);
    const sent = Math.max(0, addon().sendBatch(this.#fd, this.#frames, STRIDE, lengths));
    this.counters.sent += sent;
    // The one that was refused, and what stood behind it: one by one each has its own chance.
    for (let at = sent; at < count; at++) {
      this.#sendOne(this.#fd, this.#frames.subarray(at * STRIDE, at * STRIDE + (this.#lengths[at] ?? 0)));
    }
  }

  #sendOne(fd: number, frame: Uint8Array): boolean {
    let result = addon().send(fd, frame, undefined);
    // The first send after link-up returns the error of the time before it.
    if (result === -ENETDOWN) result = addon().send(fd, frame, undefined);
    if (result >= 0) this.counters.sent += 1;
    else this.counters.sendErrors += 1;
    return result >= 0;
  }
}
