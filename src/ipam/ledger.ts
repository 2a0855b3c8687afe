import type { ServiceView } from '../cluster/service.ts';
import type { Ip } from '../net/ip.ts';
import type { Applicant } from './applicant.ts';
import type { Assignment } from './assignment.ts';
import type { Choice } from './choice.ts';
import type { Refusal } from './refusal.ts';
import { byFamily } from './request.ts';

/** What was decided about a Service, and about which one of that name. */
export interface Decided {
  readonly service: ServiceView;
  readonly assignment: Assignment;
}

export function merged(a: Omit<Choice, 'drawn'>, b: Choice): Omit<Choice, 'drawn'> {
  const refusal = a.refusal ?? b.refusal;
  const missing = a.missing ?? b.missing;
  return {
    addresses: [...a.addresses, ...b.addresses].sort(byFamily),
    ...(refusal === undefined ? {} : { refusal }),
    ...(missing === undefined ? {} : { missing }),
  };
}

const NO_RELEASES: Assignment['released'] = [];

export function releases(had: readonly Ip[], addresses: readonly Ip[], cleared: ReadonlyMap<Ip, Refusal>): Assignment['released'] {
  const gone = had.filter((address) => !addresses.includes(address));
  if (gone.length === 0) return NO_RELEASES;
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

/** Oldest first, so that the order in which a plan looks at Services does not depend on how they were listed. */
export function byAge(a: ServiceView, b: ServiceView): number {
  if (a.creationTimestamp !== b.creationTimestamp) return a.creationTimestamp < b.creationTimestamp ? -1 : 1;
  return a.key < b.key ? -1 : 1;
}
