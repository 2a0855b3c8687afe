import type { NamespaceView } from '../cluster/node.ts';
import type { ServiceKey } from '../cluster/service.ts';
import type { Config } from '../config/config.ts';
import { type Family, type Ip, ipFamily } from '../net/ip.ts';
import { AddressBook } from './book.ts';
import type { PoolSpace } from './poolSpace.ts';
import { Pools, addressOf, valueOf } from './pools.ts';
import type { Refusal } from './refusal.ts';
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
}

/** Pools and the book of who has what, always in step with each other. */
export class Desk {
  readonly pools: Pools;
  readonly book = new AddressBook();
  readonly unsettled: ReadonlySet<string>;
  readonly #inUse: ReadonlyMap<Ip, string>;
  /** Addresses that Services of another class have. */
  readonly #foreign = new Map<Ip, string>();

  constructor(basis: Basis, earlier?: Desk) {
    this.pools = new Pools(basis.config.pools, basis.namespaces, earlier?.pools);
    this.unsettled = new Set(basis.unsettledPools);
    this.#inUse = basis.inUse ?? new Map<Ip, string>();
    for (const address of this.#inUse.keys()) this.pools.of(address)?.block(valueOf(address), ipFamily(address));
  }

  /** What other than a Service of ours has the address. */
  reservedBy(address: Ip): string | undefined {
    return this.#inUse.get(address) ?? this.#foreign.get(address);
  }

  reserve(address: Ip, by: string): void {
    this.#foreign.set(address, by);
    this.pools.of(address)?.block(valueOf(address), ipFamily(address));
  }

  unreserve(address: Ip): void {
    this.#foreign.delete(address);
    if (this.#inUse.has(address) || this.book.isTaken(address)) return;
    this.pools.of(address)?.unblock(valueOf(address), ipFamily(address));
  }

  /** @param drawn the address was next in turn, so the turn moves on */
  hold(address: Ip, tenant: Tenant, drawn: boolean): void {
    if (!this.book.enter(address, tenant)) return;
    const space = this.pools.of(address);
    if (drawn) space?.draw(valueOf(address), ipFamily(address));
    else space?.take(valueOf(address), ipFamily(address));
  }

  release(address: Ip, key: ServiceKey): void {
    if (!this.book.leave(address, key)) return;
    const space = this.pools.of(address);
    space?.free(valueOf(address), ipFamily(address));
    if (this.reservedBy(address) !== undefined) space?.block(valueOf(address), ipFamily(address));
  }

  /** An address of the pool for this tenant: one that is shared already rather than a fresh one. Takes nothing yet. */
  pick(space: PoolSpace, family: Family, tenant: Tenant, only: 'shared' | 'any'): Ip | undefined {
    for (const address of this.book.shareable(family, tenant)) if (this.pools.of(address) === space) return address;
    if (only === 'shared') return undefined;
    const value = space.next(family);
    return value === undefined ? undefined : addressOf(value, family);
  }

  /** Why nobody who has not got it already may have this address, and this tenant in particular. */
  refusal(address: Ip, space: PoolSpace, tenant: Tenant): Refusal | undefined {
    if (space.avoids(valueOf(address), ipFamily(address))) return { reason: 'AddressAvoided', address, pool: space.pool.name };
    const by = this.reservedBy(address);
    return by === undefined ? this.book.conflict(address, tenant) : { reason: 'AddressReserved', address, by };
  }
}
