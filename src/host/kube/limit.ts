/** Those that end with one signal. Its own list of listeners would keep what was in it alive: each that was taken out names the next. */
class Followers {
  readonly #signal: AbortSignal;
  readonly #limits = new Set<Limit>();
  readonly #end = (): void => {
    for (const limit of this.#limits) limit.end(this.#signal.reason);
  };

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  add(limit: Limit): void {
    if (this.#limits.size === 0) this.#signal.addEventListener('abort', this.#end, { once: true });
    this.#limits.add(limit);
  }

  delete(limit: Limit): void {
    this.#limits.delete(limit);
    if (this.#limits.size === 0) this.#signal.removeEventListener('abort', this.#end);
  }
}

const followers = new WeakMap<AbortSignal, Followers>();

function followersOf(signal: AbortSignal): Followers {
  const known = followers.get(signal) ?? new Followers(signal);
  followers.set(signal, known);
  return known;
}

/** A stream or a request. */
interface Ending {
  readonly destroy: (error: Error) => unknown;
}

/** Ends a call with the caller's signal, or when its time is over. An AbortController for each of thousands costs as much as all else of it. */
export class Limit {
  isOver = false;
  reason: unknown;
  /**
   * What then ends: the last that was begun under it. No function: by the context of one, measured, nearly all of a request outlived the
   * collections of young objects, 6 KB of each.
   */
  ending: Ending | undefined;
  readonly #outer: Followers | undefined;
  readonly #timer: NodeJS.Timeout;

  constructor(outer: AbortSignal | undefined, timeoutMs: number) {
    this.#timer = setTimeout(() => this.end(new DOMException('no answer in time', 'TimeoutError')), timeoutMs);
    this.#outer = outer === undefined ? undefined : followersOf(outer);
    this.#outer?.add(this);
    if (outer?.aborted === true) this.end(outer.reason);
  }

  end(reason: unknown): void {
    if (this.isOver) return;
    this.isOver = true;
    this.reason = reason;
    this.ending?.destroy(new Error('given up'));
  }

  /** No time limit from here on. */
  lift(): void {
    clearTimeout(this.#timer);
  }

  /** Nothing is left to end: that costs an error with its stack, and a reset of a stream that has ended. */
  finish(): void {
    clearTimeout(this.#timer);
    this.#outer?.delete(this);
    this.ending = undefined;
  }

  /** Ends whatever still goes on under it. */
  release(): void {
    this.end(new DOMException('given up', 'AbortError'));
    this.finish();
  }
}
