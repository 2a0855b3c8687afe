import type { ServiceKey, ServiceView } from '../cluster/service.ts';
import type { AddressClaim } from '../config/addressClaims.ts';
import type { Ip } from '../net/ip.ts';
import type { Applicant } from './applicant.ts';
import type { Assignment } from './assignment.ts';
import type { Kept } from './choice.ts';
import { decide, holdAgain } from './decision.ts';
import { claimDoubts } from './claimDoubts.ts';
import type { ClaimIndex } from './claimIndex.ts';
import { type Basis, Desk } from './desk.ts';
import { byAge, keepRank, ledger, settled } from './ledger.ts';
import type { PoolUsage } from './poolSpace.ts';
import type { Refusal } from './refusal.ts';
import { ALLOCATED_FROM_POOL, readRequest } from './request.ts';
import { type Tenant, tenantOf } from './sharing.ts';
import { isStuck, waitsFor } from './waiting.ts';

export interface Snapshot extends Basis {
  readonly services: readonly ServiceView[];
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
    const applicants = [...snapshot.services].sort(byAge).flatMap((service) => this.#applicant(service) ?? []);
    // Who has an address is served before anybody gets a new one, and who asks for one by name before the rest.
    const kept = this.#keepAll(applicants, before);
    for (const applicant of applicants) if (isNamed(applicant)) this.#settle(applicant, kept.get(applicant) ?? NOTHING_KEPT);
    for (const applicant of applicants) if (!isNamed(applicant)) this.#settle(applicant, kept.get(applicant) ?? NOTHING_KEPT);
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
    if (applicant !== undefined) this.#settle(applicant, holdAgain(this.#desk, applicant, ledger(service, entry)));
    return [service.key, ...this.#retryAfter(entry, this.#entries.get(service.key))];
  }

  /** A claim that is new or was edited. @returns every Service whose assignment changed. */
  upsertClaim(claim: AddressClaim): ServiceKey[] {
    const before = this.#desk.claims.get(claim.name);
    if (before !== undefined && sameClaim(before, claim)) return [];
    this.#desk.claim(claim);
    if ((before === undefined || sameKeeping(before, claim)) && this.#isAsClaimed(claim)) return this.#retryBeside(claim);
    return this.#reconsider([before?.boundTo, claim.boundTo, before?.service, claim.service]);
  }

  /** A claim that is gone or has expired. @returns every Service whose assignment changed. */
  removeClaim(name: string): ServiceKey[] {
    const claim = this.#desk.claims.get(name);
    if (claim === undefined) return [];
    this.#desk.unclaim(name);
    return this.#reconsider([claim.boundTo, claim.service]);
  }

  get claims(): ClaimIndex {
    return this.#desk.claims;
  }

  doubts(claim: AddressClaim): readonly Refusal[] {
    return claimDoubts(this.#desk, claim);
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

  /** Its Service has the addresses already: nobody has to move. */
  #isAsClaimed({ service, boundTo, addresses }: AddressClaim): boolean {
    const ingress = service === undefined ? undefined : this.#entries.get(service)?.assignment.ingress;
    return (
      ingress !== undefined && (boundTo === undefined || boundTo === service) && addresses.every((address) => ingress.includes(address))
    );
  }

  /** Who has an address by right may be joined. */
  #retryBeside({ service, addresses }: AddressClaim): ServiceKey[] {
    const sharingKey = service === undefined ? undefined : this.#entries.get(service)?.tenant.sharingKey;
    if (sharingKey === undefined) return [];
    return this.#retry((entry) => entry.tenant.sharingKey === sharingKey || waitsFor(entry, addresses));
  }

  /** In this order: who has to leave an address goes before who gets it. */
  #reconsider(keys: readonly (ServiceKey | undefined)[]): ServiceKey[] {
    const changed = new Set<ServiceKey>();
    for (const key of new Set(keys)) {
      const entry = key === undefined ? undefined : this.#entries.get(key);
      if (entry === undefined) continue;
      const [own, ...others] = this.upsert(entry.service);
      if (own !== undefined && JSON.stringify(this.#entries.get(own)?.assignment) !== JSON.stringify(entry.assignment)) changed.add(own);
      for (const other of others) changed.add(other);
    }
    for (const other of this.#retry(() => true)) changed.add(other);
    return [...changed];
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

  #keepAll(applicants: readonly Applicant[], before: ReadonlyMap<ServiceKey, Entry>): Map<Applicant, Kept> {
    const ranks: Applicant[][] = [[], [], []];
    for (const applicant of applicants) {
      const { key, ingress } = applicant.service;
      const entry = before.get(key);
      if (ingress.length === 0 && entry === undefined) continue;
      ranks[keepRank(applicant, entry, this.#desk.claims.of(key))]?.push(applicant);
    }
    const ranked = ranks.flat();
    const kept = new Map<Applicant, Kept>();
    for (const applicant of ranked)
      kept.set(applicant, holdAgain(this.#desk, applicant, settled(applicant.service, before.get(applicant.service.key))));
    for (const applicant of ranked) {
      const had = ledger(applicant.service, before.get(applicant.service.key));
      if (kept.get(applicant)?.addresses.length !== had.length) kept.set(applicant, holdAgain(this.#desk, applicant, had));
    }
    return kept;
  }

  #settle(applicant: Applicant, kept: Kept): void {
    const { service, tenant } = applicant;
    const assignment = decide(this.#desk, applicant, kept);
    this.#entries.set(service.key, { service, tenant, assignment });
    if (assignment.refusal !== undefined || assignment.missing !== undefined) this.#pending.add(service.key);
    else this.#pending.delete(service.key);
  }

  /** Room appears where an address is left, and beside a Service that newly shares its own; who waits for one is told who is there. */
  #retryAfter(before: Entry | undefined, now: Entry | undefined): ServiceKey[] {
    if (this.#pending.size === 0) return [];
    const left = before?.assignment.ingress.some((address) => now?.assignment.ingress.includes(address) !== true) === true;
    if (left) return this.#retry(() => true);
    const keys = [before?.tenant.sharingKey, now?.tenant.sharingKey].filter((key) => key !== undefined);
    if (now === undefined || keys.length === 0) return [];
    const isOfKey = ({ sharingKey }: Tenant): boolean => sharingKey !== undefined && keys.includes(sharingKey);
    return this.#retry((entry) => isOfKey(entry.tenant) || waitsFor(entry, now.assignment.ingress));
  }

  /** Until nobody moves any more; the last round also makes the reasons speak of the final state. */
  #retry(concerns: (entry: Entry) => boolean): ServiceKey[] {
    const changed = new Set<ServiceKey>();
    let moved = true;
    for (let round = 0; moved && round < MAX_ROUNDS && this.#pending.size > 0; round++) {
      moved = false;
      const entries = [...this.#pending]
        .map((key) => this.#entries.get(key))
        .filter((entry) => entry !== undefined)
        .filter((entry) => concerns(entry) && !isStuck(this.#desk, entry));
      entries.sort((a, b) => byAge(a.service, b.service));
      for (const entry of entries) {
        if (isStuck(this.#desk, entry)) continue;
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
}

/** Each round serves somebody who waited for what another one left; chains of that are short. */
const MAX_ROUNDS = 64;

const NOTHING: Basis = { config: { pools: [] }, namespaces: [] };

const NOTHING_KEPT: Kept = { addresses: [], cleared: new Map() };

function isNamed({ request }: Applicant): boolean {
  return 'addresses' in request;
}

/** Apart from times, which no plan depends on. */
function sameClaim(a: AddressClaim, b: AddressClaim): boolean {
  const times = { since: '', releasedAt: '' };
  return JSON.stringify({ ...a, ...times }) === JSON.stringify({ ...b, ...times });
}

function sameKeeping(a: AddressClaim, b: AddressClaim): boolean {
  return a.service === b.service && a.addresses.join() === b.addresses.join();
}
