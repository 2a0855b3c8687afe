import type { ServiceKey, ServiceView } from '../cluster/service.ts';
import type { AddressClaim } from '../config/addressClaims.ts';
import type { Pool, Retention } from '../config/config.ts';
import type { Ip } from '../net/ip.ts';
import type { Assignment } from './assignment.ts';
import type { ClaimIndex } from './claimIndex.ts';
import { reasonText } from './reasonText.ts';
import type { Refusal } from './refusal.ts';
import { retentionOf } from './request.ts';

/** Why a claim's Service has its addresses or not. Stable codes: the condition Bound and events use them. */
export type BoundReason = 'Bound' | 'ServiceMissing' | 'NoService' | 'NotGiven' | 'ClaimedByOther' | 'Expired';

/** What the status of a claim is to say. */
export interface ClaimState {
  readonly reason: BoundReason;
  readonly message: string;
  readonly boundTo?: ServiceKey;
  readonly since?: string;
  readonly releasedAt?: string;
}

/** The Service of a claim as it is now, if it is there and ours to serve. */
export interface Claimant {
  readonly service: ServiceView;
  readonly assignment: Assignment;
}

/**
 * @param doubts what would keep its Service from the addresses: worth a word as long as there is no Service to say it
 * @param now RFC 3339
 */
export function claimState(
  claim: AddressClaim,
  claimant: Claimant | undefined,
  index: ClaimIndex,
  doubts: readonly Refusal[],
  now: string,
): ClaimState {
  const { service, boundTo, since } = claim;
  const before = { ...(boundTo === undefined ? {} : { boundTo }), ...(since === undefined ? {} : { since }) };
  const but = doubts.map((refusal) => ` ${reasonText(refusal)}`).join('');
  if (service === undefined) return { reason: 'NoService', message: `The addresses are kept for no Service.${but}`, ...before };
  if (claimant === undefined) return released(claim, service, before, but, now);
  const has = claim.addresses.filter((address) => claimant.assignment.ingress.includes(address));
  if (has.length > 0) {
    const lacks = claim.addresses.filter((address) => !has.includes(address));
    const rest = lacks.length === 0 ? '' : `, but not ${lacks.join(' and ')}`;
    const message = `${service} has ${has.join(' and ')}${rest}.`;
    return {
      reason: 'Bound',
      message,
      boundTo: service,
      since: boundTo === service && claim.releasedAt === undefined ? (since ?? now) : now,
    };
  }
  const [other] = claim.addresses.flatMap((address) => index.against(address, service) ?? []);
  if (other !== undefined)
    return {
      reason: 'ClaimedByOther',
      message: `AddressClaim "${other.name}" is older and keeps an address for ${other.service ?? 'no Service'}.`,
      ...before,
    };
  return { reason: 'NotGiven', message: notGiven(service, claimant.assignment), ...before };
}

function released(claim: AddressClaim, service: ServiceKey, before: Partial<ClaimState>, but: string, now: string): ClaimState {
  const message = `The addresses are kept until there is a Service ${service} of type LoadBalancer.${but}`;
  const hadThem = claim.boundTo === service || claim.managed;
  const releasedAt = claim.releasedAt ?? (hadThem ? now : undefined);
  return { reason: 'ServiceMissing', message, ...before, ...(releasedAt === undefined ? {} : { releasedAt }) };
}

function notGiven(service: ServiceKey, { refusal, ingress }: Assignment): string {
  if (refusal !== undefined) return `${service} does not have the addresses: ${reasonText(refusal)}`;
  return `${service} has ${ingress.length === 0 ? 'no address' : ingress.join(' and ')}.`;
}

/** A claim that the controller is to have made for a Service. */
export interface WantedClaim {
  readonly service: ServiceKey;
  readonly addresses: readonly Ip[];
  /** A Go duration. */
  readonly ttl?: string;
}

/**
 * The claim that keeps what the Service has, as far as no claim of an operator does.
 * @param own claims for this Service that the controller did not make
 * @returns undefined: none is wanted; `asItIs`: whatever there is stays as it is, for instance while the Service has no address
 */
export function wantedClaim(
  { service, assignment }: Claimant,
  pool: Pool | undefined,
  own: readonly AddressClaim[],
): WantedClaim | 'asItIs' | undefined {
  const retention: Retention | 'none' | undefined = retentionOf(service) ?? pool?.retention;
  if (retention === 'none') return undefined;
  // A pool that is malformed at the moment says nothing.
  if (assignment.ingress.length === 0 || (retention === undefined && pool === undefined)) return 'asItIs';
  if (retention === undefined) return undefined;
  const addresses = assignment.ingress.filter((address) => !own.some((claim) => claim.addresses.includes(address)));
  if (addresses.length === 0) return undefined;
  return { service: service.key, addresses, ...(retention.ttl === undefined ? {} : { ttl: retention.ttl }) };
}
