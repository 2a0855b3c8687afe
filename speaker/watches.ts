import type { Sources } from '../src/announce/sources.ts';
import type { AnnouncedSlice } from '../src/cluster/endpoints.ts';
import type { NodeView } from '../src/cluster/node.ts';
import { projectNode } from '../src/cluster/project.ts';
import { CONFIG_KINDS, type ConfigKind } from '../src/config/parse.ts';
import { configClient, configResource } from '../src/host/kube/configResource.ts';
import { deepEqual } from '../src/host/kube/deepEqual.ts';
import type { KubeClient } from '../src/host/kube/kubeClient.ts';
import type { KubeObject } from '../src/host/kube/objects.ts';
import { type Reflector, startReflector } from '../src/host/kube/reflector.ts';
import { ENDPOINT_SLICES, NODES, SERVICES } from '../src/host/kube/resource.ts';
import type { Logger } from '../src/host/log.ts';
import type { KubeMetrics } from '../src/host/metrics.ts';
import { Texts } from '../src/rows/texts.ts';
import { ServiceRows } from './serviceRows.ts';
import { SliceRows } from './sliceRows.ts';
import { type LoadBalancer, projectLoadBalancer, projectServingSlice, sameLoadBalancer, sameSlice } from './views.ts';

export interface WatchesOptions {
  readonly client: KubeClient;
  /** Of the configuration objects. */
  readonly namespace: string;
  readonly apiGroup: string;
  readonly onChange: () => void;
  readonly log: Logger;
  readonly metrics: KubeMetrics;
}

/** Everything a speaker reads of the cluster. */
export interface Watches {
  readonly services: Reflector<LoadBalancer>;
  readonly slices: Reflector<AnnouncedSlice>;
  readonly nodes: Reflector<NodeView>;
  readonly configs: ReadonlyMap<ConfigKind, Reflector<KubeObject>>;
  /** Where a plan finds the first two. */
  readonly sources: Sources;
  /** Which lists are not in yet, one sentence each; nothing is planned before there is none. */
  readonly problems: () => string[];
  readonly stop: () => Promise<void>;
}

/** There may be 100,000 of these, and no more than one page of them is in memory as it came. */
const PAGE = 200;

export function startWatches({ namespace, apiGroup, ...common }: WatchesOptions): Watches {
  const [names, texts] = [new Texts(), new Texts()];
  const rows = { services: new ServiceRows(names, texts), slices: new SliceRows(names, texts) };
  const services = startReflector<LoadBalancer>({
    ...common,
    resource: SERVICES,
    project: projectLoadBalancer,
    items: rows.services,
    same: sameLoadBalancer,
    pageSize: PAGE,
  });
  const slices = startReflector<AnnouncedSlice>({
    ...common,
    resource: ENDPOINT_SLICES,
    labelSelector: '!service.kubernetes.io/headless',
    project: projectServingSlice,
    items: rows.slices,
    pageSize: PAGE,
    same: sameSlice,
  });
  // The kubelet touches its Node every few minutes, and others do more often: most of it changes nothing for us.
  const nodes = startReflector<NodeView>({ ...common, resource: NODES, project: projectNode, same: deepEqual });
  const configs = new Map(
    CONFIG_KINDS.map((kind) => {
      const resource = configResource(apiGroup, kind);
      return [
        kind,
        startReflector<KubeObject>({
          ...common,
          client: configClient(common.client, resource),
          namespace,
          resource,
          project: (object) => withoutStatus(object, kind),
          same: sameConfig,
        }),
      ];
    }),
  );
  const all: readonly (readonly [string, Reflector<unknown>])[] = [
    ['services', services],
    ['endpointslices', slices],
    ['nodes', nodes],
    ...[...configs].map(([kind, reflector]) => [`${kind} objects`, reflector] as const),
  ];
  return {
    services,
    slices,
    nodes,
    configs,
    sources: { names, ...rows },
    problems: () => all.filter(([, reflector]) => !reflector.hasSynced()).map(([name, reflector]) => missing(name, reflector)),
    stop: async () => {
      await Promise.all(all.map(([, reflector]) => reflector.stop()));
    },
  };
}

function missing(name: string, reflector: Reflector<unknown>): string {
  const { lastError } = reflector.health();
  return `the ${name} are not listed yet${lastError === undefined ? '' : `: ${lastError}`}`;
}

/** List items come without their kind; a status is the controller's, and changes nothing here. */
function withoutStatus({ metadata, spec }: KubeObject, kind: ConfigKind): KubeObject {
  const { name, namespace, uid, generation, labels, creationTimestamp } = metadata;
  const kept = { namespace, uid, generation, labels, creationTimestamp };
  const present = Object.fromEntries(Object.entries(kept).filter(([, value]) => value !== undefined));
  return { kind, metadata: { ...present, name }, spec };
}

function sameConfig(a: KubeObject, b: KubeObject): boolean {
  return deepEqual(a, b);
}
