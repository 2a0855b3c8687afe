import type { AnnouncedSlice } from '../cluster/endpoints.ts';
import type { NodeView } from '../cluster/node.ts';
import type { AnnouncedService, ServiceKey } from '../cluster/service.ts';
import { type Config, type Pool } from '../config/config.ts';
import type { ElectionPolicy } from '../layer2/boundedLoad.ts';
import type { Ip } from '../net/ip.ts';
import { DEFAULT_DRAIN_TRIGGERS, type DrainTrigger, type OwnDrain } from './drain.ts';
import { MultiMap } from './multiMap.ts';
import { PoolFinder } from './poolFinder.ts';
import { Servings, type ServingEndpoints, NOWHERE } from './servings.ts';
import { type Differences, differences } from './sorted.ts';

/** What a speaker knows of the cluster when it plans. Views that did not change are the same objects as before. */
export interface AnnounceSnapshot {
  readonly config: Config;
  readonly services: readonly AnnouncedService[];
  readonly slices: readonly AnnouncedSlice[];
  readonly nodes: readonly NodeView[];
  /** Absent: Services without a class; else exactly this class. */
  readonly loadBalancerClass?: string;
  /** What begins the drain of a node. Default {@link DEFAULT_DRAIN_TRIGGERS}. */
  readonly drainTriggers?: readonly DrainTrigger[];
  /** Of the node that is planned for; absent: it does not drain. */
  readonly drain?: OwnDrain;
  /** Of L2Advertisements that name none. Absent: balanced. */
  readonly electionPolicy?: ElectionPolicy;
  /** The Service whose endpoints are the speakers. */
  readonly speakers?: ServiceKey;
}

/** The cluster but for its long lists. */
export type AnnounceContext = Omit<AnnounceSnapshot, 'services' | 'slices'>;

/** What of the long lists is not as it was at the plan before. */
export interface AnnounceChanges {
  readonly services: Differences<AnnouncedService>;
  readonly slices: Differences<AnnouncedSlice>;
}

/** The snapshot with the look-ups that a plan needs. */
export interface IndexedSnapshot {
  readonly config: Config;
  readonly drainTriggers: readonly DrainTrigger[];
  readonly drain: OwnDrain | undefined;
  readonly electionPolicy: ElectionPolicy | undefined;
  /** Sorted by name. */
  readonly nodes: readonly NodeView[];
  /** undefined: there is none that this installation handles. */
  readonly service: (key: ServiceKey) => AnnouncedService | undefined;
  readonly serving: (service: ServiceKey) => ServingEndpoints;
  /** A speaker runs on the node, as far as Kubernetes knows; true for all where it knows of none. */
  readonly hasSpeaker: (node: string) => boolean;
  readonly poolOf: (ip: Ip) => Pool | undefined;
  /** Every handled Service that has this address, sorted. */
  readonly sharers: (ip: Ip) => readonly ServiceKey[];
}

/** What became new between two snapshots. */
export interface IndexUpdate {
  /** Configuration or nodes changed, on which everything depends. */
  readonly everything: boolean;
  /** Services whose plan may be another one. */
  readonly dirty: ReadonlySet<ServiceKey>;
  /** That some Service has now and none had before. */
  readonly newAddresses: ReadonlySet<Ip>;
  readonly goneAddresses: ReadonlySet<Ip>;
}

/** The index of the latest snapshot, made from the one before at the price of what changed. Changed in place. */
export class SnapshotIndex implements IndexedSnapshot {
  config: Config;
  nodes: readonly NodeView[] = [];
  drainTriggers = DEFAULT_DRAIN_TRIGGERS;
  drain: OwnDrain | undefined;
  electionPolicy: ElectionPolicy | undefined;
  #context: AnnounceContext;
  /** As they were given when they were last given whole. */
  #lists: Pick<AnnounceSnapshot, 'services' | 'slices'> = { services: [], slices: [] };
  readonly #services = new Map<ServiceKey, AnnouncedService>();
  readonly #slices = new MultiMap<ServiceKey, AnnouncedSlice>();
  readonly #servings = new Servings();
  readonly #sharers = new MultiMap<Ip, ServiceKey>();
  /** How many Services have an address that are not handled. */
  readonly #strangers = new Map<Ip, number>();
  #pools: PoolFinder;

  constructor(config: Config) {
    this.config = config;
    this.#pools = new PoolFinder(config.pools);
    this.#context = { config, nodes: [] };
  }

  service(key: ServiceKey): AnnouncedService | undefined {
    return this.#services.get(key);
  }

  keys(): Iterable<ServiceKey> {
    return this.#services.keys();
  }

  serving(service: ServiceKey): ServingEndpoints {
    return this.#servings.of(service, this.#slices);
  }

  hasSpeaker(node: string): boolean {
    const { speakers } = this.#context;
    const { anywhere, nodes } = speakers === undefined ? NOWHERE : this.serving(speakers);
    return !anywhere || nodes.has(node);
  }

  poolOf(ip: Ip): Pool | undefined {
    return this.#pools.find(ip);
  }

  sharers(ip: Ip): readonly ServiceKey[] {
    return this.#sharers.get(ip).toSorted();
  }

  update(snapshot: AnnounceSnapshot): IndexUpdate {
    const { services, slices } = this.#lists;
    this.#lists = { services: snapshot.services, slices: snapshot.slices };
    const same = this.#context.loadBalancerClass === snapshot.loadBalancerClass;
    return this.change(snapshot, {
      services: same ? differences(services, snapshot.services) : { gone: services, came: snapshot.services },
      slices: differences(slices, snapshot.slices),
    });
  }

  /** For those who know what changed; another `loadBalancerClass` changes every Service. Not to be mixed with `update`. */
  change(context: AnnounceContext, { services, slices }: AnnounceChanges): IndexUpdate {
    const before = this.#context;
    this.#context = context;
    const everything = this.#updateContext(before, context);
    const dirty = new Set<ServiceKey>();
    this.#updateSlices(slices, dirty);
    const addresses = this.#updateServices(before, context, services, dirty);
    if (everything) for (const key of this.#services.keys()) dirty.add(key);
    return { everything, dirty, ...addresses };
  }

  #updateContext(before: AnnounceContext, now: AnnounceContext): boolean {
    const nodes = differences(before.nodes, now.nodes);
    const sameNodes = nodes.gone.length === 0 && nodes.came.length === 0;
    if (!sameNodes) this.nodes = now.nodes.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    const sameConfig = this.config === now.config;
    this.config = now.config;
    if (!sameConfig) this.#pools = new PoolFinder(now.config.pools);
    const sameDrain = JSON.stringify([before.drainTriggers, before.drain]) === JSON.stringify([now.drainTriggers, now.drain]);
    const samePolicy = this.electionPolicy === now.electionPolicy;
    this.electionPolicy = now.electionPolicy;
    this.drainTriggers = now.drainTriggers ?? DEFAULT_DRAIN_TRIGGERS;
    this.drain = now.drain;
    return !sameConfig || !sameNodes || !sameDrain || !samePolicy || before.loadBalancerClass !== now.loadBalancerClass;
  }

  #updateSlices({ gone, came }: Differences<AnnouncedSlice>, dirty: Set<ServiceKey>): void {
    const before = new Map<ServiceKey, ServingEndpoints>();
    const touch = ({ service }: AnnouncedSlice): void => {
      if (!before.has(service)) before.set(service, this.serving(service));
    };
    for (const slice of gone) {
      touch(slice);
      this.#slices.delete(slice.service, slice);
    }
    for (const slice of came) {
      touch(slice);
      this.#slices.add(slice.service, slice);
    }
    // Pods come and go all the time; what counts is where there are any.
    for (const [key, serving] of before) if (this.#servings.update(key, this.#slices, serving)) dirty.add(key);
  }

  #updateServices(
    before: AnnounceContext,
    now: AnnounceContext,
    { gone, came }: Differences<AnnouncedService>,
    dirty: Set<ServiceKey>,
  ): Pick<IndexUpdate, 'newAddresses' | 'goneAddresses'> {
    const touched = new Map<Ip, boolean>();
    const touch = ({ ingress }: AnnouncedService): void => {
      for (const ip of ingress) if (!touched.has(ip)) touched.set(ip, this.#isHeld(ip));
    };
    for (const service of gone) {
      touch(service);
      if (isHandled(service, before.loadBalancerClass)) this.#remove(service, dirty);
      else for (const ip of service.ingress) this.#countStranger(ip, -1);
    }
    for (const service of came) {
      touch(service);
      if (isHandled(service, now.loadBalancerClass)) this.#add(service, dirty);
      else for (const ip of service.ingress) this.#countStranger(ip, 1);
    }
    const [newAddresses, goneAddresses] = [new Set<Ip>(), new Set<Ip>()];
    for (const [ip, wasHeld] of touched) {
      for (const key of this.#sharers.get(ip)) dirty.add(key);
      if (!this.#isHeld(ip)) goneAddresses.add(ip);
      else if (!wasHeld) newAddresses.add(ip);
    }
    return { newAddresses, goneAddresses };
  }

  #isHeld(ip: Ip): boolean {
    return this.#sharers.has(ip) || this.#strangers.has(ip);
  }

  #countStranger(ip: Ip, by: 1 | -1): void {
    const count = (this.#strangers.get(ip) ?? 0) + by;
    if (count === 0) this.#strangers.delete(ip);
    else this.#strangers.set(ip, count);
  }

  #remove(service: AnnouncedService, dirty: Set<ServiceKey>): void {
    dirty.add(service.key);
    this.#services.delete(service.key);
    for (const ip of service.ingress) this.#sharers.delete(ip, service.key);
  }

  #add(service: AnnouncedService, dirty: Set<ServiceKey>): void {
    dirty.add(service.key);
    this.#services.set(service.key, service);
    for (const ip of service.ingress) this.#sharers.add(ip, service.key);
  }
}

function isHandled(service: AnnouncedService, loadBalancerClass: string | undefined): boolean {
  return service.type === 'LoadBalancer' && !service.deleting && service.loadBalancerClass === loadBalancerClass;
}
