import type { ServiceKey, ServiceView } from '../cluster/service.ts';
import type { Ip } from '../net/ip.ts';
import { type Applicant, type Kept, choose, keep } from './choice.ts';
import { type Basis, Desk } from './desk.ts';
import type { PoolUsage } from './poolSpace.ts';
import type { Refusal } from './refusal.ts';
import { ALLOCATED_FROM_POOL, annotation, readRequest } from './request.ts';
import { type Tenant, tenantOf } from './sharing.ts';

export interface Snapshot extends Basis {
  readonly services: readonly ServiceView[];
}

/** What one Service is to have. Only Services that this installation handles, or has to clean up after, get one. */
export interface Assignment {
  /** The ingress addresses, IPv4 first. */
  readonly ingress: readonly Ip[];
  /** The pool of the first address. */
  readonly pool?: string;
  /** Why it has not all that it needs; it may still have an address, kept until what it asks for can be given. */
  readonly refusal?: Refusal;
  /** Why a PreferDualStack Service has one address only. */
  readonly missing?: Refusal;
  /** Addresses that stand in its status and go, each with the reason. */
  readonly released: readonly { readonly address: Ip; readonly refusal: Refusal }[];
}

interface Entry {
  readonly service: ServiceView;
  readonly tenant: Tenant;
  readonly assignment: Assignment;
}

/**
 * The plan over all Services, kept up to date one Service at a time. What stands in a Service's status is the ledger; what was
 * decided here and is not written yet comes second, so that a stale or repeated event renumbers nobody.
 */
export class Allocator {
  #class: string | undefined;
  #desk = new Desk(NOTHING);
  #entries = new Map<ServiceKey, Entry>();
  /** Addresses of Services of another class. */
  #foreign = new Map<ServiceKey, readonly Ip[]>();
  readonly #pending = new Set<ServiceKey>();

  /** Plans everything anew: at the start, and when pools or namespaces changed. */
  reset(snapshot: Snapshot): void {
    const before = this.#entries;
    this.#class = snapshot.loadBalancerClass;
    this.#desk = new Desk(snapshot, this.#desk);
    this.#entries = new Map();
    this.#foreign = new Map();
    this.#pending.clear();
    for (const service of snapshot.services) this.#reserveForeign(service);
    const named: (readonly [Applicant, Kept])[] = [];
    const others: (readonly [Applicant, Kept])[] = [];
    // Who has an address is served before anybody gets a new one, and who asks for one by name before the rest.
    for (const service of [...snapshot.services].sort(byAge)) {
      const applicant = this.#applicant(service);
      if (applicant === undefined) continue;
      const kept = this.#keep(applicant, before.get(service.key));
      ('addresses' in applicant.request ? named : others).push([applicant, kept]);
    }
    for (const [applicant, kept] of named) this.#settle(applicant, kept);
    for (const [applicant, kept] of others) this.#settle(applicant, kept);
    this.#retry(() => true);
  }

  /** @returns this Service and every other one whose assignment changed. */
  upsert(service: ServiceView): ServiceKey[] {
    const entry = this.#entries.get(service.key);
    for (const address of this.#foreign.get(service.key) ?? []) this.#desk.unreserve(address);
    this.#foreign.delete(service.key);
    this.#reserveForeign(service);
    for (const address of entry?.assignment.ingress ?? []) this.#desk.release(address, service.key);
    this.#entries.delete(service.key);
    this.#pending.delete(service.key);
    const applicant = this.#applicant(service);
    if (applicant !== undefined) this.#settle(applicant, this.#keep(applicant, entry));
    return [service.key, ...this.#retryAfter(entry, this.#entries.get(service.key))];
  }

  /** @returns every other Service whose assignment changed. */
  remove(key: ServiceKey): ServiceKey[] {
    const entry = this.#entries.get(key);
    const foreign = this.#foreign.get(key) ?? [];
    for (const address of foreign) this.#desk.unreserve(address);
    this.#foreign.delete(key);
    for (const address of entry?.assignment.ingress ?? []) this.#desk.release(address, key);
    this.#entries.delete(key);
    this.#pending.delete(key);
    return foreign.length > 0 ? this.#retry(() => true) : this.#retryAfter(entry, undefined);
  }

  assignment(key: ServiceKey): Assignment | undefined {
    return this.#entries.get(key)?.assignment;
  }

  *assignments(): Generator<readonly [ServiceKey, Assignment]> {
    for (const [key, { assignment }] of this.#entries) yield [key, assignment];
  }

  usage(): Map<string, PoolUsage> {
    return new Map([...this.#desk.pools.spaces].map(([name, space]) => [name, space.usage()]));
  }

  #reserveForeign(service: ServiceView): void {
    if (service.type !== 'LoadBalancer' || service.loadBalancerClass === this.#class) return;
    if (service.ingress.length === 0) return;
    this.#foreign.set(service.key, service.ingress);
    for (const address of service.ingress) this.#desk.reserve(address, `the Service ${service.key} of another load balancer class`);
  }

  /** Enters the assignment of a Service that is not ours any more; @returns undefined for that and for what never was ours. */
  #applicant(service: ServiceView): Applicant | undefined {
    if (service.type === 'LoadBalancer') {
      if (service.loadBalancerClass !== this.#class) return undefined;
      return { service, tenant: tenantOf(service), request: readRequest(service) };
    }
    if (service.annotations[ALLOCATED_FROM_POOL] === undefined && service.conditions.length === 0) return undefined;
    const released = service.ingress.map((address) => ({ address, refusal: { reason: 'NotLoadBalancer' } as const }));
    this.#entries.set(service.key, { service, tenant: tenantOf(service), assignment: { ingress: [], released } });
    return undefined;
  }

  #keep(applicant: Applicant, entry: Entry | undefined): Kept {
    const kept = keep(this.#desk, applicant, ledger(applicant.service, entry));
    for (const address of kept.addresses) this.#desk.hold(address, applicant.tenant, false);
    return kept;
  }

  /** @param kept what the Service holds at the desk at this moment */
  #settle(applicant: Applicant, { addresses: kept, cleared }: Kept): void {
    const { service, tenant } = applicant;
    const { addresses, drawn, refusal, missing } = choose(this.#desk, applicant, kept);
    for (const address of kept) if (!addresses.includes(address)) this.#desk.release(address, service.key);
    for (const address of addresses) if (!kept.includes(address)) this.#desk.hold(address, tenant, drawn.includes(address));
    const pool = addresses[0] === undefined ? undefined : this.#poolOf(service, addresses[0]);
    const assignment: Assignment = {
      ingress: addresses,
      released: releases(service.ingress, addresses, cleared),
      ...(pool === undefined ? {} : { pool }),
      ...(refusal === undefined ? {} : { refusal }),
      ...(missing === undefined ? {} : { missing }),
    };
    this.#entries.set(service.key, { service, tenant, assignment });
    if (refusal !== undefined || missing !== undefined) this.#pending.add(service.key);
    else this.#pending.delete(service.key);
  }

  #poolOf(service: ServiceView, address: Ip): string | undefined {
    return this.#desk.pools.of(address)?.pool.name ?? annotation(service, 'ip-allocated-from-pool');
  }

  /** Room appears where an address is left, and beside a Service that newly shares its own. */
  #retryAfter(before: Entry | undefined, now: Entry | undefined): ServiceKey[] {
    if (this.#pending.size === 0) return [];
    const left = before?.assignment.ingress.some((address) => now?.assignment.ingress.includes(address) !== true) === true;
    if (left) return this.#retry(() => true);
    const key = now?.tenant.sharingKey;
    return key === undefined ? [] : this.#retry((tenant) => tenant.sharingKey === key);
  }

  /** Until nobody moves any more; the last round also makes the reasons speak of the final state. */
  #retry(concerns: (tenant: Tenant) => boolean): ServiceKey[] {
    const changed = new Set<ServiceKey>();
    for (let moved = true; moved && this.#pending.size > 0;) {
      moved = false;
      const entries = [...this.#pending]
        .map((key) => this.#entries.get(key))
        .filter((entry) => entry !== undefined)
        .filter((entry) => concerns(entry.tenant) && !this.#isStuck(entry));
      entries.sort((a, b) => byAge(a.service, b.service));
      for (const entry of entries) {
        if (this.#isStuck(entry)) continue;
        const { service, tenant, assignment } = entry;
        const cleared = new Map(assignment.released.map(({ address, refusal }) => [address, refusal]));
        this.#settle({ service, tenant, request: readRequest(service) }, { addresses: assignment.ingress, cleared });
        const now = this.#entries.get(service.key)?.assignment;
        if (now !== undefined && now.ingress.join() !== assignment.ingress.join()) moved = true;
        if (JSON.stringify(now) !== JSON.stringify(assignment)) changed.add(service.key);
      }
    }
    return [...changed];
  }

  /** Its pools are as full as they were: with thousands that wait, looking at each again would cost more than all the rest. */
  #isStuck({ tenant, assignment }: Entry): boolean {
    const why = assignment.refusal ?? assignment.missing;
    if (tenant.sharingKey !== undefined || why?.reason !== 'PoolExhausted') return false;
    const { family, pools } = why;
    return pools.every(({ pool, why: verdict }) => {
      if (verdict === 'NotBothFamilies') return false;
      return verdict !== 'Exhausted' || this.#desk.pools.spaces.get(pool)?.next(family) === undefined;
    });
  }
}

const NOTHING: Basis = { config: { pools: [] }, namespaces: [] };

const NO_RELEASES: Assignment['released'] = [];

function releases(had: readonly Ip[], addresses: readonly Ip[], cleared: ReadonlyMap<Ip, Refusal>): Assignment['released'] {
  const gone = had.filter((address) => !addresses.includes(address));
  if (gone.length === 0) return NO_RELEASES;
  return gone.map((address) => ({ address, refusal: cleared.get(address) ?? ({ reason: 'OtherAddressRequested', address } as const) }));
}

/** Another Service under the same name inherits nothing. */
function ledger(service: ServiceView, entry: Entry | undefined): readonly Ip[] {
  const decided = entry?.service.uid === service.uid ? entry.assignment.ingress : [];
  if (decided.length === 0) return service.ingress;
  return [...new Set([...service.ingress, ...decided])];
}

/** Oldest first, so that the order in which a plan looks at Services does not depend on how they were listed. */
function byAge(a: ServiceView, b: ServiceView): number {
  if (a.creationTimestamp !== b.creationTimestamp) return a.creationTimestamp < b.creationTimestamp ? -1 : 1;
  return a.key < b.key ? -1 : 1;
}
