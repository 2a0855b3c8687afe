import type { Standing } from '../src/layer2/election.ts';
import { RankCache, electionOrder } from '../src/layer2/elector.ts';
import type { PeerStanding, Phase } from '../src/layer2/standing.ts';
import type { Ip } from '../src/net/ip.ts';

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
export function orderOf(ip: Ip, nodes: readonly string[]): readonly string[] {
  const candidates = nodes.map((node) => ({ node, weight: 0 }));
  return electionOrder({ key: ip, firstVip: ip, candidates }, new RankCache());
}
