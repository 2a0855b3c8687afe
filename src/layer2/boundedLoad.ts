import { type Candidate, RankCache, type VipGroup, electByHash } from './elector.ts';

/** `hash`: MetalLB's owners. `balanced`: the same order, but a node that carries its fair share is passed over. */
export type ElectionPolicy = 'hash' | 'balanced';

/** Groups that may go to the same nodes: only they can be spread against each other. */
export interface Round {
  /** Sorted by name. */
  readonly nodes: readonly string[];
  readonly bids: readonly Bid[];
}

export interface Bid {
  /** Of the group. */
  readonly key: string;
  /** Rank of each of the round's nodes; Infinity once it has turned the group down. Changed by the election. */
  readonly ranks: Float64Array;
}

/**
 * Every group's owner, by group key; a group without candidates has none. A function of the snapshot alone: neither the order of
 * the groups nor any earlier result plays a part, so all speakers come to the same answer.
 */
export function electAll(groups: readonly VipGroup[], policy: ElectionPolicy, cache: RankCache = new RankCache()): Map<string, string> {
  const owners = new Map<string, string>();
  if (policy === 'hash') {
    for (const group of groups) {
      const owner = electByHash(group, cache);
      if (owner !== undefined) owners.set(group.key, owner);
    }
    return owners;
  }
  settleRounds(roundsOf(groups, cache), new Map(), owners);
  return owners;
}

function roundsOf(groups: readonly VipGroup[], cache: RankCache): Round[] {
  const byNodes = new Map<string, { readonly nodes: readonly string[]; readonly bids: Bid[] }>();
  for (const group of groups) {
    const nodes = preferred(group.candidates);
    if (nodes.length === 0) continue;
    const id = nodes.join(' ');
    const round = byNodes.get(id) ?? { nodes, bids: [] };
    byNodes.set(id, round);
    round.bids.push({ key: group.key, ranks: cache.ranks(round.nodes, group.firstVip) });
  }
  return [...byNodes.values()];
}

/** The candidates of the highest weight, by name: load never overrules a preference that an operator wrote. */
function preferred(candidates: readonly Candidate[]): string[] {
  const top = candidates.reduce((most, { weight }) => Math.max(most, weight), -Infinity);
  const nodes = candidates.filter(({ weight }) => weight === top).map(({ node }) => node);
  const isSorted = nodes.every((node, i) => i === 0 || (nodes[i - 1] ?? '') < node);
  return isSorted ? nodes : nodes.sort();
}

/**
 * Fewest candidates first: who has least choice chooses first, and the others fill up around it.
 * @param load what the nodes carry already; changed
 * @param owners gets the owners
 */
export function settleRounds(rounds: readonly Round[], load: Map<string, number>, owners: Map<string, string>): void {
  const named = rounds.map((round) => ({ round, id: round.nodes.join(' ') }));
  named.sort((a, b) => a.round.nodes.length - b.round.nodes.length || (a.id < b.id ? -1 : 1));
  for (const { round } of named) settle(round, load, owners);
}

/**
 * Deferred acceptance: a group asks its nodes in order, a full node keeps the groups that rank lowest there and turns the worst
 * away. Both sides judge by the same hash, so the result is one and the same whoever asks first, and a change of one node or
 * group moves only the chain that it pushes along.
 */
function settle(round: Round, load: Map<string, number>, owners: Map<string, string>): void {
  const level = fillLevel(round, load);
  const held = round.nodes.map((): Bid[] => []);
  const asking = [...round.bids];
  for (let bid = asking.pop(); bid !== undefined; bid = asking.pop()) {
    // The level has room for all groups of the round, so nobody is turned down everywhere.
    const at = lowestRank(bid.ranks);
    const bids = held[at] ?? [];
    bids.push(bid);
    if (bids.length + (load.get(round.nodes[at] ?? '') ?? 0) <= level) continue;
    for (const refused of bids.splice(worstOf(bids, at), 1)) {
      refused.ranks[at] = Infinity;
      asking.push(refused);
    }
  }
  for (const [at, node] of round.nodes.entries()) {
    const bids = held[at] ?? [];
    load.set(node, (load.get(node) ?? 0) + bids.length);
    for (const bid of bids) owners.set(bid.key, node);
  }
}

/** Equal ranks (one in 2^48) go to the lesser name, which every speaker sees alike. */
export function lowestRank(ranks: Float64Array): number {
  let best = 0;
  for (let i = 1; i < ranks.length; i++) if ((ranks[i] ?? Infinity) < (ranks[best] ?? Infinity)) best = i;
  return best;
}

/** The fair share: the lowest level to which all nodes can be filled so that every group of the round finds room. */
function fillLevel(round: Round, load: ReadonlyMap<string, number>): number {
  const loads = round.nodes.map((node) => load.get(node) ?? 0).sort((a, b) => a - b);
  let carried = round.bids.length;
  let level = 0;
  for (const [index, already] of loads.entries()) {
    if (index > 0 && already >= level) break;
    carried += already;
    level = Math.ceil(carried / (index + 1));
  }
  return level;
}

function worstOf(bids: readonly Bid[], at: number): number {
  let worst = 0;
  for (let i = 1; i < bids.length; i++) if (isWorse(bids[i], bids[worst], at)) worst = i;
  return worst;
}

function isWorse(a: Bid | undefined, b: Bid | undefined, at: number): boolean {
  if (a === undefined || b === undefined) return false;
  const difference = (a.ranks[at] ?? 0) - (b.ranks[at] ?? 0);
  return difference === 0 ? a.key > b.key : difference > 0;
}
