/** So many writes within one second are no single Services that come and go. */
const MANY = 40;
const SECOND_MS = 1000;

/** Whether a crowd of Services is being served: while they are made as fast as they are written, none of them ever waits. */
export class Rush {
  /** Of the last writes, the oldest first. */
  #timesMs: number[] = [];

  note(nowMs: number): void {
    this.#timesMs.push(nowMs);
    if (this.#timesMs.length > 2 * MANY) this.#timesMs = this.#timesMs.slice(-MANY);
  }

  isOn(nowMs: number): boolean {
    const first = this.#timesMs.at(-MANY);
    return first !== undefined && nowMs - first < SECOND_MS;
  }
}
