import { durationMs } from '../src/api/fields.ts';
import type { ServiceKey, ServiceView } from '../src/cluster/service.ts';
import type { AddressClaim } from '../src/config/addressClaims.ts';
import type { Pool } from '../src/config/config.ts';
import type { EventRecorder } from '../src/host/kube/events.ts';
import type { KubeObject } from '../src/host/kube/objects.ts';
import { apiVersionOf } from '../src/host/kube/resource.ts';
import type { StatusWriter } from '../src/host/kube/status.ts';
import type { Store } from '../src/host/kube/store.ts';
import type { Allocator } from '../src/ipam/allocator.ts';
import { type ClaimState, type Claimant, type WantedClaim, claimState, wantedClaim } from '../src/ipam/claimPlan.ts';
import { ClaimCache, type ClaimChange } from './claimCache.ts';
import { claimStatus, nowText } from './claimStatus.ts';
import { type ClaimWriter, type ClaimWriterOptions, createClaimWriter } from './claimWriter.ts';
import { statusOf } from './configStatus.ts';
import type { Notice } from './serviceStatus.ts';
import { ADDRESS_CLAIMS } from './watches.ts';

export interface ClaimKeeperOptions extends Omit<ClaimWriterOptions, 'wanted'> {
  readonly services: Store<ServiceView>;
  readonly allocator: Allocator;
  readonly pool: (name: string) => Pool | undefined;
  readonly statuses: StatusWriter;
  readonly events: EventRecorder;
  /** Called when a claim has expired. */
  readonly wake: () => void;
}

/** Longer than that a timer of Node cannot wait. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Which claims there are, as the API has them and as this leader has decided but not written yet; makes and ends those of
 * its own, and writes what became of each.
 */
export class ClaimKeeper {
  readonly #options: ClaimKeeperOptions;
  readonly #writer: ClaimWriter;
  readonly #cache: ClaimCache;
  /** Those that count, as the allocator has them. */
  readonly #counting = new Map<string, AddressClaim>();
  readonly #wanted = new Map<string, WantedClaim | 'absent'>();
  /** What was said last, on which version of the object. */
  readonly #said = new Map<string, { readonly object: KubeObject; readonly state: ClaimState | undefined }>();
  /** Claims to be looked at, and Services whose claims changed. */
  #dirty = new Set<string>();
  #touched = new Set<ServiceKey>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ClaimKeeperOptions) {
    this.#options = options;
    this.#cache = new ClaimCache(options.claims, options.services);
    this.#writer = createClaimWriter({ ...options, wanted: (name) => this.#wanted.get(name) });
  }

  /** Takes in what changed in the API and on the clock. */
  read(): void {
    for (const change of this.#cache.refresh()) this.#take(change);
    for (const name of this.#cache.expired()) if (this.#said.get(name)?.state?.reason !== 'Expired') this.#dirty.add(name);
  }

  /** For a plan from nothing, after {@link read}. */
  all(): Iterable<AddressClaim> {
    // What there is to say of a claim depends on the pools.
    for (const name of this.#cache.names()) this.#dirty.add(name);
    for (const name of this.#dirty) this.#count(name);
    return this.#counting.values();
  }

  /** Brings the plan in line with what was read. @returns Services whose assignment changed */
  update(): Set<ServiceKey> {
    const changed = new Set<ServiceKey>();
    for (const name of this.#dirty) this.#apply(name, changed);
    return changed;
  }

  /** After the plan: keeps what is to be kept, and says of every claim what became of it. @returns as {@link update} */
  settle(keys: Iterable<ServiceKey>): Set<ServiceKey> {
    const changed = new Set<ServiceKey>();
    for (const name of this.#dirty) this.#touch(this.#cache.get(name)?.claim);
    const rest = new Set<ServiceKey>([...this.#touched, ...keys]);
    this.#touched = new Set();
    for (const key of rest) {
      const moved = new Set<ServiceKey>();
      this.#keep(key, moved);
      for (const other of moved) {
        rest.add(other);
        changed.add(other);
      }
      for (const name of this.#cache.namesFor(key)) this.#dirty.add(name);
    }
    for (const name of this.#dirty) this.#report(name);
    this.#dirty = new Set();
    this.#schedule();
    return changed;
  }

  idle(): boolean {
    return this.#writer.idle();
  }

  async stop(drainMs: number): Promise<void> {
    clearTimeout(this.#timer);
    await this.#writer.stop(drainMs);
  }

  #touch(claim: AddressClaim | undefined): void {
    if (claim?.service !== undefined) this.#touched.add(claim.service);
  }

  #take({ name, before, now }: ClaimChange): void {
    this.#dirty.add(name);
    this.#writer.seen(name);
    this.#touch(before?.claim);
    const wanted = this.#wanted.get(name);
    if (now === undefined) {
      if (before !== undefined) this.#options.statuses.forget(ADDRESS_CLAIMS, before.object.metadata);
      this.#said.delete(name);
      // Whoever deleted it: what is still wanted is decided anew.
      this.#wanted.delete(name);
    } else if (wanted !== undefined && wanted !== 'absent' && isAsWanted(now.claim, wanted)) this.#wanted.delete(name);
  }

  /** What counts under this name now. */
  #count(name: string): AddressClaim | undefined {
    const wanted = this.#wanted.get(name);
    const known = this.#cache.get(name)?.claim;
    let claim = wanted === 'absent' || this.#cache.isExpired(name) ? undefined : known;
    if (wanted !== undefined && wanted !== 'absent') claim = ahead(name, wanted, known);
    if (claim === undefined) this.#counting.delete(name);
    else this.#counting.set(name, claim);
    return claim;
  }

  #apply(name: string, changed: Set<ServiceKey>): void {
    const { allocator } = this.#options;
    const before = this.#counting.get(name);
    const now = this.#count(name);
    for (const key of now === undefined ? allocator.removeClaim(name) : allocator.upsertClaim(now)) changed.add(key);
    for (const address of [...(before?.addresses ?? []), ...(now?.addresses ?? [])])
      for (const other of allocator.claims.at(address)) this.#dirty.add(other.name);
  }

  #claimant(key: ServiceKey): Claimant | undefined {
    const service = this.#options.services.get(key);
    const assignment = this.#options.allocator.assignment(key);
    return service?.type === 'LoadBalancer' && assignment !== undefined ? { service, assignment } : undefined;
  }

  /** The controller's own claims for one Service: made, edited, ended. */
  #keep(key: ServiceKey, changed: Set<ServiceKey>): void {
    const written = [...this.#cache.namesFor(key)].filter((name) => this.#cache.get(name)?.claim?.managed === true).toSorted();
    const claimant = this.#claimant(key);
    if (claimant === undefined) {
      for (const name of written) if (this.#cache.isExpired(name)) this.#want(name, 'absent', changed);
      return;
    }
    const claims = this.#options.allocator.claims.for(key);
    const others = claims.filter(({ managed }) => !managed);
    const wanted = wantedClaim(claimant, this.#options.pool(claimant.assignment.pool ?? ''), others);
    if (wanted === 'asItIs') return;
    const own = new Set([...written, ...claims.filter(({ managed }) => managed).map(({ name }) => name)]);
    const [name = this.#freshName(key)] = own;
    for (const other of own) if (wanted === undefined || other !== name) this.#want(other, 'absent', changed);
    if (wanted !== undefined) this.#want(name, wanted, changed);
  }

  #want(name: string, wanted: WantedClaim | 'absent', changed: Set<ServiceKey>): void {
    const isThere = this.#cache.get(name) !== undefined;
    if (wanted === 'absent' ? !isThere && !this.#wanted.has(name) : isAsWanted(this.#counting.get(name), wanted)) return;
    if (JSON.stringify(this.#wanted.get(name)) === JSON.stringify(wanted)) return;
    if (wanted === 'absent' && !isThere) this.#wanted.delete(name);
    else this.#wanted.set(name, wanted);
    this.#apply(name, changed);
    this.#writer.check(name);
  }

  #freshName(key: ServiceKey): string {
    const base = key.replace('/', '.');
    for (let i = 1; ; i++) {
      const name = i === 1 ? base : `${base}-${i}`;
      if (this.#cache.get(name) === undefined && !this.#wanted.has(name)) return name;
    }
  }

  #report(name: string): void {
    const known = this.#cache.get(name);
    if (known === undefined) return;
    const { object, problems } = known;
    const last = this.#said.get(name);
    const isSame = last?.object === object;
    const now = nowText();
    // What was said of this version counts, whether it is written already or not.
    const claim = isSame && known.claim !== undefined ? withTimes(known.claim, last.state) : known.claim;
    const state = claim === undefined ? undefined : this.#state(name, claim, now);
    this.#cache.setRelease(name, state?.releasedAt);
    this.#said.set(name, { object, state });
    const { status, notices } = claimStatus(object, problems, state, now);
    this.#write(object, status, isSame);
    if (!isSame || last.state?.reason !== state?.reason) this.#tell(object, notices);
  }

  #write(object: KubeObject, status: object, isSame: boolean): void {
    const { statuses } = this.#options;
    const { namespace, name, uid } = object.metadata;
    const ref = { namespace, name };
    if (!isSame) statuses.observed(ADDRESS_CLAIMS, ref, statusOf(object));
    statuses.set(ADDRESS_CLAIMS, ref, status, uid === undefined ? {} : { uid });
  }

  #tell({ metadata: { namespace, name, uid } }: KubeObject, notices: readonly Notice[]): void {
    const about = { apiVersion: apiVersionOf(ADDRESS_CLAIMS), kind: ADDRESS_CLAIMS.kind, namespace, name, uid };
    for (const { type, reason, message } of notices) this.#options.events.event(about, type, reason, message);
  }

  #state(name: string, claim: AddressClaim, now: string): ClaimState {
    if (this.#cache.isExpired(name))
      return { reason: 'Expired', message: 'The ttl is over: the addresses are not kept any more.', ...times(claim) };
    const claimant = claim.service === undefined ? undefined : this.#claimant(claim.service);
    const { allocator } = this.#options;
    return claimState(claim, claimant, allocator.claims, claimant === undefined ? allocator.doubts(claim) : [], now);
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    const nextMs = this.#cache.nextExpiry();
    if (nextMs !== undefined) this.#timer = setTimeout(this.#options.wake, Math.min(nextMs - Date.now() + 1, MAX_TIMER_MS));
  }
}

type Times = Pick<ClaimState, 'boundTo' | 'since' | 'releasedAt'>;

function times(from: Times | undefined): Times {
  const { boundTo, since, releasedAt } = from ?? {};
  return {
    ...(boundTo === undefined ? {} : { boundTo }),
    ...(since === undefined ? {} : { since }),
    ...(releasedAt === undefined ? {} : { releasedAt }),
  };
}

function withTimes(claim: AddressClaim, said: Times | undefined): AddressClaim {
  const { boundTo: _boundTo, since: _since, releasedAt: _releasedAt, ...rest } = claim;
  return { ...rest, ...times(said) };
}

function isAsWanted(claim: AddressClaim | undefined, { service, addresses, ttl }: WantedClaim): boolean {
  if (claim === undefined || claim.service !== service) return false;
  return claim.addresses.join() === addresses.join() && claim.ttlMs === (ttl === undefined ? undefined : durationMs(ttl));
}

/** As the claim will be once it is written; until then it is younger than all others. */
function ahead(name: string, { service, addresses, ttl }: WantedClaim, known: AddressClaim | undefined): AddressClaim {
  return {
    name,
    uid: known?.uid ?? '',
    creationTimestamp: known?.creationTimestamp ?? '~',
    service,
    addresses,
    insists: false,
    managed: true,
    ...(ttl === undefined ? {} : { ttlMs: durationMs(ttl) }),
    ...times(known),
  };
}
