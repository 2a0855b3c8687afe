import type { Layer2Plan, WireClaim } from '../src/announce/plan.ts';
import type { Ip } from '../src/net/ip.ts';
import type { Handed } from './handover.ts';

/**
 * What this node answers for and may not own any more by the last plan (its node is selected no longer, or has no endpoint), though others may.
 * It is kept until one of those is heard, like all that is moved on purpose, but not for long.
 */
export class Strays {
  #known: ReadonlyMap<Ip, { readonly claim: WireClaim; readonly group: Ip }> = new Map();

  /** @param held what this node answers for now, by the plan before */
  plan(before: Layer2Plan<WireClaim> | undefined, next: Layer2Plan<WireClaim>, held: readonly WireClaim[]): void {
    if (before === undefined || before.candidacies === next.candidacies) return;
    const candidacies = new Set(next.candidacies.map(({ ip }) => ip));
    const left = held.filter(({ ip }) => !candidacies.has(ip));
    const known = new Map(left.map((claim) => [claim.ip, { claim, group: this.#known.get(claim.ip)?.group ?? claim.ip }]));
    if (known.size > 0)
      for (const [at, claim] of before.candidacies.entries())
        if (known.has(claim.ip)) known.set(claim.ip, { claim, group: before.groups[at] ?? claim.ip });
    this.#known = known;
  }

  /** Adds those that have an owner. */
  hand(owners: ReadonlyMap<Ip, string>, node: string, handed: Map<Ip, Handed>): void {
    for (const [ip, { claim, group }] of this.#known) {
      const to = owners.get(group);
      if (to !== undefined && to !== node) handed.set(ip, { claim, to, isStray: true });
    }
  }
}
