import type { ServiceKey, ServiceView } from '../src/cluster/service.ts';
import { type AddressClaim, type ReadClaim, readClaim } from '../src/config/addressClaims.ts';
import type { KubeObject } from '../src/host/kube/objects.ts';
import type { Store } from '../src/host/kube/store.ts';
import { boundReason, expiryOf } from './claimStatus.ts';

export interface KnownClaim extends ReadClaim {
  readonly object: KubeObject;
}

/** One claim as it was and as it is now; undefined: it was or is not there. */
export interface ClaimChange {
  readonly name: string;
  readonly before: KnownClaim | undefined;
  readonly now: KnownClaim | undefined;
}

/** The claims that the API has, read once per version, and when each of them ends. */
export class ClaimCache {
  readonly #objects: Store<KubeObject>;
  readonly #services: Store<ServiceView>;
  readonly #known = new Map<string, KnownClaim>();
  readonly #byService = new Map<ServiceKey, Set<string>>();
  readonly #expiries = new Map<string, number>();

  constructor(objects: Store<KubeObject>, services: Store<ServiceView>) {
    this.#objects = objects;
    this.#services = services;
  }

  /** @returns what changed in the API since the last call */
  refresh(): ClaimChange[] {
    const objects = new Map([...this.#objects.values()].map((object) => [object.metadata.name, object]));
    const gone = [...this.#known].filter(([name]) => !objects.has(name)).map(([name]) => this.#set(name, undefined));
    const changed = [...objects].filter(([name, object]) => this.#known.get(name)?.object !== object);
    return [...gone, ...changed.map(([name, object]) => this.#set(name, object))];
  }

  get(name: string): KnownClaim | undefined {
    return this.#known.get(name);
  }

  /** Those that have not expired, as the API has them. */
  counting(): AddressClaim[] {
    return [...this.#known].flatMap(([name, { claim }]) => (claim === undefined || this.isExpired(name) ? [] : [claim]));
  }

  names(): Iterable<string> {
    return this.#known.keys();
  }

  namesFor(service: ServiceKey): Iterable<string> {
    return this.#byService.get(service) ?? [];
  }

  /** @param releasedAt as it is or is to be in the status */
  setRelease(name: string, releasedAt: string | undefined): void {
    const atMs = expiryOf(this.#known.get(name)?.claim?.ttlMs, releasedAt);
    if (atMs === undefined) this.#expiries.delete(name);
    else this.#expiries.set(name, atMs);
  }

  /** None expires while its Service is there; one that has expired stays so, unless the controller made it. */
  isExpired(name: string): boolean {
    const atMs = this.#expiries.get(name);
    const known = this.#known.get(name);
    if (atMs === undefined || atMs > Date.now() || known?.claim === undefined) return false;
    const { service, managed } = known.claim;
    const isHere = service !== undefined && this.#services.get(service)?.type === 'LoadBalancer';
    return !isHere || (!managed && boundReason(known.object) === 'Expired');
  }

  expired(): string[] {
    return [...this.#expiries.keys()].filter((name) => this.isExpired(name));
  }

  /** @returns milliseconds since 1970; undefined: none ends by itself */
  nextExpiry(): number | undefined {
    const nowMs = Date.now();
    const nextMs = Math.min(...[...this.#expiries.values()].filter((atMs) => atMs > nowMs));
    return Number.isFinite(nextMs) ? nextMs : undefined;
  }

  #set(name: string, object: KubeObject | undefined): ClaimChange {
    const before = this.#known.get(name);
    this.#unfile(before?.claim, name);
    const now = object === undefined ? undefined : read(object, before);
    if (now === undefined) this.#known.delete(name);
    else this.#known.set(name, now);
    this.#file(now?.claim, name);
    this.setRelease(name, now?.claim?.releasedAt);
    return { name, before, now };
  }

  #file(claim: AddressClaim | undefined, name: string): void {
    if (claim?.service === undefined) return;
    this.#byService.set(claim.service, (this.#byService.get(claim.service) ?? new Set<string>()).add(name));
  }

  #unfile(claim: AddressClaim | undefined, name: string): void {
    if (claim?.service === undefined) return;
    const names = this.#byService.get(claim.service);
    names?.delete(name);
    if (names?.size === 0) this.#byService.delete(claim.service);
  }
}

/** A claim that has become malformed goes on as it was. */
function read(object: KubeObject, before: KnownClaim | undefined): KnownClaim {
  const { claim, problems } = readClaim(object);
  const last = before?.object.metadata.uid === object.metadata.uid ? before?.claim : undefined;
  return { object, problems, claim: claim ?? last };
}
