import type { BgpAdvertisement, LargeCommunity } from '../config/config.ts';
import type { Family } from '../net/ip.ts';
import { type Prefix, prefixFamily } from '../net/prefix.ts';
import type { RouteAttributes, RouteSet } from './plan.ts';
import { changeSorted, hasSorted } from './sorted.ts';

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
  readonly attributes: RouteAttributes;
}

interface Change extends Group {
  readonly gone: Set<Prefix>;
  readonly came: Prefix[];
}

/** So many looks find a prefix in a sorted list of 100,000. */
const LOOKS = 17;

/**
 * What one peer, or several alike, are to be told. Prefixes of one family with the same attributes stand together, both sorted, so that
 * equal tables are equal values; a set that did not change stays the same object. Nothing is kept for each prefix but its place.
 */
export class RouteTable {
  readonly #groups = new Map<string, RouteSet>();
  readonly #groupsOf = new WeakMap<Wish, Readonly<Record<Family, Group>>>();
  #sets: readonly RouteSet[] = [];
  /** What is wished since the last time that it was settled; undefined: not to be announced. */
  #noted = new Map<Prefix, Wish | undefined>();

  sets(): readonly RouteSet[] {
    return this.#sets;
  }

  /** To be followed by `settle`. @param wishes of these prefixes; one that is missing in it is not to be announced any more */
  note(prefixes: Iterable<Prefix>, wishes: ReadonlyMap<Prefix, Wish>): void {
    for (const prefix of prefixes) this.#noted.set(prefix, wishes.get(prefix));
  }

  settle(): void {
    if (this.#noted.size === 0) return;
    const noted = this.#noted;
    this.#noted = new Map();
    this.#change(noted);
  }

  #change(noted: ReadonlyMap<Prefix, Wish | undefined>): void {
    const changes = this.#changes(noted);
    if (changes.size === 0) return;
    for (const [key, { attributes, gone, came }] of changes) {
      const before = this.#groups.get(key)?.prefixes;
      const list = before === undefined ? came.sort() : changeSorted(before, itself, gone, new Map(came.map((prefix) => [prefix, prefix])));
      if (list.length === 0) this.#groups.delete(key);
      else this.#groups.set(key, { attributes, prefixes: list });
    }
    this.#sets = [...this.#groups].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, set]) => set);
  }

  /** By group. */
  #changes(noted: ReadonlyMap<Prefix, Wish | undefined>): ReadonlyMap<string, Change> {
    const changes = new Map<string, Change>();
    const groupBefore = this.#finder(noted.size);
    for (const [prefix, wish] of noted) {
      const from = groupBefore(prefix);
      const to = wish === undefined ? undefined : this.#groupOf(prefix, wish);
      if (from?.key === to?.key) continue;
      if (from !== undefined) changeOf(changes, from).gone.add(prefix);
      if (to !== undefined) changeOf(changes, to).came.push(prefix);
    }
    return changes;
  }

  /**
   * Few prefixes are looked for one by one; of many the groups are noted down first.
   * @returns what tells the group in which a prefix stands
   */
  #finder(count: number): (prefix: Prefix) => Group | undefined {
    const groups = [...this.#groups].map(([key, { attributes, prefixes }]) => ({ key, attributes, prefixes }));
    if (groups.length === 0) return () => undefined;
    const all = groups.reduce((sum, { prefixes }) => sum + prefixes.length, 0);
    if (count * groups.length * LOOKS < all) return (prefix) => groups.find(({ prefixes }) => hasSorted(prefixes, itself, prefix));
    const known = new Map<Prefix, Group>();
    for (const group of groups) for (const prefix of group.prefixes) known.set(prefix, group);
    return (prefix) => known.get(prefix);
  }

  #groupOf(prefix: Prefix, wish: Wish): Group {
    let known = this.#groupsOf.get(wish);
    if (known === undefined) {
      const attributes = attributesOf(wish);
      const text = JSON.stringify(attributes);
      known = { ipv4: { key: `${text} ipv4`, attributes }, ipv6: { key: `${text} ipv6`, attributes } };
      this.#groupsOf.set(wish, known);
    }
    return known[prefixFamily(prefix)];
  }
}

function itself(prefix: Prefix): string {
  return prefix;
}

function changeOf(changes: Map<string, Change>, { key, attributes }: Group): Change {
  const known = changes.get(key);
  if (known !== undefined) return known;
  const change: Change = { key, attributes, gone: new Set(), came: [] };
  changes.set(key, change);
  return change;
}
