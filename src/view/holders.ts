import { candidaciesOf } from '../announce/plan.ts';
import type { ServiceKey } from '../cluster/service.ts';
import type { Ip } from '../net/ip.ts';
import { type Cluster, speakerRuns } from './cluster.ts';

/** How a node has to do with an address, by its own word. */
interface Engaged {
  readonly node: string;
  readonly answers: boolean;
}

/**
 * Which nodes answer for an address in layer 2, or have to. The plan knows Kubernetes alone; the speakers find the owner out among
 * themselves and know earlier who lives. So the word of one of the candidates goes before the plan.
 */
export class Holders {
  readonly #cluster: Cluster;
  readonly #engaged = new Map<string, Engaged[]>();
  /** By node; made when first asked for. */
  readonly #candidacies = new Map<string, ReadonlySet<Ip>>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    for (const { node, claims, problems } of cluster.states.values()) {
      if (!speakerRuns(cluster, node)) continue;
      const claimed = new Set(claims.map(({ ip }) => ip));
      for (const address of claimed) this.#note(address, { node, answers: true });
      for (const { object } of problems) if (object !== undefined && !claimed.has(object)) this.#note(object, { node, answers: false });
    }
  }

  #note(address: string, engaged: Engaged): void {
    const list = this.#engaged.get(address);
    if (list === undefined) this.#engaged.set(address, [engaged]);
    else list.push(engaged);
  }

  /** Nobody, when no node is to announce it. */
  of(service: ServiceKey, address: Ip): readonly string[] {
    const planned = this.#planned(service, address);
    if (planned === undefined) return [];
    const others = (this.#engaged.get(address) ?? []).filter(({ node }) => node !== planned);
    if (others.length === 0) return [planned];
    const rivals = others.filter(({ node }) => this.#isCandidate(node, address));
    const isOut = rivals.length > 0 && !(this.#engaged.get(address) ?? []).some(({ node }) => node === planned);
    const told = others.filter((each) => each.answers || rivals.includes(each)).map(({ node }) => node);
    return isOut ? told : [planned, ...told];
  }

  #planned(service: ServiceKey, address: Ip): string | undefined {
    const { plans, verdict } = this.#cluster;
    return plans.all.find(
      ({ plan }) => verdict(plan.node, service)?.layer2.announced === true && plan.claims.some(({ ip }) => ip === address),
    )?.plan.node;
  }

  #isCandidate(node: string, address: Ip): boolean {
    let known = this.#candidacies.get(node);
    if (known === undefined) {
      const plan = this.#cluster.plans.all.find((each) => each.plan.node === node)?.plan;
      known = new Set(plan === undefined ? [] : candidaciesOf(plan).map(({ ip }) => ip));
      this.#candidacies.set(node, known);
    }
    return known.has(address);
  }
}
