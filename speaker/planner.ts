import type { DrainTrigger, OwnDrain } from '../src/announce/drain.ts';
import type { AnnounceContext } from '../src/announce/snapshot.ts';
import { PlanMemory, type PlannedChanges, planChanges } from '../src/announce/nodePlan.ts';
import type { NodePlan, NodePlanResult } from '../src/announce/plan.ts';
import { samePlan } from '../src/announce/samePlan.ts';
import { type ServiceKey, serviceKey } from '../src/cluster/service.ts';
import { defaultElection } from '../src/api/l2Advertisement.ts';
import type { AnnouncedSlice } from '../src/cluster/endpoints.ts';
import type { NodeView } from '../src/cluster/node.ts';
import type { Config } from '../src/config/config.ts';
import { CONFIG_KINDS, type ConfigKind, parseConfig } from '../src/config/parse.ts';
import { type SecretView, isOfSecret } from '../src/config/secret.ts';
import type { Problem } from '../src/config/problem.ts';
import type { KubeObject } from '../src/host/kube/objects.ts';
import { Changes } from './changes.ts';
import { type MeshKey, type PlanMessage, RoutePacker, packMessage } from './channel.ts';
import type { KubeSideOptions } from './kubeOptions.ts';
import { MESH_SECRET, meshKeyOf } from './meshKey.ts';
import type { LoadBalancer } from './views.ts';
import type { Watches } from './watches.ts';

export interface Planned extends NodePlanResult {
  /** Undefined when the wire has this very plan already. */
  readonly message: PlanMessage | undefined;
  /** What only a speaker can see of the configuration: the Secrets. */
  readonly secretProblems: readonly Problem[];
}

/** The Service of the manifests, in the namespace of the program. */
const SPEAKERS = 'heraldlb-speaker';

type PlannerOptions = Pick<KubeSideOptions, 'node' | 'namespace' | 'lbClass' | 'apiGroup' | 'drainOn'>;

/** Turns the stores into plans, and remembers what it needs to tell what is new. */
export class Planner {
  readonly #watches: Watches;
  readonly #node: string;
  readonly #lbClass: string | undefined;
  readonly #drainTriggers: readonly DrainTrigger[];
  readonly #speakers: ServiceKey;
  readonly #election: ReturnType<typeof defaultElection>;
  readonly #services: Changes<LoadBalancer>;
  readonly #slices: Changes<AnnouncedSlice>;
  readonly #packer = new RoutePacker();
  #memory: PlanMemory | undefined;
  #nodes: { readonly version: number; readonly list: readonly NodeView[] } | undefined;
  #config: Config | undefined;
  #configKey = '';
  #secretProblems: readonly Problem[] = [];
  #generation = 0;
  #sent: NodePlan | undefined;

  constructor(watches: Watches, { node, namespace, lbClass, apiGroup, drainOn }: PlannerOptions) {
    this.#watches = watches;
    this.#speakers = serviceKey(namespace, SPEAKERS);
    this.#node = node;
    this.#lbClass = lbClass;
    this.#drainTriggers = drainOn;
    this.#election = defaultElection(apiGroup);
    this.#services = new Changes(watches.services.store);
    this.#slices = new Changes(watches.slices.store);
  }

  /** @param drain of this node; undefined: it is in service */
  plan(secrets: ReadonlyMap<string, SecretView>, drain: OwnDrain | undefined): Planned {
    const context = {
      config: this.#readConfig(secrets),
      nodes: this.#listNodes(),
      drainTriggers: this.#drainTriggers,
      ...(drain === undefined ? {} : { drain }),
      electionPolicy: this.#election,
      speakers: this.#speakers,
      ...(this.#lbClass === undefined ? {} : { loadBalancerClass: this.#lbClass }),
    };
    const result = this.#planned(context);
    const message = this.#messageFor(result, meshKeyOf(secrets.get(MESH_SECRET)));
    const plan = { ...result.plan, generation: this.#generation };
    return { ...result, plan, message, secretProblems: this.#secretProblems };
  }

  /** A plan costs what changed; one that failed must not have lost a change, so that the next one begins anew. */
  #planned(context: AnnounceContext): PlannedChanges {
    const memory = this.#memory ?? new PlanMemory(this.#watches.sources);
    const isNew = this.#memory === undefined;
    this.#memory = undefined;
    const changes = { services: this.#services.take(isNew), slices: this.#slices.take(isNew) };
    const planned = planChanges(context, changes, this.#node, this.#generation + 1, memory);
    this.#memory = memory;
    return planned;
  }

  /** The same array while the store stays as it is. */
  #listNodes(): readonly NodeView[] {
    const { store } = this.#watches.nodes;
    if (this.#nodes?.version !== store.version) this.#nodes = { version: store.version, list: [...store.values()] };
    return this.#nodes.list;
  }

  /** An address that is new to the cluster can be asked for. One that was there before may be another speaker's up to now: its answer
   * would look like a conflict. */
  #messageFor({ plan, fresh }: PlannedChanges, key: MeshKey | undefined): PlanMessage | undefined {
    if (this.#sent !== undefined && samePlan(this.#sent, plan)) return undefined;
    this.#sent = plan;
    this.#generation = plan.generation;
    return { ...packMessage(plan, fresh, this.#packer), ...(key === undefined ? {} : { meshKey: key }) };
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
    this.#secretProblems = problems.filter(isOfSecret);
    return config;
  }
}
