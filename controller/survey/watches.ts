import type { EndpointSliceView } from '../../src/cluster/endpoints.ts';
import type { NodeView } from '../../src/cluster/node.ts';
import { projectEndpointSlice, projectNode } from '../../src/cluster/project.ts';
import { GROUP, VERSION } from '../../src/api/kind.ts';
import { deepEqual } from '../../src/host/kube/deepEqual.ts';
import type { KubeClient } from '../../src/host/kube/kubeClient.ts';
import { type Reflector, startReflector } from '../../src/host/kube/reflector.ts';
import { ENDPOINT_SLICES, NODES, PODS, customResource } from '../../src/host/kube/resource.ts';
import type { Logger } from '../../src/host/log.ts';
import type { KubeMetrics } from '../../src/host/metrics.ts';
import { type DaemonView, projectDaemon } from '../../src/view/daemons.ts';
import { type NodeStateView, projectNodeState } from '../../src/view/nodeState.ts';

export interface SurveyWatchesOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly onChange: () => void;
  readonly log: Logger;
  readonly metrics: KubeMetrics;
}

/** What a verdict needs beyond what allocation does. */
export interface SurveyWatches {
  readonly slices: Reflector<EndpointSliceView>;
  readonly nodes: Reflector<NodeView>;
  readonly states: Reflector<NodeStateView>;
  readonly daemons: Reflector<DaemonView>;
  /** Which lists are not in yet, one sentence each. */
  readonly problems: () => string[];
  readonly stop: () => Promise<void>;
}

export function startSurveyWatches({ namespace, ...common }: SurveyWatchesOptions): SurveyWatches {
  const slices = startReflector<EndpointSliceView>({
    ...common,
    resource: ENDPOINT_SLICES,
    labelSelector: '!service.kubernetes.io/headless',
    project: projectEndpointSlice,
    same: deepEqual,
  });
  const nodes = startReflector<NodeView>({ ...common, resource: NODES, project: projectNode, same: deepEqual });
  const states = startReflector<NodeStateView>({
    ...common,
    namespace,
    optional: true,
    resource: customResource(GROUP, VERSION, 'nodestates', 'NodeState'),
    project: projectNodeState,
    same: deepEqual,
  });
  const daemons = startReflector<DaemonView>({
    ...common,
    namespace,
    resource: PODS,
    labelSelector: 'app.kubernetes.io/component',
    project: (object) => projectDaemon(object)[0],
    same: deepEqual,
  });
  const all = { endpointslices: slices, nodes, nodestates: states, pods: daemons };
  return {
    slices,
    nodes,
    states,
    daemons,
    problems: () =>
      Object.entries(all).flatMap(([name, reflector]) => {
        const { lastError } = reflector.health();
        return reflector.hasSynced() ? [] : [`the ${name} are not listed yet${lastError === undefined ? '' : `: ${lastError}`}`];
      }),
    stop: async () => {
      await Promise.all(Object.values(all).map((reflector) => reflector.stop()));
    },
  };
}
