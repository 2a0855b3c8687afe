import type { Registry } from 'prom-client';
import type { Downward } from './channel.ts';

/** Who has not asked for more of a page by the time that so many others are asked for has gone away. */
const MAX_PAGES = 4;

/** Pages of metrics that are being handed over, piece by piece: a page may have many megabytes, of which only one piece is made at a time. */
export class MetricsPages {
  readonly #registry: Registry;
  readonly #whole: (page: string) => Iterable<string>;
  readonly #post: (message: Downward) => void;
  readonly #pages = new Map<number, Iterator<string>>();
  #newest = 0;

  /** @param whole what a page of the registry is with all that it does not hold itself */
  constructor(registry: Registry, whole: (page: string) => Iterable<string>, post: (message: Downward) => void) {
    this.#registry = registry;
    this.#whole = whole;
    this.#post = post;
  }

  /** Posts the next piece of a page, or the first one of a new page. @param id of a new page more than of all before */
  async answer(id: number): Promise<void> {
    const page = id > this.#newest ? await this.#begin(id) : this.#pages.get(id);
    const { value, done } = page?.next() ?? { value: undefined, done: true };
    if (done !== true) {
      this.#post({ type: 'metrics', id, text: value, more: true });
      return;
    }
    this.#pages.delete(id);
    this.#post({ type: 'metrics', id, text: '' });
  }

  /** @returns undefined where the registry has none */
  async #begin(id: number): Promise<Iterator<string> | undefined> {
    this.#newest = id;
    const text = await this.#registry.metrics().catch(() => undefined);
    if (text === undefined) return undefined;
    const page = this.#whole(text)[Symbol.iterator]();
    this.#pages.set(id, page);
    const [oldest] = this.#pages.keys();
    if (this.#pages.size > MAX_PAGES && oldest !== undefined) this.#pages.delete(oldest);
    return page;
  }
}
