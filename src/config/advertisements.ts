import type { z } from 'zod';
import { bandwidthBytes, type bgpAdvertisementSpec } from '../api/bgpAdvertisement.ts';
import type { l2AdvertisementSpec } from '../api/l2Advertisement.ts';
import { blockPrefixes } from '../net/block.ts';
import type { Family } from '../net/ip.ts';
import { prefixLength } from '../net/prefix.ts';
import { type Aliases, resolveCommunities } from './communities.ts';
import type { AdvertisementScope, BgpAdvertisement, L2Advertisement, Pool } from './config.ts';
import { type Fault, fault } from './fault.ts';
import type { ConfigObject } from './object.ts';
import { type Recipe, type Version, compared } from './place.ts';
import { type LabelSelector, anySelectorMatches } from './selector.ts';

type BgpSpec = z.output<typeof bgpAdvertisementSpec>;
type L2Spec = z.output<typeof l2AdvertisementSpec>;

export interface AdvertisementSurroundings {
  readonly pools: readonly Pool[];
  readonly peers: ReadonlySet<string>;
  readonly aliases: Aliases;
}

function buildScope(
  object: ConfigObject<unknown>,
  spec: BgpSpec | L2Spec,
  pools: readonly Pool[],
): { readonly scope: AdvertisementScope; readonly faults: readonly Fault[] } {
  const named = spec.ipAddressPools ?? [];
  const selectors = (spec.ipAddressPoolSelectors ?? []) as LabelSelector[];
  const faults = named.flatMap((name, position) =>
    pools.some((pool) => pool.name === name)
      ? []
      : [fault('UnknownReference', `spec.ipAddressPools[${position}]`, `there is no valid IPAddressPool ${name}`, 'warning')],
  );
  const chosen = pools.filter((pool) => named.includes(pool.name) || anySelectorMatches(selectors, pool.labels)).map((pool) => pool.name);
  const all = named.length === 0 && selectors.length === 0;
  if (!all && chosen.length === 0) {
    faults.push(
      fault(
        'SelectsNothing',
        named.length > 0 ? 'spec.ipAddressPools' : 'spec.ipAddressPoolSelectors',
        'selects no IPAddressPool: nothing is announced',
        'warning',
      ),
    );
  }
  const scope: AdvertisementScope = {
    name: object.ref.name,
    pools: all ? 'all' : chosen.toSorted(),
    nodeSelectors: (spec.nodeSelectors ?? []) as LabelSelector[],
    serviceSelectors: (spec.serviceSelectors ?? []) as LabelSelector[],
  };
  return { scope, faults };
}

function buildL2Advertisement(
  object: ConfigObject<L2Spec>,
  spec: L2Spec,
  around: AdvertisementSurroundings,
): { readonly value: L2Advertisement; readonly faults: readonly Fault[] } {
  const { scope, faults } = buildScope(object, spec, around.pools);
  const preferredNodes = (spec.preferredNodeSelectors ?? []).map(({ weight, preference }) => ({
    weight,
    preference: preference as LabelSelector,
  }));
  const { election } = spec;
  return {
    value: { ...scope, interfaces: spec.interfaces ?? [], preferredNodes, ...(election === undefined ? {} : { election }) },
    faults,
  };
}

function buildBgpAdvertisement(
  object: ConfigObject<BgpSpec>,
  spec: BgpSpec,
  around: AdvertisementSurroundings,
): { readonly value: BgpAdvertisement; readonly faults: readonly Fault[] } {
  const { scope, faults } = buildScope(object, spec, around.pools);
  const { lists, faults: wrong } = resolveCommunities(spec.communities ?? [], around.aliases);
  const peers = spec.peers ?? [];
  const advertisement: BgpAdvertisement = {
    ...scope,
    ...lists,
    aggregationLength: spec.aggregationLength,
    aggregationLengthV6: spec.aggregationLengthV6,
    peers,
    // MetalLB's FRR modes take 0 as not set, and its CRD cannot tell the two apart.
    ...(spec.localPref === undefined || spec.localPref === 0 ? {} : { localPref: spec.localPref }),
    ...routeExtras(spec),
  };
  return {
    value: advertisement,
    faults: [...faults, ...wrong, ...unknownPeers(peers, around.peers), ...aggregationFaults(advertisement, around.pools)],
  };
}

/** Only what was given. */
function routeExtras(spec: BgpSpec): Partial<BgpAdvertisement> {
  const { med, asPathPrepend, origin, gracefulShutdown, onlyWithEndpoints, linkBandwidth: weight } = spec;
  return {
    ...(med === undefined ? {} : { med }),
    ...(asPathPrepend === undefined || asPathPrepend === 0 ? {} : { asPathPrepend }),
    // What is sent anyway contradicts no advertisement that does not say it.
    ...(origin === 'incomplete' ? { origin } : {}),
    ...(gracefulShutdown === true ? { gracefulShutdown } : {}),
    ...(onlyWithEndpoints === true ? { onlyWithEndpoints } : {}),
    ...(weight === undefined
      ? {}
      : { linkBandwidth: { bytesPerEndpoint: bandwidthBytes(weight.perEndpoint), transitive: weight.transitive ?? false } }),
  };
}

function unknownPeers(peers: readonly string[], known: ReadonlySet<string>): Fault[] {
  return peers.flatMap((name, position) =>
    known.has(name) ? [] : [fault('UnknownReference', `spec.peers[${position}]`, `there is no valid BGPPeer ${name}`, 'warning')],
  );
}

/** An aggregate that is larger than the block it comes from would draw traffic of addresses that are not ours. */
function aggregationFaults(advertisement: BgpAdvertisement, pools: readonly Pool[]): Fault[] {
  const faults: Fault[] = [];
  if (advertisement.serviceSelectors.length > 0 && (advertisement.aggregationLength !== 32 || advertisement.aggregationLengthV6 !== 128)) {
    faults.push(
      fault('ConflictingFields', 'spec.serviceSelectors', 'need the default aggregation lengths: an aggregate covers other Services too'),
    );
  }
  for (const pool of pools) {
    if (advertisement.pools === 'all' || advertisement.pools.includes(pool.name)) faults.push(...poolFaults(advertisement, pool));
  }
  return faults;
}

function poolFaults(advertisement: BgpAdvertisement, pool: Pool): Fault[] {
  return pool.blocks.flatMap((block) => {
    const [path, length] = lengthFor(advertisement, block.family);
    const shortest = Math.min(...blockPrefixes(block).map(prefixLength));
    if (length >= shortest) return [];
    return [fault('AggregationShorterThanPool', path, `/${length} is larger than ${block.text} of IPAddressPool ${pool.name}`)];
  });
}

function lengthFor(advertisement: BgpAdvertisement, family: Family): readonly [path: string, length: number] {
  return family === 'ipv4'
    ? ['spec.aggregationLength', advertisement.aggregationLength]
    : ['spec.aggregationLengthV6', advertisement.aggregationLengthV6];
}

/** Two advertisements that would give one route two preferences. Where node selectors decide, the plan finds it per Service. */
function preferenceConflict(advertisement: BgpAdvertisement, earlier: readonly BgpAdvertisement[]): Fault[] {
  return earlier
    .filter((other) => other.localPref !== advertisement.localPref && mayMeet(advertisement, other))
    .map((other) =>
      fault(
        'ConflictingLocalPref',
        'spec.localPref',
        `BGPAdvertisement ${other.name} announces the same routes with localPref ${other.localPref ?? 'unset'}`,
      ),
    );
}

function mayMeet(a: BgpAdvertisement, b: BgpAdvertisement): boolean {
  if (a.serviceSelectors.length > 0 || b.serviceSelectors.length > 0) return false;
  if (a.nodeSelectors.length > 0 && b.nodeSelectors.length > 0) return false;
  if (a.aggregationLength !== b.aggregationLength && a.aggregationLengthV6 !== b.aggregationLengthV6) return false;
  return share(a.pools, b.pools) && share(a.peers.length === 0 ? 'all' : a.peers, b.peers.length === 0 ? 'all' : b.peers);
}

function share(a: 'all' | readonly string[], b: 'all' | readonly string[]): boolean {
  if (a === 'all') return b === 'all' || b.length > 0;
  return b === 'all' ? a.length > 0 : a.some((name) => b.includes(name));
}

export function l2AdvertisementRecipe(around: AdvertisementSurroundings): Recipe<L2Spec, L2Advertisement> {
  return {
    build: (object, spec) => buildL2Advertisement(object, spec, around),
    keep: (earlier) => keepPools(earlier, around.pools),
    ground: compared(sameSpec('L2Advertisement')),
  };
}

export function bgpAdvertisementRecipe(around: AdvertisementSurroundings): Recipe<BgpSpec, BgpAdvertisement> {
  return {
    build: (object, spec) => buildBgpAdvertisement(object, spec, around),
    keep: (earlier) => keepBgp(earlier, around),
    ground: compared((version, placed) => [
      ...sameSpec('BGPAdvertisement')(version, placed),
      ...preferenceConflict(
        version.value,
        placed.map(({ value }) => value),
      ),
    ]),
  };
}

function sameSpec(kind: string): (version: Version<unknown>, placed: readonly Version<unknown>[]) => Fault[] {
  return ({ spec }, placed) => {
    const twin = placed.find((other) => other.spec === spec);
    return twin === undefined ? [] : [fault('DuplicateEntry', '', `says the same as ${kind} ${twin.name}`, 'warning')];
  };
}

function keepPools<T extends AdvertisementScope>(earlier: T, pools: readonly Pool[]): T | undefined {
  if (earlier.pools === 'all') return earlier;
  const left = earlier.pools.filter((name) => pools.some((pool) => pool.name === name));
  return left.length === 0 ? undefined : { ...earlier, pools: left };
}

/** An aggregate that has become larger than its pool is not kept either; an empty list of peers would mean all of them. */
function keepBgp(earlier: BgpAdvertisement, around: AdvertisementSurroundings): BgpAdvertisement | undefined {
  const fit = around.pools.filter((pool) => poolFaults(earlier, pool).length === 0);
  const narrowed =
    earlier.pools === 'all' && fit.length < around.pools.length ? { ...earlier, pools: fit.map(({ name }) => name) } : earlier;
  const peers = earlier.peers.filter((name) => around.peers.has(name));
  if (peers.length === 0 && earlier.peers.length > 0) return undefined;
  return keepPools({ ...narrowed, peers }, fit);
}
