import type { NodeView } from '../cluster/node.ts';
import type { AnnouncedService, ServiceKey } from '../cluster/service.ts';
import type { L2Advertisement, Pool } from '../config/config.ts';
import type { Contest, Standing } from '../layer2/election.ts';
import type { RankCache } from '../layer2/elector.ts';
import type { Ip } from '../net/ip.ts';
import { type CandidateSet, Candidates } from './candidates.ts';
import { ContestTable } from './contests.ts';
import type { Ineligible } from './eligibility.ts';
import type { ClaimPlan, Verdict } from './plan.ts';
import { refused } from './refused.ts';
import { coversAddress, coversNode, coversService, endpointsIneligible, isIneligible, names, nodeIneligible, servicePools } from './scope.ts';
import type { IndexedSnapshot } from './snapshot.ts';
import { changeSorted, findSorted } from './sorted.ts';

/**
 * The VIPs one node may answer for and those it owns by what Kubernetes knows, kept up with a changing snapshot. Every node computes
 * the same contests from the same snapshot; who of the candidates lives is known better on the wire.
 */
export class ClaimPlanner {
  /** Nothing is announced by layer 2, and so nothing known. */
  readonly isIdle: boolean;
  readonly #index: IndexedSnapshot;
  readonly #node: NodeView | undefined;
  readonly #ready: ReadonlySet<string>;
  readonly #candidates: Candidates;
  readonly #table: ContestTable;
  readonly #services = new Map<ServiceKey, Judged>();
  /** The Services of a group, by its first address; nearly always it is one, which needs no list. */
  readonly #groups = new Map<Ip, ServiceKey | readonly ServiceKey[]>();
  /** By the names of the advertisements that speak of a Service on this node. */
  readonly #scopes = new Map<string, Scope>();
  readonly #others = new Map<string, Verdict>();
  #candidacies: readonly ClaimPlan[] = [];
  #claims: readonly ClaimPlan[] = [];

  constructor(index: IndexedSnapshot, node: NodeView | undefined, cache: RankCache) {
    this.isIdle = index.config.l2Advertisements.length === 0;
    this.#index = index;
    this.#node = node;
    this.#ready = new Set(index.nodes.filter(({ ready }) => ready).map(({ name }) => name));
    this.#candidates = new Candidates(index);
    this.#table = new ContestTable(cache, new Map([...this.#ready].map((name): [string, Standing] => [name, 'willing'])));
  }

  /** Sorted by address; the same value as long as nothing in it changed. */
  claims(): readonly ClaimPlan[] {
    return this.#claims;
  }

  /** What this node answers for when it is elected; likewise. */
  candidacies(): readonly ClaimPlan[] {
    return this.#candidacies;
  }

  contests(): readonly Contest[] {
    return this.#table.contests();
  }

  /** The group of an address among the candidacies. */
  group(claim: ClaimPlan): Ip {
    return this.#groupOf(claim.services[0] ?? ('' as ServiceKey)) ?? claim.ip;
  }

  verdict(key: ServiceKey): Verdict | undefined {
    const judged = this.#services.get(key);
    if (judged === undefined) return this.#unknown(key);
    if ('unfit' in judged) return refused(judged.unfit);
    const owner = this.#ownerOf(key);
    if (owner !== this.#node?.name) {
      const isSilent = this.#node?.ready === false && owner !== undefined && this.#ready.has(owner);
      return isSilent ? refused(SILENT) : this.#othersOf(owner ?? '');
    }
    return judged.scope.verdict;
  }

  /** No advertisement speaks of it, or it has no address of which one could. */
  #unknown(key: ServiceKey): Verdict | undefined {
    const service = this.#index.service(key);
    const pools = service === undefined ? [] : servicePools(this.#index, service);
    return isIneligible(pools) ? refused(pools) : undefined;
  }

  #othersOf(owner: string): Verdict {
    const known = this.#others.get(owner) ?? refused({ reason: 'NotOwner', owner });
    this.#others.set(owner, known);
    return known;
  }

  #groupOf(key: ServiceKey): Ip | undefined {
    return this.#services.get(key)?.group;
  }

  #membersOf(group: Ip): readonly ServiceKey[] {
    const members = this.#groups.get(group) ?? [];
    return typeof members === 'string' ? [members] : members;
  }

  #ownerOf(key: ServiceKey): string | undefined {
    const group = this.#groupOf(key);
    return group === undefined ? undefined : this.#table.owner(group);
  }

  /**
   * @param dirty with every Service that shares an address with one that changed
   * @returns Services whose verdict may be another one
   */
  update(dirty: ReadonlySet<ServiceKey>): ReadonlySet<ServiceKey> {
    if (this.isIdle) return dirty;
    const touched = new Set<Ip>();
    const concerned = new Set<ServiceKey>();
    for (const key of dirty) this.#touch(key, touched, concerned);
    const left = this.#ungroup(dirty);
    for (const key of dirty) {
      const service = this.#index.service(key);
      const judged = service === undefined ? undefined : this.#judge(service);
      if (judged === undefined) this.#services.delete(key);
      else this.#services.set(key, judged);
      this.#touch(key, touched, concerned);
    }
    this.#regroup(concerned, left);
    for (const group of this.#table.settle()) for (const key of this.#membersOf(group)) concerned.add(key);
    this.#reclaim(touched, concerned);
    return concerned;
  }

  /** Everything that hangs together with a Service by shared addresses. */
  #touch(start: ServiceKey, touched: Set<Ip>, concerned: Set<ServiceKey>): void {
    const asking = [start];
    for (let key = asking.pop(); key !== undefined; key = asking.pop()) {
      concerned.add(key);
      const addresses = [...(this.#services.get(key)?.ingress ?? []), ...(this.#index.service(key)?.ingress ?? [])];
      for (const ip of addresses) {
        if (touched.has(ip)) continue;
        touched.add(ip);
        asking.push(...this.#index.sharers(ip).filter((sharer) => !concerned.has(sharer)));
      }
    }
  }

  /** @returns the groups that these Services were in */
  #ungroup(keys: Iterable<ServiceKey>): Set<Ip> {
    const gone = new Set<Ip>();
    for (const key of keys) {
      const judged = this.#services.get(key);
      if (judged?.group === undefined) continue;
      gone.add(judged.group);
      this.#groups.delete(judged.group);
      judged.group = undefined;
    }
    return gone;
  }

  /** @param left groups that Services have left already */
  #regroup(keys: ReadonlySet<ServiceKey>, left: ReadonlySet<Ip>): void {
    const gone = new Set([...left, ...this.#ungroup(keys)]);
    const seen = new Set<ServiceKey>();
    for (const key of [...keys].toSorted()) {
      if (seen.has(key)) continue;
      const together = new Set<ServiceKey>();
      this.#touch(key, new Set(), together);
      for (const each of together) seen.add(each);
      const group = this.#group([...together].toSorted());
      if (group !== undefined) gone.delete(group);
    }
    for (const group of gone) this.#table.set(group, undefined);
  }

  /** Addresses that must be on one node: those of one Service, and of all that share an address with it. */
  #group(members: readonly ServiceKey[]): Ip | undefined {
    const electable = members.flatMap((key) => {
      const judged = this.#services.get(key);
      return judged?.set === undefined || judged.set.nodes.length === 0 ? [] : [{ key, judged, set: judged.set }];
    });
    const set = this.#candidates.common(electable.map((each) => each.set));
    const [first, ...others] = electable;
    const vip = first?.judged.ingress[0];
    if (set === undefined || first === undefined || vip === undefined) return undefined;
    this.#table.set(vip, set);
    this.#groups.set(vip, others.length === 0 ? first.key : electable.map(({ key }) => key));
    for (const { judged } of electable) judged.group = vip;
    return vip;
  }

  #reclaim(addresses: Iterable<Ip>, concerned: ReadonlySet<ServiceKey>): void {
    const gone = new Set<string>();
    const came = new Map<string, ClaimPlan>();
    for (const ip of addresses) {
      const claim = this.#candidacyOf(ip);
      if (sameClaim(findSorted(this.#candidacies, ipOf, ip), claim)) continue;
      if (claim === undefined) gone.add(ip);
      else came.set(ip, claim);
    }
    if (gone.size + came.size > 0) this.#candidacies = changeSorted(this.#candidacies, ipOf, gone, came);
    if (concerned.size === 0) return;
    const name = this.#node?.name;
    const owned = this.#candidacies.filter((claim) => this.#table.owner(this.group(claim)) === name);
    const isSame = owned.length === this.#claims.length && owned.every((claim, at) => claim === this.#claims[at]);
    if (!isSame) this.#claims = owned;
  }

  #candidacyOf(ip: Ip): ClaimPlan | undefined {
    const announced = this.#index.sharers(ip).flatMap((key) => {
      const judged = this.#services.get(key);
      return judged === undefined || 'unfit' in judged ? [] : [{ key, judged }];
    });
    const [first, ...others] = announced.filter(({ judged }) => judged.addresses.includes(ip));
    if (first === undefined || this.#node === undefined) return undefined;
    const { group } = first.judged;
    if (group === undefined || this.#table.setOf(group)?.nodes.includes(this.#node.name) !== true) return undefined;
    const interfaces = others.reduce((all, { judged }) => merge(all, judged.scope.interfaces), first.judged.scope.interfaces);
    return {
      ip,
      services: announced.map(({ key }) => key),
      ...(interfaces === undefined ? {} : { interfaces: [...interfaces].toSorted() }),
    };
  }

  /** @returns undefined where no advertisement speaks of the Service: nothing is kept of it then */
  #judge(service: AnnouncedService): Judged | undefined {
    const { ingress } = service;
    // There from the start: a field that comes later would cost each of thousands a list of its own.
    const group = undefined;
    const index = this.#index;
    const pools = servicePools(index, service);
    if (isIneligible(pools)) return { ingress, set: undefined, unfit: pools, group };
    const matching = index.config.l2Advertisements.filter((advertisement) => coversService(advertisement, service, pools));
    if (matching.length === 0) return undefined;
    if (this.#mightSplit(service, matching))
      return { ingress, set: undefined, unfit: { reason: 'SharedAddressWithServiceSelector' }, group };
    const set = this.#candidates.of(service, matching);
    const node = this.#node;
    if (node === undefined) return { ingress, set, unfit: { reason: 'NodeUnknown' }, group };
    const unfit = nodeIneligible(node) ?? endpointsIneligible(index, service, node.name);
    if (unfit !== undefined) return { ingress, set, unfit, group };
    const here = matching.filter((advertisement) => coversNode(advertisement, node));
    if (here.length === 0) return { ingress, set, unfit: { reason: 'NodeNotSelected', advertisements: names(matching) }, group };
    return { ingress, set, scope: this.#scopeOf(here), addresses: addressesOf(service, pools, here), group };
  }

  #scopeOf(here: readonly L2Advertisement[]): Scope {
    const key = here.map(({ name }) => name).join(' ');
    const known = this.#scopes.get(key) ?? scopeOf(here);
    this.#scopes.set(key, known);
    return known;
  }

  /** Two Services that share an address could be elected to two nodes; MetalLB refuses this combination too. */
  #mightSplit({ ingress }: AnnouncedService, matching: readonly L2Advertisement[]): boolean {
    return (
      matching.some((advertisement) => advertisement.serviceSelectors.length > 0) &&
      ingress.some((ip) => this.#index.sharers(ip).length > 1)
    );
  }
}

/** What is known of one Service: who may own it, and what this node would answer for; the first address of its group, once it has one. */
type Judged = { readonly ingress: readonly Ip[]; readonly set: CandidateSet | undefined; group: Ip | undefined } & (
  | { readonly unfit: Ineligible }
  | {
      readonly scope: Scope;
      readonly addresses: readonly Ip[];
    }
);

/** What some advertisements say together; thousands of Services have the same. */
interface Scope {
  readonly interfaces: Set<string> | undefined;
  /** Of a Service that this node owns. */
  readonly verdict: Verdict;
}

const ipOf = ({ ip }: ClaimPlan): Ip => ip;

const SILENT: Ineligible = { reason: 'NodeNotReady' };

function scopeOf(here: readonly L2Advertisement[]): Scope {
  const interfaces = interfacesOf(here);
  const where = interfaces === undefined ? {} : { interfaces: [...interfaces].toSorted() };
  return { interfaces, verdict: { announced: true, advertisements: names(here), ...where } };
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

function addressesOf(service: AnnouncedService, pools: readonly Pool[], advertisements: readonly L2Advertisement[]): readonly Ip[] {
  const isCovered = (_: Ip, position: number): boolean => advertisements.some((each) => coversAddress(each, pools, position));
  return service.ingress.every(isCovered) ? service.ingress : service.ingress.filter(isCovered);
}
