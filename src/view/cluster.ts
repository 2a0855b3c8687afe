import type { PeerPlan, RouteSet, ServiceVerdict } from '../announce/plan.ts';
import type { ServiceKey } from '../cluster/service.ts';
import type { AddressPlan } from '../ipam/plan.ts';
import { type ControllerView, type DaemonView, classOf, controllerView, projectDaemon } from './daemons.ts';
import { type NodeStateView, projectNodeState } from './nodeState.ts';
import { type NodePlans, type World, type WorldContext, type WorldObjects, addressesOf, plansOf, readWorld } from './world.ts';

/** What is listed of a cluster for one look at it. */
export interface ClusterObjects extends WorldObjects {
  /** Of the controller; undefined: there is none. */
  readonly lease?: unknown;
  /** Those of the namespace of HeraldLB; undefined: they may not be listed. */
  readonly pods?: readonly unknown[];
}

/** One cluster at one moment: what is wanted, what every node is to announce, and what every node says that it does. */
export interface Cluster {
  readonly nowMs: number;
  readonly world: World;
  readonly plans: NodePlans;
  readonly states: ReadonlyMap<string, NodeStateView>;
  readonly controller: ControllerView;
  /** Of HeraldLB; undefined: not known. */
  readonly daemons: readonly DaemonView[] | undefined;
  readonly verdict: (node: string, service: ServiceKey) => ServiceVerdict | undefined;
  /** What the controller's plan would be; worked out when first asked for. */
  readonly addresses: () => AddressPlan;
}

export interface ClusterContext extends Pick<WorldContext, 'nowMs' | 'apiGroup'> {
  /** Default: as the controller's Pods have it on their command line. */
  readonly loadBalancerClass?: string;
}

export function readCluster(objects: ClusterObjects, { loadBalancerClass, ...context }: ClusterContext): Cluster {
  const daemons = objects.pods?.flatMap(projectDaemon);
  const lbClass = loadBalancerClass ?? classOf(daemons ?? []);
  const world = readWorld(objects, { ...context, ...(lbClass === undefined ? {} : { loadBalancerClass: lbClass }) });
  const plans = plansOf(world);
  const { nowMs } = context;
  const verdicts = new Map(plans.all.map(({ plan, verdicts: list }) => [plan.node, new Map(list.map((one) => [one.service, one]))]));
  let addresses: AddressPlan | undefined;
  return {
    nowMs,
    world,
    plans,
    states: new Map(objects.nodeStates.flatMap((object) => projectNodeState(object) ?? []).map((state) => [state.node, state])),
    controller: controllerView(objects.lease, daemons, nowMs),
    daemons,
    verdict: (node, service) => verdicts.get(node)?.get(service),
    addresses: () => (addresses ??= addressesOf(world)),
  };
}

/**
 * Does the node's speaker run? Its NodeState stays as it was when it is killed, so its Pod is what counts; where HeraldLB does not run in
 * Pods, or they may not be seen, the NodeState has to do.
 */
export function speakerRuns({ daemons, states }: Pick<Cluster, 'daemons' | 'states'>, node: string): boolean {
  const speakers = (daemons ?? []).filter(({ component }) => component === 'speaker');
  if (speakers.length === 0) return states.has(node);
  return speakers.some((speaker) => speaker.node === node && speaker.ready);
}

/** Prefixes that are to be announced to a peer. */
export function plannedRoutes({ routes }: PeerPlan<RouteSet>): number {
  return routes.reduce((sum, { prefixes }) => sum + prefixes.length, 0);
}
