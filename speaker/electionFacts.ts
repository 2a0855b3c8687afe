import type { Layer2Plan, WireClaim } from '../src/announce/plan.ts';
import { DRAINING_TIER, type Standing } from '../src/layer2/election.ts';
import { type RankCache, electionOrder } from '../src/layer2/elector.ts';
import { REACH, type Reach } from '../src/layer2/reach.ts';
import type { NodeNote } from '../src/layer2/reachNote.ts';
import type { PeerStanding, Phase } from '../src/layer2/standing.ts';
import type { Ip } from '../src/net/ip.ts';
import type { Handed } from './handover.ts';

/** Hands on what is measured; nobody need listen. */
export class Stopwatch {
  onValue: (seconds: number) => void = () => undefined;
}

export const STANDINGS: Readonly<Record<Phase, Standing>> = { joining: 'last', holding: 'holding', willing: 'willing', leaving: 'last' };

/** Who stands for election. */
export interface Electorate {
  readonly standings: ReadonlyMap<string, Standing>;
  /** Those that said so themselves. */
  readonly heard: ReadonlySet<string>;
}

/** @param own what this node says of itself @param asksKubernetes of those that were never heard */
export function electorateOf(
  plan: Layer2Plan<WireClaim>,
  own: OwnStanding,
  peers: readonly PeerStanding[],
  asksKubernetes: boolean,
): Electorate {
  const standings = new Map(peers.flatMap((peer) => standingOf(peer, asksKubernetes)));
  for (const node of plan.beyond?.nodes ?? []) standings.set(node, 'willing');
  standings.set(own.node, own.standing);
  return { standings, heard: new Set([own.node, ...peers.flatMap(({ node, isUp }) => (isUp ? [node] : []))]) };
}

interface OwnStanding {
  readonly node: string;
  readonly standing: Standing;
}

function standingOf({ node, liveness, ready, isStrange }: PeerStanding, asksKubernetes: boolean): [string, Standing][] {
  if (liveness === 'dead' || liveness === 'alone') return [];
  if (liveness === 'unknown') return ready && (asksKubernetes || isStrange) ? [[node, 'willing']] : [];
  return [[node, liveness === 'disowning' ? 'willing' : liveness]];
}

/** By its own plan: it says so itself, since not all are told at the same time, and some may not be. */
export function isDraining({ contests }: Layer2Plan<WireClaim>, node: string): boolean {
  return contests.some(({ nodes, tiers }) => tiers[nodes.indexOf(node)] === DRAINING_TIER);
}

/**
 * How a conflict about an address ends: by the hash and nothing else, since those who are in conflict do not see the same
 * cluster.
 */
export function orderOf(ip: Ip, nodes: readonly string[], ranks: RankCache): readonly string[] {
  const candidates = nodes.map((node) => ({ node, weight: 0 }));
  return electionOrder({ key: ip, firstVip: ip, candidates }, ranks);
}

/** What a node says of itself that counts in an election. */
export type Told = Pick<NodeNote, 'reach' | 'own'>;
type Notes = ReadonlyMap<string, Told>;

export function reachesOf(notes: Notes): Map<string, NodeNote['reach']> {
  return new Map([...notes].map(([node, { reach }]) => [node, reach]));
}

export function tellingOf(notes: Notes): readonly unknown[] {
  return [...notes].flatMap(([node, { reach, own }]) => (reach.length + own.length > 0 ? [[node, reach, own]] : []));
}

/** @param isLeftOut it is to be announced by nobody @param onOwn told of each of `own`, with the first address of its group */
export function divide(
  plan: Layer2Plan<WireClaim>,
  owners: ReadonlyMap<Ip, string>,
  node: string,
  isLeftOut: (ip: Ip) => boolean,
  onOwn: (claim: WireClaim, group: Ip) => void,
): { readonly own: WireClaim[]; readonly handed: Map<Ip, Handed> } {
  const own: WireClaim[] = [];
  const handed = new Map<Ip, Handed>();
  for (const [at, claim] of plan.candidacies.entries()) {
    const group = plan.groups[at] ?? claim.ip;
    const owner = owners.get(group);
    if (isLeftOut(claim.ip)) continue;
    if (owner === node) {
      own.push(claim);
      onOwn(claim, group);
    } else if (owner !== undefined) handed.set(claim.ip, { claim, to: owner });
  }
  return { own, handed };
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
