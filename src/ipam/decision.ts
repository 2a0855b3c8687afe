import type { ServiceView } from '../cluster/service.ts';
import type { Ip } from '../net/ip.ts';
import type { Applicant } from './applicant.ts';
import type { Assignment } from './assignment.ts';
import { type Choice, type Kept, choose, keep } from './choice.ts';
import type { Desk } from './desk.ts';
import { assignmentOf, merged, releases } from './ledger.ts';
import { annotation } from './request.ts';
import { sharesOf } from './shares.ts';

const NO_DISPUTES: NonNullable<Assignment['disputed']> = [];

/** What the Service keeps of what it had is entered at the desk again. */
export function holdAgain(desk: Desk, applicant: Applicant, had: readonly Ip[]): Kept {
  const kept = keep(desk, applicant, had);
  const { key } = applicant.tenant;
  for (const address of kept.addresses) if (!desk.book.isTenant(address, key)) desk.hold(address, applicant.tenant, false);
  return kept;
}

/**
 * What the Service is to have. Afterwards it holds just that at the desk.
 * @param kept what it holds there at this moment
 */
export function decide(desk: Desk, applicant: Applicant, { addresses: kept, cleared }: Kept): Assignment {
  const { service } = applicant;
  const { addresses, refusal, missing } = take(desk, applicant, kept);
  for (const address of kept) if (!addresses.includes(address)) desk.release(address, service.key);
  const pools = poolsOf(desk, service, addresses);
  const disputed = desk.hasDisputes ? addresses.flatMap((address) => disputeOf(desk, address)) : NO_DISPUTES;
  return assignmentOf({ addresses, refusal, missing }, pools, disputed, releases(service.ingress, addresses, cleared));
}

/** Chooses for each share of the Service, and holds what is new. */
function take(desk: Desk, applicant: Applicant, kept: readonly Ip[]): Omit<Choice, 'drawn'> {
  const { service, tenant, request } = applicant;
  if (service.deleting) return { addresses: kept };
  if ('reason' in request) return { addresses: kept, refusal: request };
  let all: Choice | undefined;
  for (const share of sharesOf(desk, tenant, request, kept)) {
    const choice = choose(desk, applicant, share);
    for (const address of choice.addresses) if (!kept.includes(address)) desk.hold(address, tenant, choice.drawn.includes(address));
    all = all === undefined ? choice : merged(all, choice);
  }
  return all ?? { addresses: kept };
}

function disputeOf(desk: Desk, address: Ip): NonNullable<Assignment['disputed']> {
  const by = desk.disputedBy(address);
  return by === undefined ? NO_DISPUTES : [{ address, by }];
}

/** In the order of the addresses. */
function poolsOf(desk: Desk, service: ServiceView, addresses: readonly Ip[]): readonly string[] {
  const pools: string[] = [];
  for (const address of addresses) {
    const pool = poolOf(desk, service, address);
    if (pool !== undefined && !pools.includes(pool)) pools.push(pool);
  }
  return pools;
}

function poolOf(desk: Desk, service: ServiceView, address: Ip): string | undefined {
  return desk.pools.of(address)?.pool.name ?? annotation(service, 'ip-allocated-from-pool');
}
