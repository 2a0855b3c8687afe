import { type Family, type Ip, ipFamily } from '../net/ip.ts';
import type { PoolSpace } from './poolSpace.ts';
import type { QuotaUse } from './refusal.ts';
import type { Tenant } from './sharing.ts';

/** How many addresses each namespace has of the pools that have a quota; one that its Services share counts once. */
export class Quotas {
  /** By pool, namespace and family; each address with the number of Services of the namespace that have it. */
  readonly #used = new Map<string, Map<Ip, number>>();

  enter(space: PoolSpace, address: Ip, { key }: Tenant): void {
    if (space.pool.quotaPerNamespace === undefined) return;
    const name = nameOf(space, namespaceOf(key), ipFamily(address));
    const used = this.#used.get(name) ?? new Map<Ip, number>();
    this.#used.set(name, used);
    used.set(address, (used.get(address) ?? 0) + 1);
  }

  leave(space: PoolSpace, address: Ip, key: string): void {
    if (space.pool.quotaPerNamespace === undefined) return;
    const used = this.#used.get(nameOf(space, namespaceOf(key), ipFamily(address)));
    const rest = (used?.get(address) ?? 1) - 1;
    if (rest > 0) used?.set(address, rest);
    else used?.delete(address);
  }

  /** @param address absent: one that the namespace has not got yet @returns undefined: there is room */
  exceeded(space: PoolSpace, key: string, family: Family, address?: Ip): QuotaUse | undefined {
    const limit = space.pool.quotaPerNamespace;
    if (limit === undefined) return undefined;
    const namespace = namespaceOf(key);
    const used = this.#used.get(nameOf(space, namespace, family));
    if ((used?.size ?? 0) < limit || (address !== undefined && used?.has(address) === true)) return undefined;
    return { pool: space.pool.name, namespace, family, used: used?.size ?? 0, limit };
  }
}

function nameOf({ pool }: PoolSpace, namespace: string, family: Family): string {
  return `${pool.name}/${namespace}/${family}`;
}

function namespaceOf(key: string): string {
  return key.slice(0, key.indexOf('/'));
}
