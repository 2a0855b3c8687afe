import type { NodeRow, SessionRow, VipRow } from '../../../src/glass/view.ts';
import { fill, h } from './dom.ts';
import { type Model, matches, wordsOf } from './model.ts';
import type { View } from './overview.ts';
import { VirtualList } from './virtual.ts';
import { type Tone, ago, badge, count, sessionTone, vipBadge } from './words.ts';

interface TableOptions<T extends { readonly id: string }> {
  readonly name: string;
  readonly title: string;
  readonly hint: string;
  readonly columns: readonly string[];
  readonly rows: (model: Model) => readonly T[];
  /** One for each column; the first is a link to more. */
  readonly cells: (row: T, model: Model) => readonly (Node | string)[];
  readonly above?: (model: Model) => HTMLElement;
}

const PHONE = matchMedia('(max-width: 719px)');

/** A filter box over rows of which only those in sight are in the document. */
export function table<T extends { readonly id: string }>(options: TableOptions<T>): View {
  const { name, title, hint, columns, rows, cells, above } = options;
  let model: Model | undefined;
  const body = h('div', { role: 'rowgroup' });
  const head = h(
    'div',
    { role: 'row', class: 'row head', 'aria-rowindex': 1 },
    ...columns.map((column) => h('span', { role: 'columnheader' }, column)),
  );
  const grid = h('div', { role: 'table', class: `grid ${name}`, 'aria-label': title }, h('div', { role: 'rowgroup' }, head), body);
  const counter = h('p', { class: 'counter', role: 'status' });
  const none = h('p', { class: 'waiting', hidden: true }, 'Nothing here is like that.');
  const filter = h('input', { type: 'search', placeholder: hint, 'aria-label': `Filter ${title}`, on: { input: () => refresh() } });
  const extra = h('div', { class: 'above' });
  const list = new VirtualList<T>({
    body,
    role: 'row',
    rowHeight: () => (PHONE.matches ? 76 : 44),
    draw: (row, item) => {
      if (model === undefined) return;
      const hadFocus = row.contains(document.activeElement);
      row.className = 'row';
      fill(row, ...cells(item, model).map((cell, place) => h('span', { role: 'cell', class: `c${place}` }, cell)));
      if (hadFocus) row.querySelector('a')?.focus({ preventScroll: true });
    },
  });
  const refresh = (): void => {
    if (model === undefined) return;
    const all = rows(model);
    const words = wordsOf(filter.value);
    const found = words.length === 0 ? all : all.filter((row) => matches(row, words));
    grid.setAttribute('aria-rowcount', String(found.length + 1));
    counter.textContent =
      found.length === all.length ? count(all.length, 'row') : `${found.length.toLocaleString('en')} of ${count(all.length, 'row')}`;
    none.hidden = found.length > 0;
    list.show(found);
  };
  const onPhone = (): void => refresh();
  PHONE.addEventListener('change', onPhone);
  return {
    element: h(
      'section',
      { class: 'card table', 'aria-labelledby': `${name}-title` },
      extra,
      h('div', { class: 'card-head' }, h('h2', { id: `${name}-title` }, title), filter, counter),
      grid,
      none,
    ),
    show: (next) => {
      const isFirst = model === undefined;
      model = next;
      if (above !== undefined) fill(extra, above(next));
      refresh();
      if (!isFirst) list.redraw();
    },
    close: () => {
      list.close();
      PHONE.removeEventListener('change', onPhone);
    },
  };
}

function link(view: string, id: string, text = id): HTMLElement {
  return h('a', { href: `#${view}/${encodeURIComponent(id)}`, class: 'mono' }, text);
}

export function vipsTable(): View {
  return table<VipRow>({
    name: 'vips',
    title: 'VIPs',
    hint: 'Address, Service, pool, node …',
    columns: ['Address', 'Service', 'State', 'Announced by', 'Pool', 'For', 'Moves'],
    rows: ({ snapshot }) => snapshot.vips,
    cells: (row, model) => [
      link('vips', row.id),
      row.services.map(({ name }) => name).join(', '),
      vipBadge(row.state),
      byText(row, model),
      row.pool ?? '–',
      ago(row.since),
      String(Math.max(0, row.moves - 1)),
    ],
  });
}

/** Who announces it, in a few words. */
export function byText(row: VipRow, model: Model): string {
  const owners = row.owners.map(({ node }) => node).join(' and ');
  const [up, waiting] = [model.set(row.bgp).length, model.set(row.waiting).length];
  const bgp = waiting === 0 ? count(up, 'node') : `${up} of ${count(up + waiting, 'node')}`;
  const parts = [owners, up + waiting > 0 ? `${bgp} by BGP` : ''].filter(Boolean);
  return parts.length === 0 ? (row.why?.reason ?? '–') : parts.join('; ');
}

function nodeBadge({ ready, speaker, drain, cordoned, excluded }: NodeRow): HTMLElement {
  if (!ready) return badge('bad', 'not ready');
  if (drain !== undefined) return badge('warn', `drains: ${drain.phase}`);
  if (speaker === undefined) return badge(excluded ? 'calm' : 'bad', 'no speaker');
  if (excluded) return badge('calm', 'excluded');
  if (cordoned) return badge('calm', 'cordoned');
  return speaker.ready ? badge('good', 'announces') : badge('warn', speaker.reason === '' ? 'not ready' : speaker.reason);
}

export function nodesTable(): View {
  return table<NodeRow>({
    name: 'nodes',
    title: 'Nodes',
    hint: 'Name, address, version …',
    columns: ['Node', 'Address', 'State', 'Sessions up', 'VIPs by layer 2', 'VIPs by BGP', 'Speaker'],
    rows: ({ snapshot }) => snapshot.nodes,
    cells: (row) => [
      link('nodes', row.id),
      row.addresses.join(', '),
      nodeBadge(row),
      `${row.sessionsUp} of ${row.sessions}`,
      String(row.owned),
      String(row.routed),
      row.speaker?.version ?? '–',
    ],
  });
}

export function sessionsTable(): View {
  return table<SessionRow>({
    name: 'sessions',
    title: 'BGP sessions',
    hint: 'Peer, node, address, state, error …',
    columns: ['Peer', 'Node', 'State', 'Router', 'Routes', 'For', 'Last error'],
    rows: ({ snapshot }) => snapshot.sessions,
    above: (model) => peerCards(model),
    cells: (row) => [
      h('a', { href: `#sessions/${encodeURIComponent(row.peer)}` }, row.peer),
      h('a', { href: `#nodes/${encodeURIComponent(row.node)}` }, row.node),
      h('span', { class: 'states' }, badge(sessionTone(row.state), row.state), bfdBadge(row)),
      h('span', { class: 'mono' }, row.address, row.asn === '' ? '' : `, AS ${row.asn}`),
      String(row.routes),
      ago(row.since),
      row.lastError ?? '–',
    ],
  });
}

export function bfdBadge({ bfd }: SessionRow): HTMLElement | string {
  if (bfd === undefined) return '';
  const tone: Tone = bfd.state === 'Up' ? 'good' : 'warn';
  return badge(tone, `BFD ${bfd.state}`);
}

function peerCards({ snapshot }: Model): HTMLElement {
  const cards = snapshot.peers.map(({ id, router, asn, myAsn, up, sessions, protection, bfdProfile }) => {
    const tone: Tone = sessions === 0 ? 'calm' : up === sessions ? 'good' : up === 0 ? 'bad' : 'warn';
    return h(
      'li',
      {},
      h(
        'a',
        { class: `tile ${tone}`, href: `#sessions/${encodeURIComponent(id)}` },
        h('span', { class: 'tile-name' }, id),
        h('span', { class: 'tile-label mono' }, `${router}, AS ${asn}`),
        h('span', { class: 'tile-label' }, `${up} of ${count(sessions, 'session')} up`),
        h('span', { class: 'tile-label' }, `our AS ${myAsn}, ${protection}${bfdProfile === undefined ? '' : `, BFD ${bfdProfile}`}`),
      ),
    );
  });
  return h('ul', { class: 'tiles peers', 'aria-label': 'Peers' }, ...cards);
}
