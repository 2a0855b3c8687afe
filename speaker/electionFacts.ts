import type { Layer2Plan, WireClaim } from '../src/announce/plan.ts';
import type { Standing } from '../src/layer2/election.ts';
import { type RankCache, electionOrder } from '../src/layer2/elector.ts';
import { REACH, type Reach } from '../src/layer2/reach.ts';
import type { PeerStanding, Phase } from '../src/layer2/standing.ts';
import type { Ip } from '../src/net/ip.ts';

/** Hands on what is measured; nobody need listen. */
export class Stopwatch {
  onValue: (seconds: number) => void = () => undefined;
}

export const STANDINGS: Readonly<Record<Phase, Standing>> = { joining: 'last', holding: 'holding', willing: 'willing', leaving: 'last' };

export function standingOf({ node, liveness, ready, isStrange }: PeerStanding, asksKubernetes: boolean): [string, Standing][] {
  if (liveness === 'dead' || liveness === 'alone') return [];
  if (liveness === 'unknown') return ready && (asksKubernetes || isStrange) ? [[node, 'willing']] : [];
  return [[node, liveness === 'disowning' ? 'willing' : liveness]];
}

/**
 * How a conflict about an address ends: by the hash and nothing else, since those who are in conflict do not see the same
 * cluster.
 */
export function orderOf(ip: Ip, nodes: readonly string[], ranks: RankCache): readonly string[] {
  const candidates = nodes.map((node) => ({ node, weight: 0 }));
  return electionOrder({ key: ip, firstVip: ip, candidates }, ranks);
}

/** How many groups a node has got by the death of others. */
export function countTaken(before: ReadonlyMap<Ip, string>, now: ReadonlyMap<Ip, string>, node: string, dead: ReadonlySet<string>): number {
  if (dead.size === 0) return 0;
  let taken = 0;
  for (const [group, owner] of now) if (owner === node && dead.has(before.get(group) ?? '')) taken += 1;
  return taken;
}

/** A group as well as the worst of it. */
export function reachOfGroups(plan: Layer2Plan<WireClaim>, reachOf: (claim: WireClaim) => Reach): Map<Ip, Reach> {
  const groups = new Map<Ip, Reach>();
  for (const [at, claim] of plan.candidacies.entries()) {
    const group = plan.groups[at] ?? claim.ip;
    groups.set(group, Math.max(groups.get(group) ?? REACH.near, reachOf(claim)) as Reach);
  }
  return groups;
}
