import type { NodeView } from '../cluster/node.ts';
import type { AnnouncedService, ServiceKey } from '../cluster/service.ts';
import type { BgpAdvertisement, L2Advertisement, Pool } from '../config/config.ts';
import { ipFamily } from '../net/ip.ts';
import type { Prefix } from '../net/prefix.ts';
import type { OwnDrain } from './drain.ts';
import type { Ineligible } from './eligibility.ts';
import { MultiMap } from './multiMap.ts';
import { peersOf } from './peerPlans.ts';
import { preferenceOf, samePreference } from './routeTable.ts';
import { RoutePlanner } from './routes.ts';
import {
  coversAddress,
  coversNode,
  coversService,
  endpointsIneligible,
  isIneligible,
  names,
  nodeIneligible,
  prefixFor,
  servicePools,
} from './scope.ts';
import type { ServingEndpoints } from './servings.ts';
import type { IndexedSnapshot, SnapshotIndex } from './snapshot.ts';

/** What all nodes have to do with a Service. Services that are alike have the same value. */
export interface Prospect {
  /** Nodes that are to announce it by BGP, in order of names. */
  readonly bgp: readonly BgpProspect[];
  /** Nodes that may answer for it in layer 2; one of them will. */
  readonly layer2: readonly Layer2Prospect[];
  /** Why the others do not. */
  readonly unfit: readonly Unfit[];
}

export interface BgpProspect {
  readonly node: string;
  /** That its advertisements select. */
  readonly peers: readonly string[];
  /** For each address those of them that carry it. */
  readonly carriers: readonly (readonly string[])[];
}

export interface Layer2Prospect {
  readonly node: string;
  /** For each address: does it answer for it? */
  readonly covers: readonly boolean[];
}

export interface Unfit {
  readonly node: NodeView;
  readonly protocol: 'bgp' | 'layer2';
  readonly ineligible: Ineligible;
}

/** What of a Service decides, but for its endpoints. */
interface Case {
  readonly service: AnnouncedService;
  readonly pools: readonly Pool[];
  readonly routed: readonly BgpAdvertisement[];
  readonly owned: readonly L2Advertisement[];
  readonly isSplit: boolean;
}

/**
 * The plans of all nodes at once, kind of Service by kind of Service instead of node by node: who judges a hundred thousand Services on a
 * hundred nodes must not keep ten million verdicts. What it says is what the plan of each node says, but for who wins an election.
 */
export class Prospects {
  readonly index: SnapshotIndex;
  readonly #nodes: readonly { readonly node: NodeView; readonly planner: RoutePlanner }[];
  readonly #byKind = new Map<string, Prospect>();
  readonly #byServing = new Map<string, WeakMap<ServingEndpoints, Prospect>>();
  /** Can two Services ask for different things of one prefix? */
  readonly #mayContradict: boolean;
  #askers: MultiMap<Prefix, ServiceKey> | undefined;
  readonly #together = new Map<ServiceKey, Prospect>();

  /** Good as long as configuration, nodes and drains stay: {@link refresh} is for all else. @param drains by node, as their speakers say */
  constructor(index: SnapshotIndex, drains: ReadonlyMap<string, OwnDrain>) {
    this.index = index;
    this.#nodes = index.nodes.map((node) => ({
      node,
      planner: new RoutePlanner(withDrain(index, drains.get(node.name)), node, peersOf(index.config, node)),
    }));
    const [first, ...others] = index.config.bgpAdvertisements.map(preferenceOf);
    this.#mayContradict = first !== undefined && others.some((other) => !samePreference(first, other));
  }

  /** Services or endpoints changed. */
  refresh(): void {
    this.#askers = undefined;
    this.#together.clear();
  }

  of(service: AnnouncedService): Prospect {
    const one = this.#caseOf(service);
    if ('reason' in one) return this.#nowhere(one);
    const together = this.#mayContradict ? this.#togetherWith(service.key) : [service.key];
    if (together.length === 1) return this.#shared(one);
    const known = this.#together.get(service.key);
    if (known !== undefined) return known;
    const made = this.#make(
      together.flatMap((key) => {
        const each = this.index.service(key);
        const found = each === undefined ? undefined : this.#caseOf(each);
        return found === undefined || 'reason' in found ? [] : [found];
      }),
    );
    for (const [key, prospect] of made) this.#together.set(key, prospect);
    return made.get(service.key) ?? this.#shared(one);
  }

  #caseOf(service: AnnouncedService): Case | Ineligible {
    const pools = servicePools(this.index, service);
    if (isIneligible(pools)) return pools;
    const { bgpAdvertisements, l2Advertisements } = this.index.config;
    const routed = bgpAdvertisements.filter((advertisement) => coversService(advertisement, service, pools));
    const owned = l2Advertisements.filter((advertisement) => coversService(advertisement, service, pools));
    const isSplit = owned.some(({ serviceSelectors }) => serviceSelectors.length > 0) && this.#isShared(service);
    return { service, pools, routed, owned, isSplit };
  }

  #isShared({ ingress }: AnnouncedService): boolean {
    return ingress.some((ip) => this.index.sharers(ip).length > 1);
  }

  #nowhere(ineligible: Ineligible): Prospect {
    const both = ['bgp', 'layer2'] as const;
    return { bgp: [], layer2: [], unfit: this.#nodes.flatMap(({ node }) => both.map((protocol) => ({ node, protocol, ineligible }))) };
  }

  #shared(one: Case): Prospect {
    const { service, pools, routed, owned, isSplit } = one;
    const { externalTrafficPolicy: policy, ingress } = service;
    const serving = this.index.serving(service.key);
    const isLocal = policy === 'Local' || routed.some(({ onlyWithEndpoints }) => onlyWithEndpoints === true);
    const kind = [names(routed), names(owned), names(pools), ingress.map(ipFamily), policy, isSplit, serving.anywhere].join(' | ');
    if (!isLocal || !serving.anywhere) {
      const known = this.#byKind.get(kind) ?? this.#alone(one);
      this.#byKind.set(kind, known);
      return known;
    }
    const byServing = this.#byServing.get(kind) ?? new WeakMap<ServingEndpoints, Prospect>();
    this.#byServing.set(kind, byServing);
    const known = byServing.get(serving) ?? this.#alone(one);
    byServing.set(serving, known);
    return known;
  }

  #alone(one: Case): Prospect {
    return this.#make([one]).get(one.service.key) ?? this.#nowhere({ reason: 'NoMatchingAdvertisement' });
  }

  #make(cases: readonly Case[]): Map<ServiceKey, Prospect> {
    const keys = cases.map(({ service }) => service.key);
    const made = new Map(keys.map((key) => [key, { bgp: [] as BgpProspect[], layer2: [] as Layer2Prospect[], unfit: [] as Unfit[] }]));
    for (const { node, planner } of this.#nodes) {
      const outlooks = planner.outlook(keys);
      for (const one of cases) {
        const prospect = made.get(one.service.key);
        const outlook = outlooks.get(one.service.key);
        if (prospect === undefined || outlook === undefined) continue;
        const { verdict, carriers } = outlook;
        if (verdict.announced) prospect.bgp.push({ node: node.name, peers: verdict.peers ?? [], carriers });
        else prospect.unfit.push({ node, protocol: 'bgp', ineligible: verdict.ineligible });
        const layer2 = layer2Of(one, node, this.index);
        if ('reason' in layer2) prospect.unfit.push({ node, protocol: 'layer2', ineligible: layer2 });
        else prospect.layer2.push(layer2);
      }
    }
    return made;
  }

  /** One prefix has one set of attributes: whoever shares a prefix is judged together, and so are the others that those share with. */
  #togetherWith(key: ServiceKey): readonly ServiceKey[] {
    const askers = (this.#askers ??= this.#allAskers());
    const together = new Set([key]);
    const prefixes = new Set<Prefix>();
    for (const each of together) {
      for (const prefix of this.#prefixesOf(each)) {
        if (prefixes.has(prefix)) continue;
        prefixes.add(prefix);
        for (const other of askers.get(prefix)) together.add(other);
      }
    }
    return [...together];
  }

  #allAskers(): MultiMap<Prefix, ServiceKey> {
    const askers = new MultiMap<Prefix, ServiceKey>();
    for (const key of this.index.keys()) for (const prefix of this.#prefixesOf(key)) askers.add(prefix, key);
    return askers;
  }

  #prefixesOf(key: ServiceKey): readonly Prefix[] {
    const service = this.index.service(key);
    const pools = service === undefined ? [] : servicePools(this.index, service);
    if (service === undefined || isIneligible(pools)) return [];
    return this.index.config.bgpAdvertisements
      .filter((advertisement) => coversService(advertisement, service, pools))
      .flatMap((advertisement) =>
        service.ingress.flatMap((ip, position) => (coversAddress(advertisement, pools, position) ? [prefixFor(ip, advertisement)] : [])),
      );
  }
}

function layer2Of({ service, pools, owned, isSplit }: Case, node: NodeView, index: IndexedSnapshot): Layer2Prospect | Ineligible {
  if (owned.length === 0) return { reason: 'NoMatchingAdvertisement' };
  if (isSplit) return { reason: 'SharedAddressWithServiceSelector' };
  const unfit = nodeIneligible(node) ?? endpointsIneligible(index, service, node.name);
  if (unfit !== undefined) return unfit;
  const here = owned.filter((advertisement) => coversNode(advertisement, node));
  if (here.length === 0) return { reason: 'NodeNotSelected', advertisements: names(owned) };
  return { node: node.name, covers: pools.map((_, position) => here.some((one) => coversAddress(one, pools, position))) };
}

/** The index as the planner of a node that drains has it. */
function withDrain(index: SnapshotIndex, drain: OwnDrain | undefined): IndexedSnapshot {
  if (drain === undefined) return index;
  return {
    config: index.config,
    nodes: index.nodes,
    drainTriggers: index.drainTriggers,
    electionPolicy: index.electionPolicy,
    drain,
    service: (key) => index.service(key),
    serving: (key) => index.serving(key),
    poolOf: (ip) => index.poolOf(ip),
    sharers: (ip) => index.sharers(ip),
    hasSpeaker: (node) => index.hasSpeaker(node),
    names: index.names,
  };
}
