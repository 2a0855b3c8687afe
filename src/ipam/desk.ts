import type { NamespaceView } from '../cluster/node.ts';
import type { ServiceKey } from '../cluster/service.ts';
import type { AddressClaim } from '../config/addressClaims.ts';
import type { Config } from '../config/config.ts';
import { type Family, type Ip, ipFamily } from '../net/ip.ts';
import { AddressBook } from './book.ts';
import { ClaimIndex } from './claimIndex.ts';
import type { PoolSpace } from './poolSpace.ts';
import { Pools, addressOf, valueOf } from './pools.ts';
import { Quotas } from './quota.ts';
import type { QuotaUse, Refusal } from './refusal.ts';
import type { Tenant } from './sharing.ts';

/** What allocation depends on besides the Services. */
export interface Basis {
  readonly config: Pick<Config, 'pools'>;
  readonly namespaces: readonly NamespaceView[];
  /** Set: only Services of exactly this class; absent: only Services without a class. */
  readonly loadBalancerClass?: string;
  /** Addresses that something other than a Service has, and what: never given, but not taken away from who has them. */
  readonly inUse?: ReadonlyMap<Ip, string>;
  /**
   * IPAddressPools that exist but of which no usable version is known, for instance after a restart with a malformed
   * object. Addresses from them are kept: a typo must not renumber anybody.
   */
  readonly unsettledPools?: readonly string[];
  /** Those that have not expired. */
  readonly claims?: Iterable<AddressClaim>;
}

/** Pools and the book of who has what, always in step with each other. */
export class Desk {
  readonly pools: Pools;
  readonly book = new AddressBook();
  readonly claims: ClaimIndex;
  readonly unsettled: ReadonlySet<string>;
  readonly #quotas = new Quotas();
  readonly #inUse: ReadonlyMap<Ip, string>;
  /** Addresses of pools that nobody of ours has and nobody is to get. */
  readonly #withheld = new Set<Ip>();
  /** Addresses that Services of another class have. */
  readonly #foreign = new Map<Ip, string>();

  constructor(basis: Basis, earlier?: Desk) {
    this.pools = new Pools(basis.config.pools, basis.namespaces, earlier?.pools);
    this.unsettled = new Set(basis.unsettledPools);
    this.#inUse = basis.inUse ?? new Map<Ip, string>();
    this.claims = new ClaimIndex(basis.claims);
    for (const address of this.#inUse.keys()) this.#block(address);
    for (const address of this.claims.addresses()) this.#block(address);
  }

  #block(address: Ip): void {
    const space = this.pools.of(address);
    if (space === undefined) return;
    const family = ipFamily(address);
    const value = valueOf(address);
    space.block(value, family);
    // What the pool never gives is not counted as free in the first place.
    if (this.#withheld.has(address) || this.book.isTaken(address) || space.avoids(value, family) || space.excludes(value, family)) return;
    this.#withheld.add(address);
    space.withhold(family, 1);
  }

  #countAgain(address: Ip): void {
    if (this.#withheld.delete(address)) this.pools.of(address)?.withhold(ipFamily(address), -1);
  }

  #unblock(address: Ip): void {
    if (this.reservedBy(address) !== undefined || this.claims.isClaimed(address) || this.book.isTaken(address)) return;
    this.#countAgain(address);
    this.pools.of(address)?.unblock(valueOf(address), ipFamily(address));
  }

  claim(claim: AddressClaim): void {
    this.unclaim(claim.name);
    this.claims.set(claim);
    for (const address of claim.addresses) this.#block(address);
  }

  unclaim(name: string): void {
    const claim = this.claims.get(name);
    this.claims.delete(name);
    for (const address of claim?.addresses ?? []) this.#unblock(address);
  }

  get hasDisputes(): boolean {
    return this.#inUse.size > 0;
  }

  /** Something outside this cluster's Services uses the address; undefined: not that we know. */
  disputedBy(address: Ip): string | undefined {
    return this.#inUse.get(address);
  }

  /** What other than a Service of ours has the address. */
  reservedBy(address: Ip): string | undefined {
    return this.#inUse.get(address) ?? this.#foreign.get(address);
  }

  reserve(address: Ip, by: string): void {
    this.#foreign.set(address, by);
    this.#block(address);
  }

  unreserve(address: Ip): void {
    this.#foreign.delete(address);
    this.#unblock(address);
  }

  /** @param drawn the address was next in turn, so the turn moves on */
  hold(address: Ip, tenant: Tenant, drawn: boolean): void {
    const isFirst = this.book.enter(address, tenant);
    const space = this.pools.of(address);
    if (space === undefined) return;
    this.#quotas.enter(space, address, tenant);
    if (!isFirst) return;
    if (this.#withheld.size > 0) this.#countAgain(address);
    if (drawn) space.draw(valueOf(address), ipFamily(address));
    else space.take(valueOf(address), ipFamily(address));
  }

  release(address: Ip, key: ServiceKey): void {
    const space = this.pools.of(address);
    if (space !== undefined && this.book.isTenant(address, key)) this.#quotas.leave(space, address, key);
    if (!this.book.leave(address, key)) return;
    space?.free(valueOf(address), ipFamily(address));
    if (this.reservedBy(address) !== undefined || this.claims.isClaimed(address)) this.#block(address);
  }

  /** @param address absent: one that the namespace has not got yet */
  overQuota(space: PoolSpace, tenant: Tenant, family: Family, address?: Ip): QuotaUse | undefined {
    return this.#quotas.exceeded(space, tenant.key, family, address);
  }

  /** An address of the pool for this tenant: one that is shared already rather than a fresh one. Takes nothing yet. */
  pick(space: PoolSpace, family: Family, tenant: Tenant, only: 'shared' | 'any'): Ip | undefined {
    if (space.pool.disabled === true) return undefined;
    for (const address of this.book.shareable(family, tenant)) {
      if (this.pools.of(address) !== space || this.book.isTenant(address, tenant.key) || this.#isBarred(address, space)) continue;
      if (this.#refusalToJoin(address, tenant.key) !== undefined) continue;
      if (this.overQuota(space, tenant, family, address) === undefined) return address;
    }
    if (only === 'shared' || this.overQuota(space, tenant, family) !== undefined) return undefined;
    const value = space.next(family);
    return value === undefined ? undefined : addressOf(value, family);
  }

  /** Whoever has it keeps it, but no other one joins. */
  #isBarred(address: Ip, space: PoolSpace): boolean {
    return this.#inUse.has(address) || space.excludes(valueOf(address), ipFamily(address));
  }

  /** Why nobody who has not got it already may have this address, whatever Services there are. */
  bar(address: Ip, space: PoolSpace): Refusal | undefined {
    const family = ipFamily(address);
    const pool = space.pool.name;
    if (space.avoids(valueOf(address), family)) return { reason: 'AddressAvoided', address, pool };
    if (space.excludes(valueOf(address), family)) return { reason: 'AddressExcluded', address, pool };
    const by = this.reservedBy(address);
    return by === undefined ? undefined : { reason: 'AddressReserved', address, by };
  }

  /** As {@link bar}, and for this tenant in particular. */
  refusal(address: Ip, space: PoolSpace, tenant: Tenant): Refusal | undefined {
    const barred = this.bar(address, space);
    if (barred !== undefined) return barred;
    const conflict = this.book.conflict(address, tenant);
    if (conflict !== undefined) return conflict;
    return this.#refusalToJoin(address, tenant.key);
  }

  /** Who has a claimed address by right may share it; beside anybody else a sharer would only be one more for whom the claim waits. */
  #refusalToJoin(address: Ip, key: ServiceKey): Refusal | undefined {
    const refusal = this.claimRefusal(address, key);
    if (refusal === undefined) return undefined;
    return this.book.tenants(address).some((tenant) => this.claims.against(address, tenant) === undefined) ? undefined : refusal;
  }

  claimRefusal(address: Ip, key: ServiceKey): Refusal | undefined {
    const claim = this.claims.against(address, key);
    if (claim === undefined) return undefined;
    return { reason: 'ClaimedByOther', address, claim: claim.name, ...(claim.service === undefined ? {} : { service: claim.service }) };
  }
}
