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
  pools: readonly string[],
  disputed: NonNullable<Assignment['disputed']>,
  released: Assignment['released'],
): Assignment {
  const [pool] = pools;
  const isPlain = pools.length === 1 && refusal === undefined && missing === undefined && disputed.length === 0;
  if (isPlain && pool !== undefined) return { ingress, released, pool };
  return {
    ingress,
    released,
    ...(pool === undefined ? {} : { pool }),
    ...(pools.length > 1 ? { pools } : {}),
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

const NONE: readonly Ip[] = [];
const NO_RELEASES: Assignment['released'] = [];

export function releases(had: readonly Ip[], addresses: readonly Ip[], cleared: ReadonlyMap<Ip, Refusal>): Assignment['released'] {
  if (had.every((address) => addresses.includes(address))) return NO_RELEASES;
  const gone = had.filter((address) => !addresses.includes(address));
  return gone.map((address) => ({ address, refusal: cleared.get(address) ?? ({ reason: 'OtherAddressRequested', address } as const) }));
}

/** Another Service under the same name inherits nothing. */
function decidedOf(service: ServiceView, entry: Decided | undefined): readonly Ip[] {
  return entry?.service.uid === service.uid ? entry.assignment.ingress : NONE;
}

/** First what stands in the status and was not decided to go. */
export function ledger(service: ServiceView, entry: Decided | undefined): readonly Ip[] {
  const decided = decidedOf(service, entry);
  if (decided.length === 0) return service.ingress;
  return [...new Set([...settled(service, entry), ...service.ingress, ...decided])];
}

/** What the Service has by its status and by what was decided here: it goes before whoever is to leave, or to be told to leave, the same. */
export function settled(service: ServiceView, entry: Decided | undefined): readonly Ip[] {
  const decided = decidedOf(service, entry);
  return decided.length === 0 ? NONE : service.ingress.filter((address) => decided.includes(address));
}

/**
 * Of two that have one address and may not share it, one has changed and is to move: after a restart, which has forgotten what was decided,
 * not one that has a claim to it by right, and else not one with a sharing key.
 */
export function keepRank({ service, tenant }: Applicant, entry: Decided | undefined, claimed: readonly ClaimedAddress[]): 0 | 1 | 2 {
  if (claimed.length > 0) {
    const has = service.ingress.length === 0 ? decidedOf(service, entry) : service.ingress;
    if (claimed.some(({ address }) => has.includes(address))) return 0;
  }
  return tenant.sharingKey === undefined ? 2 : 1;
}

/** Oldest first, so that the order in which a plan looks at Services does not depend on how they were listed. */
export function byAge(a: ServiceView, b: ServiceView): number {
  if (a.creationTimestamp !== b.creationTimestamp) return a.creationTimestamp < b.creationTimestamp ? -1 : 1;
  return a.key < b.key ? -1 : 1;
}
