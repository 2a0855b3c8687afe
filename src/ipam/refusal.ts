import type { Family, Ip } from '../net/ip.ts';
import type { ServiceKey } from '../cluster/service.ts';

/** Why a Service has no address, or not all that it asked for. Stable codes: conditions, events, metrics and docs use them. */
export type Refusal =
  | { readonly reason: 'NoPools' }
  /** No pool takes this Service: each was looked at and said why. */
  | { readonly reason: 'NoPoolMatches'; readonly pools: readonly PoolVerdict[] }
  | { readonly reason: 'PoolExhausted'; readonly pools: readonly PoolVerdict[]; readonly family: Family }
  | { readonly reason: 'UnknownPool'; readonly pool: string }
  | { readonly reason: 'PoolNotForService'; readonly pool: string; readonly why: PoolVerdictReason }
  | { readonly reason: 'InvalidRequest'; readonly field: string; readonly value: string; readonly detail: string }
  | { readonly reason: 'AddressOutsidePools'; readonly address: Ip }
  | { readonly reason: 'AddressNotInRequestedPool'; readonly address: Ip; readonly pool: string }
  | { readonly reason: 'AddressInUse'; readonly address: Ip; readonly by: readonly ServiceKey[] }
  | { readonly reason: 'PortInUse'; readonly address: Ip; readonly port: string; readonly by: ServiceKey }
  | { readonly reason: 'SharingKeyConflict'; readonly address: Ip; readonly by: ServiceKey; readonly detail: SharingConflict }
  | { readonly reason: 'FamilyMismatch'; readonly requested: readonly Family[]; readonly service: readonly Family[] }
  | { readonly reason: 'FamilyUnavailable'; readonly family: Family; readonly pools: readonly PoolVerdict[] }
  | { readonly reason: 'NoClusterIP' }
  | { readonly reason: 'DualStackNeedsTwoClusterIPs' };

export type RefusalReason = Refusal['reason'];

export type SharingConflict = 'no-key' | 'different-key' | 'different-traffic-policy' | 'different-selector';

export interface PoolVerdict {
  readonly pool: string;
  readonly why: PoolVerdictReason;
}

export type PoolVerdictReason = 'AutoAssignOff' | 'NamespaceNotSelected' | 'ServiceNotSelected' | 'NoAddressOfFamily' | 'Exhausted';
