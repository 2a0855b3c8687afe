import type { Family } from '../net/ip.ts';
import type { Applicant } from './applicant.ts';
import type { Desk } from './desk.ts';
import type { PoolSpace } from './poolSpace.ts';
import type { PoolVerdict, PoolVerdictReason, Refusal } from './refusal.ts';
import type { Tenant } from './sharing.ts';

/** Why a pool that was looked at gave no address of the family. */
export function verdict(desk: Desk, { service, tenant }: Applicant, space: PoolSpace, family: Family): PoolVerdict {
  const pool = space.pool.name;
  const why = desk.pools.refuses(space, service);
  if (why !== undefined) return { pool, why };
  if (!space.pool.autoAssign) return { pool, why: 'AutoAssignOff' };
  return { pool, why: whyNone(desk, tenant, space, family) ?? 'NotBothFamilies' };
}

/** @returns undefined when the pool could give one */
export function whyNone(desk: Desk, tenant: Tenant, space: PoolSpace, family: Family): PoolVerdictReason | undefined {
  if (space.pool.disabled === true) return 'Disabled';
  if (!space.has(family)) return 'NoAddressOfFamily';
  if (space.next(family) === undefined) return 'Exhausted';
  return desk.overQuota(space, tenant, family) === undefined ? undefined : 'QuotaExceeded';
}

/** What all pools together mean: the first of these that one of them says, because it is the one that can be mended. */
export function refusalFor(desk: Desk, tenant: Tenant, family: Family, pools: readonly PoolVerdict[]): Refusal {
  const says = (...reasons: readonly PoolVerdictReason[]): PoolVerdict | undefined => pools.find(({ why }) => reasons.includes(why));
  const space = desk.pools.spaces.get(says('QuotaExceeded')?.pool ?? '');
  const use = space === undefined ? undefined : desk.overQuota(space, tenant, family);
  if (use !== undefined) return { reason: 'QuotaExceeded', pools, ...use };
  if (says('Exhausted') !== undefined) return { reason: 'PoolExhausted', pools, family };
  if (says('NoAddressOfFamily', 'NotBothFamilies') !== undefined || pools.length === 0)
    return { reason: 'FamilyUnavailable', pools, family };
  return { reason: 'NoPoolMatches', pools };
}
