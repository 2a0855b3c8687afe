import type { Ip } from '../net/ip.ts';
import { type DrainReason, drainText } from './drain.ts';

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
  /** The node has handed the Service over to others. */
  | { readonly reason: 'NodeDraining'; readonly drain: DrainReason }
  /** Layer 2 only: its kubelet is silent, another candidate's is not. */
  | { readonly reason: 'NodeNotReady' }
  | { readonly reason: 'ConflictingAdvertisements'; readonly advertisements: readonly string[] }
  | { readonly reason: 'SharedAddressWithServiceSelector' }
  /** Another node won the election. */
  | { readonly reason: 'NotOwner'; readonly owner: string };

export type IneligibleReason = Ineligible['reason'];

type Sentences = { readonly [R in IneligibleReason]: (facts: Extract<Ineligible, { reason: R }>) => string };

const SENTENCES: Sentences = {
  NoAddress: () => 'the Service has no address yet',
  AddressOutsidePools: ({ address }) => `${address} is in no IPAddressPool`,
  NoMatchingAdvertisement: () => 'no advertisement selects the Service and its pool',
  NodeNotSelected: ({ advertisements }) => `no node selector of ${advertisements.join(', ')} matches this node`,
  NoPeers: ({ advertisements }) => `no BGPPeer of this node is selected by ${advertisements.join(', ')}`,
  NoEndpoints: () => 'the Service has no serving endpoint',
  NoLocalEndpoints: () => 'this node has no serving endpoint, and externalTrafficPolicy Local or onlyWithEndpoints asks for one',
  NodeExcluded: () => 'the node is labelled node.kubernetes.io/exclude-from-external-load-balancers',
  NodeNetworkUnavailable: () => 'the condition NetworkUnavailable of the node is True',
  NodeUnknown: () => 'the cluster has no Node of this name',
  NodeDraining: ({ drain }) => `the node is drained (${drainText(drain)}), and other nodes announce the Service`,
  NodeNotReady: () => 'the node is not Ready, and another candidate is',
  ConflictingAdvertisements: ({ advertisements }) =>
    `${advertisements.join(', ')} ask for different localPref, med, asPathPrepend or origin of the same prefix`,
  SharedAddressWithServiceSelector: () => 'the address is shared and an L2Advertisement selects by Service labels',
  NotOwner: ({ owner }) => `${owner} owns the address`,
};

/** One sentence for people; the only place where these reasons become text. */
export function ineligibleText(ineligible: Ineligible): string {
  const sentence = SENTENCES[ineligible.reason] as (facts: Ineligible) => string;
  return sentence(ineligible);
}
