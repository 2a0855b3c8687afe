import { planNode } from '../src/announce/nodePlan.ts';
import type { NodePlanResult } from '../src/announce/plan.ts';
import type { Config } from '../src/config/config.ts';
import { CONFIG_KINDS, type ConfigKind, parseConfig } from '../src/config/parse.ts';
import type { SecretView } from '../src/config/peers.ts';
import type { Problem } from '../src/config/problem.ts';
import type { KubeObject } from '../src/host/kube/objects.ts';
import { RankCache } from '../src/layer2/elector.ts';
import type { Ip } from '../src/net/ip.ts';
import type { PlanMessage } from './channel.ts';
import type { Watches } from './watches.ts';

export interface Planned extends NodePlanResult {
  /** Undefined when the wire has this very plan already. */
  readonly message: PlanMessage | undefined;
  /** What only a speaker can see of the configuration: the Secrets. */
  readonly secretProblems: readonly Problem[];
}

/** Turns the stores into plans, and remembers what it needs to tell what is new. */
export class Planner {
  readonly #watches: Watches;
  readonly #node: string;
  readonly #lbClass: string | undefined;
  readonly #cache = new RankCache();
  #config: Config | undefined;
  #configKey = '';
  #secretProblems: readonly Problem[] = [];
  #generation = 0;
  #sent = '';
  #addresses: ReadonlySet<Ip> | undefined;

  constructor(watches: Watches, node: string, lbClass: string | undefined) {
    this.#watches = watches;
    this.#node = node;
    this.#lbClass = lbClass;
  }

  plan(secrets: ReadonlyMap<string, SecretView>): Planned {
    const { services, slices, nodes } = this.#watches;
    const snapshot = {
      config: this.#readConfig(secrets),
      services: [...services.store.values()],
      slices: [...slices.store.values()],
      nodes: [...nodes.store.values()],
      ...(this.#lbClass === undefined ? {} : { loadBalancerClass: this.#lbClass }),
    };
    const result = planNode(snapshot, this.#node, this.#generation + 1, this.#cache);
    const addresses = new Set(snapshot.services.flatMap((service) => service.ingress));
    this.#cache.keepOnly(addresses);
    const message = this.#messageFor(result, addresses);
    this.#addresses = addresses;
    const plan = message?.plan ?? { ...result.plan, generation: this.#generation };
    return { ...result, plan, message, secretProblems: this.#secretProblems };
  }

  #messageFor({ plan }: NodePlanResult, addresses: ReadonlySet<Ip>): PlanMessage | undefined {
    const contents = JSON.stringify([plan.peers, plan.claims]);
    if (contents === this.#sent) return undefined;
    this.#sent = contents;
    this.#generation = plan.generation;
    // An address that is new to the cluster can be asked for. One that was there before may be another speaker's up to now:
    // its answer would look like a conflict.
    const before = this.#addresses ?? addresses;
    return { plan, fresh: plan.claims.map(({ ip }) => ip).filter((ip) => !before.has(ip)) };
  }

  /** Read anew only when something in it changed: a plan needs it far more often. */
  #readConfig(secrets: ReadonlyMap<string, SecretView>): Config {
    const versions = [...this.#watches.configs.values()].map(({ store }) => store.version);
    const key = JSON.stringify([versions, [...secrets]]);
    if (this.#config !== undefined && key === this.#configKey) return this.#config;
    this.#configKey = key;
    const raw = Object.fromEntries(CONFIG_KINDS.map((kind) => [kind, [...(this.#watches.configs.get(kind)?.store.values() ?? [])]]));
    const { config, problems } = parseConfig(raw as Record<ConfigKind, KubeObject[]>, {
      generation: (this.#config?.generation ?? 0) + 1,
      secrets,
      ...(this.#config === undefined ? {} : { previous: this.#config }),
    });
    this.#config = config;
    this.#secretProblems = problems.filter(({ path }) => path.startsWith('spec.passwordSecret'));
    return config;
  }
}
