import type { IneligibleReason } from '../announce/eligibility.ts';
import type { Prospect, Unfit as Finding } from '../announce/prospects.ts';
import { coversNode, coversService, isIneligible, servicePools } from '../announce/scope.ts';
import type { SnapshotIndex } from '../announce/snapshot.ts';
import type { ServiceView } from '../cluster/service.ts';
import type { AdvertisementScope } from '../config/config.ts';
import type { Problem } from '../config/problem.ts';
import { type Cause, explainCause, ineligibleCause, problemCause, some } from './cause.ts';
import type { Situation } from './situation.ts';

/** Of two reasons that as many nodes have, the one that is further up is more likely what somebody has to mend. */
const ORDER: readonly IneligibleReason[] = [
  'AddressOutsidePools',
  'ConflictingAdvertisements',
  'SharedAddressWithServiceSelector',
  'NoEndpoints',
  'NodeNetworkUnavailable',
  'NodeExcluded',
  'NodeNotReady',
  'NoPeers',
  'NodeNotSelected',
  'NoLocalEndpoints',
];

/** Why no node at all is to announce a Service that has an address: the reason of the planner that counts, then what may lie behind it. */
export function whyNowhere(situation: Situation, service: ServiceView, { unfit: findings }: Prospect): Cause[] {
  const { index } = situation.prospects;
  if (situation.nodes.length === 0) return [explainCause({ reason: 'NoNodes' })];
  // One of the two protocols is enough: where nobody asked for the other one, that is no reason.
  const asked = findings.filter(({ ineligible: { reason } }) => reason !== 'NoMatchingAdvertisement' && reason !== 'NotOwner');
  if (asked.length === 0) return [ineligibleCause({ reason: 'NoMatchingAdvertisement' }), ...behind(situation, 'NoMatchingAdvertisement')];
  const chosen = mostTelling(nearest(index, service, asked));
  const nodes = [...new Set(chosen.map(({ node }) => node.name))];
  const [first] = chosen;
  if (first === undefined) return [];
  const { ineligible } = first;
  const place = nodes.length === situation.nodes.length ? 'every node' : some(nodes);
  return [ineligibleCause(ineligible, place), ...behind(situation, ineligible.reason)];
}

/** The nodes that came closest to announcing it: those that an advertisement selects, and of these the ones with an endpoint if it takes one. */
function nearest(index: SnapshotIndex, service: ServiceView, findings: readonly Finding[]): readonly Finding[] {
  const pools = servicePools(index, service);
  if (isIneligible(pools)) return findings;
  const { config } = index;
  const scopes: Readonly<Record<Finding['protocol'], readonly AdvertisementScope[]>> = {
    bgp: config.bgpAdvertisements.filter((advertisement) => coversService(advertisement, service, pools)),
    layer2: config.l2Advertisements.filter((advertisement) => coversService(advertisement, service, pools)),
  };
  const selected = findings.filter(({ node, protocol }) => scopes[protocol].some((scope) => coversNode(scope, node)));
  if (selected.length === 0) return only(findings, 'NodeNotSelected');
  if (service.externalTrafficPolicy !== 'Local') return selected;
  const { nodes } = index.serving(service.key);
  const serving = selected.filter(({ node }) => nodes.has(node.name));
  return serving.length > 0 ? serving : only(selected, 'NoEndpoints', 'NoLocalEndpoints');
}

function only(findings: readonly Finding[], ...reasons: readonly IneligibleReason[]): readonly Finding[] {
  const found = findings.filter(({ ineligible }) => reasons.includes(ineligible.reason));
  return found.length > 0 ? found : findings;
}

function rank(reason: IneligibleReason): number {
  return ORDER.includes(reason) ? ORDER.indexOf(reason) : ORDER.length;
}

/** Those with the reason that most of them have. */
function mostTelling(findings: readonly Finding[]): readonly Finding[] {
  const groups = new Map<IneligibleReason, Finding[]>();
  for (const finding of findings) {
    const { reason } = finding.ineligible;
    groups.set(reason, [...(groups.get(reason) ?? []), finding]);
  }
  const [best] = [...groups].toSorted(([a, one], [b, other]) => other.length - one.length || rank(a) - rank(b));
  return best?.[1] ?? [];
}

const KINDS_BEHIND: Readonly<Partial<Record<IneligibleReason, readonly string[]>>> = {
  AddressOutsidePools: ['IPAddressPool'],
  NoMatchingAdvertisement: ['BGPAdvertisement', 'L2Advertisement'],
  NodeNotSelected: ['BGPAdvertisement', 'L2Advertisement'],
  NoPeers: ['BGPPeer', 'BGPAdvertisement'],
};

/** What is wrong in the configuration and may be why the planner finds nothing. */
function behind({ problems }: Situation, reason: IneligibleReason): Cause[] {
  const kinds = KINDS_BEHIND[reason] ?? [];
  return problems.filter((problem) => kinds.includes(problem.object.kind) && isTelling(problem)).map(problemCause);
}

function isTelling({ severity, reason }: Problem): boolean {
  return severity === 'error' || reason === 'SelectsNothing' || reason === 'UnknownReference';
}
