import type { NodeView } from '../../cluster/node.ts';
import { blockContains, blockOfPrefix } from '../../net/block.ts';
import { addressBits } from '../../net/ip.ts';
import { prefixLength } from '../../net/prefix.ts';
import type { LabelExpression } from '../../config/selector.ts';
import { interfacesOf } from './ciliumLayer2.ts';
import type { Draft } from './draft.ts';
import { child, word, words } from './fields.ts';
import type { Group, GroupPool, GroupRange } from './purelbGroups.ts';
import { isEmpty, readSelector } from './selectors.ts';
import { type SourceObject, given } from './sourceObject.ts';
import { shortestMask } from './space.ts';

/** Local addresses by layer 2 from nodes of the subnet, the others by BGP from all nodes. @param peers BGPPeers that were written */
export function announceGroups(draft: Draft, groups: readonly Group[], peers: readonly string[]): void {
  let remote = 0;
  for (const group of groups) {
    for (const pool of group.pools) {
      if (isLocal(draft, group, pool)) announceLocally(draft, group, pool);
      else {
        remote++;
        announceByBgp(draft, group, pool);
      }
    }
  }
  if (remote > 0 && peers.length === 0)
    draft.lose(
      'NoEquivalent',
      undefined,
      '',
      'the sessions of a router beside PureLB (BIRD, FRR) are not seen here: write a BGPPeer for each',
    );
}

/** PureLB v1 decides by the address of each node's interface. */
function isLocal(draft: Draft, { form, object }: Group, pool: GroupPool): boolean {
  if (form !== 'v1') return form === 'local';
  if (draft.nodes.length > 0) return nodesIn(draft, pool).length > 0;
  draft.lose(
    'Approximated',
    object,
    'spec.local',
    'without Nodes it is not known whether the subnet is theirs: taken as local, announced by layer 2',
  );
  return true;
}

function nodesIn({ nodes }: Draft, { ranges }: GroupPool): NodeView[] {
  const subnets = ranges.map(({ subnet }) => blockOfPrefix(subnet));
  return nodes.filter(({ internalIPs }) => internalIPs.some((ip) => subnets.some((subnet) => blockContains(subnet, ip))));
}

/** One advertisement for each LBNodeAgent, which says by which interfaces. */
function announceLocally(draft: Draft, { object }: Group, pool: GroupPool): void {
  const inSubnet = subnetSelector(draft, pool);
  const agents = draft.of('LBNodeAgent', 'purelb.io');
  for (const agent of agents.length === 0 ? [undefined] : agents) {
    const selector = readSelector(agent?.spec['nodeSelector']) ?? {};
    const nodes = inSubnet === undefined ? selector : { ...selector, matchExpressions: [...(selector.matchExpressions ?? []), inSubnet] };
    draft.write(
      'L2Advertisement',
      pool.name,
      given({
        ipAddressPools: [pool.name],
        interfaces: agent === undefined ? undefined : agentInterfaces(draft, agent),
        nodeSelectors: isEmpty(nodes) ? undefined : [nodes],
      }),
    );
  }
  if (agents.every((agent) => localInterface(agent) === 'default')) {
    const where = 'name it in spec.interfaces of the L2Advertisement where that matters';
    draft.lose(
      'Approximated',
      object,
      'spec.local',
      `was announced on the interface with the default route, now on every fit one: ${where}`,
    );
  }
}

/** Nodes outside the subnet never win there; undefined where all are in it, or no Node is known. */
function subnetSelector(draft: Draft, pool: GroupPool): LabelExpression | undefined {
  const fit = nodesIn(draft, pool);
  if (fit.length === 0 || fit.length === draft.nodes.length) return undefined;
  const values = fit.map(({ labels, name }) => labels['kubernetes.io/hostname'] ?? name);
  return { key: 'kubernetes.io/hostname', operator: 'In', values };
}

/** v2 and v1. */
function localInterface({ spec }: SourceObject): string {
  const local = child(spec, 'local');
  return word(local['localInterface']) ?? word(local['localint']) ?? 'default';
}

function agentInterfaces(draft: Draft, agent: SourceObject): readonly string[] | undefined {
  const written = localInterface(agent);
  if (written === 'default') return undefined;
  const named = interfacesOf(draft, agent, 'spec.local.localInterface', [written]);
  return named === undefined ? undefined : [...named, ...words(child(agent.spec, 'local')['interfaces'])];
}

function announceByBgp(draft: Draft, { object }: Group, pool: GroupPool): void {
  const v4 = lengthOf(
    draft,
    object,
    pool.ranges.filter(({ block }) => block.family === 'ipv4'),
  );
  const v6 = lengthOf(
    draft,
    object,
    pool.ranges.filter(({ block }) => block.family === 'ipv6'),
  );
  draft.write('BGPAdvertisement', pool.name, given({ ipAddressPools: [pool.name], aggregationLength: v4, aggregationLengthV6: v6 }));
}

/** The kernel's route to the dummy interface was as long as the subnet, or as the aggregation says. */
function lengthOf(draft: Draft, object: Group['object'], ranges: readonly GroupRange[]): number | undefined {
  const [first] = ranges;
  if (first === undefined) return undefined;
  const lengths = ranges.map(({ aggregation, subnet }) =>
    /^\/\d+$/.test(aggregation) ? Number(aggregation.slice(1)) : prefixLength(subnet),
  );
  const wanted = Math.min(...lengths);
  // An advertisement may not be larger than what the pool has.
  const allowed = Math.max(...ranges.map(({ block }) => shortestMask([block])));
  const length = Math.max(wanted, allowed);
  if (length !== wanted || new Set(lengths).size > 1) {
    const message = `was announced as /${[...new Set(lengths)].join(', /')}, which is larger than the pool or differs within it: announced as /${length} now`;
    draft.lose('Approximated', object, `${first.path}.aggregation`, message);
  }
  const bits = addressBits(first.block.family);
  return length === bits ? undefined : length;
}
