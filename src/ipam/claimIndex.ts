import type { ServiceKey } from '../cluster/service.ts';
import type { AddressClaim } from '../config/addressClaims.ts';
import type { Ip } from '../net/ip.ts';

/** An address that a Service may have by a claim. */
export interface ClaimedAddress {
  readonly address: Ip;
  /** The Service gets it or waits; else only where it has none. */
  readonly insists: boolean;
}

const NONE: readonly ClaimedAddress[] = [];

/** Which AddressClaim keeps which address for whom. Of two claims to one address the older counts. */
export class ClaimIndex {
  readonly #byName = new Map<string, AddressClaim>();
  /** Oldest first. */
  readonly #byAddress = new Map<Ip, AddressClaim[]>();
  readonly #byService = new Map<ServiceKey, AddressClaim[]>();

  constructor(claims: Iterable<AddressClaim> = []) {
    for (const claim of claims) this.set(claim);
  }

  get(name: string): AddressClaim | undefined {
    return this.#byName.get(name);
  }

  addresses(): IterableIterator<Ip> {
    return this.#byAddress.keys();
  }

  set(claim: AddressClaim): void {
    this.delete(claim.name);
    this.#byName.set(claim.name, claim);
    for (const address of claim.addresses) file(this.#byAddress, address, claim);
    if (claim.service !== undefined) file(this.#byService, claim.service, claim);
  }

  delete(name: string): void {
    const claim = this.#byName.get(name);
    if (claim === undefined) return;
    this.#byName.delete(name);
    for (const address of claim.addresses) unfile(this.#byAddress, address, claim);
    if (claim.service !== undefined) unfile(this.#byService, claim.service, claim);
  }

  isClaimed(address: Ip): boolean {
    return this.#byAddress.has(address);
  }

  /** All claims to an address, oldest first. */
  at(address: Ip): readonly AddressClaim[] {
    return this.#byAddress.get(address) ?? [];
  }

  /** All claims for a Service, in force or not, oldest first. */
  for(service: ServiceKey): readonly AddressClaim[] {
    return this.#byService.get(service) ?? [];
  }

  /** What the Service may have by its claims. */
  of(service: ServiceKey): readonly ClaimedAddress[] {
    const claims = this.#byService.get(service);
    if (claims === undefined) return NONE;
    return claims.flatMap(({ addresses, insists }) =>
      addresses.filter((address) => this.against(address, service) === undefined).map((address) => ({ address, insists })),
    );
  }

  /** The claim that keeps the address from the Service; undefined: none does. */
  against(address: Ip, service: ServiceKey): AddressClaim | undefined {
    const claims = this.#byAddress.get(address);
    const [first] = claims ?? [];
    if (claims === undefined || first === undefined) return undefined;
    // Those that share an address each have a claim that the controller made from what they had.
    return claims.some((claim) => claim.service === service && (claim === first || (claim.managed && first.managed))) ? undefined : first;
  }

  /** The claim by which the Service had the address until it was handed on to another one. */
  handedOn(address: Ip, service: ServiceKey): AddressClaim | undefined {
    const by = this.against(address, service);
    if (by === undefined) return undefined;
    return by.boundTo === service && by.service !== undefined && by.service !== service ? by : undefined;
  }
}

function file<Key>(index: Map<Key, AddressClaim[]>, key: Key, claim: AddressClaim): void {
  const claims = index.get(key);
  if (claims === undefined) index.set(key, [claim]);
  else index.set(key, [...claims, claim].sort(byAge));
}

function unfile<Key>(index: Map<Key, AddressClaim[]>, key: Key, claim: AddressClaim): void {
  const rest = (index.get(key) ?? []).filter((other) => other !== claim);
  if (rest.length === 0) index.delete(key);
  else index.set(key, rest);
}

function byAge(a: AddressClaim, b: AddressClaim): number {
  if (a.creationTimestamp !== b.creationTimestamp) return a.creationTimestamp < b.creationTimestamp ? -1 : 1;
  return a.name < b.name ? -1 : 1;
}
