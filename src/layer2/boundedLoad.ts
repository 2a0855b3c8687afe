import { type Candidate, RankCache, type VipGroup, electByHash } from './elector.ts';

/** `hash`: MetalLB's owners. `balanced`: the same order, but a node that carries its fair share is passed over. */
export type ElectionPolicy = 'hash' | 'balanced';

/** Groups that may go to the same nodes: only they can be spread against each other. */
export interface Round {
  /** Sorted by name. */
  readonly nodes: readonly string[];
  readonly bids: Bids;
}

/** The groups of a round. Of thousands there is no object for each: an election is held often, and would leave megabytes behind. */
export interface Bids {
  readonly keys: string[];
  /** Of each group in turn: the rank of each of the round's nodes; Infinity once it has turned the group down. Changed by the election. */
  readonly ranks: number[];
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
  const byNodes = new Map<string, Round>();
  for (const group of groups) {
    const nodes = preferred(group.candidates);
    if (nodes.length === 0) continue;
    const id = nodes.join(' ');
    const round = byNodes.get(id) ?? { nodes, bids: { keys: [], ranks: [] } };
    byNodes.set(id, round);
    round.bids.keys.push(group.key);
    round.bids.ranks.push(...cache.ranks(round.nodes, group.firstVip));
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
function settle({ nodes, bids }: Round, load: Map<string, number>, owners: Map<string, string>): void {
  const { keys, ranks } = bids;
  const level = fillLevel(nodes, keys.length, load);
  const held = nodes.map((_, at) => new WorstFirst(bids, at, nodes.length));
  const asking = [...keys.keys()];
  const carried = nodes.map((node) => load.get(node) ?? 0);
  for (let bid = asking.pop(); bid !== undefined; bid = asking.pop()) {
    // The level has room for all groups of the round, so nobody is turned down everywhere.
    const at = lowestRank(ranks, bid, nodes.length);
    const own = held[at];
    if (own === undefined) continue;
    own.push(bid);
    if (own.all.length + (carried[at] ?? 0) <= level) continue;
    const refused = own.pop();
    if (refused === undefined) continue;
    ranks[refused * nodes.length + at] = Infinity;
    asking.push(refused);
  }
  for (const [at, node] of nodes.entries()) {
    const own = held[at]?.all ?? [];
    load.set(node, (load.get(node) ?? 0) + own.length);
    for (const bid of own) owners.set(keys[bid] ?? '', node);
  }
}

/** The place of the node. Equal ranks (one in 2^48) go to the lesser name, which every speaker sees alike. */
export function lowestRank(ranks: readonly number[], bid: number, nodes: number): number {
  const first = bid * nodes;
  let best = 0;
  for (let i = 1; i < nodes; i++) if ((ranks[first + i] ?? Infinity) < (ranks[first + best] ?? Infinity)) best = i;
  return best;
}

/** The fair share: the lowest level to which all nodes can be filled so that every group of the round finds room. */
function fillLevel(nodes: readonly string[], groups: number, load: ReadonlyMap<string, number>): number {
  const loads = nodes.map((node) => load.get(node) ?? 0).sort((a, b) => a - b);
  let carried = groups;
  let level = 0;
  for (const [index, already] of loads.entries()) {
    if (index > 0 && already >= level) break;
    carried += already;
    level = Math.ceil(carried / (index + 1));
  }
  return level;
}

/** The groups that one node holds, as a heap: of ten thousand, thousands may be turned away. */
class WorstFirst {
  readonly all: number[] = [];
  readonly #bids: Bids;
  readonly #at: number;
  readonly #nodes: number;

  /** @param at the node's place in the round @param nodes how many the round has */
  constructor(bids: Bids, at: number, nodes: number) {
    this.#bids = bids;
    this.#at = at;
    this.#nodes = nodes;
  }

  push(bid: number): void {
    let slot = this.all.push(bid) - 1;
    while (slot > 0) {
      const above = (slot - 1) >> 1;
      const parent = this.all[above] ?? bid;
      if (!this.#isWorse(bid, parent)) break;
      this.all[slot] = parent;
      slot = above;
    }
    this.all[slot] = bid;
  }

  pop(): number | undefined {
    const worst = this.all[0];
    const last = this.all.pop();
    if (last !== undefined && last !== worst) this.#sink(last);
    return worst;
  }

  /** From the top. */
  #sink(bid: number): void {
    let slot = 0;
    for (;;) {
      const left = this.all[slot * 2 + 1];
      const right = this.all[slot * 2 + 2];
      const isRight = left !== undefined && right !== undefined && this.#isWorse(right, left);
      const child = isRight ? right : left;
      if (child === undefined || !this.#isWorse(child, bid)) break;
      this.all[slot] = child;
      slot = slot * 2 + (isRight ? 2 : 1);
    }
    this.all[slot] = bid;
  }

  #isWorse(a: number, b: number): boolean {
    const { keys, ranks } = this.#bids;
    const difference = (ranks[a * this.#nodes + this.#at] ?? 0) - (ranks[b * this.#nodes + this.#at] ?? 0);
    return difference === 0 ? (keys[a] ?? '') > (keys[b] ?? '') : difference > 0;
  }
}
