import type { ServiceView } from '../cluster/service.ts';
import { type Ip, ipFamily } from '../net/ip.ts';
import type { Spread } from '../view/routed.ts';
import type { Situation } from '../view/situation.ts';
import type { Judgement, Reach } from '../view/verdict.ts';
import { whyOf } from './problem.ts';
import type { Owner, SetRow, VipRow, VipState } from './view.ts';

/** Gives every set of nodes a short name that is the same for the same nodes in the next snapshot. */
export class NodeSets {
  readonly #rows = new Map<string, SetRow>();

  id(nodes: readonly string[]): string {
    if (nodes.length === 0) return '';
    const id = `${nodes.length}-${hash(nodes)}`;
    if (!this.#rows.has(id)) this.#rows.set(id, { id, nodes });
    return id;
  }

  nodes(id: string): readonly string[] {
    return this.#rows.get(id)?.nodes ?? [];
  }

  rows(): SetRow[] {
    return [...this.#rows.values()];
  }
}

/** FNV-1a over two halves: 64 bits, so that two sets never have one name. */
function hash(nodes: readonly string[]): string {
  let [low, high] = [0x811c9dc5, 0x01000193];
  for (const node of nodes) {
    for (let position = 0; position <= node.length; position++) {
      const code = position === node.length ? 10 : node.charCodeAt(position);
      low = Math.imul(low ^ code, 0x01000193);
      high = Math.imul(high ^ code, 0x85ebca6b);
    }
  }
  return (low >>> 0).toString(36) + (high >>> 0).toString(36);
}

type Judged = readonly (readonly [ServiceView, Judgement])[];

/** One row for each address that a Service has, in order of addresses. */
export function vipRows(judged: Judged, situation: Situation, sets: NodeSets): VipRow[] {
  const ready = new Set(situation.nodes.filter((node) => node.ready).map(({ name }) => name));
  const sharers = new Map<Ip, [ServiceView, Judgement][]>();
  for (const [service, judgement] of judged) {
    for (const ip of service.ingress) {
      const list = sharers.get(ip);
      if (list === undefined) sharers.set(ip, [[service, judgement]]);
      else list.push([service, judgement]);
    }
  }
  return [...sharers]
    .sort(([a], [b]) => byAddress(a, b))
    .map(([ip, list]) => rowOf(ip, list, { ready, sets, pool: situation.prospects.index.poolOf(ip)?.name }));
}

interface Frame {
  readonly ready: ReadonlySet<string>;
  readonly sets: NodeSets;
  readonly pool: string | undefined;
}

function rowOf(ip: Ip, sharers: Judged, { ready, sets, pool }: Frame): VipRow {
  const reaches = sharers.flatMap(([, { reaches: all }]) => all.filter(({ address }) => address === ip));
  const owners = ownersOf(reaches, ready);
  const wire = wireOf(
    reaches.map(({ bgp: spread }) => spread),
    sets,
  );
  const cause = sharers.flatMap(([, { causes }]) => causes.slice(0, 1))[0];
  return {
    id: ip,
    family: ipFamily(ip),
    ...(pool === undefined ? {} : { pool }),
    services: sharers.map(([{ key, ports, externalTrafficPolicy }]) => ({
      name: key,
      ports: ports.map(({ port, protocol }) => `${port}/${protocol}`),
      policy: externalTrafficPolicy,
    })),
    state: stateOf(owners, wire),
    owners,
    ...wire,
    ...(cause === undefined ? {} : { why: whyOf(cause) }),
    since: '',
    moves: 0,
  };
}

function stateOf(owners: readonly Owner[], { bgp, waiting }: OnWire): VipState {
  if (owners.length > 1) return 'contested';
  if (owners.length === 0 && bgp === '') return 'silent';
  return waiting === '' ? 'announced' : 'partly';
}

/** What was reported last by a node that has died is true until another one says that it has taken over. */
function ownersOf(reaches: readonly Reach[], ready: ReadonlySet<string>): Owner[] {
  const owners = new Map<string, Owner>();
  for (const { layer2 } of reaches)
    for (const { node, onWire, since = '', interfaces = [] } of layer2.holders) if (onWire) owners.set(node, { node, since, interfaces });
  const list = [...owners.values()];
  const living = list.length > 1 ? list.filter(({ node }) => ready.has(node)) : list;
  return living.length > 0 ? living : list;
}

type OnWire = Pick<VipRow, 'bgp' | 'waiting' | 'peers'>;

const KNOWN = new WeakMap<NodeSets, WeakMap<Spread, OnWire>>();

/** Most VIPs have the same spread, the very same one. */
function wireOf(spreads: readonly Spread[], sets: NodeSets): OnWire {
  const [only, ...others] = spreads;
  if (only === undefined || others.length > 0) return united(spreads, sets);
  const known = KNOWN.get(sets) ?? new WeakMap<Spread, OnWire>();
  KNOWN.set(sets, known);
  const wire = known.get(only) ?? united([only], sets);
  known.set(only, wire);
  return wire;
}

function united(spreads: readonly Spread[], sets: NodeSets): OnWire {
  const up = new Set(spreads.flatMap((spread) => spread.up));
  const waiting = new Set(spreads.flatMap(({ down, deaf }) => [...down, ...deaf]).filter((node) => !up.has(node)));
  return {
    bgp: sets.id([...up].sort()),
    waiting: sets.id([...waiting].sort()),
    peers: [...new Set(spreads.flatMap(({ peers }) => peers))].sort(),
  };
}

/** IPv4 first, and by number: 9 comes before 10. */
function byAddress(a: Ip, b: Ip): number {
  return compare(sortKey(a), sortKey(b));
}

const KEYS = new Map<Ip, string>();
const MAX_KEYS = 50_000;

function sortKey(ip: Ip): string {
  const known = KEYS.get(ip);
  if (known !== undefined) return known;
  if (KEYS.size > MAX_KEYS) KEYS.clear();
  const key = ipFamily(ip) === 'ipv4' ? `4${padded(ip, '.', 3)}` : `6${padded(expanded(ip), ':', 4)}`;
  KEYS.set(ip, key);
  return key;
}

function padded(text: string, separator: string, width: number): string {
  return text
    .split(separator)
    .map((part) => part.padStart(width, '0'))
    .join(separator);
}

/** RFC 4291 §2.2: `::` stands for as many groups as are missing. */
function expanded(ip: string): string {
  const [head = '', tail] = ip.split('::');
  if (tail === undefined) return ip;
  const [left, right] = [head.split(':').filter(Boolean), tail.split(':').filter(Boolean)];
  return [...left, ...Array.from({ length: 8 - left.length - right.length }, () => '0'), ...right].join(':');
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
