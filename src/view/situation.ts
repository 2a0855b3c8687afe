import type { Prospects } from '../announce/prospects.ts';
import type { NodeView } from '../cluster/node.ts';
import type { ServiceKey, ServiceView } from '../cluster/service.ts';
import type { Config } from '../config/config.ts';
import type { Problem } from '../config/problem.ts';
import type { Assignment } from '../ipam/assignment.ts';
import type { Cause } from './cause.ts';
import type { ControllerView, DaemonView } from './daemons.ts';
import type { OutdatedKind } from './definitions.ts';
import type { NodeStateView } from './nodeState.ts';

/** All that a verdict depends on. The commands make it of one look at the cluster, the controller of what it watches. */
export interface Situation {
  readonly config: Config;
  readonly problems: readonly Problem[];
  /** Sorted by name. */
  readonly nodes: readonly NodeView[];
  readonly loadBalancerClass?: string;
  readonly prospects: Prospects;
  readonly states: ReadonlyMap<string, NodeStateView>;
  readonly controller: ControllerView;
  /** Of HeraldLB; undefined: not known. */
  readonly daemons: readonly DaemonView[] | undefined;
  /** What the controller gives the Service, as far as can be told. */
  readonly assignment: (service: ServiceKey) => Assignment | undefined;
  /** Kinds whose definition in the cluster has not all fields; absent: none, or not known. */
  readonly outdated?: readonly OutdatedKind[];
  /** Why kinds of the configuration cannot be read: what depends on them cannot be judged. */
  readonly unread?: readonly Cause[];
  /** Prefixes that the node's plan has for the peer; absent: not known. */
  readonly planned?: (node: string, peer: string) => number;
}

/** A Service that this installation handles, whatever becomes of it. */
export function isHandled({ loadBalancerClass }: Pick<Situation, 'loadBalancerClass'>, service: ServiceView): boolean {
  return service.type === 'LoadBalancer' && service.loadBalancerClass === loadBalancerClass;
}

/**
 * Does the node's speaker run? Its NodeState stays as it was when it is killed, so its Pod is what counts; where HeraldLB does not run in
 * Pods, or they may not be seen, the NodeState has to do.
 */
export function speakerRuns({ daemons, states }: Pick<Situation, 'daemons' | 'states'>, node: string): boolean {
  const speakers = (daemons ?? []).filter(({ component }) => component === 'speaker');
  if (speakers.length === 0) return states.has(node);
  return speakers.some((speaker) => speaker.node === node && speaker.ready);
}
