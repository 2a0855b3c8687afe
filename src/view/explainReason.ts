import type { Family, Ip } from '../net/ip.ts';

/** What only a look at the whole chain can show, beside the reasons that the programs themselves give. Stable codes. */
export type ExplainFacts =
  | { readonly reason: 'ServiceNotFound' }
  | { readonly reason: 'OtherType'; readonly type: string }
  /** `class` undefined: the Service has none, and this installation handles one class alone. */
  | { readonly reason: 'OtherClass'; readonly class: string | undefined; readonly handled: string | undefined }
  | { readonly reason: 'ServiceDeleting' }
  | { readonly reason: 'ControllerNotRunning'; readonly leader: string | undefined }
  /** @see planned: what the controller will say, as far as can be told. */
  | { readonly reason: 'NotYetAllocated'; readonly planned: string }
  | { readonly reason: 'NoNodes' }
  | { readonly reason: 'SpeakerNotRunning'; readonly node: string }
  /** The node shall announce it, its speaker runs, and has not said that it does. */
  | { readonly reason: 'NotOnTheWire'; readonly node: string; readonly what: string }
  /** Others are, and go before. */
  | { readonly reason: 'PoolOutsideSubnets' }
  | { readonly reason: 'FamilyNotCarried'; readonly address: Ip; readonly family: Family; readonly peers: readonly string[] };

export type ExplainReason = ExplainFacts['reason'];

type Sentences = { readonly [R in ExplainReason]: (facts: Extract<ExplainFacts, { reason: R }>) => string };

const FAMILY: Readonly<Record<Family, string>> = { ipv4: 'IPv4', ipv6: 'IPv6' };

const SENTENCES: Sentences = {
  ServiceNotFound: () => 'there is no such Service',
  OtherType: ({ type }) => `the type of the Service is ${type}: only a LoadBalancer gets an address`,
  OtherClass: ({ class: own, handled }) =>
    `the Service has ${own === undefined ? 'no loadBalancerClass' : `the loadBalancerClass ${own}`}, and this installation handles ${
      handled === undefined ? 'Services without one' : `${handled} only`
    }`,
  ServiceDeleting: () => 'the Service is being deleted',
  ControllerNotRunning: ({ leader }) =>
    leader === undefined
      ? 'no controller runs: nobody gives addresses'
      : `the controller ${leader} has not renewed its lease: nobody gives addresses`,
  NotYetAllocated: ({ planned }) => `the controller has not written its decision yet: ${planned}`,
  NoNodes: () => 'the cluster has no nodes',
  SpeakerNotRunning: ({ node }) => `the speaker on ${node} does not run`,
  NotOnTheWire: ({ node, what }) => `${node} is to announce it, and its speaker does not report ${what}`,
  PoolOutsideSubnets: () => 'no interface of the node is in the subnet of the address, and nodes that have one go before',
  FamilyNotCarried: ({ address, family, peers }) =>
    `${address} goes to no router: the sessions ${peers.join(', ')} do not carry ${FAMILY[family]}`,
};

export function explainText(facts: ExplainFacts): string {
  return (SENTENCES[facts.reason] as (facts: ExplainFacts) => string)(facts);
}
