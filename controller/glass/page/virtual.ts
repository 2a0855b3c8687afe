import { h } from './dom.ts';

interface Item {
  readonly id: string;
}

export interface VirtualOptions<T extends Item> {
  /** What scrolls: an element, or the window where it is absent. */
  readonly viewport?: HTMLElement;
  readonly body: HTMLElement;
  /** Of the row. */
  readonly role: 'listitem' | 'row';
  readonly rowHeight: () => number;
  /** Fills a row anew; its class is its own. */
  readonly draw: (row: HTMLElement, item: T) => void;
  readonly onDrawn?: () => void;
}

/** Rows beyond the edges that are there already when one scrolls. */
const SPARE = 6;

/** A list of which only what can be seen is in the document; rows that stay keep their element, and so the focus. */
export class VirtualList<T extends Item> {
  readonly #options: VirtualOptions<T>;
  readonly #rows = new Map<string, { readonly element: HTMLElement; item: T | undefined }>();
  #items: readonly T[] = [];
  #places = new Map<string, number>();
  #asked = false;
  readonly #onScroll = (): void => this.#ask();

  constructor(options: VirtualOptions<T>) {
    this.#options = options;
    options.body.classList.add('virtual');
    const source = options.viewport ?? window;
    source.addEventListener('scroll', this.#onScroll, { passive: true });
    window.addEventListener('resize', this.#onScroll);
    options.body.addEventListener('keydown', (event) => this.#key(event));
  }

  show(items: readonly T[]): void {
    this.#items = items;
    this.#places = new Map(items.map(({ id }, place) => [id, place]));
    this.#options.body.style.blockSize = `${items.length * this.#options.rowHeight()}px`;
    this.#render();
  }

  /** What rows say has changed, though the items have not. */
  redraw(): void {
    for (const row of this.#rows.values()) row.item = undefined;
    this.#render();
  }

  /** The rows that are in the document, by id. */
  element(id: string): HTMLElement | undefined {
    return this.#rows.get(id)?.element;
  }

  visible(): Iterable<string> {
    return this.#rows.keys();
  }

  /** Brings the first of these into view when none of them is. */
  reveal(ids: ReadonlySet<string>): void {
    const { viewport, rowHeight } = this.#options;
    if (viewport === undefined || ids.size === 0) return;
    const height = rowHeight();
    const first = this.#items.findIndex(({ id }) => ids.has(id));
    const [from, to] = [Math.floor(viewport.scrollTop / height), Math.floor((viewport.scrollTop + viewport.clientHeight) / height) - 1];
    if (first === -1 || this.#items.slice(from, to + 1).some(({ id }) => ids.has(id))) return;
    viewport.scrollTop = Math.max(0, first * height - height);
  }

  close(): void {
    (this.#options.viewport ?? window).removeEventListener('scroll', this.#onScroll);
    window.removeEventListener('resize', this.#onScroll);
  }

  #ask(): void {
    if (this.#asked) return;
    this.#asked = true;
    requestAnimationFrame(() => {
      this.#asked = false;
      this.#render();
    });
  }

  #span(): readonly [number, number] {
    const { viewport, body, rowHeight } = this.#options;
    const height = rowHeight();
    const top = viewport === undefined ? -body.getBoundingClientRect().top : viewport.scrollTop;
    const seen = viewport === undefined ? window.innerHeight : viewport.clientHeight;
    return [Math.max(0, Math.floor(top / height) - SPARE), Math.min(this.#items.length, Math.ceil((top + seen) / height) + SPARE)];
  }

  #render(): void {
    const { body, role, rowHeight, draw, onDrawn } = this.#options;
    if (!body.isConnected) return;
    const height = rowHeight();
    const wanted = this.#wanted();
    for (const [id, { element }] of this.#rows) {
      if (wanted.has(id)) continue;
      element.remove();
      this.#rows.delete(id);
    }
    for (const [id, item] of wanted) {
      const place = this.#places.get(id) ?? 0;
      const row = this.#rows.get(id) ?? this.#made(id, role);
      row.element.style.transform = `translateY(${place * height}px)`;
      this.#number(row.element, role, place);
      if (row.item !== item) draw(row.element, item);
      row.item = item;
      if (row.element.parentElement === null) body.append(row.element);
    }
    onDrawn?.();
  }

  #wanted(): Map<string, T> {
    const [from, to] = this.#span();
    const wanted = new Map(this.#items.slice(from, to).map((item) => [item.id, item]));
    const focused = document.activeElement?.closest<HTMLElement>('[data-id]')?.dataset['id'] ?? '';
    const held = this.#rows.has(focused) ? this.#items[this.#places.get(focused) ?? -1] : undefined;
    // Who has the focus stays, wherever it is.
    if (held !== undefined) wanted.set(focused, held);
    return wanted;
  }

  /** Which of how many it is, for who cannot see that. */
  #number(row: HTMLElement, role: string, place: number): void {
    if (role === 'row') row.setAttribute('aria-rowindex', String(place + 2));
    else {
      row.setAttribute('aria-posinset', String(place + 1));
      row.setAttribute('aria-setsize', String(this.#items.length));
    }
  }

  #made(id: string, role: string): { readonly element: HTMLElement; item: T | undefined } {
    const row = { element: h('div', { role, 'data-id': id }), item: undefined };
    this.#rows.set(id, row);
    return row;
  }

  #key(event: KeyboardEvent): void {
    const row = (event.target as HTMLElement).closest<HTMLElement>('[data-id]');
    const place = this.#places.get(row?.dataset['id'] ?? '');
    const steps: Readonly<Record<string, number>> = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: 10,
      PageUp: -10,
      Home: -Infinity,
      End: Infinity,
    };
    const step = steps[event.key];
    if (place === undefined || step === undefined) return;
    event.preventDefault();
    const target = Math.min(this.#items.length - 1, Math.max(0, place + step));
    this.#scrollTo(target);
    this.#render();
    this.#rows
      .get(this.#items[target]?.id ?? '')
      ?.element.querySelector<HTMLElement>('button, a')
      ?.focus({ preventScroll: true });
  }

  #scrollTo(place: number): void {
    const { viewport, body, rowHeight } = this.#options;
    const height = rowHeight();
    const origin = viewport === undefined ? body.getBoundingClientRect().top + window.scrollY : 0;
    const [seen, top] = viewport === undefined ? [window.innerHeight, window.scrollY] : [viewport.clientHeight, viewport.scrollTop];
    const at = origin + place * height;
    const to = at < top + height ? at - height : at + 2 * height > top + seen ? at + 2 * height - seen : top;
    if (viewport === undefined) window.scrollTo({ top: to, behavior: 'instant' });
    else viewport.scrollTop = to;
  }
}
