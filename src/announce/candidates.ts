import type { NodeView } from '../cluster/node.ts';
import type { AnnouncedService } from '../cluster/service.ts';
import type { L2Advertisement } from '../config/config.ts';
import { selectorMatches } from '../config/selector.ts';
import type { ElectionPolicy } from '../layer2/boundedLoad.ts';
import { DRAINING_TIER } from '../layer2/election.ts';
import { DEFAULT_DRAIN_TRIGGERS, drainReason } from './drain.ts';
import { coversNode, nodeIneligible } from './scope.ts';
import type { ServingEndpoints } from './servings.ts';
import type { IndexedSnapshot } from './snapshot.ts';

/** The nodes that may own some Services' addresses. Sets of the same content are the same object. */
export interface CandidateSet {
  readonly key: string;
  readonly policy: ElectionPolicy;
  /** Sorted by name. */
  readonly nodes: readonly string[];
  readonly weights: readonly number[];
  readonly tiers: readonly number[];
}

/** Who may own what, kept for one state of configuration and nodes. */
export class Candidates {
  readonly #index: IndexedSnapshot;
  /** By the names of the advertisements that match a Service: endpoints apart. */
  readonly #fit = new Map<string, CandidateSet>();
  readonly #local = new Map<CandidateSet, WeakMap<ServingEndpoints, CandidateSet>>();
  readonly #interned = new Map<string, CandidateSet>();

  constructor(index: IndexedSnapshot) {
    this.#index = index;
  }

  /** @param matching the advertisements that speak of the Service */
  of(service: AnnouncedService, matching: readonly L2Advertisement[]): CandidateSet {
    const serving = this.#index.serving(service.key);
    if (!serving.anywhere) return this.#intern([]);
    const fit = this.#fitNodes(matching);
    if (service.externalTrafficPolicy !== 'Local') return fit;
    const byServing = this.#local.get(fit) ?? new WeakMap<ServingEndpoints, CandidateSet>();
    this.#local.set(fit, byServing);
    const known = byServing.get(serving);
    if (known !== undefined) return known;
    const local = this.#only(fit, (name) => serving.nodes.has(name));
    byServing.set(serving, local);
    return local;
  }

  /** Those that are in all the sets; where there is none, the first set: one owner is better than the right ones. */
  common(sets: readonly CandidateSet[]): CandidateSet | undefined {
    const [first, ...others] = sets;
    if (first === undefined || others.every((set) => set === first)) return first;
    const common = this.#only(first, (name) => others.every(({ nodes }) => nodes.includes(name)));
    return common.nodes.length === 0 ? first : common;
  }

  #only(set: CandidateSet, isIn: (node: string) => boolean): CandidateSet {
    const places = set.nodes.flatMap((node, at) => (isIn(node) ? [at] : []));
    const kept = places.map((at) => ({ node: set.nodes[at] ?? '', weight: set.weights[at] ?? 0, tier: set.tiers[at] ?? 0 }));
    return this.#intern(kept, set.policy);
  }

  #fitNodes(matching: readonly L2Advertisement[]): CandidateSet {
    const key = matching.map(({ name }) => name).join(' ');
    const known = this.#fit.get(key);
    if (known !== undefined) return known;
    const triggers = this.#index.drainTriggers ?? DEFAULT_DRAIN_TRIGGERS;
    const fit = this.#index.nodes
      .filter((node) => nodeIneligible(node) === undefined && matching.some((advertisement) => coversNode(advertisement, node)))
      .map((node) => ({
        node: node.name,
        weight: weigh(node, matching),
        tier: drainReason(node, triggers) === undefined ? 0 : DRAINING_TIER,
      }));
    const set = this.#intern(fit, policyOf(matching, this.#index.electionPolicy));
    this.#fit.set(key, set);
    return set;
  }

  #intern(candidates: readonly CandidateOf[], policy: ElectionPolicy = 'balanced'): CandidateSet {
    const key = `${policy} ${candidates.map(({ node, weight, tier }) => `${node}/${weight}/${tier}`).join(' ')}`;
    const known = this.#interned.get(key);
    if (known !== undefined) return known;
    const set: CandidateSet = {
      key,
      policy,
      nodes: candidates.map(({ node }) => node),
      weights: candidates.map(({ weight }) => weight),
      tiers: candidates.map(({ tier }) => tier),
    };
    this.#interned.set(key, set);
    return set;
  }
}

interface CandidateOf {
  readonly node: string;
  readonly weight: number;
  readonly tier: number;
}

/** `hash` is asked for by those who know the owners from elsewhere, so it goes before. */
function policyOf(matching: readonly L2Advertisement[], fallback: ElectionPolicy | undefined): ElectionPolicy {
  const policies = matching.map(({ election }) => election ?? fallback ?? 'balanced');
  return policies.includes('hash') ? 'hash' : 'balanced';
}

/** MetalLB sums the weights of every preference of every matching advertisement. */
function weigh(node: NodeView, advertisements: readonly L2Advertisement[]): number {
  let weight = 0;
  for (const { preferredNodes } of advertisements) {
    for (const preference of preferredNodes) if (selectorMatches(preference.preference, node.labels)) weight += preference.weight;
  }
  return weight;
}
