import type { AnnouncedSlice } from '../cluster/endpoints.ts';
import type { NodeView } from '../cluster/node.ts';
import type { AnnouncedService, ServiceKey } from '../cluster/service.ts';
import { type Config, type Pool } from '../config/config.ts';
import type { ElectionPolicy } from '../layer2/boundedLoad.ts';
import type { Ip } from '../net/ip.ts';
import { DEFAULT_DRAIN_TRIGGERS, type DrainTrigger, type OwnDrain } from './drain.ts';
import { SharedMap } from '../rows/sharedMap.ts';
import { TextMultiMap } from '../rows/textMultiMap.ts';
import { Texts } from '../rows/texts.ts';
import { PoolFinder } from './poolFinder.ts';
import { NOWHERE, Servings, type ServingEndpoints, sameServing } from './servings.ts';
import { SliceChanges } from './sliceChanges.ts';
import { OwnSources, type Sources } from './sources.ts';
import { differences } from './sorted.ts';

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
  readonly services: Changed<AnnouncedService>;
  readonly slices: Changed<AnnouncedSlice>;
}

/** Each is looked through once. */
export interface Changed<T> {
  readonly gone: Iterable<T>;
  readonly came: Iterable<T>;
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
  /** Of Services. */
  readonly names: Texts;
  /** Every handled Service that has this address, sorted. */
  readonly sharers: (ip: Ip) => readonly ServiceKey[];
}

/** What became new between two snapshots. */
export interface IndexUpdate {
  /** Configuration or nodes changed, on which everything depends, or there was nothing before; what follows says no more then than what changed. */
  readonly everything: boolean;
  /** Services whose plan may be another one. */
  readonly dirty: ReadonlySet<ServiceKey>;
  /** Handled Services that changed or are gone, as they were. */
  readonly former: ReadonlyMap<ServiceKey, AnnouncedService>;
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
  #isNew = true;
  /** As they were given when they were last given whole. */
  #lists: Pick<AnnounceSnapshot, 'services' | 'slices'> = { services: [], slices: [] };
  readonly #own: OwnSources | undefined;
  readonly #sources: Sources;
  readonly #servings = new Servings();
  readonly #addresses = new Texts();
  readonly #sharers: TextMultiMap<Ip, ServiceKey>;
  /** How many Services have an address that are not handled. */
  readonly #strangers = new SharedMap<Ip, number>(this.#addresses);
  #pools: PoolFinder;

  /** @param sources of those who have what they tell of; absent: it is kept here */
  constructor(config: Config, sources?: Sources) {
    this.config = config;
    this.#own = sources === undefined ? new OwnSources() : undefined;
    this.#sources = sources ?? this.#own ?? new OwnSources();
    this.#sharers = new TextMultiMap(this.#addresses, this.names);
    this.#pools = new PoolFinder(config.pools);
    this.#context = { config, nodes: [] };
  }

  get names(): Texts {
    return this.#sources.names;
  }

  service(key: ServiceKey): AnnouncedService | undefined {
    const service = this.#sources.services.get(key);
    return service !== undefined && isHandled(service, this.#context.loadBalancerClass) ? service : undefined;
  }

  /** Of whatever class. */
  all(): Iterable<AnnouncedService> {
    return this.#sources.services.values();
  }

  *keys(): Iterable<ServiceKey> {
    for (const service of this.all()) if (isHandled(service, this.#context.loadBalancerClass)) yield service.key;
  }

  serving(service: ServiceKey): ServingEndpoints {
    return this.#servings.of(this.#sources.slices.of(service));
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
    const sharers = this.#sharers.get(ip);
    return sharers.length < 2 ? sharers : sharers.toSorted();
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
    if (this.#isNew) return this.#fill(services.came);
    return { everything, dirty, ...this.#updateServices(before, context, services, dirty) };
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

  #updateSlices({ gone, came }: Changed<AnnouncedSlice>, dirty: Set<ServiceKey>): void {
    // Of what is new everything is, whatever its slices.
    if (this.#isNew) {
      this.#own?.changeSlices(gone, came);
      return;
    }
    const changes = new SliceChanges(gone, came);
    this.#own?.changeSlices(changes.gone(), changes.came());
    // Pods come and go all the time; what counts is where there are any.
    for (const service of changes.services()) {
      const now = this.#sources.slices.of(service);
      if (!sameServing(this.#servings.of(changes.before(service, now)), this.#servings.of(now))) dirty.add(service);
    }
  }

  /** Of the first of all changes nobody need be told one by one: a hundred thousand would be listed, to no purpose. */
  #fill(came: Iterable<AnnouncedService>): IndexUpdate {
    this.#isNew = false;
    for (const service of came) {
      this.#own?.services.set(service.key, service);
      if (isHandled(service, this.#context.loadBalancerClass)) for (const ip of service.ingress) this.#sharers.add(ip, service.key);
      else for (const ip of service.ingress) this.#countStranger(ip, 1);
    }
    return { everything: true, dirty: new Set(), former: new Map(), newAddresses: new Set(), goneAddresses: new Set() };
  }

  #updateServices(
    before: AnnounceContext,
    now: AnnounceContext,
    { gone, came }: Changed<AnnouncedService>,
    dirty: Set<ServiceKey>,
  ): Omit<IndexUpdate, 'everything' | 'dirty'> {
    const touched = new Map<Ip, boolean>();
    const former = new Map<ServiceKey, AnnouncedService>();
    const touch = ({ ingress }: AnnouncedService): void => {
      for (const ip of ingress) if (!touched.has(ip)) touched.set(ip, this.#isHeld(ip));
    };
    for (const service of gone) {
      touch(service);
      this.#own?.services.delete(service.key);
      if (isHandled(service, before.loadBalancerClass)) {
        former.set(service.key, service);
        this.#remove(service, dirty);
      } else for (const ip of service.ingress) this.#countStranger(ip, -1);
    }
    for (const service of came) {
      touch(service);
      this.#own?.services.set(service.key, service);
      if (isHandled(service, now.loadBalancerClass)) this.#add(service, dirty);
      else for (const ip of service.ingress) this.#countStranger(ip, 1);
    }
    const [newAddresses, goneAddresses] = [new Set<Ip>(), new Set<Ip>()];
    for (const [ip, wasHeld] of touched) {
      for (const key of this.#sharers.get(ip)) dirty.add(key);
      if (!this.#isHeld(ip)) goneAddresses.add(ip);
      else if (!wasHeld) newAddresses.add(ip);
    }
    return { former, newAddresses, goneAddresses };
  }

  #isHeld(ip: Ip): boolean {
    return this.#sharers.has(ip) || this.#strangers.get(ip) !== undefined;
  }

  #countStranger(ip: Ip, by: 1 | -1): void {
    const count = (this.#strangers.get(ip) ?? 0) + by;
    if (count === 0) this.#strangers.delete(ip);
    else this.#strangers.set(ip, count);
  }

  #remove(service: AnnouncedService, dirty: Set<ServiceKey>): void {
    dirty.add(service.key);
    for (const ip of service.ingress) this.#sharers.delete(ip, service.key);
  }

  #add(service: AnnouncedService, dirty: Set<ServiceKey>): void {
    dirty.add(service.key);
    for (const ip of service.ingress) this.#sharers.add(ip, service.key);
  }
}

function isHandled(service: AnnouncedService, loadBalancerClass: string | undefined): boolean {
  return service.type === 'LoadBalancer' && !service.deleting && service.loadBalancerClass === loadBalancerClass;
}
