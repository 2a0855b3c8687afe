/** Where a kind of object lives in the API. The group is data: the same code reads `heraldlb.io` or `metallb.io`. */
export interface Resource {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
}

/** Names one object of a resource. */
export interface Ref {
  readonly namespace?: string | undefined;
  readonly name: string;
}

/** `namespace/name`, or `name` for cluster-wide objects. The key of stores and queues. */
export type ObjectKey = string;

function core(plural: string, kind: string, namespaced = true): Resource {
  return { group: '', version: 'v1', plural, kind, namespaced };
}

export const SERVICES = core('services', 'Service');
export const NODES = core('nodes', 'Node', false);
export const NAMESPACES = core('namespaces', 'Namespace', false);
export const SECRETS = core('secrets', 'Secret');
export const PODS = core('pods', 'Pod');
export const DEFINITIONS = customResource('apiextensions.k8s.io', 'v1', 'customresourcedefinitions', 'CustomResourceDefinition');
export const EVENTS = core('events', 'Event');
export const ENDPOINT_SLICES = customResource('discovery.k8s.io', 'v1', 'endpointslices', 'EndpointSlice');
export const LEASES = customResource('coordination.k8s.io', 'v1', 'leases', 'Lease');

export function customResource(group: string, version: string, plural: string, kind: string, namespaced = true): Resource {
  return { group, version, plural, kind, namespaced };
}

export function apiVersionOf(resource: Resource): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
}

export function keyOf(ref: Ref): ObjectKey {
  return ref.namespace === undefined || ref.namespace === '' ? ref.name : [ref.namespace, ref.name].join('/');
}

/** Without a namespace: the whole cluster. */
export function collectionPath(resource: Resource, namespace?: string): string {
  const root = resource.group === '' ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`;
  const scope = resource.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${root}${scope}/${resource.plural}`;
}

export function objectPath(resource: Resource, ref: Ref, subresource?: string): string {
  const path = `${collectionPath(resource, ref.namespace)}/${encodeURIComponent(ref.name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}
