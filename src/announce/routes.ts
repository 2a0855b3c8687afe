import type { NodeView } from '../cluster/node.ts';
import type { ServiceView } from '../cluster/service.ts';
import type { BgpAdvertisement, LargeCommunity, Peer, Pool } from '../config/config.ts';
import { ipFamily } from '../net/ip.ts';
import { type Prefix, prefixFamily, prefixOf } from '../net/prefix.ts';
import type { Ineligible } from './eligibility.ts';
import type { RouteAttributes, RouteSet, Verdict } from './plan.ts';
import { coversNode, coversService, endpointsIneligible, isIneligible, names, nodeIneligible, servicePools } from './scope.ts';
import type { IndexedSnapshot } from './snapshot.ts';

/** What is to be said about one prefix to one peer, gathered from every advertisement and Service that ask for it. */
interface Wish {
  readonly localPref: number | undefined;
  readonly communities: ReadonlySet<number>;
  readonly largeCommunities: ReadonlyMap<string, LargeCommunity>;
}

type Wishes = Map<Prefix, Wish>;

export interface BgpPlan {
  /** By BGPPeer name. */
  readonly routes: ReadonlyMap<string, readonly RouteSet[]>;
  readonly verdicts: ReadonlyMap<string, Verdict>;
}

/** The routes of one node, for every peer it has. */
export function planRoutes(index: IndexedSnapshot, node: NodeView | undefined, peers: readonly Peer[]): BgpPlan {
  const wishes = new Map<string, Wishes>(peers.map((peer) => [peer.name, new Map()]));
  const verdicts = new Map<string, Verdict>();
  for (const service of index.services) {
    const found = selectAdvertisements(index, service, node, peers);
    const ineligible = 'reason' in found ? found : addService(wishes, service, found);
    verdicts.set(service.key, ineligible === undefined ? announced(found as Selected) : { announced: false, ineligible });
  }
  return { routes: new Map([...wishes].map(([peer, wished]) => [peer, groupRoutes(wished)])), verdicts };
}

interface Selected {
  readonly pools: readonly Pool[];
  readonly advertisements: readonly { readonly advertisement: BgpAdvertisement; readonly peers: readonly string[] }[];
}

function announced(selected: Selected): Verdict {
  const peers = [...new Set(selected.advertisements.flatMap((entry) => entry.peers))].toSorted();
  return { announced: true, advertisements: names(selected.advertisements.map((entry) => entry.advertisement)), peers };
}

function selectAdvertisements(
  index: IndexedSnapshot,
  service: ServiceView,
  node: NodeView | undefined,
  peers: readonly Peer[],
): Selected | Ineligible {
  const pools = servicePools(index, service);
  if (isIneligible(pools)) return pools;
  const matching = index.config.bgpAdvertisements.filter((advertisement) => coversService(advertisement, service, pools));
  if (matching.length === 0) return { reason: 'NoMatchingAdvertisement' };
  const unfit = nodeIneligible(node);
  if (unfit !== undefined || node === undefined) return unfit ?? { reason: 'NodeUnknown' };
  const here = matching.filter((advertisement) => coversNode(advertisement, node));
  if (here.length === 0) return { reason: 'NodeNotSelected', advertisements: names(matching) };
  const withPeers = here
    .map((advertisement) => ({
      advertisement,
      peers: peers.map((peer) => peer.name).filter((name) => advertisement.peers.length === 0 || advertisement.peers.includes(name)),
    }))
    .filter((entry) => entry.peers.length > 0);
  if (withPeers.length === 0) return { reason: 'NoPeers', advertisements: names(here) };
  return endpointsIneligible(index, service, node.name) ?? { pools, advertisements: withPeers };
}

/** Adds a Service's prefixes for every peer, or nothing at all when its advertisements contradict each other. */
function addService(wishes: Map<string, Wishes>, service: ServiceView, selected: Selected): Ineligible | undefined {
  const additions = selected.advertisements.map(({ advertisement, peers }) => ({
    advertisement,
    tables: peers.map((peer) => wishes.get(peer)),
    prefixes: prefixesOf(service, selected.pools, advertisement),
  }));
  const preferences = new Map<Wishes | undefined, Map<Prefix, number | undefined>>();
  for (const { advertisement, tables, prefixes } of additions) {
    for (const table of tables) {
      const earlier = preferences.get(table) ?? new Map<Prefix, number | undefined>();
      preferences.set(table, earlier);
      // One prefix cannot have two preferences; which one would win must not depend on an order that nobody sees.
      if (prefixes.some((prefix) => contradicts(advertisement, prefix, earlier, table)))
        return { reason: 'ConflictingAdvertisements', advertisements: names(selected.advertisements.map((entry) => entry.advertisement)) };
    }
  }
  for (const { advertisement, tables, prefixes } of additions)
    for (const table of tables) for (const prefix of prefixes) addWish(table, prefix, advertisement);
  return undefined;
}

/** @param own what this Service's advertisements said so far; is added to */
function contradicts(
  { localPref }: BgpAdvertisement,
  prefix: Prefix,
  own: Map<Prefix, number | undefined>,
  table: Wishes | undefined,
): boolean {
  const others = table?.get(prefix);
  const known = own.has(prefix) ? { localPref: own.get(prefix) } : others;
  own.set(prefix, localPref);
  return known !== undefined && known.localPref !== localPref;
}

function prefixesOf(service: ServiceView, pools: readonly Pool[], advertisement: BgpAdvertisement): Prefix[] {
  return service.ingress
    .filter((_, position) => advertisement.pools === 'all' || advertisement.pools.includes(pools[position]?.name ?? ''))
    .map((ip) => prefixOf(ip, ipFamily(ip) === 'ipv4' ? advertisement.aggregationLength : advertisement.aggregationLengthV6));
}

function addWish(wishes: Wishes | undefined, prefix: Prefix, advertisement: BgpAdvertisement): void {
  const earlier = wishes?.get(prefix);
  const wish = wishOf(advertisement);
  if (earlier === wish) return;
  wishes?.set(prefix, earlier === undefined ? wish : unite(earlier, wish));
}

/** One value per advertisement: nearly all prefixes have a single one, and are then grouped without a comparison. */
const WISHES = new WeakMap<BgpAdvertisement, Wish>();

function wishOf(advertisement: BgpAdvertisement): Wish {
  const known = WISHES.get(advertisement);
  if (known !== undefined) return known;
  const wish: Wish = {
    localPref: advertisement.localPref,
    communities: new Set(advertisement.communities),
    largeCommunities: new Map(advertisement.largeCommunities.map((community) => [community.join(':'), community])),
  };
  WISHES.set(advertisement, wish);
  return wish;
}

function unite(a: Wish, b: Wish): Wish {
  return {
    localPref: a.localPref,
    communities: new Set([...a.communities, ...b.communities]),
    largeCommunities: new Map([...a.largeCommunities, ...b.largeCommunities]),
  };
}

/** Prefixes with the same attributes together, both sorted, so that equal plans are equal values. */
function groupRoutes(wishes: Wishes): RouteSet[] {
  const byWish = new Map<Wish, Prefix[]>();
  for (const [prefix, wish] of wishes) {
    const prefixes = byWish.get(wish);
    if (prefixes === undefined) byWish.set(wish, [prefix]);
    else prefixes.push(prefix);
  }
  const groups = new Map<string, { readonly attributes: RouteAttributes; readonly prefixes: Prefix[] }>();
  for (const [wish, prefixes] of byWish) {
    const attributes = attributesOf(wish);
    const key = JSON.stringify(attributes);
    const group = groups.get(key);
    groups.set(key, { attributes, prefixes: group === undefined ? prefixes : group.prefixes.concat(prefixes) });
  }
  const sorted = [...groups].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group);
  for (const group of sorted) group.prefixes.sort();
  return sorted;
}

function attributesOf(wish: Wish): RouteAttributes {
  return {
    ...(wish.localPref === undefined ? {} : { localPref: wish.localPref }),
    communities: [...wish.communities].toSorted((a, b) => a - b),
    largeCommunities: [...wish.largeCommunities.values()].toSorted((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]),
  };
}

/** Routes of families that the session does not carry are never handed to it (Junos rejects the session's peer for one). */
export function onlyFamilies(routes: readonly RouteSet[], families: readonly string[]): RouteSet[] {
  return routes
    .map((set) => ({ ...set, prefixes: set.prefixes.filter((prefix) => families.includes(prefixFamily(prefix))) }))
    .filter((set) => set.prefixes.length > 0);
}
