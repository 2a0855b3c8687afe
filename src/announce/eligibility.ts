import type { Ip } from '../net/ip.ts';

/** Why this node does not announce a Service by one protocol. Stable codes: events, conditions, metrics and `explain` use them. */
export type Ineligible =
  | { readonly reason: 'NoAddress' }
  | { readonly reason: 'AddressOutsidePools'; readonly address: Ip }
  | { readonly reason: 'NoMatchingAdvertisement' }
  /** Advertisements match the Service, none of them this node. */
  | { readonly reason: 'NodeNotSelected'; readonly advertisements: readonly string[] }
  | { readonly reason: 'NoPeers'; readonly advertisements: readonly string[] }
  | { readonly reason: 'NoEndpoints' }
  | { readonly reason: 'NoLocalEndpoints' }
  | { readonly reason: 'NodeExcluded' }
  | { readonly reason: 'NodeNetworkUnavailable' }
  | { readonly reason: 'NodeUnknown' }
  | { readonly reason: 'ConflictingAdvertisements'; readonly advertisements: readonly string[] }
  | { readonly reason: 'SharedAddressWithServiceSelector' }
  /** Another node won the election. */
  | { readonly reason: 'NotOwner'; readonly owner: string };

export type IneligibleReason = Ineligible['reason'];
