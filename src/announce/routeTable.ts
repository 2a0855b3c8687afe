import type { BgpAdvertisement, LargeCommunity } from '../config/config.ts';
import type { Family } from '../net/ip.ts';
import { type Prefix, prefixFamily } from '../net/prefix.ts';
import { packedOf, routeSetOf } from './packedSet.ts';
import type { PackedSet, RouteAttributes, RouteSet } from './plan.ts';
import { NOBODY, PrefixTable } from './prefixTable.ts';

const FAMILIES: readonly Family[] = ['ipv4', 'ipv6'];

/** What is to be said about one prefix to one peer, gathered from every advertisement and Service that ask for it. */
export interface Wish extends Preference {
  readonly communities: ReadonlySet<number>;
  readonly largeCommunities: ReadonlyMap<string, LargeCommunity>;
  readonly extendedCommunities: ReadonlySet<string>;
  readonly linkBandwidth: RouteAttributes['linkBandwidth'];
  readonly gracefulShutdown: boolean;
}

/** Of which a prefix can have one alone: advertisements that differ in it contradict each other. */
export type Preference = Pick<RouteAttributes, 'localPref' | 'med' | 'asPathPrepend' | 'origin'>;

/**
 * One value per advertisement, and per number of endpoints where these weigh: nearly all prefixes have a single one, and are then
 * grouped without a comparison.
 */
const [WISHES, LAST_WISHES] = [new WeakMap<BgpAdvertisement, Map<number, Wish>>(), new WeakMap<BgpAdvertisement, Map<number, Wish>>()];

/** @param endpoints how many of the Service serve on this node @param isGoing the node drains: what it announces is about to go (RFC 8326) */
export function wishOf(advertisement: BgpAdvertisement, endpoints: number, isGoing: boolean): Wish {
  const weight = advertisement.linkBandwidth === undefined ? 0 : endpoints;
  const all = isGoing ? LAST_WISHES : WISHES;
  const wishes = all.get(advertisement) ?? new Map<number, Wish>();
  all.set(advertisement, wishes);
  const known = wishes.get(weight);
  if (known !== undefined) return known;
  const wish = makeWish(isGoing ? { ...advertisement, gracefulShutdown: true } : advertisement, weight);
  wishes.set(weight, wish);
  return wish;
}

/** IANA "BGP Well-known Communities". */
const GRACEFUL_SHUTDOWN = 0xffff0000;

function makeWish(advertisement: BgpAdvertisement, weight: number): Wish {
  const { gracefulShutdown, communities, largeCommunities, extendedCommunities, linkBandwidth } = advertisement;
  return {
    ...preferenceOf(advertisement),
    gracefulShutdown: gracefulShutdown === true,
    communities: new Set(gracefulShutdown === true ? [...communities, GRACEFUL_SHUTDOWN] : communities),
    largeCommunities: new Map(largeCommunities.map((community) => [community.join(':'), community])),
    extendedCommunities: new Set(extendedCommunities),
    linkBandwidth:
      linkBandwidth === undefined || weight === 0
        ? undefined
        : { bytesPerSecond: linkBandwidth.bytesPerEndpoint * weight, transitive: linkBandwidth.transitive },
  };
}

export function preferenceOf({ localPref, med, asPathPrepend, origin }: BgpAdvertisement): Preference {
  return {
    ...(localPref === undefined ? {} : { localPref }),
    ...(med === undefined ? {} : { med }),
    ...(asPathPrepend === undefined ? {} : { asPathPrepend }),
    ...(origin === undefined ? {} : { origin }),
  };
}

export function samePreference(a: Preference, b: Preference): boolean {
  return a.localPref === b.localPref && a.med === b.med && a.asPathPrepend === b.asPathPrepend && a.origin === b.origin;
}

/** Their preferences are the same. Of two weights the larger one counts; who asks for a shutdown gets it. */
export function unite(a: Wish, b: Wish): Wish {
  return {
    ...a,
    communities: new Set([...a.communities, ...b.communities]),
    largeCommunities: new Map([...a.largeCommunities, ...b.largeCommunities]),
    extendedCommunities: new Set([...a.extendedCommunities, ...b.extendedCommunities]),
    gracefulShutdown: a.gracefulShutdown || b.gracefulShutdown,
    linkBandwidth: (a.linkBandwidth?.bytesPerSecond ?? 0) >= (b.linkBandwidth?.bytesPerSecond ?? 0) ? a.linkBandwidth : b.linkBandwidth,
  };
}

function attributesOf(wish: Wish): RouteAttributes {
  const { communities, largeCommunities, extendedCommunities, linkBandwidth, gracefulShutdown, ...preference } = wish;
  return {
    ...preference,
    // RFC 8326 §4.2: inside the AS the least preferred, whatever it was before.
    ...(gracefulShutdown ? { localPref: 0 } : {}),
    ...(linkBandwidth === undefined ? {} : { linkBandwidth }),
    ...(extendedCommunities.size === 0 ? {} : { extendedCommunities: [...extendedCommunities].toSorted() }),
    communities: [...communities].toSorted((a, b) => a - b),
    largeCommunities: [...largeCommunities.values()].toSorted((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]),
  };
}

interface Group {
  readonly key: string;
  readonly family: Family;
  /** Above zero: of its prefixes in the table. */
  readonly number: number;
  readonly attributes: RouteAttributes;
}

/**
 * What one peer, or several alike, are to be told. Prefixes of one family with the same attributes stand together, both sorted, so that
 * equal tables are equal values; a set that did not change stays the same object.
 */
export class RouteTable {
  readonly #prefixes: Readonly<Record<Family, PrefixTable>> = { ipv4: new PrefixTable('ipv4'), ipv6: new PrefixTable('ipv6') };
  readonly #groups = new Map<string, Group>();
  readonly #groupsOf = new WeakMap<Wish, Partial<Record<Family, Group>>>();
  readonly #setOf = new Map<Group, RouteSet>();
  /** Groups that have other prefixes than their sets. */
  readonly #touched: Readonly<Record<Family, Set<number>>> = { ipv4: new Set(), ipv6: new Set() };
  /** The number that was given last. */
  #last = NOBODY;
  #sets: readonly RouteSet[] = [];

  sets(): readonly RouteSet[] {
    return this.#sets;
  }

  /** To be followed by `settle`. @param wishes of these prefixes; one that is missing in it is not to be announced any more */
  note(prefixes: Iterable<Prefix>, wishes: ReadonlyMap<Prefix, Wish>): void {
    const changes = { ipv4: new Map<Prefix, number>(), ipv6: new Map<Prefix, number>() };
    for (const prefix of prefixes) {
      const [family, wish] = [prefixFamily(prefix), wishes.get(prefix)];
      changes[family].set(prefix, wish === undefined ? NOBODY : this.#groupOf(family, wish).number);
    }
    for (const family of FAMILIES) {
      if (changes[family].size === 0) continue;
      for (const number of this.#prefixes[family].change(changes[family])) this.#touched[family].add(number);
    }
  }

  settle(): void {
    let isSame = true;
    for (const family of FAMILIES) {
      const touched = this.#touched[family];
      if (touched.size === 0) continue;
      const runs = this.#prefixes[family].runs(touched);
      for (const group of this.#groups.values())
        if (group.family === family && touched.has(group.number) && this.#put(group, runs.get(group.number))) isSame = false;
      touched.clear();
    }
    if (isSame) return;
    const sorted = [...this.#setOf].toSorted(([a], [b]) => (a.key < b.key ? -1 : 1));
    this.#sets = sorted.map(([, set]) => set);
  }

  /** @returns whether it is another set now */
  #put(group: Group, nlri: PackedSet['nlri'] | undefined): boolean {
    if (nlri === undefined) {
      // Its number is of no prefix any more.
      this.#groups.delete(group.key);
      return this.#setOf.delete(group);
    }
    const before = this.#setOf.get(group);
    const held = before === undefined ? undefined : packedOf(before)?.nlri.bytes;
    if (held !== undefined && sameBytes(held, nlri.bytes)) return false;
    this.#setOf.set(group, routeSetOf({ attributes: group.attributes, nlri }));
    return true;
  }

  #groupOf(family: Family, wish: Wish): Group {
    const known = this.#groupsOf.get(wish) ?? {};
    this.#groupsOf.set(wish, known);
    const attributes = known[family]?.attributes ?? attributesOf(wish);
    const key = known[family]?.key ?? `${JSON.stringify(attributes)} ${family}`;
    const group = this.#groups.get(key) ?? { key, family, number: ++this.#last, attributes };
    this.#groups.set(key, group);
    known[family] = group;
    return group;
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
