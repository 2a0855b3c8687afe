import type { ServiceKey } from '../cluster/service.ts';
import { type Family, type Ip, ipFamily } from '../net/ip.ts';
import type { Refusal } from './refusal.ts';
import { type Tenant, sharingConflict, sharingGroup } from './sharing.ts';

/** An address with tenants that share it, if only one so far. */
interface Page {
  readonly tenants: Map<ServiceKey, Tenant>;
  /** Port to the Service that has it. */
  readonly ports: Map<string, ServiceKey>;
}

/** Addresses that tenants of one sharing group have, of one family. */
interface Group {
  readonly addresses: Set<Ip>;
  /** On how many of the addresses a port is taken; as many as there are addresses means: no room for that port. */
  readonly portUse: Map<string, number>;
}

/** Who has which address. Tenants of one address never conflict: {@link enter} is called only after {@link conflict}. */
export class AddressBook {
  /** Most addresses have one tenant that shares with nobody: it stands for the page itself. */
  readonly #pages = new Map<Ip, Page | Tenant>();
  readonly #groups = new Map<string, Group>();

  tenants(address: Ip): readonly ServiceKey[] {
    const page = this.#pages.get(address);
    if (page === undefined) return [];
    return 'key' in page ? [page.key] : [...page.tenants.keys()].sort();
  }

  isTenant(address: Ip, key: ServiceKey): boolean {
    const page = this.#pages.get(address);
    if (page === undefined) return false;
    return 'key' in page ? page.key === key : page.tenants.has(key);
  }

  isTaken(address: Ip): boolean {
    return this.#pages.has(address);
  }

  /** Why `tenant` may not have `address`, as far as other Services go. */
  conflict(address: Ip, tenant: Tenant): Refusal | undefined {
    const page = this.#pages.get(address);
    // Those that are there agree with each other, so any one of them speaks for all.
    const other = page === undefined ? undefined : firstOther(page, tenant.key);
    if (page === undefined || other === undefined) return undefined;
    const detail = sharingConflict(tenant, other);
    if (detail !== undefined) {
      if (tenant.sharingKey === undefined && other.sharingKey === undefined)
        return { reason: 'AddressInUse', address, by: this.tenants(address) };
      const by = this.tenants(address).find((key) => key !== tenant.key) ?? other.key;
      return { reason: 'SharingKeyConflict', address, by, detail };
    }
    return portConflict(page, address, tenant);
  }

  /** @returns whether the address was free before. */
  enter(address: Ip, tenant: Tenant): boolean {
    const found = this.#pages.get(address);
    if (tenant.sharingKey === undefined) {
      this.#pages.set(address, tenant);
      return found === undefined;
    }
    const page = found === undefined || 'key' in found ? { tenants: new Map(), ports: new Map() } : found;
    if (page !== found) this.#pages.set(address, page);
    page.tenants.set(tenant.key, tenant);
    const group = this.#group(address, tenant, true);
    group?.addresses.add(address);
    for (const port of tenant.ports) {
      page.ports.set(port, tenant.key);
      group?.portUse.set(port, (group.portUse.get(port) ?? 0) + 1);
    }
    return found === undefined;
  }

  /** @returns whether the address is free now. */
  leave(address: Ip, key: ServiceKey): boolean {
    const page = this.#pages.get(address);
    if (page === undefined) return false;
    if ('key' in page) return page.key === key && this.#pages.delete(address);
    const tenant = page.tenants.get(key);
    if (tenant === undefined) return false;
    page.tenants.delete(key);
    for (const port of tenant.ports) page.ports.delete(port);
    const isFree = page.tenants.size === 0;
    if (isFree) this.#pages.delete(address);
    this.#leaveGroup(address, tenant, isFree);
    return isFree;
  }

  /** Addresses of `family` that others already share and that have room for this tenant, longest shared first. */
  shareable(family: Family, tenant: Tenant): Iterable<Ip> {
    const group = tenant.sharingKey === undefined ? undefined : this.#groups.get(`${family} ${sharingGroup(tenant) ?? ''}`);
    if (group === undefined || tenant.ports.some((port) => group.portUse.get(port) === group.addresses.size)) return NONE;
    return this.#roomFor(tenant, group);
  }

  *#roomFor(tenant: Tenant, { addresses }: Group): Generator<Ip> {
    for (const address of addresses) if (this.conflict(address, tenant) === undefined) yield address;
  }

  #leaveGroup(address: Ip, tenant: Tenant, isFree: boolean): void {
    const group = this.#group(address, tenant, false);
    if (group === undefined) return;
    for (const port of tenant.ports) {
      const rest = (group.portUse.get(port) ?? 1) - 1;
      if (rest === 0) group.portUse.delete(port);
      else group.portUse.set(port, rest);
    }
    if (isFree) group.addresses.delete(address);
    if (group.addresses.size === 0) this.#groups.delete(groupName(address, tenant) ?? '');
  }

  #group(address: Ip, tenant: Tenant, make: boolean): Group | undefined {
    const name = groupName(address, tenant);
    if (name === undefined) return undefined;
    const found = this.#groups.get(name);
    if (found !== undefined || !make) return found;
    const group: Group = { addresses: new Set(), portUse: new Map() };
    this.#groups.set(name, group);
    return group;
  }
}

function groupName(address: Ip, tenant: Tenant): string | undefined {
  const group = sharingGroup(tenant);
  return group === undefined ? undefined : `${ipFamily(address)} ${group}`;
}

const NONE: readonly Ip[] = [];

function firstOther(page: Page | Tenant, key: ServiceKey): Tenant | undefined {
  if ('key' in page) return page.key === key ? undefined : page;
  for (const tenant of page.tenants.values()) if (tenant.key !== key) return tenant;
  return undefined;
}

function portConflict(page: Page | Tenant, address: Ip, tenant: Tenant): Refusal | undefined {
  if ('key' in page) return undefined;
  for (const port of tenant.ports) {
    const by = page.ports.get(port);
    if (by !== undefined && by !== tenant.key) return { reason: 'PortInUse', address, port, by };
  }
  return undefined;
}
