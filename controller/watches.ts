import { GROUP, VERSION } from '../src/api/kind.ts';
import type { NamespaceView, NodeAddresses, NodeSightings } from '../src/cluster/node.ts';
import { projectNamespace, projectNodeAddresses, projectService, projectSightings } from '../src/cluster/project.ts';
import type { ServiceView } from '../src/cluster/service.ts';
import { configClient } from '../src/host/kube/configResource.ts';
import type { KubeClient } from '../src/host/kube/kubeClient.ts';
import type { KubeObject } from '../src/host/kube/objects.ts';
import { type Reflector, startReflector } from '../src/host/kube/reflector.ts';
import { NAMESPACES, NODES, type Resource, SERVICES, customResource } from '../src/host/kube/resource.ts';
import type { Logger } from '../src/host/log.ts';
import type { KubeMetrics } from '../src/host/metrics.ts';
import { unreadCause } from '../src/view/unread.ts';

export interface WatchesOptions {
  readonly client: KubeClient;
  /** Of the configuration objects. */
  readonly namespace: string;
  readonly configResources: readonly Resource[];
  readonly onChange: () => void;
  readonly log: Logger;
  readonly metrics: KubeMetrics;
}

/** In our own group whatever the others are read from: MetalLB has no such kinds. */
export const ADDRESS_CLAIMS = customResource(GROUP, VERSION, 'addressclaims', 'AddressClaim');
const NODE_STATES = customResource(GROUP, VERSION, 'nodestates', 'NodeState');

/** Everything that the controller reads of the cluster, kept by leaders and candidates alike. */
export interface Watches {
  readonly services: Reflector<ServiceView>;
  readonly namespaces: Reflector<NamespaceView>;
  readonly nodes: Reflector<NodeAddresses>;
  /** Empty where the kind does not exist. */
  readonly nodeStates: Reflector<NodeSightings>;
  /** Empty where the kind does not exist. */
  readonly claims: Reflector<KubeObject>;
  readonly configs: ReadonlyMap<Resource, Reflector<KubeObject>>;
  /** All first lists are in: nothing is decided before that. */
  readonly hasSynced: () => boolean;
  /** As that, without the kinds of the configuration that cannot be read. */
  readonly hasSyncedRest: () => boolean;
  /** Kinds of the configuration that the API server has not, or does not give, one sentence each. */
  readonly unread: () => string[];
  /** Which lists are not in yet, one sentence each. */
  readonly problems: () => string[];
  readonly stop: () => Promise<void>;
}

export function startWatches({ namespace, configResources, ...common }: WatchesOptions): Watches {
  const services = startReflector<ServiceView>({ ...common, resource: SERVICES, project: projectService });
  const namespaces = startReflector<NamespaceView>({ ...common, resource: NAMESPACES, project: projectNamespace, same: sameLabels });
  const nodes = startReflector<NodeAddresses>({ ...common, resource: NODES, project: projectNodeAddresses, same: sameJson });
  const own = { ...common, namespace, optional: true };
  const nodeStates = startReflector<NodeSightings>({ ...own, resource: NODE_STATES, project: projectSightings, same: sameJson });
  const claims = startReflector<KubeObject>({ ...own, resource: ADDRESS_CLAIMS, project: (object) => narrowed(object, ADDRESS_CLAIMS) });
  const configs = new Map(
    configResources.map((resource) => [
      resource,
      startReflector<KubeObject>({
        ...common,
        client: configClient(common.client, resource),
        resource,
        namespace,
        project: (object) => narrowed(object, resource),
      }),
    ]),
  );
  const plurals = new Set(configResources.map(({ plural }) => plural));
  const counts = ([plural, reflector]: (typeof all)[number]): boolean =>
    plurals.has(plural) && !(reflector.hasSynced() && SPARED.has(plural)) && isUnread(reflector);
  const all: readonly (readonly [string, Reflector<unknown>])[] = [
    ['services', services],
    ['namespaces', namespaces],
    ['nodes', nodes],
    ['nodestates', nodeStates],
    ['addressclaims', claims],
    ...[...configs].map(([{ plural }, reflector]) => [plural, reflector] as const),
  ];
  const isSynced = ([, reflector]: (typeof all)[number]): boolean => reflector.hasSynced();
  const unread = (): typeof all => all.filter(counts);
  return {
    services,
    namespaces,
    nodes,
    nodeStates,
    claims,
    configs,
    hasSynced: () => all.every(isSynced),
    hasSyncedRest: () => all.every((one) => isSynced(one) || unread().includes(one)),
    unread: () => unread().map(([name, reflector]) => `the ${name} cannot be listed${suffix(reflector.health().lastError)}`),
    problems: () =>
      all
        .filter((one) => !isSynced(one))
        .map(([name, reflector]) => `the ${name} are not listed yet${suffix(reflector.health().lastError)}`),
    stop: async () => {
      await Promise.all(all.map(([, reflector]) => reflector.stop()));
    },
  };
}

/** Where something is known it stays true: the API server may have come back without its definitions for a moment. */
function isUnread(reflector: Reflector<unknown>): boolean {
  const { connected, lastError = '' } = reflector.health();
  return !connected && reflector.store.size === 0 && UNREAD.has(unreadCause(lastError).reason);
}

/** Without any of them, all that is decided stays as it is. */
const SPARED: ReadonlySet<string> = new Set(['bfdprofiles', 'communities']);

const UNREAD: ReadonlySet<string> = new Set(['CrdMissing', 'RightMissing']);

function suffix(error: string | undefined): string {
  return error === undefined ? '' : `: ${error}`;
}

function sameLabels(a: NamespaceView, b: NamespaceView): boolean {
  return JSON.stringify(a.labels) === JSON.stringify(b.labels);
}

function sameJson(a: object, b: object): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** List items come without their kind; managedFields are longer than the object itself. */
function narrowed({ metadata, spec, status }: KubeObject, { kind }: Resource): KubeObject {
  const { name, namespace, uid, resourceVersion, generation, labels, annotations, creationTimestamp } = metadata;
  const kept = { name, namespace, uid, resourceVersion, generation, labels, annotations, creationTimestamp };
  const present = Object.fromEntries(Object.entries(kept).filter(([, value]) => value !== undefined));
  return { kind, metadata: { ...present, name }, spec, status };
}
