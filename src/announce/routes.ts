import type { NodeView } from '../cluster/node.ts';
import type { AnnouncedService, ServiceKey } from '../cluster/service.ts';
import type { BgpAdvertisement, Peer, Pool } from '../config/config.ts';
import type { Family, Ip } from '../net/ip.ts';
import { SharedMap } from '../rows/sharedMap.ts';
import { TextMultiMap } from '../rows/textMultiMap.ts';
import { Texts } from '../rows/texts.ts';
import { type Prefix, prefixAddress } from '../net/prefix.ts';
import { Carriers } from './carriers.ts';
import type { Ineligible } from './eligibility.ts';
import { familyOf } from './packedSet.ts';
import type { RouteSet, Verdict } from './plan.ts';
import { refused } from './refused.ts';
import { RouteTable } from './routeTable.ts';
import { coversService, endpointsIneligible, isIneligible, servicePools, speaksTo } from './scope.ts';
import {
  type Approach,
  type Choice,
  type Judged,
  type Selected,
  type Wishes,
  addService,
  allPrefixes,
  approach,
  carriersOf,
  isHostRoute,
  withRefusal,
} from './selection.ts';
import type { IndexedSnapshot } from './snapshot.ts';

/**
 * The routes of one node, for every peer it has, kept up with a changing snapshot: a Service costs anew only when something of it
 * changed, or of one that has a prefix in common with it.
 */
export class RoutePlanner {
  readonly #index: IndexedSnapshot;
  readonly #node: NodeView | undefined;
  readonly #peers: readonly Peer[];
  /** By peer; peers that the same advertisements speak to have one table. */
  readonly #tables: ReadonlyMap<string, RouteTable>;
  readonly #judged: SharedMap<ServiceKey, Judged>;
  /** Of Services of which nothing else is to be said. */
  readonly #selected = new Map<Choice, Selected>();
  /** Services that ask for an aggregate. Who asks for the route of one address is who has the address. */
  readonly #askers: TextMultiMap<Prefix, ServiceKey>;
  /** By the names of the advertisements that match a Service. */
  readonly #approaches = new Map<string, Approach | Ineligible>();
  readonly #choices = new Map<Approach, Map<readonly Pool[], Choice[]>>();
  /** On a node that drains: who else announces. */
  readonly #carriers: Carriers | undefined;
  /** Services with an address that this node alone announces; followed on a node that drains. */
  readonly #alone = new Set<ServiceKey>();

  constructor(index: IndexedSnapshot, node: NodeView | undefined, peers: readonly Peer[]) {
    this.#index = index;
    this.#judged = new SharedMap(index.names);
    this.#askers = new TextMultiMap(new Texts(), index.names);
    this.#node = node;
    this.#peers = peers;
    this.#carriers = index.drain === undefined ? undefined : new Carriers(index, node?.name ?? '');
    const tables = new Map<string, RouteTable>();
    this.#tables = new Map(
      peers.map((peer) => {
        const key = JSON.stringify(index.config.bgpAdvertisements.map((advertisement) => speaksTo(advertisement, peer)));
        const table = tables.get(key) ?? new RouteTable();
        tables.set(key, table);
        return [peer.name, table];
      }),
    );
  }

  /** Sets of one family each; the same value as long as nothing in it changed. */
  routes(peer: string): readonly RouteSet[] {
    return this.#tables.get(peer)?.sets() ?? [];
  }

  verdict(service: ServiceKey): Verdict | undefined {
    return verdictOf(this.#judged.get(service));
  }

  /** Where the Services that are judged are among the names. */
  places(): Iterable<number> {
    return this.#judged.places();
  }

  verdictAt(place: number): Verdict | undefined {
    return verdictOf(this.#judged.at(place));
  }

  /** On a node that drains: does it announce what no other node does? */
  isLast(): boolean {
    return this.#alone.size > 0;
  }

  /** What the node makes of Services that are judged together; nothing of it is kept. */
  outlook(services: readonly ServiceKey[]): Map<ServiceKey, Outlook> {
    const wishes = new Map([...this.#tables.values()].map((table) => [table, new Map() as Wishes]));
    const found = new Map<ServiceKey, Outlook>();
    for (const key of services.toSorted()) {
      const service = this.#index.service(key);
      if (service === undefined) continue;
      const selected = this.#advertisementsOf(service);
      const ineligible = 'reason' in selected ? selected : this.#wish(wishes, service.ingress, selected);
      if (ineligible !== undefined) found.set(key, { verdict: { announced: false, ineligible }, carriers: [] });
      else if ('choice' in selected)
        found.set(key, { verdict: selected.choice.verdict, carriers: carriersOf(service.ingress, selected, this.#peers) });
    }
    return found;
  }

  /**
   * To be followed by `settle`.
   * @param former as they were judged: those of them that are others now, or gone @returns the Services whose verdict may be another one now
   */
  update(dirty: ReadonlySet<ServiceKey>, former: ReadonlyMap<ServiceKey, AnnouncedService>): ReadonlySet<ServiceKey> {
    const prefixes = new Set<Prefix>();
    const concerned = new Set(dirty);
    for (const key of dirty) this.#forget(key, former.get(key) ?? this.#index.service(key), prefixes);
    for (const key of dirty) this.#select(key, prefixes);
    // One prefix has one set of attributes, so whoever shares a prefix is judged together, and so are the others that those share with.
    for (const prefix of prefixes) {
      for (const key of this.#askersOf(prefix)) {
        if (concerned.has(key)) continue;
        concerned.add(key);
        for (const other of this.#prefixesOf(key, this.#index.service(key))) prefixes.add(other);
      }
    }
    const wishes = this.#judge([...concerned].sort());
    for (const [table, wished] of wishes) table.note(prefixes, wished);
    return concerned;
  }

  /** All that was updated is in the routes now. */
  settle(): void {
    for (const table of new Set(this.#tables.values())) table.settle();
  }

  #askersOf(prefix: Prefix): readonly ServiceKey[] {
    return isHostRoute(prefix) ? this.#index.sharers(prefixAddress(prefix)) : this.#askers.get(prefix);
  }

  /** @param service as it was judged */
  #prefixesOf(key: ServiceKey, service: AnnouncedService | undefined): readonly Prefix[] {
    const judged = this.#judged.get(key);
    return judged === undefined || service === undefined || 'announced' in judged ? [] : allPrefixes(service.ingress, judged);
  }

  #forget(key: ServiceKey, service: AnnouncedService | undefined, prefixes: Set<Prefix>): void {
    for (const prefix of this.#prefixesOf(key, service)) {
      prefixes.add(prefix);
      if (!isHostRoute(prefix)) this.#askers.delete(prefix, key);
    }
    this.#judged.delete(key);
    this.#alone.delete(key);
  }

  #select(key: ServiceKey, prefixes: Set<Prefix>): void {
    const service = this.#index.service(key);
    if (service === undefined) return;
    const found = this.#advertisementsOf(service);
    if ('reason' in found) {
      this.#judged.set(key, refused(found));
      return;
    }
    this.#judged.set(key, found);
    for (const prefix of allPrefixes(service.ingress, found)) {
      prefixes.add(prefix);
      if (!isHostRoute(prefix)) this.#askers.add(prefix, key);
    }
  }

  #advertisementsOf(service: AnnouncedService): Selected | Ineligible {
    const pools = servicePools(this.#index, service);
    if (isIneligible(pools)) return pools;
    const covering = this.#index.config.bgpAdvertisements.filter((advertisement) => coversService(advertisement, service, pools));
    const node = this.#node?.name ?? '';
    const endpoints = this.#index.serving(service.key).nodes.get(node) ?? 0;
    const found = this.#approach(covering.filter(({ onlyWithEndpoints }) => onlyWithEndpoints !== true || endpoints > 0));
    const unserved = endpointsIneligible(this.#index, service, node);
    if (!('reason' in found)) return unserved ?? this.#handOver(service, covering, this.#choice(found, pools, endpoints));
    return found.reason === 'NoMatchingAdvertisement' && covering.length > 0 ? (unserved ?? { reason: 'NoLocalEndpoints' }) : found;
  }

  /** Never dark: what no other node announces stays. */
  #handOver(service: AnnouncedService, covering: readonly BgpAdvertisement[], choice: Choice): Selected | Ineligible {
    const { drain } = this.#index;
    if (drain === undefined || this.#carriers === undefined) return this.#only(choice, {});
    const alone = this.#carriers.uncarried(service, choice.pools, covering);
    if (alone.size > 0) this.#alone.add(service.key);
    if (!drain.withdraw) return this.#only(choice, { isGoing: true });
    if (alone.size === 0) return { reason: 'NodeDraining', drain: drain.reason };
    // Positions count: an address is told from its pool by where it stands.
    return { choice, isGoing: true, kept: alone };
  }

  /** @param rest the same for all */
  #only(choice: Choice, rest: Pick<Selected, 'isGoing'>): Selected {
    const known = this.#selected.get(choice) ?? { choice, ...rest };
    this.#selected.set(choice, known);
    return known;
  }

  #approach(matching: readonly BgpAdvertisement[]): Approach | Ineligible {
    const key = matching.map(({ name }) => name).join(' ');
    const found = this.#approaches.get(key) ?? approach(this.#node, this.#peers, matching);
    this.#approaches.set(key, found);
    return found;
  }

  /** Services of which all that decides is the same have one value. */
  #choice(approach: Approach, pools: readonly Pool[], endpoints: number): Choice {
    const byPools = this.#choices.get(approach) ?? new Map<readonly Pool[], Choice[]>();
    this.#choices.set(approach, byPools);
    const byEndpoints = byPools.get(pools) ?? [];
    byPools.set(pools, byEndpoints);
    return (byEndpoints[endpoints] ??= { ...approach, pools, endpoints });
  }

  /** @param services sorted: who comes first is announced when two contradict each other */
  #judge(services: readonly ServiceKey[]): Map<RouteTable, Wishes> {
    const wishes = new Map([...this.#tables.values()].map((table) => [table, new Map() as Wishes]));
    for (const key of services) {
      const [judged, service] = [this.#judged.get(key), this.#index.service(key)];
      if (judged === undefined || service === undefined || 'announced' in judged) continue;
      const now = withRefusal(judged, this.#wish(wishes, service.ingress, judged));
      if (now !== judged) this.#judged.set(key, now);
    }
    return wishes;
  }

  #wish(wishes: ReadonlyMap<RouteTable, Wishes>, addresses: readonly Ip[], selected: Selected): Ineligible | undefined {
    return addService((peer) => wishes.get(this.#tables.get(peer) as RouteTable), addresses, selected);
  }
}

function verdictOf(judged: Judged | undefined): Verdict | undefined {
  return judged === undefined || 'announced' in judged ? judged : (judged.refusal ?? judged.choice.verdict);
}

export interface Outlook {
  readonly verdict: Verdict;
  /** For each address of the Service the peers that a route to it goes to. */
  readonly carriers: readonly (readonly string[])[];
}

/** Routes of families that the session does not carry are never handed to it (Junos rejects the session's peer for one). */
export function onlyFamilies(routes: readonly RouteSet[], families: readonly Family[]): readonly RouteSet[] {
  const isWanted = (set: RouteSet): boolean => {
    const family = familyOf(set);
    return family !== undefined && families.includes(family);
  };
  return routes.every(isWanted) ? routes : routes.filter(isWanted);
}
