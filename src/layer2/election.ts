import type { Ip } from '../net/ip.ts';
import { type Bids, type ElectionPolicy, lowestRank, settleRounds } from './boundedLoad.ts';

/**
 * What a living node is to the others, the best first. `holding`: not stable for long enough yet. `draining`: it knows that it is to go, which
 * others may not have been told. `last`: it has just begun and does not know the others, or is about to end. Who is not mentioned is dead.
 */
export type Standing = 'willing' | 'holding' | 'draining' | 'last';

/** Groups of addresses with the same candidates, in the form in which thousands are cheap to hand from thread to thread. */
export interface Contest {
  readonly policy: ElectionPolicy;
  /** Sorted by name. */
  readonly nodes: readonly string[];
  /** Of each node: preference; only the highest among those that come into question counts. */
  readonly weights: readonly number[];
  /** Of each node: 0, or the tier in which it is unless it says itself what it is; a lower one goes before a higher, whatever the weights. */
  readonly tiers: readonly number[];
  /** Of each node: how well it can announce these (Reach); the lowest goes before all else. Absent: all the same. */
  readonly reaches?: readonly number[];
  /** The first address of each group, sorted: it stands for the group. */
  readonly vips: readonly Ip[];
  /** Rank of node `n` for address `v` at `v * nodes.length + n`. */
  readonly ranks: Float64Array;
}

interface Draw {
  readonly policy: ElectionPolicy;
  readonly nodes: readonly string[];
  readonly bids: Bids;
}

const NOBODY: ReadonlySet<string> = new Set();

/**
 * The owner of every group, by its first address. A function of what is given: no history, so that all speakers that see the
 * same come to the same answer.
 * @param heard those that said themselves what they are: that counts in the place of the tiers, which not all may have been told of
 */
export function electOwners(
  contests: readonly Contest[],
  standings: ReadonlyMap<string, Standing>,
  heard: ReadonlySet<string> = NOBODY,
): Map<Ip, string> {
  const draws = new Map<string, Draw>();
  for (const contest of contests) {
    const places = eligible(contest, standings, heard);
    if (places.length === 0) continue;
    const nodes = places.map((place) => contest.nodes[place] ?? '');
    const id = `${contest.policy} ${nodes.join(' ')}`;
    const draw = draws.get(id) ?? { policy: contest.policy, nodes, bids: { keys: [], ranks: [] } };
    draws.set(id, draw);
    enter(contest, places, draw.bids);
  }
  const owners = new Map<string, string>();
  const load = new Map<string, number>();
  // What a hash alone decides is given; the rest is spread around it.
  for (const { policy, nodes, bids } of draws.values()) if (policy === 'hash') drawByHash(nodes, bids, load, owners);
  settleRounds(
    [...draws.values()].filter(({ policy }) => policy === 'balanced'),
    load,
    owners,
  );
  return owners as Map<Ip, string>;
}

/** The places in `nodes` of those that come into question: the best tier, and in it the highest weight. All, when all are dead. */
function eligible(
  { nodes, weights, tiers, reaches }: Contest,
  standings: ReadonlyMap<string, Standing>,
  heard: ReadonlySet<string>,
): number[] {
  const all = [...nodes.keys()];
  const alive = all.filter((place) => standings.has(nodes[place] ?? ''));
  const tierOf = (place: number): number => {
    const node = nodes[place] ?? '';
    const standing = standings.get(node);
    const said = standing === undefined ? 0 : STANDING_TIER[standing];
    return heard.has(node) ? said : Math.max(tiers[place] ?? 0, said);
  };
  const living = alive.length > 0 ? alive : all;
  const reachOf = (place: number): number => reaches?.[place] ?? 0;
  const nearest = Math.min(...living.map(reachOf));
  const found = reaches === undefined ? living : living.filter((place) => reachOf(place) === nearest);
  const best = Math.min(...found.map(tierOf));
  const inTier = found.filter((place) => tierOf(place) === best);
  const top = Math.max(...inTier.map((place) => weights[place] ?? 0));
  return inTier.filter((place) => (weights[place] ?? 0) === top);
}

/** Who may not stay goes before who is sure to go, and both before who cannot be relied on at all. */
export const DRAINING_TIER = 2;
const STANDING_TIER: Readonly<Record<Standing, number>> = { willing: 0, holding: 1, draining: DRAINING_TIER, last: 3 };

function enter({ nodes, vips, ranks }: Contest, places: readonly number[], bids: Bids): void {
  for (const [v, key] of vips.entries()) {
    bids.keys.push(key);
    for (const place of places) bids.ranks.push(ranks[v * nodes.length + place] ?? 0);
  }
}

function drawByHash(nodes: readonly string[], { keys, ranks }: Bids, load: Map<string, number>, owners: Map<string, string>): void {
  for (const [bid, key] of keys.entries()) {
    const owner = nodes[lowestRank(ranks, bid, nodes.length)] ?? '';
    owners.set(key, owner);
    load.set(owner, (load.get(owner) ?? 0) + 1);
  }
}
