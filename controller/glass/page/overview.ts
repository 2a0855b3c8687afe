import type { ProblemRow } from '../../../src/glass/view.ts';
import { fill, h } from './dom.ts';
import type { Model } from './model.ts';
import { Topology } from './topology.ts';
import { SEVERITY, type Tone, badge, count, reasonLink } from './words.ts';

export interface View {
  readonly element: HTMLElement;
  readonly show: (model: Model) => void;
  readonly close: () => void;
}

const FIRST_PROBLEMS = 6;

export function overview(): View {
  const tiles = h('ul', { class: 'tiles' });
  const problems = h('section', { class: 'card problems', 'aria-labelledby': 'problems-title' });
  const topology = new Topology();
  let all = false;
  let latest: Model | undefined;
  const show = (model: Model): void => {
    latest = model;
    fill(tiles, ...tilesOf(model));
    fill(problems, ...problemsOf(model, all, () => toggle()));
  };
  const toggle = (): void => {
    all = !all;
    if (latest !== undefined) show(latest);
    problems.querySelector<HTMLElement>('.more')?.focus();
  };
  return {
    element: h('div', { class: 'overview' }, tiles, problems, topology.element),
    show: (model) => {
      show(model);
      topology.show(model);
    },
    close: () => topology.close(),
  };
}

function tilesOf({ snapshot }: Model): HTMLElement[] {
  const { vips, nodes, sessions, pools } = snapshot;
  const announced = vips.filter(({ state }) => state !== 'silent').length;
  const working = nodes.filter(({ ready, speaker }) => ready && speaker !== undefined).length;
  const up = sessions.filter(({ state }) => state === 'Established').length;
  const free = pools.filter(({ usage }) => Object.values(usage).some((family) => family.free > 0)).length;
  return [
    tile('VIPs announced', announced, vips.length, '#vips'),
    tile('Nodes with a speaker', working, nodes.length, '#nodes'),
    tile('BGP sessions up', up, sessions.length, '#sessions'),
    tile('Pools with room', free, pools.length, '#pools'),
  ];
}

function tile(label: string, good: number, all: number, href: string): HTMLElement {
  const tone: Tone = all === 0 ? 'calm' : good === all ? 'good' : good === 0 ? 'bad' : 'warn';
  const link = h(
    'a',
    { href, class: `tile ${tone}` },
    h('span', { class: 'tile-number' }, good.toLocaleString('en'), h('span', { class: 'tile-all' }, ` / ${all.toLocaleString('en')}`)),
    h('span', { class: 'tile-label' }, label),
  );
  return h('li', {}, link);
}

function problemsOf(model: Model, all: boolean, toggle: () => void): HTMLElement[] {
  const { problems } = model.snapshot;
  const title = h('h2', { id: 'problems-title' }, 'Problems', problems.length === 0 ? '' : h('span', { class: 'number' }, problems.length));
  if (problems.length === 0) return [title, h('p', { class: 'fine' }, 'Nothing is wrong: all that is planned is announced.')];
  const shown = all ? problems.slice(0, 500) : problems.slice(0, FIRST_PROBLEMS);
  const list = h('ul', { class: 'problem-list' }, ...shown.map((problem) => problemItem(model, problem)));
  if (problems.length <= FIRST_PROBLEMS) return [title, list];
  const text = all ? 'Show the first' : `Show all ${problems.length}`;
  return [title, list, h('button', { class: 'quiet more', type: 'button', 'aria-expanded': String(all), on: { click: toggle } }, text)];
}

const WORD = { error: 'error', warning: 'warning', info: 'note' } as const;

export function problemItem(model: Model, problem: ProblemRow): HTMLElement {
  const { severity, kind, name, message, nodes } = problem;
  const target = targetOf(model, kind, name);
  const label = `${kind} ${name}`.trim();
  return h(
    'li',
    { class: `problem ${SEVERITY[severity]}` },
    h(
      'div',
      { class: 'problem-head' },
      badge(SEVERITY[severity], WORD[severity]),
      reasonLink(model.docs, problem),
      target === undefined ? h('span', { class: 'object' }, label) : h('a', { class: 'object', href: target }, label),
    ),
    h('p', {}, message),
    nodes.length === 0 ? undefined : h('p', { class: 'where' }, nodesText(nodes)),
  );
}

function nodesText(nodes: readonly string[]): string {
  const [first = ''] = nodes;
  if (nodes.length === 1) return `on ${first}`;
  return `on ${count(nodes.length, 'node')}: ${nodes.slice(0, 4).join(', ')}${nodes.length > 4 ? ' …' : ''}`;
}

function targetOf(model: Model, kind: string, name: string): string | undefined {
  if (kind === 'Node' && model.nodes.has(name)) return `#nodes/${encodeURIComponent(name)}`;
  if (kind === 'BGPPeer' && model.peers.has(name)) return `#sessions/${encodeURIComponent(name)}`;
  if (kind === 'IPAddressPool' && model.pools.has(name)) return `#pools/${encodeURIComponent(name)}`;
  if (model.vips.has(name)) return `#vips/${encodeURIComponent(name)}`;
  const vip =
    kind === 'Service' ? model.snapshot.vips.find(({ services }) => services.some((service) => service.name === name)) : undefined;
  return vip === undefined ? undefined : `#vips/${encodeURIComponent(vip.id)}`;
}
