import { fill, h, svg } from './dom.ts';
import { type Kind, type Model, type Related, type Thing, matches, related, wordsOf } from './model.ts';
import { type Tone, bar, fullTone, sessionTone, vipTone } from './words.ts';
import { VirtualList } from './virtual.ts';

interface Entry {
  readonly id: string;
  readonly title: string;
  readonly note: string;
  readonly tone: Tone;
  /** How full it is, 0 to 1; absent: no bar. */
  readonly part?: number;
}

interface Column {
  readonly kind: Kind;
  readonly list: VirtualList<Entry>;
  readonly scroller: HTMLElement;
  readonly counter: HTMLElement;
  entries: readonly Entry[];
}

const COLUMNS: readonly (readonly [Kind, string, string])[] = [
  ['pool', 'Pools', '#pools/'],
  ['vip', 'VIPs', '#vips/'],
  ['node', 'Nodes', '#nodes/'],
  ['peer', 'Peers', '#sessions/'],
];
const ROW_PX = 52;
/** Of all lines at once; more than these are a carpet and no picture. */
const MAX_LINES = 240;

/** Pools, VIPs, nodes and peers side by side; what is pointed at shows its way from a pool to the routers. */
export class Topology {
  readonly element: HTMLElement;
  readonly #columns: readonly Column[];
  readonly #lines = svg('svg', { class: 'lines', 'aria-hidden': 'true' });
  readonly #field: HTMLElement;
  readonly #filter: HTMLInputElement;
  #model: Model | undefined;
  #active: Thing | undefined;
  #related: Related | undefined;
  #drawing = false;
  readonly #onResize = (): void => this.#ask();

  constructor() {
    this.#columns = COLUMNS.map(([kind, title, target]) => this.#column(kind, title, target));
    this.#filter = h('input', {
      type: 'search',
      placeholder: 'Filter VIPs',
      'aria-label': 'Filter VIPs',
      on: { input: () => this.#fill() },
    });
    this.#field = h('div', { class: 'field' }, ...this.#columns.map(({ scroller }) => scroller.parentElement as HTMLElement));
    this.#field.append(this.#lines);
    this.#field.addEventListener('pointerleave', () => this.#activate(undefined));
    this.#field.addEventListener('focusout', (event) => {
      if (!this.#field.contains(event.relatedTarget as Node | null)) this.#activate(undefined);
    });
    this.element = h(
      'section',
      { class: 'card topology', 'aria-labelledby': 'topology-title' },
      h('div', { class: 'card-head' }, h('h2', { id: 'topology-title' }, 'Who announces what to whom'), this.#filter),
      this.#field,
    );
    window.addEventListener('resize', this.#onResize);
  }

  show(model: Model): void {
    this.#model = model;
    this.#related = this.#active === undefined ? undefined : related(model, this.#active);
    this.#fill();
  }

  close(): void {
    window.removeEventListener('resize', this.#onResize);
    for (const { list } of this.#columns) list.close();
  }

  #column(kind: Kind, title: string, target: string): Column {
    const body = h('div', { role: 'list', 'aria-label': title });
    const scroller = h('div', { class: 'scroller' }, body);
    const counter = h('span', { class: 'number' });
    h('div', { class: `column ${kind}` }, h('h3', {}, title, counter), scroller);
    const list = new VirtualList<Entry>({
      viewport: scroller,
      body,
      role: 'listitem',
      rowHeight: () => ROW_PX,
      draw: (row, entry) => this.#draw(row, entry, kind, target),
      onDrawn: () => this.#ask(),
    });
    return { kind, list, scroller, counter, entries: [] };
  }

  #draw(row: HTMLElement, entry: Entry, kind: Kind, target: string): void {
    const isDim = this.#related !== undefined && !this.#related[kind].has(entry.id);
    const isActive = this.#active?.kind === kind && this.#active.id === entry.id;
    row.className = `thing ${entry.tone}${isDim ? ' dimmed' : ''}${isActive ? ' active' : ''}`;
    const known = row.firstElementChild as HTMLElement | null;
    const activate = (): void => this.#activate({ kind, id: entry.id });
    const href = `${target}${encodeURIComponent(entry.id)}`;
    const link = known ?? h('a', { href, on: { pointerenter: activate, focus: activate } });
    if (link.dataset['text'] === JSON.stringify(entry)) return;
    link.dataset['text'] = JSON.stringify(entry);
    const filled = entry.part === undefined ? undefined : bar('', entry.part, entry.tone, '');
    fill(link, h('span', { class: 'thing-title' }, entry.title), h('span', { class: 'thing-note' }, entry.note), filled);
    if (known === null) row.append(link);
  }

  #activate(thing: Thing | undefined): void {
    if (this.#model === undefined || isSame(thing, this.#active)) return;
    const ways = thing === undefined ? undefined : related(this.#model, thing);
    this.#active = thing;
    this.#related = ways;
    for (const { kind, list } of this.#columns) {
      list.redraw();
      if (ways !== undefined && thing?.kind !== kind) list.reveal(ways[kind]);
    }
    this.#count();
    this.#ask();
  }

  #fill(): void {
    const model = this.#model;
    if (model === undefined) return;
    const words = wordsOf(this.#filter.value);
    for (const column of this.#columns) {
      column.entries = entriesOf(model, column.kind, words);
      column.list.show(column.entries);
    }
    this.#count();
    this.#ask();
  }

  #count(): void {
    for (const { kind, counter, entries } of this.#columns) {
      const some = this.#related?.[kind].size;
      counter.textContent = some === undefined ? String(entries.length) : `${some} of ${entries.length}`;
    }
  }

  #ask(): void {
    if (this.#drawing) return;
    this.#drawing = true;
    requestAnimationFrame(() => {
      this.#drawing = false;
      this.#drawLines();
    });
  }

  #drawLines(): void {
    const model = this.#model;
    const origin = this.#field.getBoundingClientRect();
    fill(this.#lines);
    if (model === undefined || origin.width < 700) return;
    this.#lines.setAttribute('viewBox', `0 0 ${origin.width} ${origin.height}`);
    const places = this.#columns.map(({ list, scroller }) => placesOf(list, scroller, origin));
    const pairs = pairsOf(model, places, this.#related);
    if (pairs.length > MAX_LINES && this.#related === undefined) return;
    const paths: Record<string, string[]> = {};
    for (const [from, to, tone] of pairs.slice(0, 2000)) {
      const middle = (from.right + to.left) / 2;
      (paths[tone] ??= []).push(`M${from.right} ${from.y}C${middle} ${from.y} ${middle} ${to.y} ${to.left} ${to.y}`);
    }
    const strength = this.#related === undefined ? 'faint' : 'strong';
    for (const [tone, d] of Object.entries(paths)) this.#lines.append(svg('path', { class: `line ${tone} ${strength}`, d: d.join('') }));
  }
}

interface Place {
  readonly left: number;
  readonly right: number;
  readonly y: number;
}

/** Only what can be seen has one. */
function placesOf(list: VirtualList<Entry>, scroller: HTMLElement, origin: DOMRect): Map<string, Place> {
  const box = scroller.getBoundingClientRect();
  const places = new Map<string, Place>();
  for (const id of list.visible()) {
    const row = list.element(id)?.getBoundingClientRect();
    if (row === undefined) continue;
    const y = row.top + (row.height - 6) / 2;
    if (y > box.top && y < box.bottom) places.set(id, { left: row.left - origin.left, right: row.right - origin.left, y: y - origin.top });
  }
  return places;
}

function isSame(a: Thing | undefined, b: Thing | undefined): boolean {
  return a?.kind === b?.kind && a?.id === b?.id;
}

type Pair = readonly [from: Place, to: Place, tone: Tone];

type Places = readonly ReadonlyMap<string, Place>[];
const NOWHERE: ReadonlyMap<string, Place> = new Map();

function links(from: Place, to: Place | undefined, tone: Tone): Pair[] {
  return to === undefined ? [] : [[from, to, tone]];
}

function pairsOf(model: Model, places: Places, related: Related | undefined): Pair[] {
  const [pools = NOWHERE, vips = NOWHERE, nodes = NOWHERE, peers = NOWHERE] = places;
  const shown = (kind: Kind, id: string): boolean => related === undefined || related[kind].has(id);
  const toNodes = [...vips].flatMap(([id, place]) => {
    const vip = shown('vip', id) ? model.vips.get(id) : undefined;
    if (vip === undefined) return [];
    const waiting = new Set(model.set(vip.waiting));
    const carriers = [...model.nodesOf(vip)].filter((node) => shown('node', node));
    const pool = pools.get(vip.pool ?? '');
    return [
      ...(pool === undefined ? [] : links(pool, place, vipTone(vip.state))),
      ...carriers.flatMap((node) => links(place, nodes.get(node), waiting.has(node) ? 'bad' : 'good')),
    ];
  });
  const toPeers = [...nodes].flatMap(([id, place]) => {
    const sessions = shown('node', id) ? model.sessionsOf('node', id) : [];
    return sessions.flatMap(({ peer, state }) => (shown('peer', peer) ? links(place, peers.get(peer), sessionTone(state)) : []));
  });
  return [...toNodes, ...toPeers];
}

function entriesOf(model: Model, kind: Kind, words: readonly string[]): Entry[] {
  const { pools, vips, nodes, peers } = model.snapshot;
  if (kind === 'pool') {
    return pools.map(({ id, usage, blocks }) => {
      const parts = Object.values(usage).filter(({ used, free }) => used + free > 0);
      const part = Math.max(0, ...parts.map(({ used, free }) => used / (used + free)));
      return { id, title: id, note: blocks.join(', '), tone: fullTone(part), part };
    });
  }
  if (kind === 'vip') {
    const found = words.length === 0 ? vips : vips.filter((vip) => matches(vip, words));
    return found.map(({ id, services, state }) => ({
      id,
      title: id,
      note: services.map(({ name }) => name).join(', '),
      tone: vipTone(state),
    }));
  }
  if (kind === 'node') {
    return nodes.map(({ id, ready, speaker, owned, routed, drain }) => ({
      id,
      title: id,
      note: drain === undefined ? `${owned} by layer 2, ${routed} by BGP` : `drains: ${drain.phase}`,
      tone: ready && speaker !== undefined ? (speaker.ready && drain === undefined ? 'good' : 'warn') : 'bad',
    }));
  }
  return peers.map(({ id, router, asn, up, sessions }) => ({
    id,
    title: id,
    note: `${router}, AS ${asn}: ${up} of ${sessions} up`,
    tone: sessions === 0 ? 'calm' : up === sessions ? 'good' : up === 0 ? 'bad' : 'warn',
  }));
}
