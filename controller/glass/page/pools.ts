import type { Family } from '../../../src/net/ip.ts';
import type { AdvertisementRow, PoolRow } from '../../../src/glass/view.ts';
import { fill, h } from './dom.ts';
import type { Model } from './model.ts';
import type { View } from './overview.ts';
import { badge, count, usageBar } from './words.ts';

export function poolsView(): View {
  const pools = h('ul', { class: 'pool-list' });
  const said = h('div', { class: 'above' });
  return {
    element: h('section', { class: 'card pools', 'aria-labelledby': 'pools-title' }, h('h2', { id: 'pools-title' }, 'Pools'), pools, said),
    show: ({ snapshot }: Model) => {
      fill(pools, ...snapshot.pools.map(poolItem));
      fill(said, h('h2', {}, 'Advertisements'), h('ul', { class: 'plain' }, ...snapshot.advertisements.map(advertisementItem)));
    },
    close: () => {},
  };
}

const FAMILY: Readonly<Record<Family, string>> = { ipv4: 'IPv4', ipv6: 'IPv6' };

function poolItem(pool: PoolRow): HTMLElement {
  return h(
    'li',
    {},
    h(
      'h3',
      {},
      h('a', { href: `#pools/${encodeURIComponent(pool.id)}` }, pool.id),
      pool.autoAssign ? '' : badge('calm', 'only on request'),
      pool.disabled ? badge('warn', 'disabled') : '',
    ),
    h('p', { class: 'mono dim' }, pool.blocks.join(', ')),
    ...poolBars(pool),
  );
}

export function poolBars({ usage }: PoolRow): HTMLElement[] {
  return (['ipv4', 'ipv6'] as const).flatMap((family) => {
    const counts = usage[family];
    return counts === undefined ? [] : [usageBar(FAMILY[family], counts)];
  });
}

function advertisementItem({ protocol, name, pools, nodes, peers, interfaces }: AdvertisementRow): HTMLElement {
  const parts = [
    pools.length === 0 ? 'all pools' : `pools ${pools.join(', ')}`,
    count(nodes, 'node'),
    ...(protocol === 'BGP' ? [peers.length === 0 ? 'all peers' : `peers ${peers.join(', ')}`] : []),
    ...(interfaces.length === 0 ? [] : [`interfaces ${interfaces.join(', ')}`]),
  ];
  return h('li', {}, badge('calm', protocol), ' ', h('strong', {}, name), `: ${parts.join('; ')}`);
}
