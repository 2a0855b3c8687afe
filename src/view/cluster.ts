import type { PeerPlan, RouteSet, ServiceVerdict } from '../announce/plan.ts';
import { Prospects } from '../announce/prospects.ts';
import { SnapshotIndex } from '../announce/snapshot.ts';
import { KINDS } from '../api/crd.ts';
import type { ServiceKey } from '../cluster/service.ts';
import type { AddressPlan } from '../ipam/plan.ts';
import { classOf, controllerView, projectDaemon, triggersOf } from './daemons.ts';
import { outdatedKinds } from './definitions.ts';
import { projectNodeState } from './nodeState.ts';
import type { Situation } from './situation.ts';
import { type NodePlans, type World, type WorldContext, type WorldObjects, addressesOf, plansOf, readWorld } from './world.ts';

/** What is listed of a cluster for one look at it. */
export interface ClusterObjects extends WorldObjects {
  /** Of the controller; undefined: there is none. */
  readonly lease?: unknown;
  /** Whether the lease, which looks old by the clock of this machine, was renewed meanwhile. */
  readonly renewed?: boolean;
  /** Those of the namespace of HeraldLB; undefined: they may not be listed. */
  readonly pods?: readonly unknown[];
  /** CustomResourceDefinitions by plural, those that may be seen. */
  readonly definitions?: ReadonlyMap<string, unknown>;
}

/** One cluster at one moment: what is wanted, what every node is to announce, and what every node says that it does. */
export interface Cluster extends Situation {
  readonly nowMs: number;
  readonly world: World;
  /** Worked out when first asked for, as all that is a function here. */
  readonly plans: () => NodePlans;
  readonly verdict: (node: string, service: ServiceKey) => ServiceVerdict | undefined;
  /** What the controller's plan would be. */
  readonly addresses: () => AddressPlan;
}

export interface ClusterContext extends Pick<WorldContext, 'nowMs' | 'apiGroup'> {
  /** Default: as the controller's Pods have it on their command line. */
  readonly loadBalancerClass?: string;
}

export function readCluster(objects: ClusterObjects, { loadBalancerClass, ...context }: ClusterContext): Cluster {
  const daemons = objects.pods?.flatMap(projectDaemon);
  const lbClass = loadBalancerClass ?? classOf(daemons ?? []);
  const handled = lbClass === undefined ? {} : { loadBalancerClass: lbClass };
  const drainTriggers = triggersOf(daemons ?? []);
  const told = drainTriggers === undefined ? {} : { drainTriggers };
  const world = readWorld(objects, { ...context, ...handled, ...told });
  const { nowMs } = context;
  const plans = once(() => plansOf(world));
  const addresses = once(() => addressesOf(world));
  const verdicts = once(
    () => new Map(plans().all.map(({ plan, verdicts: list }) => [plan.node, new Map(list.map((one) => [one.service, one]))])),
  );
  const peers = once(() => new Map(plans().all.map(({ plan }) => [plan.node, new Map(plan.peers.map((peer) => [peer.name, peer]))])));
  return {
    ...handled,
    nowMs,
    world,
    config: world.config,
    problems: world.problems,
    nodes: world.nodes,
    prospects: prospectsOf(world),
    states: new Map(objects.nodeStates.flatMap((object) => projectNodeState(object) ?? []).map((state) => [state.node, state])),
    controller: controllerView(objects.lease, daemons, nowMs, objects.renewed),
    daemons,
    outdated: outdatedKinds(KINDS, objects.definitions ?? new Map()),
    plans,
    verdict: (node, service) => verdicts().get(node)?.get(service),
    planned: (node, name) => plannedRoutes(peers().get(node)?.get(name)),
    addresses,
    assignment: (service) => addresses().assignments.get(service),
  };
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

function prospectsOf(world: World): Prospects {
  const index = new SnapshotIndex(world.config);
  index.update(world);
  return new Prospects(index, world.drains);
}

function plannedRoutes(peer: PeerPlan<RouteSet> | undefined): number {
  return (peer?.routes ?? []).reduce((sum, { prefixes }) => sum + prefixes.length, 0);
}
