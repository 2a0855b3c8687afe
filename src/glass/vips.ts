import { ineligibleText } from '../announce/eligibility.ts';
import type { IndexedSnapshot } from '../announce/snapshot.ts';
import type { ServiceView } from '../cluster/service.ts';
import { type Ip, ipFamily } from '../net/ip.ts';
import type { NodeReport } from './nodeReport.ts';
import { type GlassReason, anchorOf } from './problem.ts';
import type { Reach, Reached, ServiceReach } from './reach.ts';
import type { Owner, SessionRow, SetRow, VipRow, VipState, Why } from './view.ts';

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

export interface VipInput {
  readonly index: IndexedSnapshot;
  readonly services: readonly ServiceView[];
  readonly reports: readonly NodeReport[];
  readonly sessions: readonly SessionRow[];
  readonly sets: NodeSets;
  readonly reach: Reach;
}

/** One row for each address that a Service has, in order of addresses. */
export function vipRows(input: VipInput): VipRow[] {
  const { index } = input;
  const owners = ownersOf(input.reports, new Set(index.nodes.filter(({ ready }) => ready).map(({ name }) => name)));
  const wire = new Wire(input);
  const views = new Map(input.services.map((service) => [service.key, service]));
  const addresses = new Set(input.services.flatMap(({ key, ingress }) => (index.service(key) === undefined ? [] : ingress)));
  return [...addresses].sort(byAddress).map((ip) => {
    const services = index.sharers(ip).flatMap((key) => views.get(key) ?? []);
    const reaches = services.map((service) => input.reach.of(index, service, ip));
    return rowOf(ip, services, reaches, owners.get(ip) ?? [], wire, index.poolOf(ip)?.name);
  });
}

function rowOf(
  ip: Ip,
  services: readonly ServiceView[],
  reaches: readonly ServiceReach[],
  owners: readonly Owner[],
  wire: Wire,
  pool: string | undefined,
): VipRow {
  const { bgp, waiting, peers } = wire.of(reaches.length === 1 ? (reaches[0]?.bgp ?? []) : union(reaches));
  const state = stateOf(owners, bgp, waiting);
  const why = state === 'silent' ? whyOf(reaches, waiting) : undefined;
  return {
    id: ip,
    family: ipFamily(ip),
    ...(pool === undefined ? {} : { pool }),
    services: services.map(({ key, ports, externalTrafficPolicy }) => ({
      name: key,
      ports: ports.map(({ port, protocol }) => `${port}/${protocol}`),
      policy: externalTrafficPolicy,
    })),
    state,
    owners,
    bgp,
    waiting,
    peers,
    ...(why === undefined ? {} : { why }),
    since: '',
    moves: 0,
  };
}

function stateOf(owners: readonly Owner[], bgp: string, waiting: string): VipState {
  if (owners.length > 1) return 'contested';
  if (owners.length === 0 && bgp === '') return 'silent';
  return waiting === '' ? 'announced' : 'partly';
}

const OWN: Readonly<Record<'NoOwner' | 'NoSession', string>> = {
  NoOwner: 'no node says that it answers for it',
  NoSession: 'no node that is to announce it has an established session',
} satisfies Partial<Record<GlassReason, string>>;

function whyOf(reaches: readonly ServiceReach[], waiting: string): Why {
  const why = reaches.find((reach) => reach.why !== undefined)?.why;
  if (waiting === '' && why !== undefined && reaches.every((reach) => reach.why !== undefined))
    return { reason: why.reason, anchor: anchorOf(why.reason, 'speaker'), message: ineligibleText(why) };
  const reason = waiting === '' ? 'NoOwner' : 'NoSession';
  return { reason, anchor: anchorOf(reason), message: OWN[reason] };
}

function union(reaches: readonly ServiceReach[]): readonly Reached[] {
  const all = new Map<string, Set<string>>();
  for (const { bgp } of reaches) for (const { node, peers } of bgp) all.set(node, new Set([...(all.get(node) ?? []), ...peers]));
  return [...all].sort(([a], [b]) => (a < b ? -1 : 1)).map(([node, peers]) => ({ node, peers: [...peers].sort() }));
}

interface OnWire {
  readonly bgp: string;
  readonly waiting: string;
  readonly peers: readonly string[];
}

/** What is planned against the sessions that there are. Most VIPs have the same list of nodes, the very same one. */
class Wire {
  readonly #up: ReadonlySet<string>;
  /** Nodes that have handed over all that they announced, by their own word. */
  readonly #drained: ReadonlySet<string>;
  readonly #sets: NodeSets;
  readonly #known = new Map<readonly Reached[], OnWire>();

  constructor({ sessions, reports, sets }: VipInput) {
    this.#up = new Set(sessions.filter(({ state }) => state === 'Established').map(({ node, peer }) => `${node} ${peer}`));
    this.#drained = new Set(reports.filter(({ drain }) => drain?.phase === 'Drained').map(({ name }) => name));
    this.#sets = sets;
  }

  of(planned: readonly Reached[]): OnWire {
    const known = this.#known.get(planned);
    if (known !== undefined) return known;
    const reached = planned.filter(({ node }) => !this.#drained.has(node));
    const isUp = ({ node, peers }: Reached): boolean => peers.some((peer) => this.#up.has(`${node} ${peer}`));
    const made = {
      bgp: this.#sets.id(reached.filter(isUp).map(({ node }) => node)),
      waiting: this.#sets.id(reached.filter((each) => !isUp(each)).map(({ node }) => node)),
      peers: [...new Set(reached.flatMap(({ peers }) => peers))].sort(),
    };
    this.#known.set(planned, made);
    return made;
  }
}

/** @param ready nodes: what was reported last by one that has died is true until another says that it has taken over */
function ownersOf(reports: readonly NodeReport[], ready: ReadonlySet<string>): Map<string, Owner[]> {
  const owners = new Map<string, Owner[]>();
  for (const { name: node, claims } of reports) {
    for (const { ip, since, interfaces } of claims) {
      const list = owners.get(ip);
      const owner = { node, since, interfaces };
      if (list === undefined) owners.set(ip, [owner]);
      else list.push(owner);
    }
  }
  for (const [ip, list] of owners) {
    const living = list.length > 1 ? list.filter(({ node }) => ready.has(node)) : list;
    if (living.length > 0) owners.set(ip, living);
  }
  return owners;
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
