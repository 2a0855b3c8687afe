import type { Ip } from '../net/ip.ts';
import type { Contest } from './election.ts';
import { type ReachRange, reachIn } from './reach.ts';

/** What each node has told of its reach; who told nothing can announce everything. */
export type Reaches = ReadonlyMap<string, readonly ReachRange[]>;

/** The same contests, each divided by what its nodes can announce. */
export function divideByReach(contests: readonly Contest[], reaches: Reaches): readonly Contest[] {
  if (![...reaches.values()].some((ranges) => ranges.length > 0)) return contests;
  return contests.flatMap((contest) => divide(contest, reaches));
}

interface Part {
  readonly reaches: readonly number[];
  readonly places: number[];
}

function divide(contest: Contest, told: Reaches): Contest[] {
  const ranges = contest.nodes.map((node) => told.get(node) ?? []);
  if (ranges.every(({ length }) => length === 0)) return [contest];
  const parts = new Map<string, Part>();
  for (const [at, vip] of contest.vips.entries()) {
    const reaches = ranges.map((each) => reachIn(each, vip));
    const id = reaches.join('');
    const part = parts.get(id);
    if (part === undefined) parts.set(id, { reaches, places: [at] });
    else part.places.push(at);
  }
  return [...parts].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, part]) => partOf(contest, part));
}

function partOf(contest: Contest, { reaches, places }: Part): Contest {
  if (places.length === contest.vips.length) return { ...contest, reaches };
  const width = contest.nodes.length;
  const ranks = new Float64Array(places.length * width);
  for (const [row, at] of places.entries()) ranks.set(contest.ranks.subarray(at * width, (at + 1) * width), row * width);
  return { ...contest, reaches, vips: places.map((at) => contest.vips[at] as Ip), ranks };
}
