import type { AnnouncedSlice, EndpointView } from '../cluster/endpoints.ts';
import type { NodeView } from '../cluster/node.ts';
import type { AnnouncedService, ServiceKey } from '../cluster/service.ts';
import { type Config, type Pool } from '../config/config.ts';
import type { ElectionPolicy } from '../layer2/boundedLoad.ts';
import { blockContains } from '../net/block.ts';
import type { Ip } from '../net/ip.ts';
import { DEFAULT_DRAIN_TRIGGERS, type DrainTrigger, type OwnDrain } from './drain.ts';
import { MultiMap } from './multiMap.ts';
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

/** Which nodes have an endpoint that takes traffic for a Service. */
export interface ServingEndpoints {
  readonly anywhere: boolean;
  /** Nodes that have some, and how many; of two families the larger number. */
  readonly nodes: ReadonlyMap<string, number>;
}

const MAX_SHARED = 4096;
const NONE: ServingEndpoints = { anywhere: false, nodes: new Map() };

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
  readonly #serving = new Map<ServiceKey, ServingEndpoints>();
  readonly #servings = new Map<string, ServingEndpoints>();
  readonly #sharers = new MultiMap<Ip, ServiceKey>();
  /** How many Services have it, also those that are not handled. */
  readonly #holders = new Map<Ip, number>();
  readonly #pools = new Map<Ip, Pool | undefined>();

  constructor(config: Config) {
    this.config = config;
    this.#context = { config, nodes: [] };
  }

  service(key: ServiceKey): AnnouncedService | undefined {
    return this.#services.get(key);
  }

  keys(): Iterable<ServiceKey> {
    return this.#services.keys();
  }

  serving(service: ServiceKey): ServingEndpoints {
    return this.#serving.get(service) ?? NONE;
  }

  hasSpeaker(node: string): boolean {
    const { speakers } = this.#context;
    const { anywhere, nodes } = speakers === undefined ? NONE : this.serving(speakers);
    return !anywhere || nodes.has(node);
  }

  poolOf(ip: Ip): Pool | undefined {
    if (!this.#pools.has(ip)) this.#pools.set(ip, findPool(this.config.pools, ip));
    return this.#pools.get(ip);
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
    for (const ip of addresses.goneAddresses) this.#pools.delete(ip);
    return { everything, dirty, ...addresses };
  }

  #updateContext(before: AnnounceContext, now: AnnounceContext): boolean {
    const nodes = differences(before.nodes, now.nodes);
    const sameNodes = nodes.gone.length === 0 && nodes.came.length === 0;
    if (!sameNodes) this.nodes = now.nodes.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    const sameConfig = this.config === now.config;
    this.config = now.config;
    if (!sameConfig) this.#pools.clear();
    const sameDrain = JSON.stringify([before.drainTriggers, before.drain]) === JSON.stringify([now.drainTriggers, now.drain]);
    const samePolicy = this.electionPolicy === now.electionPolicy;
    this.electionPolicy = now.electionPolicy;
    this.drainTriggers = now.drainTriggers ?? DEFAULT_DRAIN_TRIGGERS;
    this.drain = now.drain;
    return !sameConfig || !sameNodes || !sameDrain || !samePolicy || before.loadBalancerClass !== now.loadBalancerClass;
  }

  #updateSlices({ gone, came }: Differences<AnnouncedSlice>, dirty: Set<ServiceKey>): void {
    const touched = new Set<ServiceKey>();
    for (const slice of gone) {
      touched.add(slice.service);
      this.#slices.delete(slice.service, slice);
    }
    for (const slice of came) {
      touched.add(slice.service);
      this.#slices.add(slice.service, slice);
    }
    // Pods come and go all the time; what counts is where there are any.
    for (const key of touched) if (this.#setServing(key, servingOf(this.#slices.get(key)))) dirty.add(key);
  }

  #setServing(key: ServiceKey, serving: ServingEndpoints): boolean {
    if (sameServing(this.serving(key), serving)) return false;
    if (serving.anywhere) this.#serving.set(key, this.#shared(serving));
    else this.#serving.delete(key);
    return true;
  }

  /** Most Services have their endpoints on the same few sets of nodes. */
  #shared(serving: ServingEndpoints): ServingEndpoints {
    const key = JSON.stringify([...serving.nodes].toSorted(([a], [b]) => (a < b ? -1 : 1)));
    const known = this.#servings.get(key);
    if (known !== undefined && sameServing(known, serving)) return known;
    if (this.#servings.size >= MAX_SHARED) this.#servings.clear();
    this.#servings.set(key, serving);
    return serving;
  }

  #updateServices(
    before: AnnounceContext,
    now: AnnounceContext,
    { gone, came }: Differences<AnnouncedService>,
    dirty: Set<ServiceKey>,
  ): Pick<IndexUpdate, 'newAddresses' | 'goneAddresses'> {
    const touched = new Map<Ip, boolean>();
    const hold = (ip: Ip, by: 1 | -1): void => {
      const count = this.#holders.get(ip) ?? 0;
      if (!touched.has(ip)) touched.set(ip, count > 0);
      if (count + by === 0) this.#holders.delete(ip);
      else this.#holders.set(ip, count + by);
    };
    for (const service of gone) {
      for (const ip of service.ingress) hold(ip, -1);
      if (isHandled(service, before.loadBalancerClass)) this.#remove(service, dirty);
    }
    for (const service of came) {
      for (const ip of service.ingress) hold(ip, 1);
      if (isHandled(service, now.loadBalancerClass)) this.#add(service, dirty);
    }
    for (const ip of touched.keys()) for (const key of this.#sharers.get(ip)) dirty.add(key);
    const isHeld = (ip: Ip): boolean => this.#holders.has(ip);
    return {
      newAddresses: new Set([...touched].filter(([ip, held]) => !held && isHeld(ip)).map(([ip]) => ip)),
      goneAddresses: new Set([...touched.keys()].filter((ip) => !isHeld(ip))),
    };
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

function findPool(pools: readonly Pool[], ip: Ip): Pool | undefined {
  return pools.find((pool) => pool.blocks.some((block) => blockContains(block, ip)));
}

function servingOf(slices: Iterable<AnnouncedSlice>): ServingEndpoints {
  const counts = { ipv4: new Map<string, number>(), ipv6: new Map<string, number>() };
  let anywhere = false;
  for (const { family, endpoints } of slices) {
    for (const endpoint of endpoints) {
      if (!takesTraffic(endpoint)) continue;
      anywhere = true;
      const { nodeName } = endpoint;
      if (nodeName !== undefined) counts[family].set(nodeName, (counts[family].get(nodeName) ?? 0) + 1);
    }
  }
  const nodes = counts.ipv4;
  for (const [node, count] of counts.ipv6) nodes.set(node, Math.max(count, nodes.get(node) ?? 0));
  return { anywhere, nodes };
}

function sameServing(a: ServingEndpoints, b: ServingEndpoints): boolean {
  return a.anywhere === b.anywhere && a.nodes.size === b.nodes.size && [...a.nodes].every(([node, count]) => b.nodes.get(node) === count);
}

/** As kube-proxy decides: a ready endpoint, or one that is terminating and still serving (KEP-1669). */
function takesTraffic(endpoint: EndpointView): boolean {
  return endpoint.ready || endpoint.serving;
}
