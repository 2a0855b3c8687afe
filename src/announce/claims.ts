import type { NodeView } from '../cluster/node.ts';
import type { ServiceKey, ServiceView } from '../cluster/service.ts';
import type { L2Advertisement, Pool } from '../config/config.ts';
import { selectorMatches } from '../config/selector.ts';
import { type Candidate, type RankCache, electByHash } from '../layer2/elector.ts';
import type { Ip } from '../net/ip.ts';
import type { Ineligible } from './eligibility.ts';
import type { ClaimPlan, Verdict } from './plan.ts';
import { coversNode, coversService, endpointsIneligible, isIneligible, names, nodeIneligible, servicePools } from './scope.ts';
import type { IndexedSnapshot } from './snapshot.ts';
import { changeSorted } from './sorted.ts';

/** The VIPs one node answers for, kept up with a changing snapshot. Every node computes the same owners from the same snapshot. */
export class ClaimPlanner {
  readonly #index: IndexedSnapshot;
  readonly #node: NodeView | undefined;
  readonly #cache: RankCache;
  readonly #services = new Map<ServiceKey, ServiceClaims>();
  /** By the names of the advertisements that match a Service: who could own its addresses, endpoints apart. */
  readonly #fit = new Map<string, readonly FitNode[]>();
  readonly #byIp = new Map<Ip, ClaimPlan>();
  #claims: readonly ClaimPlan[] = [];

  constructor(index: IndexedSnapshot, node: NodeView | undefined, cache: RankCache) {
    this.#index = index;
    this.#node = node;
    this.#cache = cache;
  }

  /** Sorted by address; the same value as long as nothing in it changed. */
  claims(): readonly ClaimPlan[] {
    return this.#claims;
  }

  verdict(service: ServiceKey): Verdict | undefined {
    return this.#services.get(service)?.verdict;
  }

  /** @param dirty with every Service that shares an address with one that changed */
  update(dirty: ReadonlySet<ServiceKey>): void {
    const touched = new Set<Ip>();
    for (const key of dirty) {
      for (const ip of this.#services.get(key)?.ingress ?? []) touched.add(ip);
      const service = this.#index.service(key);
      if (service === undefined) this.#services.delete(key);
      else this.#services.set(key, this.#judge(service));
      for (const ip of service?.ingress ?? []) touched.add(ip);
    }
    this.#reclaim(touched);
  }

  #reclaim(addresses: Iterable<Ip>): void {
    const gone = new Set<string>();
    const came = new Map<string, ClaimPlan>();
    for (const ip of addresses) {
      const claim = this.#claimOf(ip);
      if (sameClaim(this.#byIp.get(ip), claim)) continue;
      if (claim === undefined) gone.add(ip);
      else came.set(ip, claim);
      if (claim === undefined) this.#byIp.delete(ip);
      else this.#byIp.set(ip, claim);
    }
    if (gone.size + came.size > 0) this.#claims = changeSorted(this.#claims, ({ ip }) => ip, gone, came);
  }

  #judge(service: ServiceView): ServiceClaims {
    const { ingress } = service;
    const found = this.#elect(service);
    if ('reason' in found) return { ingress, addresses: [], interfaces: undefined, verdict: { announced: false, ineligible: found } };
    const interfaces = interfacesOf(found.advertisements);
    const verdict: Verdict = {
      announced: true,
      advertisements: names(found.advertisements),
      ...(interfaces === undefined ? {} : { interfaces: [...interfaces].toSorted() }),
    };
    return { ingress, addresses: found.addresses, interfaces, verdict };
  }

  #claimOf(ip: Ip): ClaimPlan | undefined {
    const announced = this.#index.sharers(ip).flatMap((key) => {
      const claims = this.#services.get(key);
      return claims?.verdict.announced === true ? [{ key, claims }] : [];
    });
    const [first, ...others] = announced.filter(({ claims }) => claims.addresses.includes(ip));
    if (first === undefined) return undefined;
    const interfaces = others.reduce((all, { claims }) => merge(all, claims.interfaces), first.claims.interfaces);
    return {
      ip,
      services: announced.map(({ key }) => key),
      ...(interfaces === undefined ? {} : { interfaces: [...interfaces].toSorted() }),
    };
  }

  #elect(service: ServiceView): Elected | Ineligible {
    const index = this.#index;
    const pools = servicePools(index, service);
    if (isIneligible(pools)) return pools;
    const matching = index.config.l2Advertisements.filter((advertisement) => coversService(advertisement, service, pools));
    if (matching.length === 0) return { reason: 'NoMatchingAdvertisement' };
    if (this.#mightSplit(service, matching)) return { reason: 'SharedAddressWithServiceSelector' };
    const node = this.#node;
    const unfit = nodeIneligible(node) ?? endpointsIneligible(index, service, node?.name ?? '');
    if (unfit !== undefined || node === undefined) return unfit ?? { reason: 'NodeUnknown' };
    const here = matching.filter((advertisement) => coversNode(advertisement, node));
    if (here.length === 0) return { reason: 'NodeNotSelected', advertisements: names(matching) };
    return this.#contest(service, matching, node) ?? { advertisements: here, addresses: addressesOf(service, pools, here) };
  }

  /** Two Services that share an address could be elected to two nodes; MetalLB refuses this combination too. */
  #mightSplit({ ingress }: ServiceView, matching: readonly L2Advertisement[]): boolean {
    return (
      matching.some((advertisement) => advertisement.serviceSelectors.length > 0) &&
      ingress.some((ip) => this.#index.sharers(ip).length > 1)
    );
  }

  /** Why another node owns the Service's addresses; undefined when `node` does. */
  #contest(service: ServiceView, matching: readonly L2Advertisement[], node: NodeView): Ineligible | undefined {
    const [first] = service.ingress;
    if (first === undefined) return { reason: 'NoAddress' };
    const fit = this.#fitNodes(matching).filter(({ candidate }) => endpointsIneligible(this.#index, service, candidate.node) === undefined);
    // A node whose kubelet is silent is most likely dead. When all are silent it is the control plane that is ill, and
    // taking every VIP down would be the worst answer.
    const ready = fit.filter((each) => each.ready);
    if (ready.length > 0 && !node.ready) return { reason: 'NodeNotReady' };
    const candidates = (ready.length > 0 ? ready : fit).map(({ candidate }) => candidate);
    const owner = electByHash({ key: service.key, firstVip: first, candidates }, this.#cache);
    return owner === node.name || owner === undefined ? undefined : { reason: 'NotOwner', owner };
  }

  #fitNodes(matching: readonly L2Advertisement[]): readonly FitNode[] {
    const key = matching.map(({ name }) => name).join(' ');
    const known = this.#fit.get(key);
    if (known !== undefined) return known;
    const fit = this.#index.nodes
      .filter((node) => nodeIneligible(node) === undefined && matching.some((advertisement) => coversNode(advertisement, node)))
      .map((node) => ({ candidate: weigh(node, matching), ready: node.ready }));
    this.#fit.set(key, fit);
    return fit;
  }
}

interface ServiceClaims {
  readonly ingress: readonly Ip[];
  readonly addresses: readonly Ip[];
  readonly interfaces: Set<string> | undefined;
  readonly verdict: Verdict;
}

interface FitNode {
  readonly candidate: Candidate;
  readonly ready: boolean;
}

function sameClaim(a: ClaimPlan | undefined, b: ClaimPlan | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && JSON.stringify(a) === JSON.stringify(b));
}

/** undefined stands for every interface; an advertisement without interfaces makes it so. */
function merge(earlier: Set<string> | undefined, more: Set<string> | undefined): Set<string> | undefined {
  return earlier === undefined || more === undefined ? undefined : new Set([...earlier, ...more]);
}

function interfacesOf(advertisements: readonly L2Advertisement[]): Set<string> | undefined {
  if (advertisements.some((advertisement) => advertisement.interfaces.length === 0)) return undefined;
  return new Set(advertisements.flatMap((advertisement) => advertisement.interfaces));
}

interface Elected {
  readonly advertisements: readonly L2Advertisement[];
  readonly addresses: readonly Ip[];
}

function addressesOf(service: ServiceView, pools: readonly Pool[], advertisements: readonly L2Advertisement[]): Ip[] {
  return service.ingress.filter((_, position) =>
    advertisements.some((advertisement) => advertisement.pools === 'all' || advertisement.pools.includes(pools[position]?.name ?? '')),
  );
}

/** MetalLB sums the weights of every preference of every matching advertisement. */
function weigh(node: NodeView, advertisements: readonly L2Advertisement[]): Candidate {
  let weight = 0;
  for (const { preferredNodes } of advertisements) {
    for (const preference of preferredNodes) if (selectorMatches(preference.preference, node.labels)) weight += preference.weight;
  }
  return { node: node.name, weight };
}
