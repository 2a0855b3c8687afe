import type { ServiceView } from '../cluster/service.ts';
import { type Family, type Ip, ipFamily } from '../net/ip.ts';
import type { Desk } from './desk.ts';
import type { PoolSpace } from './poolSpace.ts';
import type { PoolVerdict, Refusal } from './refusal.ts';
import { type Request, annotation } from './request.ts';
import type { Tenant } from './sharing.ts';

/** One Service in front of the desk. */
export interface Applicant {
  readonly service: ServiceView;
  readonly tenant: Tenant;
  readonly request: Request | Refusal;
}

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

/** Which of the addresses that a Service has it may keep, at most one of each family. */
export function keep(desk: Desk, { service, tenant, request }: Applicant, had: readonly Ip[]): Kept {
  if (had.length === 0) return NOTHING;
  const kept: Ip[] = [];
  let cleared: Map<Ip, Refusal> | undefined;
  for (const address of had) {
    const family = ipFamily(address);
    const unwanted = hasFamily(kept, family) || ('families' in request && !request.families.includes(family));
    const refusal: Refusal | undefined = unwanted ? { reason: 'FamilyNotWanted', address } : refuseToKeep(desk, service, tenant, address);
    if (refusal === undefined) kept.push(address);
    else (cleared ??= new Map<Ip, Refusal>()).set(address, refusal);
  }
  return { addresses: kept.length > 1 ? kept.sort(byFamily) : kept, cleared: cleared ?? NOTHING.cleared };
}

/** autoAssign, avoidBuggyIPs and reservations count for new addresses only: an edit of the pool renumbers nobody it still contains. */
function refuseToKeep(desk: Desk, service: ServiceView, tenant: Tenant, address: Ip): Refusal | undefined {
  const space = desk.pools.of(address);
  if (space === undefined && !mayBeFromUnsettledPool(desk, service)) return { reason: 'AddressOutsidePools', address };
  const why = space === undefined || service.deleting ? undefined : desk.pools.refuses(space, service);
  if (space !== undefined && why !== undefined) return { reason: 'PoolNotForService', pool: space.pool.name, why };
  return desk.book.conflict(address, tenant);
}

function mayBeFromUnsettledPool(desk: Desk, service: ServiceView): boolean {
  const pool = annotation(service, 'ip-allocated-from-pool');
  return pool === undefined ? desk.unsettled.size > 0 : desk.unsettled.has(pool);
}

/** What the Service gets, given what it keeps. An address is given up only for another one: first the new, then the old goes. */
export function choose(desk: Desk, applicant: Applicant, kept: readonly Ip[]): Choice {
  const { request, service } = applicant;
  if (service.deleting) return { addresses: kept, drawn: [] };
  if ('reason' in request) return { addresses: kept, drawn: [], refusal: request };
  if (request.addresses !== undefined) return chooseRequested(desk, applicant, request, request.addresses, kept);
  if (request.pool !== undefined) return chooseFromPool(desk, applicant, request, request.pool, kept);
  return kept.length > 0 ? complete(desk, applicant, request, kept) : chooseAny(desk, applicant, request);
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
  return has ? undefined : desk.refusal(address, space, tenant);
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
  const refusal = refusalFor(lacking, [{ pool, why: space.has(lacking) ? 'Exhausted' : 'NoAddressOfFamily' }]);
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
  const refusal = refusalFor(lacking, space === undefined ? [] : [verdict(desk, applicant, space, lacking)]);
  return { addresses: kept, drawn, ...(request.needsAll ? { refusal } : { missing: refusal }) };
}

function chooseAny(desk: Desk, applicant: Applicant, request: Request): Choice {
  const { service, tenant } = applicant;
  const all = desk.pools.ordered();
  if (all.length === 0) return { addresses: [], drawn: [], refusal: { reason: 'NoPools' } };
  const spaces = all.filter((space) => space.pool.autoAssign && desk.pools.refuses(space, service) === undefined);
  for (const only of tenant.sharingKey === undefined ? (['any'] as const) : (['shared', 'any'] as const)) {
    for (const space of spaces) {
      const drawn = draw(desk, applicant, space, request, [], only);
      if (drawn.length === request.families.length) return { addresses: drawn.toSorted(byFamily), drawn };
    }
  }
  return chooseLess(desk, applicant, request, spaces);
}

/** No pool has all: one family if the Service is content with that, else the reason. */
function chooseLess(desk: Desk, applicant: Applicant, request: Request, spaces: readonly PoolSpace[]): Choice {
  const refused = (family: Family): Refusal =>
    refusalFor(
      family,
      desk.pools.ordered().map((space) => verdict(desk, applicant, space, family)),
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

function verdict(desk: Desk, { service }: Applicant, space: PoolSpace, family: Family): PoolVerdict {
  const pool = space.pool.name;
  const why = desk.pools.refuses(space, service);
  if (why !== undefined) return { pool, why };
  if (!space.pool.autoAssign) return { pool, why: 'AutoAssignOff' };
  if (!space.has(family)) return { pool, why: 'NoAddressOfFamily' };
  return { pool, why: space.next(family) === undefined ? 'Exhausted' : 'NotBothFamilies' };
}

function refusalFor(family: Family, pools: readonly PoolVerdict[]): Refusal {
  if (pools.some(({ why }) => why === 'Exhausted')) return { reason: 'PoolExhausted', pools, family };
  if (pools.some(({ why }) => why === 'NoAddressOfFamily' || why === 'NotBothFamilies') || pools.length === 0)
    return { reason: 'FamilyUnavailable', pools, family };
  return { reason: 'NoPoolMatches', pools };
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

function byFamily(a: Ip, b: Ip): number {
  return ipFamily(a) < ipFamily(b) ? -1 : 1;
}
