import type { Move, SessionRow, VipHistory, VipRow, Why } from '../../../src/glass/view.ts';
import { fill, h } from './dom.ts';
import type { Model } from './model.ts';
import { problemItem } from './overview.ts';
import { poolBars } from './pools.ts';
import { bfdBadge } from './tables.ts';
import { ago, badge, count, reasonLink, sessionTone, vipBadge } from './words.ts';

/** What is shown of one thing, in the order in which it is asked. */
export interface Detail {
  readonly title: string;
  readonly parts: readonly (HTMLElement | undefined)[];
}

type Fact = readonly [string, Node | string | undefined];

function facts(...entries: readonly Fact[]): HTMLElement {
  const list = h('dl', { class: 'facts' });
  for (const [name, value] of entries) if (value !== undefined && value !== '') list.append(h('dt', {}, name), h('dd', {}, value));
  return list;
}

function nodeLinks(nodes: readonly string[]): HTMLElement | string {
  if (nodes.length === 0) return '';
  const shown = nodes.slice(0, 24).map((node) => h('a', { class: 'chip', href: `#nodes/${encodeURIComponent(node)}` }, node));
  return h('span', { class: 'chips' }, ...shown, nodes.length > 24 ? h('span', { class: 'dim' }, `and ${nodes.length - 24} more`) : '');
}

function vipLinks(vips: readonly VipRow[]): HTMLElement | string {
  if (vips.length === 0) return '';
  const shown = vips.slice(0, 30).map(({ id }) => h('a', { class: 'chip mono', href: `#vips/${encodeURIComponent(id)}` }, id));
  return h('span', { class: 'chips' }, ...shown, vips.length > 30 ? h('span', { class: 'dim' }, `and ${vips.length - 30} more`) : '');
}

function problemsOf(model: Model, is: (kind: string, name: string, nodes: readonly string[]) => boolean): HTMLElement | undefined {
  const found = model.snapshot.problems.filter(({ kind, name, nodes }) => is(kind, name, nodes)).slice(0, 20);
  return found.length === 0 ? undefined : h('ul', { class: 'problem-list' }, ...found.map((problem) => problemItem(model, problem)));
}

export function vipDetail(model: Model, id: string): Detail {
  const vip = model.vips.get(id);
  if (vip === undefined) return gone(id, 'No Service has this address any more.', history(model, id));
  const services = new Set(vip.services.map(({ name }) => name));
  const owner = vip.owners.map(({ node, since, interfaces }) =>
    h(
      'p',
      {},
      h('a', { href: `#nodes/${encodeURIComponent(node)}` }, node),
      ` on ${interfaces.join(', ') || 'its interfaces'}, for `,
      ago(since),
    ),
  );
  return {
    title: id,
    parts: [
      facts(
        ['State', vipBadge(vip.state)],
        ['Why', vip.why === undefined ? undefined : whyText(model, vip.why)],
        [
          'Services',
          h(
            'span',
            {},
            ...vip.services.map(({ name, ports, policy }) => h('p', {}, h('strong', {}, name), ` ${ports.join(', ')}, policy ${policy}`)),
          ),
        ],
        ['Pool', vip.pool === undefined ? 'none' : h('a', { href: `#pools/${encodeURIComponent(vip.pool)}` }, vip.pool)],
        ['Layer 2', owner.length === 0 ? undefined : h('span', {}, ...owner)],
        ['BGP from', nodeLinks(model.set(vip.bgp))],
        ['Without session', nodeLinks(model.set(vip.waiting))],
        ['BGP to', vip.peers.join(', ')],
      ),
      problemsOf(model, (kind, name) => (kind === 'VIP' && name === id) || (kind === 'Service' && services.has(name))),
      history(model, id),
    ],
  };
}

/** What `heraldlb explain` says first. */
function whyText(model: Model, why: Why): HTMLElement {
  const { message, next } = why;
  return h('span', {}, reasonLink(model.docs, why), ` ${message.replace(/\.$/, '')}. Next: ${next}`);
}

/** Fetched when it is asked for: a thousand histories are nothing that everybody has to read. */
function history(model: Model, address: string): HTMLElement {
  const list = h('ol', { class: 'history' }, h('li', {}, '…'));
  const load = async (): Promise<void> => {
    const answer = await fetch(`api/history?address=${encodeURIComponent(address)}`);
    if (!answer.ok) throw new Error(await answer.text());
    const { moves } = (await answer.json()) as VipHistory;
    fill(list, ...moves.map((move) => h('li', {}, ago(move.at), h('span', {}, moveText(move)))));
    if (moves.length === 0) list.append(h('li', {}, 'nothing'));
  };
  load().catch((error: unknown) =>
    fill(list, h('li', {}, `It could not be read: ${error instanceof Error ? error.message : String(error)}`)),
  );
  const since = ago(model.snapshot.head.watchingSince);
  return h(
    'section',
    {},
    h('h3', {}, 'History'),
    h('p', { class: 'dim' }, 'What this controller has seen in the last ', since, ', newest first.'),
    list,
  );
}

function moveText(move: Move): string {
  switch (move.what) {
    case 'found':
      return `found with ${list(move.services)}${move.nodes.length === 0 ? ', announced by nobody' : `, announced by ${list(move.nodes)}`}`;
    case 'assigned':
      return `assigned to ${list(move.services)}`;
    case 'released':
      return `released by ${list(move.services)}`;
    case 'owner':
      return `${move.from.length === 0 ? 'nobody' : list(move.from)} → ${move.to.length === 0 ? 'nobody' : list(move.to)} (layer 2)`;
    case 'nodes':
      return [
        move.joined.length === 0 ? '' : `announced from ${list(move.joined)}`,
        move.left.length === 0 ? '' : `no longer from ${list(move.left)}`,
      ]
        .filter(Boolean)
        .join('; ')
        .concat(' (BGP)');
  }
}

function list(names: readonly string[]): string {
  if (names.length === 0) return 'no Service';
  return names.length <= 4 ? names.join(', ') : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`;
}

export function nodeDetail(model: Model, id: string): Detail {
  const node = model.nodes.get(id);
  if (node === undefined) return gone(id, 'The cluster has no such node any more.');
  const { speaker, drain } = node;
  const vips = model.vipsOf(id);
  const said = speaker === undefined ? 'no word of one' : `${speaker.version}, for `;
  return {
    title: id,
    parts: [
      facts(
        ['Node', node.ready ? badge('good', 'Ready') : badge('bad', 'not Ready')],
        ['Marks', [node.cordoned ? 'cordoned' : '', node.excluded ? 'takes no load-balancer traffic' : ''].filter(Boolean).join(', ')],
        ['Drain', drain === undefined ? undefined : h('span', {}, badge('warn', drain.phase), ` ${drain.reason} `, ago(drain.since))],
        ['Addresses', h('span', { class: 'mono' }, node.addresses.join(', '))],
        ['Speaker', h('span', {}, said, speaker === undefined ? '' : ago(speaker.startedAt))],
        [
          'It says',
          speaker === undefined ? undefined : h('span', {}, badge(speaker.ready ? 'good' : 'warn', speaker.reason), ` ${speaker.message}`),
        ],
        ['Announces', `${count(node.owned, 'VIP')} by layer 2, ${node.routed} by BGP`],
        ['VIPs', vipLinks(vips)],
      ),
      problemsOf(model, (kind, name, nodes) => nodes.includes(id) || (kind === 'Node' && name === id)),
      sessionList(model.sessionsOf('node', id), 'peer'),
    ],
  };
}

export function peerDetail(model: Model, id: string): Detail {
  const peer = model.peers.get(id);
  if (peer === undefined) return gone(id, 'There is no such BGPPeer any more, or it is not valid.');
  return {
    title: id,
    parts: [
      facts(
        ['Router', h('span', { class: 'mono' }, peer.router)],
        ['AS numbers', `${peer.asn}; ours is ${peer.myAsn}`],
        ['Sessions', `${peer.up} of ${peer.sessions} up`],
        ['Hold time', `${peer.holdTimeMs / 1000} s`],
        ['Key', peer.protection],
        ['BFD', peer.bfdProfile],
      ),
      problemsOf(model, (kind, name) => kind === 'BGPPeer' && name === id),
      sessionList(model.sessionsOf('peer', id), 'node'),
    ],
  };
}

function sessionList(sessions: readonly SessionRow[], by: 'node' | 'peer'): HTMLElement | undefined {
  if (sessions.length === 0) return undefined;
  const view = by === 'node' ? 'nodes' : 'sessions';
  const items = sessions
    .slice(0, 200)
    .map((session) =>
      h(
        'li',
        {},
        h('a', { href: `#${view}/${encodeURIComponent(session[by])}` }, session[by]),
        ' ',
        badge(sessionTone(session.state), session.state),
        bfdBadge(session),
        h('span', { class: 'dim' }, ' for ', ago(session.since), `, ${count(session.routes, 'route')}`),
        session.lastError === undefined
          ? ''
          : h(
              'p',
              { class: 'dim' },
              'last error: ',
              session.lastError,
              session.lastErrorAt === undefined ? '' : ', ',
              session.lastErrorAt === undefined ? '' : ago(session.lastErrorAt),
            ),
      ),
    );
  return h('section', {}, h('h3', {}, 'Sessions'), h('ul', { class: 'plain' }, ...items));
}

export function poolDetail(model: Model, id: string): Detail {
  const pool = model.pools.get(id);
  if (pool === undefined) return gone(id, 'There is no such pool any more, or it is not valid.');
  const vips = model.snapshot.vips.filter((vip) => vip.pool === id);
  return {
    title: id,
    parts: [
      ...poolBars(pool),
      facts(
        ['Addresses', h('span', { class: 'mono' }, pool.blocks.join(', '))],
        ['Gives', pool.disabled ? 'nothing: it is disabled' : pool.autoAssign ? 'to every Service that it takes' : 'only on request'],
        ['VIPs', vipLinks(vips)],
      ),
      problemsOf(model, (kind, name) => kind === 'IPAddressPool' && name === id),
    ],
  };
}

function gone(title: string, text: string, more?: HTMLElement): Detail {
  return { title, parts: [h('p', {}, text), more] };
}
