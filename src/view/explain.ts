import { type IneligibleReason, ineligibleText } from '../announce/eligibility.ts';
import type { Verdict } from '../announce/plan.ts';
import { coversService, isIneligible, names, servicePools } from '../announce/scope.ts';
import { type ServiceKey, type ServiceView, serviceKey } from '../cluster/service.ts';
import { type Cause, explainCause } from './cause.ts';
import type { Cluster } from './cluster.ts';
import type { ExplainReason } from './explainReason.ts';
import type { Holder } from './holders.ts';
import { Judge, allocatedOf } from './judgement.ts';
import { drainText } from './nodeState.ts';
import { passedOver, passedOverCauses } from './passedOver.ts';
import type { SessionView } from './sessions.ts';
import { isHandled, speakerRuns } from './situation.ts';
import { type Judgement, type Reach, type ServiceState, isOnWire } from './verdict.ts';

export type StepState = 'ok' | 'warning' | 'broken' | 'notReached';

/** One link of the chain from a Service to its clients. */
export interface Step {
  readonly stage: 'Service' | 'Address' | 'Advertisement' | 'Endpoints' | 'Nodes' | 'Wire' | 'Sessions';
  readonly state: StepState;
  readonly text: string;
}

/** What one node has to do with the Service. */
export interface NodeRow {
  readonly node: string;
  readonly ready: boolean;
  readonly speaker: 'runs' | 'does not run';
  /** A reason code, or `announced`. */
  readonly bgp: string;
  readonly layer2: string;
  /** What its speaker reports of it. */
  readonly onWire: readonly string[];
  readonly drain?: string;
}

export interface Explanation {
  readonly service: ServiceKey;
  readonly state: ServiceState;
  readonly addresses: readonly string[];
  /** The first is the one that counts. */
  readonly causes: readonly Cause[];
  readonly chain: readonly Step[];
  readonly nodes: readonly NodeRow[];
  /** Why nodes that could announce it are behind the others; nothing is wrong with that. */
  readonly passedOver: readonly Cause[];
  readonly sessions: readonly SessionView[];
}

/** The whole chain from the Service to the wire, as one verdict. */
export function explain(cluster: Cluster, namespace: string, name: string): Explanation {
  const key = serviceKey(namespace, name);
  const service = cluster.world.services.find((candidate) => candidate.key === key);
  const nothing = { service: key, state: 'notAnnounced', addresses: [], chain: [], nodes: [], passedOver: [], sessions: [] } as const;
  if (service === undefined) return { ...nothing, causes: [explainCause({ reason: 'ServiceNotFound' }, key)] };
  const judge = new Judge(cluster);
  const judgement = judge.judge(service);
  const peers = new Set(cluster.plans().all.flatMap(({ plan }) => peersFor(cluster, plan.node, key)));
  const nodes = isHandled(cluster, service) && service.ingress.length > 0 ? rowsOf(cluster, service, judgement) : [];
  return {
    service: key,
    state: judgement.state,
    addresses: service.ingress,
    causes: judgement.causes,
    chain: chainOf(cluster, service, judgement),
    nodes,
    passedOver: passedOverCauses(nodes),
    sessions: judge.sessions.filter((session) => peers.has(`${session.node} ${session.peer}`)),
  };
}

function peersFor({ verdict }: Cluster, node: string, service: ServiceKey): string[] {
  const found = verdict(node, service)?.bgp;
  return found?.announced === true ? (found.peers ?? []).map((peer) => `${node} ${peer}`) : [];
}

function rowsOf(cluster: Cluster, service: ServiceView, { reaches }: Judgement): NodeRow[] {
  return cluster.world.nodes.map(({ name, ready }) => {
    const verdict = cluster.verdict(name, service.key);
    const drain = cluster.states.get(name)?.drain;
    const code = layer2Code(verdict?.layer2, name, reaches);
    return {
      node: name,
      ready,
      speaker: speakerRuns(cluster, name) ? 'runs' : 'does not run',
      bgp: codeOf(verdict?.bgp),
      layer2: code === NOT_OWNER ? (passedOver(cluster, service, name) ?? code) : code,
      onWire: reaches.flatMap((reach) => wireTexts(reach, name)),
      ...(drain === undefined ? {} : { drain: drainText(drain) }),
    };
  });
}

function codeOf(verdict: Verdict | undefined): string {
  if (verdict === undefined) return '';
  return verdict.announced ? 'announced' : verdict.ineligible.reason;
}

/** Among those that may own it the nodes themselves find the owner, who may be another than the plan's. */
function layer2Code(verdict: Verdict | undefined, node: string, reaches: readonly Reach[]): string {
  const code = codeOf(verdict);
  const holders = reaches.flatMap(({ layer2 }) => layer2.holders);
  // Who owns it is told by the speakers; while none does, by the plan.
  const holds = holders.some((holder) => holder.node === node && (holder.onWire || code === 'announced')) && !isElsewhere(holders, node);
  if (holds && OWNED_BY_OTHER.has(code)) return 'announced';
  return code === 'announced' && !holds ? NOT_OWNER : code;
}

function isElsewhere(holders: readonly Holder[], node: string): boolean {
  const owners = holders.filter(({ onWire }) => onWire);
  return owners.length > 0 && !owners.some((owner) => owner.node === node);
}

const NOT_OWNER = 'NotOwner' satisfies IneligibleReason;
const OWNED_BY_OTHER: ReadonlySet<string> = new Set<IneligibleReason>([NOT_OWNER, 'NodeNotReady']);

/** What of an address the node has on the wire. */
function wireTexts({ address, bgp, layer2 }: Reach, name: string): string[] {
  const isRouted = bgp.up.includes(name);
  return [
    ...(isRouted ? [`${address} to ${(bgp.reached.get(name) ?? []).join(', ')}`] : []),
    ...layer2.holders.flatMap(({ node, onWire }) => (node === name && onWire ? [`answers for ${address}`] : [])),
  ];
}

function chainOf(cluster: Cluster, service: ServiceView, judgement: Judgement): Step[] {
  const { type, loadBalancerClass: own, ingress } = service;
  const isOurs = isHandled(cluster, service) && !service.deleting;
  const steps = [step('Service', isOurs, `type ${type}${own === undefined ? '' : `, class ${own}`}`)];
  if (!isOurs) return [...steps, ...unreached('Address', 'Advertisement', 'Endpoints', 'Nodes', 'Wire', 'Sessions')];
  steps.push(addressStep(service));
  if (ingress.length === 0) return [...steps, ...unreached('Advertisement', 'Endpoints', 'Nodes', 'Wire', 'Sessions')];
  const planned = cluster.world.nodes.flatMap(({ name }) => announcers(cluster, name, service.key, judgement.reaches));
  const nodes = step('Nodes', planned.length > 0, planned.length > 0 ? planned.join(', ') : nowhereText(cluster, service));
  steps.push(advertisementStep(cluster, service), endpointStep(cluster, service), nodes);
  return [...steps, ...wireSteps(cluster, judgement, planned.length > 0)];
}

function step(stage: Step['stage'], isGood: boolean, text: string): Step {
  return { stage, state: isGood ? 'ok' : 'broken', text };
}

function addressStep(service: ServiceView): Step {
  const condition = allocatedOf(service);
  const text = condition?.message ?? (service.ingress.join(', ') || 'none');
  const found = step('Address', service.ingress.length > 0, text);
  return found.state === 'ok' && condition?.status === 'False' ? { ...found, state: 'warning' } : found;
}

function endpointStep({ plans }: Cluster, service: ServiceView): Step {
  const serving = plans().index?.serving(service.key);
  if (serving?.anywhere !== true) return step('Endpoints', false, 'none is serving');
  const at = [...serving.nodes].map(([node, count]) => `${count} on ${node}`).join(', ');
  return step('Endpoints', true, `serving: ${at || 'on no node'}`);
}

function unreached(...stages: readonly Step['stage'][]): Step[] {
  return stages.map((stage) => ({ stage, state: 'notReached', text: '' }));
}

function advertisementStep({ plans, world }: Cluster, service: ServiceView): Step {
  const stage = 'Advertisement';
  const { index } = plans();
  if (index === undefined) return { stage, state: 'notReached', text: '' };
  const pools = servicePools(index, service);
  if (isIneligible(pools)) return { stage, state: 'broken', text: ineligibleText(pools) };
  const matching = [
    ...names(world.config.bgpAdvertisements.filter((one) => coversService(one, service, pools))).map((name) => `BGPAdvertisement ${name}`),
    ...names(world.config.l2Advertisements.filter((one) => coversService(one, service, pools))).map((name) => `L2Advertisement ${name}`),
  ];
  const [first] = matching;
  if (first === undefined) return { stage, state: 'broken', text: ineligibleText({ reason: 'NoMatchingAdvertisement' }) };
  return { stage, state: 'ok', text: matching.join(', ') };
}

function announcers({ verdict }: Cluster, node: string, service: ServiceKey, reaches: readonly Reach[]): string[] {
  const found = verdict(node, service);
  const isOwner = layer2Code(found?.layer2, node, reaches) === 'announced';
  const protocols = [...(found?.bgp.announced === true ? ['BGP'] : []), ...(isOwner ? ['layer 2'] : [])];
  return protocols.length === 0 ? [] : [`${node} by ${protocols.join(' and ')}`];
}

function nowhereText({ world, verdict }: Cluster, service: ServiceView): string {
  return `none of ${world.nodes.filter(({ name }) => verdict(name, service.key) !== undefined).length} is to announce it`;
}

function wireSteps(cluster: Cluster, { reaches, state }: Judgement, isPlanned: boolean): Step[] {
  if (reaches.length === 0) return unreached('Wire', 'Sessions');
  const texts = cluster.world.nodes.flatMap(({ name }) =>
    reaches.flatMap((reach) => wireTexts(reach, name)).map((text) => `${name} ${text}`),
  );
  const isWhole = isPlanned && reaches.every(isOnWire) && reaches.every(({ bgp }) => bgp.down.length + bgp.deaf.length === 0);
  const some: StepState = isWhole ? 'ok' : 'warning';
  const wire: Step = { stage: 'Wire', state: texts.length === 0 ? 'broken' : some, text: texts.join('; ') || 'nothing' };
  const routed = reaches.filter(({ bgp }) => bgp.up.length + bgp.down.length + bgp.deaf.length > 0);
  if (routed.length === 0) return [wire, { stage: 'Sessions', state: 'notReached', text: 'not needed in layer 2' }];
  const troubles = new Set(
    routed.flatMap(({ bgp }) => [...bgp.causes.map(({ cause }) => cause.reason), ...(bgp.deaf.length > 0 ? [DEAF] : [])]),
  );
  const bad: StepState = state === 'notAnnounced' ? 'broken' : 'warning';
  return [wire, { stage: 'Sessions', state: troubles.size === 0 ? 'ok' : bad, text: [...troubles].join(', ') || 'up' }];
}

const DEAF: ExplainReason = 'FamilyNotCarried';
