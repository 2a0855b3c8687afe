import { type Contest, type Standing, electOwners } from '../layer2/election.ts';
import type { RankCache } from '../layer2/elector.ts';
import type { Ip } from '../net/ip.ts';
import type { CandidateSet } from './candidates.ts';

interface Entry {
  readonly set: CandidateSet;
  /** How many groups. */
  size: number;
  /** undefined: its groups are others now. */
  contest: Contest | undefined;
}

/** All groups by who may own them, as contests; only those that changed are made anew. */
export class ContestTable {
  readonly #cache: RankCache;
  readonly #standings: ReadonlyMap<string, Standing>;
  readonly #entries = new Map<string, Entry>();
  readonly #setOf = new Map<Ip, CandidateSet>();
  #contests: readonly Contest[] = [];
  #owners: ReadonlyMap<Ip, string> = new Map();
  #isOld = false;

  /** @param standings as far as Kubernetes knows */
  constructor(cache: RankCache, standings: ReadonlyMap<string, Standing>) {
    this.#cache = cache;
    this.#standings = standings;
  }

  /** @param vip the first address of a group; @param set undefined: there is no such group any more */
  set(vip: Ip, set: CandidateSet | undefined): void {
    const before = this.#setOf.get(vip);
    if (before === set) return;
    if (before !== undefined) {
      const entry = this.#entry(before);
      entry.size -= 1;
      if (entry.size === 0) this.#entries.delete(before.key);
    }
    if (set === undefined) this.#setOf.delete(vip);
    else {
      this.#entry(set).size += 1;
      this.#setOf.set(vip, set);
    }
    this.#isOld = true;
  }

  #entry(set: CandidateSet): Entry {
    const entry = this.#entries.get(set.key) ?? { set, size: 0, contest: undefined };
    this.#entries.set(set.key, entry);
    entry.contest = undefined;
    return entry;
  }

  setOf(vip: Ip): CandidateSet | undefined {
    return this.#setOf.get(vip);
  }

  /** @returns the groups that have another owner than before */
  settle(): Ip[] {
    if (!this.#isOld) return [];
    this.#isOld = false;
    this.#renew();
    const entries = [...this.#entries].toSorted(([a], [b]) => (a < b ? -1 : 1));
    this.#contests = entries.flatMap(([, { contest }]) => contest ?? []);
    const before = this.#owners;
    this.#owners = electOwners(this.#contests, this.#standings);
    const changed: Ip[] = [];
    for (const [vip, owner] of this.#owners) if (before.get(vip) !== owner) changed.push(vip);
    return changed;
  }

  /** One look at all groups for all contests that are others now: a list for each would be kept for nothing. */
  #renew(): void {
    const groups = new Map<string, Ip[]>();
    for (const [key, { contest }] of this.#entries) if (contest === undefined) groups.set(key, []);
    for (const [vip, { key }] of this.#setOf) groups.get(key)?.push(vip);
    for (const [key, vips] of groups) {
      const entry = this.#entries.get(key);
      if (entry !== undefined) entry.contest = contestOf(entry.set, vips.sort(), this.#cache);
    }
  }

  contests(): readonly Contest[] {
    return this.#contests;
  }

  owner(vip: Ip): string | undefined {
    return this.#owners.get(vip);
  }
}

/** @param vips sorted */
function contestOf({ policy, nodes, weights, tiers }: CandidateSet, vips: readonly Ip[], cache: RankCache): Contest {
  const ranks = new Float64Array(new SharedArrayBuffer(vips.length * nodes.length * Float64Array.BYTES_PER_ELEMENT));
  let at = 0;
  for (const vip of vips) for (const node of nodes) ranks[at++] = cache.rank(node, vip);
  return { policy, nodes, weights, tiers, vips, ranks };
}
