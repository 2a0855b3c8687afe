import type { EndpointSliceView } from '../../src/cluster/endpoints.ts';
import type { NodeView } from '../../src/cluster/node.ts';
import { projectEndpointSlice, projectNode } from '../../src/cluster/project.ts';
import { GROUP, VERSION } from '../../src/api/kind.ts';
import { type NodeReport, projectNodeReport } from '../../src/glass/nodeReport.ts';
import { deepEqual } from '../../src/host/kube/deepEqual.ts';
import type { KubeClient } from '../../src/host/kube/kubeClient.ts';
import { type Reflector, startReflector } from '../../src/host/kube/reflector.ts';
import { ENDPOINT_SLICES, NODES, customResource } from '../../src/host/kube/resource.ts';
import type { Logger } from '../../src/host/log.ts';
import type { KubeMetrics } from '../../src/host/metrics.ts';

export interface GlassWatchesOptions {
  readonly client: KubeClient;
  readonly namespace: string;
  readonly onChange: () => void;
  readonly log: Logger;
  readonly metrics: KubeMetrics;
}

/** What the page needs beyond what the controller reads in any case. Kept only where there is a page. */
export interface GlassWatches {
  readonly slices: Reflector<EndpointSliceView>;
  readonly nodes: Reflector<NodeView>;
  readonly reports: Reflector<NodeReport>;
  /** Which lists are not in yet, one sentence each. */
  readonly problems: () => string[];
  readonly stop: () => Promise<void>;
}

export function startGlassWatches({ namespace, ...common }: GlassWatchesOptions): GlassWatches {
  const slices = startReflector<EndpointSliceView>({
    ...common,
    resource: ENDPOINT_SLICES,
    labelSelector: '!service.kubernetes.io/headless',
    project: projectEndpointSlice,
    same: deepEqual,
  });
  const nodes = startReflector<NodeView>({ ...common, resource: NODES, project: projectNode, same: deepEqual });
  const reports = startReflector<NodeReport>({
    ...common,
    namespace,
    optional: true,
    resource: customResource(GROUP, VERSION, 'nodestates', 'NodeState'),
    project: projectNodeReport,
    same: deepEqual,
  });
  const all = { endpointslices: slices, nodes, nodestates: reports };
  return {
    slices,
    nodes,
    reports,
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
