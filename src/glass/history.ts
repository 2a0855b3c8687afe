import type { Move, VipRow } from './view.ts';

/** Of one VIP: what is older is forgotten. */
const MAX_MOVES = 32;
/** VIPs that nobody has any more are remembered until there are so many. */
const MAX_VIPS = 20_000;
/** Two owners' reports reach the API one after the other: what looks like nobody for so long was one move. */
const ONE_MOVE_MS = 15_000;

interface Holding {
  readonly services: readonly string[];
  readonly owners: readonly string[];
  readonly bgp: readonly string[];
  readonly moves: readonly Move[];
}

/** What happened to every VIP, as far as this process has seen it; in memory alone, so it ends with the process. */
export class History {
  readonly #vips = new Map<string, Holding>();
  #isFirst = true;

  /** Newest first. */
  of(address: string): readonly Move[] {
    return (this.#vips.get(address)?.moves ?? []).toReversed();
  }

  /** @param nodesOf resolves the id of a set @param now RFC 3339 @returns the rows with what is remembered of them */
  record(rows: readonly VipRow[], nodesOf: (set: string) => readonly string[], now: string): VipRow[] {
    const present = new Set<string>();
    const marked = rows.map((row) => {
      present.add(row.id);
      const before = this.#vips.get(row.id);
      const after = step(before, row, nodesOf(row.bgp), now, this.#isFirst);
      if (after !== before) this.#vips.set(row.id, after);
      const since = row.owners[0]?.since ?? after.moves.at(-1)?.at ?? now;
      return { ...row, since, moves: after.moves.length };
    });
    for (const [address, holding] of this.#vips) if (!present.has(address)) this.#release(address, holding, now);
    this.#isFirst = false;
    return marked;
  }

  #release(address: string, holding: Holding, now: string): void {
    if (holding.services.length > 0) {
      const moves = added(holding.moves, { what: 'released', at: now, services: holding.services });
      // Anew at the end: the oldest are the first to go.
      this.#vips.delete(address);
      this.#vips.set(address, { services: [], owners: [], bgp: [], moves });
    } else if (this.#vips.size > MAX_VIPS) this.#vips.delete(address);
  }
}

function step(before: Holding | undefined, row: VipRow, bgp: readonly string[], now: string, isFirst: boolean): Holding {
  const services = row.services.map(({ name }) => name);
  const owners = row.owners.map(({ node }) => node);
  if (before === undefined && isFirst) {
    const nodes = owners.length > 0 ? owners : bgp;
    return { services, owners, bgp, moves: [{ what: 'found', at: now, services, nodes }] };
  }
  const { services: served, owners: owned, bgp: routed, moves: earlier } = before ?? { services: [], owners: [], bgp: [], moves: [] };
  let moves = earlier;
  if (!same(served, services)) moves = added(moves, { what: 'assigned', at: now, services });
  if (!same(owned, owners)) moves = moved(moves, owned, owners, row.owners[0]?.since ?? now);
  if (!same(routed, bgp)) moves = added(moves, { what: 'nodes', at: now, joined: without(bgp, routed), left: without(routed, bgp) });
  if (before !== undefined && moves === earlier) return before;
  return { services, owners, bgp, moves };
}

function moved(moves: readonly Move[], from: readonly string[], to: readonly string[], at: string): readonly Move[] {
  const last = moves.at(-1);
  const isRest = last?.what === 'owner' && Math.abs(Date.parse(at) - Date.parse(last.at)) <= ONE_MOVE_MS;
  if (!isRest || (last.to.length === 1 && from.length === 1)) return added(moves, { what: 'owner', at, from, to });
  return added(moves.slice(0, -1), { what: 'owner', at, from: last.from, to });
}

function added(moves: readonly Move[], move: Move): readonly Move[] {
  return [...moves.slice(-(MAX_MOVES - 1)), move];
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((entry, position) => entry === b[position]));
}

function without(all: readonly string[], gone: readonly string[]): string[] {
  const known = new Set(gone);
  return all.filter((entry) => !known.has(entry));
}
