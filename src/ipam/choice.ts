import type { ServiceView } from '../cluster/service.ts';
import { type Family, type Ip, ipFamily } from '../net/ip.ts';
import type { Applicant } from './applicant.ts';
import type { Desk } from './desk.ts';
import type { PoolSpace } from './poolSpace.ts';
import type { Refusal } from './refusal.ts';
import { MAX_PER_FAMILY, type Request, annotation, byFamily } from './request.ts';
import type { Share } from './shares.ts';
import type { Tenant } from './sharing.ts';
import { refusalFor, verdict, whyNone } from './verdict.ts';

export interface Choice {
  readonly addresses: readonly Ip[];
  /** Those of `addresses` that were next in turn in their pool. */
  readonly drawn: readonly Ip[];
  /** Why the Service has not all that it needs. What it has already it keeps meanwhile. */
  readonly refusal?: Refusal;
  /** PreferDualStack: why the second family is missing, which is no failure. */
  readonly missing?: Refusal;
}

export interface Kept {
  readonly addresses: readonly Ip[];
  /** The others, each with the reason. */
  readonly cleared: ReadonlyMap<Ip, Refusal>;
}

const NOTHING: Kept = { addresses: [], cleared: new Map() };

/** Which of the addresses that a Service has it may keep, of each family no more than it wants. */
export function keep(desk: Desk, applicant: Applicant, had: readonly Ip[]): Kept {
  if (had.length === 0) return NOTHING;
  const { request } = applicant;
  const most = 'families' in request ? request.shares : MAX_PER_FAMILY;
  const kept: Ip[] = [];
  let cleared: Map<Ip, Refusal> | undefined;
  for (const address of had) {
    const family = ipFamily(address);
    const unwanted = isFull(kept, family, most) || ('families' in request && !request.families.includes(family));
    const refusal: Refusal | undefined = unwanted ? { reason: 'FamilyNotWanted', address } : refuseToKeep(desk, applicant, address);
    if (refusal === undefined) kept.push(address);
    else (cleared ??= new Map<Ip, Refusal>()).set(address, refusal);
  }
  return { addresses: kept.length > 1 ? kept.sort(byFamily) : kept, cleared: cleared ?? NOTHING.cleared };
}

function isFull(kept: readonly Ip[], family: Family, most: number): boolean {
  if (most === 1) return hasFamily(kept, family);
  return kept.filter((address) => ipFamily(address) === family).length >= most;
}

/** What the pool gives is a matter of new addresses only: an edit of it renumbers nobody it still contains. */
function refuseToKeep(desk: Desk, { service, tenant, request }: Applicant, address: Ip): Refusal | undefined {
  const space = desk.pools.of(address);
  if (space === undefined && !mayBeFromUnsettledPool(desk, service)) return { reason: 'AddressOutsidePools', address };
  if (space !== undefined && !service.deleting) {
    const why = desk.pools.refuses(space, service);
    if (why !== undefined) return { reason: 'PoolNotForService', pool: space.pool.name, why };
    const by = space.pool.onConflict === 'reassign' && !isNamed(request, address) ? desk.disputedBy(address) : undefined;
    if (by !== undefined) return { reason: 'AddressReserved', address, by };
    if (desk.claims.handedOn(address, service.key) !== undefined) return desk.claimRefusal(address, service.key);
  }
  return desk.book.conflict(address, tenant);
}

function isNamed(request: Applicant['request'], address: Ip): boolean {
  return 'addresses' in request && (request.addresses ?? []).includes(address);
}

function mayBeFromUnsettledPool(desk: Desk, service: ServiceView): boolean {
  const pool = annotation(service, 'ip-allocated-from-pool');
  return pool === undefined ? desk.unsettled.size > 0 : desk.unsettled.has(pool);
}

/** What a share of the Service gets, given what it keeps. An address is given up only for another one: first the new, then the old goes. */
export function choose(desk: Desk, applicant: Applicant, share: Share): Choice {
  const { request } = share;
  if (request.addresses !== undefined) return chooseRequested(desk, applicant, request, request.addresses, share.kept);
  const kept = share.claimed.length === 0 ? share.kept : takeClaimed(desk, applicant, share);
  if ('reason' in kept) return { addresses: share.kept, drawn: [], refusal: kept };
  if (request.pool !== undefined) return chooseFromPool(desk, applicant, request, request.pool, kept);
  return kept.length > 0 ? complete(desk, applicant, request, kept) : chooseAny(desk, applicant, request);
}

/** With its claimed addresses in place of others, as far as the claims go before what the Service has. */
function takeClaimed(desk: Desk, { service, tenant }: Applicant, { request, kept, claimed }: Share): readonly Ip[] | Refusal {
  let taken = kept;
  for (const { address, insists } of claimed) {
    const family = ipFamily(address);
    if (kept.includes(address) || (!insists && hasFamily(taken, family))) continue;
    const space = desk.pools.of(address);
    if (request.pool !== undefined && space?.pool.name !== request.pool) continue;
    const refusal = refuseClaimed(desk, service, tenant, address, space);
    if (refusal === undefined) taken = [...taken.filter((other) => ipFamily(other) !== family), address].sort(byFamily);
    else if (insists) return refusal;
  }
  return taken;
}

/** A disabled pool, and one whose quota is used up, still give what is claimed: whoever made the claim has decided. */
function refuseClaimed(desk: Desk, service: ServiceView, tenant: Tenant, address: Ip, space: PoolSpace | undefined): Refusal | undefined {
  if (space === undefined) return { reason: 'AddressOutsidePools', address };
  const why = desk.pools.refuses(space, service);
  return why === undefined ? desk.refusal(address, space, tenant) : { reason: 'PoolNotForService', pool: space.pool.name, why };
}

function chooseRequested(desk: Desk, applicant: Applicant, request: Request, wanted: readonly Ip[], kept: readonly Ip[]): Choice {
  const { pool } = request;
  if (pool !== undefined && !desk.pools.spaces.has(pool)) return { addresses: kept, drawn: [], refusal: { reason: 'UnknownPool', pool } };
  let sibling: string | undefined;
  for (const address of wanted) {
    const has = kept.includes(address);
    // Two addresses that the Service has may be in two pools: an edit may have split their pool.
    const refusal = refuseRequested(desk, applicant, address, has ? pool : (pool ?? sibling), has);
    if (refusal !== undefined) return { addresses: kept, drawn: [], refusal };
    sibling = desk.pools.of(address)?.pool.name;
  }
  return { addresses: wanted, drawn: [] };
}

function refuseRequested(
  desk: Desk,
  { service, tenant }: Applicant,
  address: Ip,
  pool: string | undefined,
  has: boolean,
): Refusal | undefined {
  const space = desk.pools.of(address);
  if (space === undefined) return has ? undefined : { reason: 'AddressOutsidePools', address };
  if (pool !== undefined && space.pool.name !== pool) return { reason: 'AddressNotInRequestedPool', address, pool };
  const why = desk.pools.refuses(space, service);
  if (why !== undefined) return { reason: 'PoolNotForService', pool: space.pool.name, why };
  if (has) return undefined;
  if (space.pool.disabled === true) return { reason: 'PoolNotForService', pool: space.pool.name, why: 'Disabled' };
  const use = desk.overQuota(space, tenant, ipFamily(address), address);
  return desk.refusal(address, space, tenant) ?? (use === undefined ? undefined : { reason: 'QuotaExceeded', pools: [], ...use });
}

function chooseFromPool(desk: Desk, applicant: Applicant, request: Request, pool: string, kept: readonly Ip[]): Choice {
  const space = desk.pools.spaces.get(pool);
  if (space === undefined) return { addresses: kept, drawn: [], refusal: { reason: 'UnknownPool', pool } };
  const why = desk.pools.refuses(space, applicant.service);
  if (why !== undefined) return { addresses: kept, drawn: [], refusal: { reason: 'PoolNotForService', pool, why } };
  const inPool = kept.filter((address) => desk.pools.of(address) === space);
  const drawn = draw(desk, applicant, space, request, inPool, 'any');
  const got = [...inPool, ...drawn];
  const lacking = request.families.find((family) => !hasFamily(got, family));
  if (lacking === undefined) return { addresses: got.sort(byFamily), drawn };
  const none = whyNone(desk, applicant.tenant, space, lacking) ?? 'Exhausted';
  const refusal: Refusal =
    none === 'Disabled'
      ? { reason: 'PoolNotForService', pool, why: none }
      : refusalFor(desk, applicant.tenant, lacking, [{ pool, why: none }]);
  if (request.needsAll || got.length === 0) return { addresses: kept, drawn: [], refusal };
  const elsewhere = kept.find((address) => ipFamily(address) === lacking);
  if (elsewhere !== undefined) return { addresses: [...got, elsewhere].sort(byFamily), drawn, refusal };
  return { addresses: got, drawn, missing: refusal };
}

/** A family that is missing comes from the pool of the other address or not at all: that one is not moved for it. */
function complete(desk: Desk, applicant: Applicant, request: Request, kept: readonly Ip[]): Choice {
  const lacking = request.families.find((family) => !hasFamily(kept, family));
  if (lacking === undefined) return { addresses: kept, drawn: [] };
  const space = kept[0] === undefined ? undefined : desk.pools.of(kept[0]);
  const drawn = space?.pool.autoAssign === true ? draw(desk, applicant, space, request, kept, 'any') : [];
  if (drawn.length > 0) return { addresses: [...kept, ...drawn].sort(byFamily), drawn };
  const refusal = refusalFor(desk, applicant.tenant, lacking, space === undefined ? [] : [verdict(desk, applicant, space, lacking)]);
  return { addresses: kept, drawn, ...(request.needsAll ? { refusal } : { missing: refusal }) };
}

function chooseAny(desk: Desk, applicant: Applicant, request: Request): Choice {
  const { service, tenant } = applicant;
  const all = desk.pools.ordered(request.families[0] ?? 'ipv4');
  if (all.length === 0) return { addresses: [], drawn: [], refusal: { reason: 'NoPools' } };
  const isOpen = (space: PoolSpace): boolean => space.pool.autoAssign && desk.pools.refuses(space, service) === undefined;
  for (const only of tenant.sharingKey === undefined ? ALONE : SHARED_FIRST) {
    for (const space of all) {
      const drawn = isOpen(space) ? draw(desk, applicant, space, request, [], only) : [];
      if (drawn.length === request.families.length) return { addresses: drawn.length === 1 ? drawn : drawn.toSorted(byFamily), drawn };
    }
  }
  return chooseLess(desk, applicant, request, all.filter(isOpen));
}

const ALONE = ['any'] as const;
const SHARED_FIRST = ['shared', 'any'] as const;

/** No pool has all: one family if the Service is content with that, else the reason. */
function chooseLess(desk: Desk, applicant: Applicant, request: Request, spaces: readonly PoolSpace[]): Choice {
  const refused = (family: Family): Refusal =>
    refusalFor(
      desk,
      applicant.tenant,
      family,
      desk.pools.ordered(family).map((space) => verdict(desk, applicant, space, family)),
    );
  const found = request.families.map((family) => first(spaces, (space) => desk.pick(space, family, applicant.tenant, 'any')));
  const index = found.findIndex((address) => address !== undefined);
  const address = found[index];
  const [primary = 'ipv4', secondary = primary] = request.families;
  if (request.needsAll || address === undefined)
    return { addresses: [], drawn: [], refusal: refused(found[0] === undefined ? primary : secondary) };
  const lacking = index === 0 ? secondary : primary;
  // The other family will come from this pool or not at all, so the other pools are no reason: see `complete`.
  const home = spaces.filter((space) => space === desk.pools.of(address));
  const missing = refusalFor(
    desk,
    applicant.tenant,
    lacking,
    home.map((space) => verdict(desk, applicant, space, lacking)),
  );
  return { addresses: [address], drawn: [address], missing };
}

/** One address for each family that `has` lacks, as far as the pool has them. */
function draw(desk: Desk, { tenant }: Applicant, space: PoolSpace, request: Request, has: readonly Ip[], only: 'shared' | 'any'): Ip[] {
  const drawn: Ip[] = [];
  for (const family of request.families) {
    const address = hasFamily(has, family) ? undefined : desk.pick(space, family, tenant, only);
    if (address !== undefined) drawn.push(address);
  }
  return drawn;
}

function first<Item, Found>(items: readonly Item[], find: (item: Item) => Found | undefined): Found | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

function hasFamily(addresses: readonly Ip[], family: Family): boolean {
  return addresses.some((address) => ipFamily(address) === family);
}
