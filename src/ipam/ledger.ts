import type { ServiceView } from '../cluster/service.ts';
import type { Ip } from '../net/ip.ts';
import type { Applicant } from './applicant.ts';
import type { Assignment } from './assignment.ts';
import type { Choice } from './choice.ts';
import type { ClaimedAddress } from './claimIndex.ts';
import type { Refusal } from './refusal.ts';
import { byFamily } from './request.ts';

/** What was decided about a Service, and about which one of that name. */
export interface Decided {
  readonly service: ServiceView;
  readonly assignment: Assignment;
}

export function merged(a: Choice, b: Choice): Choice {
  const refusal = a.refusal ?? b.refusal;
  const missing = a.missing ?? b.missing;
  return {
    addresses: [...a.addresses, ...b.addresses].sort(byFamily),
    drawn: [...a.drawn, ...b.drawn],
    ...(refusal === undefined ? {} : { refusal }),
    ...(missing === undefined ? {} : { missing }),
  };
}

/** A Service that has all it wants is the rule, and made in one go. */
export function assignmentOf(
  { addresses: ingress, refusal, missing }: Outcome,
  pool: string | undefined,
  disputed: NonNullable<Assignment['disputed']>,
  released: Assignment['released'],
): Assignment {
  const isPlain = refusal === undefined && missing === undefined && disputed.length === 0;
  if (isPlain && pool !== undefined) return { ingress, released, pool };
  return {
    ingress,
    released,
    ...(pool === undefined ? {} : { pool }),
    ...(refusal === undefined ? {} : { refusal }),
    ...(missing === undefined ? {} : { missing }),
    ...(disputed.length === 0 ? {} : { disputed }),
  };
}

interface Outcome {
  readonly addresses: readonly Ip[];
  readonly refusal: Refusal | undefined;
  readonly missing: Refusal | undefined;
}

const NO_RELEASES: Assignment['released'] = [];

export function releases(had: readonly Ip[], addresses: readonly Ip[], cleared: ReadonlyMap<Ip, Refusal>): Assignment['released'] {
  if (had.every((address) => addresses.includes(address))) return NO_RELEASES;
  const gone = had.filter((address) => !addresses.includes(address));
  return gone.map((address) => ({ address, refusal: cleared.get(address) ?? ({ reason: 'OtherAddressRequested', address } as const) }));
}

/** Another Service under the same name inherits nothing. */
export function ledger(service: ServiceView, entry: Decided | undefined): readonly Ip[] {
  const decided = entry?.service.uid === service.uid ? entry.assignment.ingress : [];
  if (decided.length === 0) return service.ingress;
  return [...new Set([...service.ingress, ...decided])];
}

/**
 * Of two that have one address and may not share it, one has changed and is to move: not one whose status is as it was decided
 * here, and after a restart, which has forgotten that, not one with a sharing key.
 */
export function keepRank({ service, tenant }: Applicant, entry: Decided | undefined): number {
  const decided = entry?.service.uid === service.uid ? entry.assignment.ingress : [];
  if (service.ingress.length > 0 && service.ingress.every((address) => decided.includes(address))) return 0;
  return tenant.sharingKey === undefined ? 2 : 1;
}

/** Not one that was told to leave it, whether or not the claim has followed yet. */
export function hasClaimed({ service }: Applicant, entry: Decided | undefined, claimed: readonly ClaimedAddress[]): boolean {
  if (claimed.length === 0) return false;
  const decided = entry?.service.uid === service.uid ? entry.assignment.ingress : undefined;
  const has = service.ingress.length === 0 ? (decided ?? []) : service.ingress.filter((address) => decided?.includes(address) !== false);
  return claimed.some(({ address }) => has.includes(address));
}

/** Oldest first, so that the order in which a plan looks at Services does not depend on how they were listed. */
export function byAge(a: ServiceView, b: ServiceView): number {
  if (a.creationTimestamp !== b.creationTimestamp) return a.creationTimestamp < b.creationTimestamp ? -1 : 1;
  return a.key < b.key ? -1 : 1;
}
