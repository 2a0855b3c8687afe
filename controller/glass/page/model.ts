import type { NodeRow, PeerRow, PoolRow, SessionRow, Snapshot, VipRow } from '../../../src/glass/view.ts';

/** A snapshot with the look-ups that views need. */
export class Model {
  readonly snapshot: Snapshot;
  readonly vips: ReadonlyMap<string, VipRow>;
  readonly nodes: ReadonlyMap<string, NodeRow>;
  readonly peers: ReadonlyMap<string, PeerRow>;
  readonly pools: ReadonlyMap<string, PoolRow>;
  readonly #sets: ReadonlyMap<string, readonly string[]>;
  readonly #sessions = new Map<string, SessionRow[]>();

  constructor(snapshot: Snapshot) {
    this.snapshot = snapshot;
    this.vips = byId(snapshot.vips);
    this.nodes = byId(snapshot.nodes);
    this.peers = byId(snapshot.peers);
    this.pools = byId(snapshot.pools);
    this.#sets = new Map(snapshot.sets.map(({ id, nodes }) => [id, nodes]));
    for (const session of snapshot.sessions) {
      for (const key of [`node ${session.node}`, `peer ${session.peer}`]) {
        const list = this.#sessions.get(key);
        if (list === undefined) this.#sessions.set(key, [session]);
        else list.push(session);
      }
    }
  }

  get docs(): string {
    return this.snapshot.head.docs;
  }

  set(id: string): readonly string[] {
    return this.#sets.get(id) ?? [];
  }

  sessionsOf(kind: 'node' | 'peer', name: string): readonly SessionRow[] {
    return this.#sessions.get(`${kind} ${name}`) ?? [];
  }

  /** Everybody who announces it, or is to. */
  nodesOf({ owners, bgp, waiting }: VipRow): Set<string> {
    return new Set([...owners.map(({ node }) => node), ...this.set(bgp), ...this.set(waiting)]);
  }

  /** VIPs that a node announces or is to. */
  vipsOf(node: string): VipRow[] {
    const sets = new Set(this.snapshot.sets.filter(({ nodes }) => nodes.includes(node)).map(({ id }) => id));
    return this.snapshot.vips.filter(
      ({ owners, bgp, waiting }) => sets.has(bgp) || sets.has(waiting) || owners.some((owner) => owner.node === node),
    );
  }
}

function byId<T extends { readonly id: string }>(rows: readonly T[]): Map<string, T> {
  return new Map(rows.map((row) => [row.id, row]));
}

export type Kind = 'pool' | 'vip' | 'node' | 'peer';

export interface Thing {
  readonly kind: Kind;
  readonly id: string;
}

export type Related = Readonly<Record<Kind, ReadonlySet<string>>>;

/** Everything on a way from a pool to a peer that leads through one thing. */
export function related(model: Model, { kind, id }: Thing): Related {
  const vips = vipsAt(model, kind, id);
  const pools = new Set(vips.flatMap(({ pool }) => pool ?? []));
  const peers = new Set(vips.flatMap((vip) => vip.peers));
  const nodes = new Set<string>();
  for (const set of new Set(vips.flatMap(({ bgp, waiting }) => [bgp, waiting]))) for (const node of model.set(set)) nodes.add(node);
  for (const { owners } of vips) for (const { node } of owners) nodes.add(node);
  const found = { pool: pools, vip: new Set(vips.map((vip) => vip.id)), node: nodes, peer: peers };
  if (kind === 'node') return { ...found, node: new Set([id]), peer: new Set(model.sessionsOf('node', id).map(({ peer }) => peer)) };
  if (kind === 'peer') return { ...found, peer: new Set([id]), node: new Set(model.sessionsOf('peer', id).map(({ node }) => node)) };
  return kind === 'pool' ? { ...found, pool: new Set([id]) } : found;
}

function vipsAt(model: Model, kind: Kind, id: string): readonly VipRow[] {
  const { vips } = model.snapshot;
  if (kind === 'vip') return vips.filter((vip) => vip.id === id);
  if (kind === 'pool') return vips.filter(({ pool }) => pool === id);
  return kind === 'node' ? model.vipsOf(id) : vips.filter(({ peers }) => peers.includes(id));
}

const TEXTS = new WeakMap<object, string>();

/** All words must be in it somewhere. Rows that did not change are the same objects, so their text is made once. */
export function matches(row: object, words: readonly string[]): boolean {
  if (words.length === 0) return true;
  let text = TEXTS.get(row);
  if (text === undefined) {
    text = JSON.stringify(Object.values(row)).toLowerCase();
    TEXTS.set(row, text);
  }
  const found = text;
  return words.every((word) => found.includes(word));
}

export function wordsOf(text: string): string[] {
  return text.toLowerCase().split(/\s+/).filter(Boolean);
}
