import type { Ip } from '../net/ip.ts';
import type { Assignment } from './assignment.ts';
import type { Desk } from './desk.ts';
import type { Tenant } from './sharing.ts';

/** A Service that has not all that it asks for. */
export interface Waiting {
  readonly tenant: Tenant;
  readonly assignment: Assignment;
}

/** Its pools are as full as they were: with thousands that wait, looking at each again would cost more than all the rest. */
export function isStuck(desk: Desk, { tenant, assignment }: Waiting): boolean {
  const why = assignment.refusal ?? assignment.missing;
  // What is claimed is given by full pools too.
  if (desk.claims.for(tenant.key).length > 0) return false;
  if (tenant.sharingKey !== undefined || (why?.reason !== 'PoolExhausted' && why?.reason !== 'QuotaExceeded')) return false;
  const { family, pools } = why;
  return pools.every(({ pool, why: verdict }) => {
    if (verdict === 'NotBothFamilies') return false;
    const space = desk.pools.spaces.get(pool);
    // As many as was said: a reason keeps its numbers right.
    if (verdict === 'QuotaExceeded')
      return why.reason === 'QuotaExceeded' && space !== undefined && desk.overQuota(space, tenant, family)?.used === why.used;
    return verdict !== 'Exhausted' || space?.next(family) === undefined;
  });
}

export function waitsFor({ assignment: { refusal } }: Waiting, addresses: readonly Ip[]): boolean {
  return refusal !== undefined && 'address' in refusal && addresses.includes(refusal.address);
}
