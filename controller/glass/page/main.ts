import type { Snapshot } from '../../../src/glass/view.ts';
import { type Detail, nodeDetail, peerDetail, poolDetail, vipDetail } from './detail.ts';
import { fill, h, the } from './dom.ts';
import { type Connection, readLive } from './live.ts';
import { Model } from './model.ts';
import { type View, overview } from './overview.ts';
import { poolsView } from './pools.ts';
import { nodesTable, sessionsTable, vipsTable } from './tables.ts';
import { startTheme } from './theme.ts';

interface Tab {
  readonly name: string;
  readonly title: string;
  readonly make: () => View;
  readonly detail?: (model: Model, id: string) => Detail;
  readonly count?: (snapshot: Snapshot) => number;
}

const FIRST: Tab = { name: 'overview', title: 'Overview', make: overview };
const TABS: readonly Tab[] = [
  FIRST,
  { name: 'vips', title: 'VIPs', make: vipsTable, detail: vipDetail, count: ({ vips }) => vips.length },
  { name: 'nodes', title: 'Nodes', make: nodesTable, detail: nodeDetail, count: ({ nodes }) => nodes.length },
  { name: 'sessions', title: 'Sessions', make: sessionsTable, detail: peerDetail, count: ({ sessions }) => sessions.length },
  { name: 'pools', title: 'Pools', make: poolsView, detail: poolDetail, count: ({ pools }) => pools.length },
];

const REDRAW_MS = 15_000;
const CONNECTION: Readonly<Record<Connection, string>> = { live: 'live', connecting: 'connecting', lost: 'connection lost' };

class App {
  readonly #main = the('[data-main]');
  readonly #dialog = the('[data-dialog]') as HTMLDialogElement;
  #tab: Tab | undefined;
  #view: View | undefined;
  #model: Model | undefined;
  #detail = '';
  /** What the open detail was made of. */
  #shown: readonly unknown[] = [];
  /** What was open when a detail was asked for, so that closing it leads back there. */
  #behind = '#overview';

  start(): void {
    startTheme(the('[data-theme-button]'));
    the('[data-skip]').addEventListener('click', (event) => {
      event.preventDefault();
      this.#main.focus();
    });
    window.addEventListener('hashchange', () => this.#route());
    this.#dialog.addEventListener('close', () => {
      if (this.#detail === '') return;
      this.#detail = '';
      history.replaceState(undefined, '', this.#behind);
      this.#route();
    });
    this.#dialog.addEventListener('click', (event) => {
      if (event.target === this.#dialog) this.#dialog.close();
    });
    readLive(
      (snapshot) => this.#show(snapshot),
      (state) => this.#connection(state),
    );
    // Times grow old without news.
    setInterval(() => this.#redraw(), REDRAW_MS);
  }

  #connection(state: Connection): void {
    const live = the('[data-live]');
    live.className = `live ${state}`;
    live.textContent = CONNECTION[state];
  }

  #show(snapshot: Snapshot): void {
    const isFirst = this.#model === undefined;
    this.#model = new Model(snapshot);
    const { leader, servedBy, login, missing } = snapshot.head;
    const told = leader === undefined ? 'nobody leads' : leader === servedBy ? `led by ${leader}` : `led by ${leader}, seen by ${servedBy}`;
    the('[data-leader]').textContent = missing.length === 0 ? told : `${told}; not all is read yet`;
    the('[data-logout]').hidden = !login;
    if (isFirst) this.#route();
    else this.#redraw();
    this.#tabs();
  }

  #redraw(): void {
    const model = this.#model;
    if (model === undefined) return;
    this.#view?.show(model);
    if (this.#detail !== '') this.#fillDetail(model);
  }

  #tabs(): void {
    const snapshot = this.#model?.snapshot;
    const links = TABS.map(({ name, title, count }) => {
      const number = snapshot === undefined || count === undefined ? undefined : h('span', { class: 'number' }, count(snapshot));
      return h('a', { href: `#${name}`, 'aria-current': this.#tab?.name === name ? 'page' : undefined }, title, number);
    });
    const focused = document.activeElement?.getAttribute('href');
    const nav = the('[data-tabs]');
    const hadFocus = nav.contains(document.activeElement);
    fill(nav, ...links);
    if (hadFocus) links.find((each) => each.getAttribute('href') === focused)?.focus();
  }

  #route(): void {
    if (this.#model === undefined) return;
    const [name = '', ...rest] = location.hash.slice(1).split('/');
    const tab = TABS.find((each) => each.name === name) ?? FIRST;
    const id = decode(rest.join('/'));
    // A detail opens over whatever is there.
    if (id === '' || this.#tab === undefined) this.#use(id === '' ? tab : FIRST);
    if (id === '') {
      this.#behind = `#${tab.name}`;
      this.#detail = '';
      this.#dialog.close();
      return;
    }
    this.#detail = `${tab.name}/${id}`;
    this.#fillDetail(this.#model);
    if (!this.#dialog.open) this.#dialog.showModal();
  }

  #use(tab: Tab): void {
    if (this.#tab === tab || this.#model === undefined) return;
    this.#view?.close();
    this.#tab = tab;
    this.#view = tab.make();
    fill(this.#main, this.#view.element);
    this.#view.show(this.#model);
    window.scrollTo({ top: 0, behavior: 'instant' });
    document.title = `${tab.title} · HeraldLB looking glass`;
    this.#tabs();
  }

  #fillDetail(model: Model): void {
    const [name = '', ...rest] = this.#detail.split('/');
    const made = sourcesOf(model, this.#detail, rest.join('/'));
    if (this.#dialog.open && made.every((source, place) => source === this.#shown[place])) return;
    this.#shown = made;
    const { title, parts } = TABS.find((tab) => tab.name === name)?.detail?.(model, rest.join('/')) ?? { title: 'nothing', parts: [] };
    const close = h('button', { class: 'quiet', type: 'button', 'aria-label': 'Close', on: { click: () => this.#dialog.close() } }, '✕');
    const head = h('div', { class: 'detail-head' }, h('h2', { id: 'detail-title', class: 'mono' }, title), close);
    const at = this.#dialog.scrollTop;
    const focused = this.#dialog.contains(document.activeElement) ? document.activeElement?.getAttribute('href') : undefined;
    fill(this.#dialog, h('div', { class: 'detail' }, head, ...parts));
    this.#dialog.scrollTop = at;
    if (focused !== undefined)
      ([...this.#dialog.querySelectorAll('a')].find((each) => each.getAttribute('href') === focused) ?? close).focus();
  }
}

/** Rows that did not change are the same objects: a detail of the same rows need not be made again. */
function sourcesOf({ snapshot, vips, nodes, peers, pools }: Model, detail: string, id: string): unknown[] {
  const { problems, sessions } = snapshot;
  const kind = detail.split('/')[0];
  if (kind === 'vips') return [detail, vips.get(id), problems];
  return [detail, nodes.get(id), peers.get(id), pools.get(id), problems, kind === 'pools' ? snapshot.vips : sessions];
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

new App().start();
