import type { NodeView } from '../cluster/node.ts';
import type { BgpAdvertisement, Peer, Pool } from '../config/config.ts';
import { type Ip, ipFamily } from '../net/ip.ts';
import type { Prefix } from '../net/prefix.ts';
import type { Ineligible } from './eligibility.ts';
import { familiesOf } from './peerFamilies.ts';
import type { Verdict } from './plan.ts';
import { refused } from './refused.ts';
import { type Preference, type Wish, preferenceOf, samePreference, unite, wishOf } from './routeTable.ts';
import { coversAddress, coversNode, names, nodeIneligible, prefixFor, speaksTo } from './scope.ts';

/** What is to be said about prefixes on one table. */
export type Wishes = Map<Prefix, Wish>;

/** What becomes of Services that the same advertisements match, their own endpoints apart. */
export interface Approach {
  readonly advertisements: readonly { readonly advertisement: BgpAdvertisement; readonly peers: readonly string[] }[];
  readonly verdict: Verdict;
}

export interface Choice extends Approach {
  /** Of the Service, serving on this node. */
  readonly endpoints: number;
  /** Of each address. */
  readonly pools: readonly Pool[];
}

/** What is chosen for a Service; all that have no more than a choice have the same value. */
export interface Selected {
  readonly choice: Choice;
  /** Of the addresses, those that are announced; absent: all. */
  readonly kept?: ReadonlySet<Ip>;
  /** RFC 8326. */
  readonly isGoing?: boolean;
  /** It has prefixes in common with others that ask for something else. */
  readonly refusal?: Verdict;
}

/** What is known of a Service; a verdict alone where it asks for no route. */
export type Judged = Selected | Verdict;

export function withRefusal(selected: Selected, ineligible: Ineligible | undefined): Selected {
  if (ineligible !== undefined) return { ...selected, refusal: refused(ineligible) };
  if (selected.refusal === undefined) return selected;
  const { refusal: _, ...fine } = selected;
  return fine;
}

export function isHostRoute(prefix: Prefix): boolean {
  return prefix.endsWith(prefix.includes(':') ? '/128' : '/32');
}

export function carriersOf(
  addresses: readonly Ip[],
  { kept, choice: { pools, advertisements } }: Selected,
  peers: readonly Peer[],
): string[][] {
  return addresses.map((ip, position) => {
    if (kept?.has(ip) === false) return [];
    const covering = advertisements.filter(({ advertisement }) => coversAddress(advertisement, pools, position));
    return peers
      .filter((peer) => familiesOf(peer).includes(ipFamily(ip)) && covering.some((entry) => entry.peers.includes(peer.name)))
      .map(({ name }) => name);
  });
}

export function approach(node: NodeView | undefined, peers: readonly Peer[], matching: readonly BgpAdvertisement[]): Approach | Ineligible {
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
export function addService(
  wishesOf: (peer: string) => Wishes | undefined,
  addresses: readonly Ip[],
  selected: Selected,
): Ineligible | undefined {
  const { advertisements, endpoints } = selected.choice;
  const additions = advertisements.map(({ advertisement, peers }) => ({
    advertisement,
    tables: new Set(peers.map(wishesOf)),
    prefixes: prefixesOf(addresses, selected, advertisement),
  }));
  const preferences = new Map<Wishes | undefined, Map<Prefix, Preference>>();
  for (const { advertisement, tables, prefixes } of additions) {
    for (const table of tables) {
      const earlier = preferences.get(table) ?? new Map<Prefix, Preference>();
      preferences.set(table, earlier);
      // One prefix cannot have two preferences; which one would win must not depend on an order that nobody sees.
      if (prefixes.some((prefix) => contradicts(advertisement, prefix, earlier, table)))
        return { reason: 'ConflictingAdvertisements', advertisements: names(advertisements.map((entry) => entry.advertisement)) };
    }
  }
  for (const { advertisement, tables, prefixes } of additions)
    for (const table of tables)
      for (const prefix of prefixes) addWish(table, prefix, wishOf(advertisement, endpoints, selected.isGoing === true));
  return undefined;
}

/** @param own what this Service's advertisements said so far; is added to */
function contradicts(advertisement: BgpAdvertisement, prefix: Prefix, own: Map<Prefix, Preference>, table: Wishes | undefined): boolean {
  const known = own.get(prefix) ?? table?.get(prefix);
  const preference = preferenceOf(advertisement);
  own.set(prefix, preference);
  return known !== undefined && !samePreference(known, preference);
}

function prefixesOf(addresses: readonly Ip[], { kept, choice }: Selected, advertisement: BgpAdvertisement): Prefix[] {
  return addresses
    .filter((ip, position) => kept?.has(ip) !== false && coversAddress(advertisement, choice.pools, position))
    .map((ip) => prefixFor(ip, advertisement));
}

/** By whatever advertisement. */
export function allPrefixes(addresses: readonly Ip[], selected: Selected): readonly Prefix[] {
  const [first, ...others] = selected.choice.advertisements.map(({ advertisement }) => prefixesOf(addresses, selected, advertisement));
  return first === undefined || others.length === 0 ? (first ?? []) : [...new Set([...first, ...others.flat()])];
}

function addWish(wishes: Wishes | undefined, prefix: Prefix, wish: Wish): void {
  const earlier = wishes?.get(prefix);
  if (earlier === wish) return;
  wishes?.set(prefix, earlier === undefined ? wish : unite(earlier, wish));
}
