import type { NodeView } from '../cluster/node.ts';
import type { AnnouncedService } from '../cluster/service.ts';
import { EXCLUDE_LABEL } from '../cluster/node.ts';
import type { AdvertisementScope, BgpAdvertisement, Peer, Pool } from '../config/config.ts';
import { anySelectorMatches } from '../config/selector.ts';
import { type Ip, ipFamily } from '../net/ip.ts';
import { type Prefix, prefixOf } from '../net/prefix.ts';
import type { Ineligible } from './eligibility.ts';
import type { IndexedSnapshot } from './snapshot.ts';

/** Pools in the order of a Service's addresses. A hundred thousand Services have the same few lists, and so one value for each. */
class PoolList {
  readonly list: readonly Pool[];
  readonly #longer = new WeakMap<Pool, PoolList>();

  constructor(list: readonly Pool[]) {
    this.list = list;
  }

  with(pool: Pool): PoolList {
    const known = this.#longer.get(pool) ?? new PoolList([...this.list, pool]);
    this.#longer.set(pool, known);
    return known;
  }
}

const NO_POOLS = new PoolList([]);
const NO_ADDRESS: Ineligible = { reason: 'NoAddress' };

/** The pools of a Service's addresses, or why it cannot be announced at all. */
export function servicePools(index: IndexedSnapshot, service: AnnouncedService): readonly Pool[] | Ineligible {
  if (service.ingress.length === 0) return NO_ADDRESS;
  let pools = NO_POOLS;
  for (const address of service.ingress) {
    const pool = index.poolOf(address);
    if (pool === undefined) return { reason: 'AddressOutsidePools', address };
    pools = pools.with(pool);
  }
  return pools.list;
}

export function isIneligible(value: readonly Pool[] | Ineligible): value is Ineligible {
  return !Array.isArray(value);
}

/** Does the advertisement speak of this Service, whatever the node? */
export function coversService(scope: AdvertisementScope, service: AnnouncedService, pools: readonly Pool[]): boolean {
  const inPool = scope.pools === 'all' || pools.some((pool) => scope.pools.includes(pool.name));
  return inPool && (scope.serviceSelectors.length === 0 || anySelectorMatches(scope.serviceSelectors, service.labels));
}

export function coversNode(scope: Pick<AdvertisementScope, 'nodeSelectors'>, node: NodeView): boolean {
  return scope.nodeSelectors.length === 0 || anySelectorMatches(scope.nodeSelectors, node.labels);
}

export function speaksTo({ peers }: BgpAdvertisement, { name }: Peer): boolean {
  return peers.length === 0 || peers.includes(name);
}

/** What an advertisement announces for an address. */
export function prefixFor(ip: Ip, { aggregationLength, aggregationLengthV6 }: BgpAdvertisement): Prefix {
  return prefixOf(ip, ipFamily(ip) === 'ipv4' ? aggregationLength : aggregationLengthV6);
}

/** @param position of the address among those of its Service */
export function coversAddress({ pools: wanted }: AdvertisementScope, pools: readonly Pool[], position: number): boolean {
  return wanted === 'all' || wanted.includes(pools[position]?.name ?? '');
}

/** The addresses of a Service that some advertisements speak of; mostly all, and then in the same list. */
export function addressesOf(
  service: AnnouncedService,
  pools: readonly Pool[],
  advertisements: readonly AdvertisementScope[],
): readonly Ip[] {
  const isCovered = (_: Ip, position: number): boolean => advertisements.some((each) => coversAddress(each, pools, position));
  return service.ingress.every(isCovered) ? service.ingress : service.ingress.filter(isCovered);
}

/** What takes a node out for every Service. */
export function nodeIneligible(node: NodeView | undefined): Ineligible | undefined {
  if (node === undefined) return { reason: 'NodeUnknown' };
  if (node.networkUnavailable) return { reason: 'NodeNetworkUnavailable' };
  if (Object.hasOwn(node.labels, EXCLUDE_LABEL)) return { reason: 'NodeExcluded' };
  return undefined;
}

/** Are there endpoints that let this node announce the Service? */
export function endpointsIneligible(index: IndexedSnapshot, service: AnnouncedService, node: string): Ineligible | undefined {
  const serving = index.serving(service.key);
  if (!serving.anywhere) return { reason: 'NoEndpoints' };
  if (service.externalTrafficPolicy === 'Local' && !serving.nodes.has(node)) return { reason: 'NoLocalEndpoints' };
  return undefined;
}

export function names(scopes: readonly { readonly name: string }[]): string[] {
  return scopes.map((scope) => scope.name).toSorted();
}
