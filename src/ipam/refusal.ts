import type { Family, Ip } from '../net/ip.ts';
import type { ServiceKey } from '../cluster/service.ts';

/** Why a Service has no address, or not all that it asked for. Stable codes: conditions, events, metrics and docs use them. */
export type Refusal =
  | { readonly reason: 'NoPools' }
  /** No pool takes this Service: each was looked at and said why. */
  | { readonly reason: 'NoPoolMatches'; readonly pools: readonly PoolVerdict[] }
  | { readonly reason: 'PoolExhausted'; readonly pools: readonly PoolVerdict[]; readonly family: Family }
  /** `pool` has room, but the namespace has used up its share of it. */
  | ({ readonly reason: 'QuotaExceeded'; readonly pools: readonly PoolVerdict[] } & QuotaUse)
  | { readonly reason: 'UnknownPool'; readonly pool: string }
  | { readonly reason: 'PoolNotForService'; readonly pool: string; readonly why: PoolVerdictReason }
  | { readonly reason: 'InvalidRequest'; readonly field: string; readonly value: string; readonly detail: string }
  | { readonly reason: 'AddressOutsidePools'; readonly address: Ip }
  | { readonly reason: 'AddressNotInRequestedPool'; readonly address: Ip; readonly pool: string }
  /** The pool has avoidBuggyIPs and the address ends in .0 or .255. */
  | { readonly reason: 'AddressAvoided'; readonly address: Ip; readonly pool: string }
  | { readonly reason: 'AddressExcluded'; readonly address: Ip; readonly pool: string }
  /** An AddressClaim keeps the address for another Service, or for none. */
  | { readonly reason: 'ClaimedByOther'; readonly address: Ip; readonly claim: string; readonly service?: ServiceKey }
  | { readonly reason: 'AddressInUse'; readonly address: Ip; readonly by: readonly ServiceKey[] }
  /** Something that is no Service of this installation has the address: a node, a Service of another class. */
  | { readonly reason: 'AddressReserved'; readonly address: Ip; readonly by: string }
  | { readonly reason: 'PortInUse'; readonly address: Ip; readonly port: string; readonly by: ServiceKey }
  | { readonly reason: 'SharingKeyConflict'; readonly address: Ip; readonly by: ServiceKey; readonly detail: SharingConflict }
  | { readonly reason: 'FamilyMismatch'; readonly requested: readonly Family[]; readonly service: readonly Family[] }
  | { readonly reason: 'FamilyUnavailable'; readonly family: Family; readonly pools: readonly PoolVerdict[] }
  | { readonly reason: 'NoClusterIP' }
  | { readonly reason: 'DualStackNeedsTwoClusterIPs' }
  /** An address is given back because the Service now asks for another one and got it. */
  | { readonly reason: 'OtherAddressRequested'; readonly address: Ip }
  /** An address is given back because the Service has no cluster IP of its family, or has another address of it. */
  | { readonly reason: 'FamilyNotWanted'; readonly address: Ip }
  /** An address is given back because the Service is no longer of type LoadBalancer. */
  | { readonly reason: 'NotLoadBalancer' };

export type RefusalReason = Refusal['reason'];

export type SharingConflict = 'no-key' | 'different-key' | 'different-traffic-policy' | 'different-selector';

export interface QuotaUse {
  readonly pool: string;
  readonly namespace: string;
  readonly family: Family;
  readonly used: number;
  readonly limit: number;
}

export interface PoolVerdict {
  readonly pool: string;
  readonly why: PoolVerdictReason;
}

export type PoolVerdictReason =
  | 'AutoAssignOff'
  | 'Disabled'
  | 'QuotaExceeded'
  | 'NamespaceNotSelected'
  | 'ServiceNotSelected'
  | 'NoAddressOfFamily'
  /** Two addresses are needed from one pool, and this one has them of one family only. */
  | 'NotBothFamilies'
  | 'Exhausted';
