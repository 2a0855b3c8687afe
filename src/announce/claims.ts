import type { NodeView } from '../cluster/node.ts';
import type { ServiceView } from '../cluster/service.ts';
import type { L2Advertisement, Pool } from '../config/config.ts';
import { selectorMatches } from '../config/selector.ts';
import { type Candidate, type RankCache, electByHash } from '../layer2/elector.ts';
import type { Ip } from '../net/ip.ts';
import type { Ineligible } from './eligibility.ts';
import type { ClaimPlan, Verdict } from './plan.ts';
import { coversNode, coversService, endpointsIneligible, isIneligible, names, nodeIneligible, servicePools } from './scope.ts';
import type { IndexedSnapshot } from './snapshot.ts';

export interface ClaimsPlan {
  readonly claims: readonly ClaimPlan[];
  readonly verdicts: ReadonlyMap<string, Verdict>;
}

/** The VIPs this node answers for. Every node computes the same owners from the same snapshot. */
export function planClaims(index: IndexedSnapshot, nodeName: string, cache: RankCache): ClaimsPlan {
  const claims = new Map<Ip, { readonly interfaces: Set<string> | undefined }>();
  const verdicts = new Map<string, Verdict>();
  for (const service of index.services) {
    const found = elect(index, service, nodeName, cache);
    if ('reason' in found) {
      verdicts.set(service.key, { announced: false, ineligible: found });
      continue;
    }
    const interfaces = interfacesOf(found.advertisements);
    for (const ip of found.addresses) claims.set(ip, { interfaces: merge(claims.get(ip), interfaces) });
    verdicts.set(service.key, {
      announced: true,
      advertisements: names(found.advertisements),
      ...(interfaces === undefined ? {} : { interfaces: [...interfaces].toSorted() }),
    });
  }
  const planned = [...claims].map(([ip, { interfaces }]) => ({
    ip,
    services: index.sharers(ip).filter((service) => verdicts.get(service)?.announced === true),
    ...(interfaces === undefined ? {} : { interfaces: [...interfaces].toSorted() }),
  }));
  return { claims: planned.toSorted((a, b) => (a.ip < b.ip ? -1 : 1)), verdicts };
}

/** undefined stands for every interface; an advertisement without interfaces makes it so. */
function merge(
  earlier: { readonly interfaces: Set<string> | undefined } | undefined,
  more: Set<string> | undefined,
): Set<string> | undefined {
  if (earlier === undefined) return more;
  return earlier.interfaces === undefined || more === undefined ? undefined : new Set([...earlier.interfaces, ...more]);
}

function interfacesOf(advertisements: readonly L2Advertisement[]): Set<string> | undefined {
  if (advertisements.some((advertisement) => advertisement.interfaces.length === 0)) return undefined;
  return new Set(advertisements.flatMap((advertisement) => advertisement.interfaces));
}

interface Elected {
  readonly advertisements: readonly L2Advertisement[];
  readonly addresses: readonly Ip[];
}

function elect(index: IndexedSnapshot, service: ServiceView, nodeName: string, cache: RankCache): Elected | Ineligible {
  const pools = servicePools(index, service);
  if (isIneligible(pools)) return pools;
  const matching = index.config.l2Advertisements.filter((advertisement) => coversService(advertisement, service, pools));
  if (matching.length === 0) return { reason: 'NoMatchingAdvertisement' };
  // Two Services that share an address could be elected to two nodes; MetalLB refuses this combination too.
  if (
    matching.some((advertisement) => advertisement.serviceSelectors.length > 0) &&
    service.ingress.some((ip) => index.sharers(ip).length > 1)
  ) {
    return { reason: 'SharedAddressWithServiceSelector' };
  }
  const node = index.nodes.find((candidate) => candidate.name === nodeName);
  const unfit = nodeIneligible(node) ?? endpointsIneligible(index, service, nodeName);
  if (unfit !== undefined || node === undefined) return unfit ?? { reason: 'NodeUnknown' };
  const here = matching.filter((advertisement) => coversNode(advertisement, node));
  if (here.length === 0) return { reason: 'NodeNotSelected', advertisements: names(matching) };
  return contest(index, service, matching, node, cache) ?? { advertisements: here, addresses: addressesOf(service, pools, here) };
}

function addressesOf(service: ServiceView, pools: readonly Pool[], advertisements: readonly L2Advertisement[]): Ip[] {
  return service.ingress.filter((_, position) =>
    advertisements.some((advertisement) => advertisement.pools === 'all' || advertisement.pools.includes(pools[position]?.name ?? '')),
  );
}

/** Why another node owns the Service's addresses; undefined when `node` does. */
function contest(
  index: IndexedSnapshot,
  service: ServiceView,
  matching: readonly L2Advertisement[],
  node: NodeView,
  cache: RankCache,
): Ineligible | undefined {
  const [first] = service.ingress;
  if (first === undefined) return { reason: 'NoAddress' };
  const fit = index.nodes.filter(
    (candidate) =>
      nodeIneligible(candidate) === undefined &&
      endpointsIneligible(index, service, candidate.name) === undefined &&
      matching.some((advertisement) => coversNode(advertisement, candidate)),
  );
  // A node whose kubelet is silent is most likely dead. When all are silent it is the control plane that is ill, and
  // taking every VIP down would be the worst answer.
  const ready = fit.filter((candidate) => candidate.ready);
  if (ready.length > 0 && !node.ready) return { reason: 'NodeNotReady' };
  const candidates = (ready.length > 0 ? ready : fit).map((candidate) => weigh(candidate, matching));
  const owner = electByHash({ key: service.key, firstVip: first, candidates }, cache);
  return owner === node.name || owner === undefined ? undefined : { reason: 'NotOwner', owner };
}

/** MetalLB sums the weights of every preference of every matching advertisement. */
function weigh(node: NodeView, advertisements: readonly L2Advertisement[]): Candidate {
  let weight = 0;
  for (const { preferredNodes } of advertisements) {
    for (const preference of preferredNodes) if (selectorMatches(preference.preference, node.labels)) weight += preference.weight;
  }
  return { node: node.name, weight };
}
