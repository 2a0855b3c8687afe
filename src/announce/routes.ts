import type { NodeView } from '../cluster/node.ts';
import type { AnnouncedService, ServiceKey } from '../cluster/service.ts';
import type { BgpAdvertisement, Peer, Pool } from '../config/config.ts';
import { type Family, type Ip, ipFamily } from '../net/ip.ts';
import { type Prefix, prefixFamily } from '../net/prefix.ts';
import { Carriers } from './carriers.ts';
import type { Ineligible } from './eligibility.ts';
import { MultiMap } from './multiMap.ts';
import { familiesOf } from './peerFamilies.ts';
import type { RouteSet, Verdict } from './plan.ts';
import { refused } from './refused.ts';
import { type Preference, RouteTable, type Wish, preferenceOf, samePreference, unite, wishOf } from './routeTable.ts';
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
  speaksTo,
} from './scope.ts';
import type { IndexedSnapshot } from './snapshot.ts';

type Wishes = Map<Prefix, Wish>;

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
  readonly #selected = new Map<ServiceKey, Selected>();
  readonly #verdicts = new Map<ServiceKey, Verdict>();
  readonly #prefixes = new MultiMap<ServiceKey, Prefix>();
  /** Services that ask for a prefix. */
  readonly #askers = new MultiMap<Prefix, ServiceKey>();
  /** By the names of the advertisements that match a Service. */
  readonly #approaches = new Map<string, Approach | Ineligible>();
  /** On a node that drains: who else announces. */
  readonly #carriers: Carriers | undefined;
  /** Services with an address that this node alone announces; followed on a node that drains. */
  readonly #alone = new Set<ServiceKey>();

  constructor(index: IndexedSnapshot, node: NodeView | undefined, peers: readonly Peer[]) {
    this.#index = index;
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
    return this.#verdicts.get(service);
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
      const ineligible = 'reason' in selected ? selected : addService((peer) => wishes.get(this.#tables.get(peer) as RouteTable), selected);
      if (ineligible !== undefined) found.set(key, { verdict: { announced: false, ineligible }, carriers: [] });
      else if ('verdict' in selected) found.set(key, { verdict: selected.verdict, carriers: carriersOf(selected, this.#peers) });
    }
    return found;
  }

  /** @returns the Services whose verdict may be another one now */
  update(dirty: ReadonlySet<ServiceKey>): ReadonlySet<ServiceKey> {
    const prefixes = new Set<Prefix>();
    const concerned = new Set(dirty);
    for (const key of dirty) this.#forget(key, prefixes);
    for (const key of dirty) this.#select(key, prefixes);
    // One prefix has one set of attributes, so whoever shares a prefix is judged together, and so are the others that those share with.
    for (const prefix of prefixes) {
      for (const key of this.#askers.get(prefix)) {
        concerned.add(key);
        for (const other of this.#prefixes.get(key)) prefixes.add(other);
      }
    }
    const wishes = this.#judge([...concerned].sort());
    for (const [table, wished] of wishes) table.change(prefixes, wished);
    return concerned;
  }

  #forget(key: ServiceKey, prefixes: Set<Prefix>): void {
    for (const prefix of this.#prefixes.get(key)) {
      prefixes.add(prefix);
      this.#askers.delete(prefix, key);
      this.#prefixes.delete(key, prefix);
    }
    this.#selected.delete(key);
    this.#verdicts.delete(key);
    this.#alone.delete(key);
  }

  #select(key: ServiceKey, prefixes: Set<Prefix>): void {
    const service = this.#index.service(key);
    if (service === undefined) return;
    const found = this.#advertisementsOf(service);
    if ('reason' in found) {
      this.#verdicts.set(key, refused(found));
      return;
    }
    this.#selected.set(key, found);
    for (const { advertisement } of found.advertisements) {
      for (const prefix of prefixesOf(found, advertisement)) {
        prefixes.add(prefix);
        this.#prefixes.add(key, prefix);
        this.#askers.add(prefix, key);
      }
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
    if (!('reason' in found))
      return unserved ?? this.#handOver(service, covering, { addresses: service.ingress, pools, endpoints, ...found });
    return found.reason === 'NoMatchingAdvertisement' && covering.length > 0 ? (unserved ?? { reason: 'NoLocalEndpoints' }) : found;
  }

  /** Never dark: what no other node announces stays. */
  #handOver(service: AnnouncedService, covering: readonly BgpAdvertisement[], selected: Selected): Selected | Ineligible {
    const { drain } = this.#index;
    if (drain === undefined || this.#carriers === undefined) return selected;
    const alone = this.#carriers.uncarried(service, selected.pools, covering);
    if (alone.size > 0) this.#alone.add(service.key);
    if (!drain.withdraw) return { ...selected, isGoing: true };
    if (alone.size === 0) return { reason: 'NodeDraining', drain: drain.reason };
    // Positions count: an address is told from its pool by where it stands.
    return { ...selected, isGoing: true, kept: alone };
  }

  #approach(matching: readonly BgpAdvertisement[]): Approach | Ineligible {
    const key = matching.map(({ name }) => name).join(' ');
    const found = this.#approaches.get(key) ?? approach(this.#node, this.#peers, matching);
    this.#approaches.set(key, found);
    return found;
  }

  /** @param services sorted: who comes first is announced when two contradict each other */
  #judge(services: readonly ServiceKey[]): Map<RouteTable, Wishes> {
    const wishes = new Map([...this.#tables.values()].map((table) => [table, new Map() as Wishes]));
    for (const key of services) {
      const selected = this.#selected.get(key);
      if (selected === undefined) continue;
      const ineligible = addService((peer) => wishes.get(this.#tables.get(peer) as RouteTable), selected);
      this.#verdicts.set(key, ineligible === undefined ? selected.verdict : refused(ineligible));
    }
    return wishes;
  }
}

export interface Outlook {
  readonly verdict: Verdict;
  /** For each address of the Service the peers that a route to it goes to. */
  readonly carriers: readonly (readonly string[])[];
}

function carriersOf({ addresses, pools, kept, advertisements }: Selected, peers: readonly Peer[]): string[][] {
  return addresses.map((ip, position) => {
    if (kept?.has(ip) === false) return [];
    const covering = advertisements.filter(({ advertisement }) => coversAddress(advertisement, pools, position));
    return peers
      .filter((peer) => familiesOf(peer).includes(ipFamily(ip)) && covering.some((entry) => entry.peers.includes(peer.name)))
      .map(({ name }) => name);
  });
}

/** What becomes of Services that the same advertisements match, their own endpoints apart. */
interface Approach {
  readonly advertisements: readonly { readonly advertisement: BgpAdvertisement; readonly peers: readonly string[] }[];
  readonly verdict: Verdict;
}

interface Selected extends Approach {
  /** Of the Service, serving on this node. */
  readonly endpoints: number;
  readonly addresses: readonly Ip[];
  /** Of each address. */
  readonly pools: readonly Pool[];
  /** Of the addresses, those that are announced; absent: all. */
  readonly kept?: ReadonlySet<Ip>;
  /** RFC 8326. */
  readonly isGoing?: boolean;
}

function approach(node: NodeView | undefined, peers: readonly Peer[], matching: readonly BgpAdvertisement[]): Approach | Ineligible {
  if (matching.length === 0) return { reason: 'NoMatchingAdvertisement' };
  const unfit = nodeIneligible(node);
  if (unfit !== undefined || node === undefined) return unfit ?? { reason: 'NodeUnknown' };
  const here = matching.filter((advertisement) => coversNode(advertisement, node));
  if (here.length === 0) return { reason: 'NodeNotSelected', advertisements: names(matching) };
  const advertisements = here
    .map((advertisement) => ({
      advertisement,
      peers: peers.filter((peer) => speaksTo(advertisement, peer)).map((peer) => peer.name),
    }))
    .filter((entry) => entry.peers.length > 0);
  if (advertisements.length === 0) return { reason: 'NoPeers', advertisements: names(here) };
  const verdict: Verdict = {
    announced: true,
    advertisements: names(advertisements.map((entry) => entry.advertisement)),
    peers: [...new Set(advertisements.flatMap((entry) => entry.peers))].toSorted(),
  };
  return { advertisements, verdict };
}

/** Adds a Service's prefixes for every peer, or nothing at all when its advertisements contradict each other. */
function addService(wishesOf: (peer: string) => Wishes | undefined, selected: Selected): Ineligible | undefined {
  const additions = selected.advertisements.map(({ advertisement, peers }) => ({
    advertisement,
    tables: new Set(peers.map(wishesOf)),
    prefixes: prefixesOf(selected, advertisement),
  }));
  const preferences = new Map<Wishes | undefined, Map<Prefix, Preference>>();
  for (const { advertisement, tables, prefixes } of additions) {
    for (const table of tables) {
      const earlier = preferences.get(table) ?? new Map<Prefix, Preference>();
      preferences.set(table, earlier);
      // One prefix cannot have two preferences; which one would win must not depend on an order that nobody sees.
      if (prefixes.some((prefix) => contradicts(advertisement, prefix, earlier, table)))
        return { reason: 'ConflictingAdvertisements', advertisements: names(selected.advertisements.map((entry) => entry.advertisement)) };
    }
  }
  for (const { advertisement, tables, prefixes } of additions)
    for (const table of tables)
      for (const prefix of prefixes) addWish(table, prefix, wishOf(advertisement, selected.endpoints, selected.isGoing === true));
  return undefined;
}

/** @param own what this Service's advertisements said so far; is added to */
function contradicts(advertisement: BgpAdvertisement, prefix: Prefix, own: Map<Prefix, Preference>, table: Wishes | undefined): boolean {
  const known = own.get(prefix) ?? table?.get(prefix);
  const preference = preferenceOf(advertisement);
  own.set(prefix, preference);
  return known !== undefined && !samePreference(known, preference);
}

function prefixesOf({ addresses, pools, kept }: Selected, advertisement: BgpAdvertisement): Prefix[] {
  return addresses
    .filter((ip, position) => kept?.has(ip) !== false && coversAddress(advertisement, pools, position))
    .map((ip) => prefixFor(ip, advertisement));
}

function addWish(wishes: Wishes | undefined, prefix: Prefix, wish: Wish): void {
  const earlier = wishes?.get(prefix);
  if (earlier === wish) return;
  wishes?.set(prefix, earlier === undefined ? wish : unite(earlier, wish));
}

/** Routes of families that the session does not carry are never handed to it (Junos rejects the session's peer for one). */
export function onlyFamilies(routes: readonly RouteSet[], families: readonly Family[]): readonly RouteSet[] {
  const isWanted = ({ prefixes: [first] }: RouteSet): boolean => first !== undefined && families.includes(prefixFamily(first));
  return routes.every(isWanted) ? routes : routes.filter(isWanted);
}
