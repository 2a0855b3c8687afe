import { type Contest, type Standing, electOwners } from '../layer2/election.ts';
import type { RankCache } from '../layer2/elector.ts';
import type { Ip } from '../net/ip.ts';
import type { CandidateSet } from './candidates.ts';

interface Entry {
  readonly set: CandidateSet;
  /** The first addresses of the groups. */
  readonly vips: Set<Ip>;
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
      entry.vips.delete(vip);
      if (entry.vips.size === 0) this.#entries.delete(before.key);
    }
    if (set === undefined) this.#setOf.delete(vip);
    else {
      this.#entry(set).vips.add(vip);
      this.#setOf.set(vip, set);
    }
    this.#isOld = true;
  }

  #entry(set: CandidateSet): Entry {
    const entry = this.#entries.get(set.key) ?? { set, vips: new Set<Ip>(), contest: undefined };
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
    this.#contests = [...this.#entries.keys()].toSorted().map((key) => this.#contest(key));
    const before = this.#owners;
    this.#owners = electOwners(this.#contests, this.#standings);
    const changed: Ip[] = [];
    for (const [vip, owner] of this.#owners) if (before.get(vip) !== owner) changed.push(vip);
    return changed;
  }

  #contest(key: string): Contest {
    const entry = this.#entries.get(key);
    if (entry === undefined) throw new Error(`no contest ${key}`);
    return (entry.contest ??= contestOf(entry, this.#cache));
  }

  contests(): readonly Contest[] {
    return this.#contests;
  }

  owner(vip: Ip): string | undefined {
    return this.#owners.get(vip);
  }
}

function contestOf({ set, vips: all }: Entry, cache: RankCache): Contest {
  const { policy, nodes, weights, tiers } = set;
  const vips = [...all].sort();
  const ranks = new Float64Array(new SharedArrayBuffer(vips.length * nodes.length * Float64Array.BYTES_PER_ELEMENT));
  let at = 0;
  for (const vip of vips) for (const node of nodes) ranks[at++] = cache.rank(node, vip);
  return { policy, nodes, weights, tiers, vips, ranks };
}
