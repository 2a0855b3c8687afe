import type { BgpAdvertisement, LargeCommunity } from '../config/config.ts';
import { type Prefix, prefixFamily } from '../net/prefix.ts';
import type { RouteAttributes, RouteSet } from './plan.ts';
import { changeSorted } from './sorted.ts';

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

interface Change {
  readonly attributes: RouteAttributes;
  readonly gone: Set<Prefix>;
  readonly came: Map<string, Prefix>;
}

/**
 * What one peer, or several alike, are to be told. Prefixes of one family with the same attributes stand together, both sorted, so that
 * equal tables are equal values; a set that did not change stays the same object.
 */
export class RouteTable {
  readonly #wishes = new Map<Prefix, Wish>();
  readonly #groups = new Map<string, RouteSet>();
  /** Group keys but for the family. */
  readonly #keys = new WeakMap<Wish, { readonly key: string; readonly attributes: RouteAttributes }>();
  #sets: readonly RouteSet[] = [];

  sets(): readonly RouteSet[] {
    return this.#sets;
  }

  /** @param wishes what is wished of these prefixes now; a prefix that is missing in it is not to be announced any more */
  change(prefixes: ReadonlySet<Prefix>, wishes: ReadonlyMap<Prefix, Wish>): void {
    const changes = new Map<string, Change>();
    for (const prefix of prefixes) this.#move(prefix, wishes.get(prefix), changes);
    if (changes.size === 0) return;
    for (const [key, { attributes, gone, came }] of changes) {
      const list = changeSorted(this.#groups.get(key)?.prefixes ?? [], (prefix) => prefix, gone, came);
      if (list.length === 0) this.#groups.delete(key);
      else this.#groups.set(key, { attributes, prefixes: list });
    }
    this.#sets = [...this.#groups].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, set]) => set);
  }

  #move(prefix: Prefix, wish: Wish | undefined, changes: Map<string, Change>): void {
    const before = this.#wishes.get(prefix);
    if (before === wish) return;
    if (wish === undefined) this.#wishes.delete(prefix);
    else this.#wishes.set(prefix, wish);
    const [from, to] = [before && this.#groupOf(prefix, before), wish && this.#groupOf(prefix, wish)];
    if (from?.key === to?.key) return;
    if (from !== undefined) changeOf(changes, from).gone.add(prefix);
    if (to !== undefined) changeOf(changes, to).came.set(prefix, prefix);
  }

  #groupOf(prefix: Prefix, wish: Wish): { readonly key: string; readonly attributes: RouteAttributes } {
    let known = this.#keys.get(wish);
    if (known === undefined) {
      const attributes = attributesOf(wish);
      known = { key: JSON.stringify(attributes), attributes };
      this.#keys.set(wish, known);
    }
    return { key: `${known.key} ${prefixFamily(prefix)}`, attributes: known.attributes };
  }
}

function changeOf(
  changes: Map<string, Change>,
  { key, attributes }: { readonly key: string; readonly attributes: RouteAttributes },
): Change {
  const known = changes.get(key);
  if (known !== undefined) return known;
  const change: Change = { attributes, gone: new Set(), came: new Map() };
  changes.set(key, change);
  return change;
}
