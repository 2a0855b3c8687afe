import { type Candidate, RankCache, type VipGroup, compareCandidates, electByHash } from './elector.ts';

/** `hash`: MetalLB's owners. `balanced`: the same order, but a node that carries its fair share is passed over. */
export type ElectionPolicy = 'hash' | 'balanced';

/** Groups that may go to the same nodes: only they can be spread against each other. */
interface Contest {
  readonly nodes: readonly string[];
  readonly groups: readonly Bid[];
}

interface Bid {
  readonly group: VipGroup;
  /** The candidates of the highest weight, best first: load never overrules a preference that an operator wrote. */
  readonly order: readonly Candidate[];
  /** How many of `order` have turned it down. */
  next: number;
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
  const load = new Map<string, number>();
  for (const contest of contests(groups, cache)) settle(contest, load, owners, cache);
  return owners;
}

/** Fewest candidates first: who has least choice chooses first, and the others fill up around it. */
function contests(groups: readonly VipGroup[], cache: RankCache): Contest[] {
  const byNodes = new Map<string, { nodes: readonly string[]; groups: Bid[] }>();
  for (const group of groups) {
    const top = group.candidates.reduce((most, { weight }) => Math.max(most, weight), -Infinity);
    const preferred = group.candidates.filter(({ weight }) => weight === top);
    if (preferred.length === 0) continue;
    const nodes = preferred.map(({ node }) => node).sort();
    const id = nodes.join(' ');
    const contest = byNodes.get(id) ?? { nodes, groups: [] };
    byNodes.set(id, contest);
    const order = preferred.sort((a, b) => compareCandidates(a, b, group.firstVip, cache));
    contest.groups.push({ group, order, next: 0 });
  }
  return [...byNodes].sort(([idA, a], [idB, b]) => a.nodes.length - b.nodes.length || (idA < idB ? -1 : 1)).map(([, contest]) => contest);
}

/**
 * Deferred acceptance: a group asks its nodes in order, a full node keeps the groups that rank lowest there and turns the worst
 * away. Both sides judge by the same hash, so the result is one and the same whoever asks first, and a change of one node or
 * group moves only the chain that it pushes along.
 */
function settle(contest: Contest, load: Map<string, number>, owners: Map<string, string>, cache: RankCache): void {
  const level = fillLevel(contest, load);
  const held = new Map<string, Bid[]>(contest.nodes.map((node) => [node, []]));
  const asking = [...contest.groups];
  for (let bid = asking.pop(); bid !== undefined; bid = asking.pop()) {
    const node = bid.order[bid.next++]?.node;
    // The level has room for all groups of the contest, so somebody takes it before the list ends.
    if (node === undefined) continue;
    const bids = held.get(node) ?? [];
    bids.push(bid);
    if (bids.length + (load.get(node) ?? 0) > level) asking.push(...bids.splice(worstOf(bids, node, cache), 1));
  }
  for (const [node, bids] of held) {
    load.set(node, (load.get(node) ?? 0) + bids.length);
    for (const bid of bids) owners.set(bid.group.key, node);
  }
}

/** The fair share: the lowest level to which all nodes can be filled so that every group of the contest finds room. */
function fillLevel(contest: Contest, load: ReadonlyMap<string, number>): number {
  const loads = contest.nodes.map((node) => load.get(node) ?? 0).sort((a, b) => a - b);
  let carried = contest.groups.length;
  let level = 0;
  for (const [index, already] of loads.entries()) {
    if (index > 0 && already >= level) break;
    carried += already;
    level = Math.ceil(carried / (index + 1));
  }
  return level;
}

function worstOf(bids: readonly Bid[], node: string, cache: RankCache): number {
  let worst = 0;
  for (let i = 1; i < bids.length; i++) if (isWorse(bids[i], bids[worst], node, cache)) worst = i;
  return worst;
}

function isWorse(a: Bid | undefined, b: Bid | undefined, node: string, cache: RankCache): boolean {
  if (a === undefined || b === undefined) return false;
  const difference = cache.rank(node, a.group.firstVip) - cache.rank(node, b.group.firstVip);
  return difference === 0 ? a.group.key > b.group.key : difference > 0;
}
