import type { L2Advertisement, Peer, Pool } from '../../config/config.ts';
import { anySelectorMatches } from '../../config/selector.ts';
import type { Facts } from './contract.ts';

/** A node that is not known yet is taken for one that is selected. */
function covers(facts: Facts, { nodeSelectors }: Pick<Peer, 'nodeSelectors'>): boolean {
  const { node } = facts.cluster ?? {};
  return nodeSelectors.length === 0 || node === undefined || anySelectorMatches(nodeSelectors, node.labels);
}

export function peersHere(facts: Facts): readonly Peer[] {
  return (facts.config?.peers ?? []).filter((peer) => covers(facts, peer));
}

export function layer2Here(facts: Facts): readonly L2Advertisement[] {
  return (facts.config?.l2Advertisements ?? []).filter((advertisement) => covers(facts, advertisement));
}

/** Pools whose addresses this node may answer ARP for. */
export function layer2Pools(facts: Facts): readonly Pool[] {
  const scopes = layer2Here(facts);
  return (facts.config?.pools ?? []).filter(({ name }) => scopes.some(({ pools }) => pools === 'all' || pools.includes(name)));
}
