import type { Call, KubeClient } from './kubeClient.ts';
import { apiVersionOf, collectionPath, objectPath, type Ref, type Resource } from './resource.ts';

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

/** metav1.ObjectMeta, as far as HeraldLB looks into it. */
export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
}

/** An object as the server sent it. Nothing but `metadata` is known about it. */
export interface KubeObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: ObjectMeta;
  readonly [field: string]: unknown;
}

export interface ListOptions {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

export type PatchType = 'merge' | 'json' | 'strategic';

const PATCH_TYPES: Readonly<Record<PatchType, string>> = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  strategic: 'application/strategic-merge-patch+json',
};

type CallOptions = Pick<Call, 'signal' | 'timeoutMs' | 'isOneOfMany'>;

export function getObject<T = KubeObject>(client: KubeClient, resource: Resource, ref: Ref, options: CallOptions = {}): Promise<T> {
  return client.request<T>({ method: 'GET', path: objectPath(resource, ref), ...options });
}

/** A whole list in one answer: for few objects. Reflectors page. */
export async function listObjects<T = KubeObject>(
  client: KubeClient,
  resource: Resource,
  options: ListOptions = {},
): Promise<readonly T[]> {
  const { namespace, labelSelector, fieldSelector } = options;
  const path = collectionPath(resource, namespace);
  const list = await client.request<{ items?: readonly T[] }>({ method: 'GET', path, query: { labelSelector, fieldSelector } });
  return list.items ?? [];
}

function typed(resource: Resource, object: object): object {
  return { apiVersion: apiVersionOf(resource), kind: resource.kind, ...object };
}

export function createObject<T = KubeObject>(
  client: KubeClient,
  resource: Resource,
  object: { readonly metadata: { readonly namespace?: string; readonly name?: string }; readonly [field: string]: unknown },
  options: CallOptions = {},
): Promise<T> {
  const path = collectionPath(resource, object.metadata.namespace);
  return client.request<T>({ method: 'POST', path, body: typed(resource, object), ...options });
}

/** A PUT: `metadata.resourceVersion` in the object makes it conditional. */
export function replaceObject<T = KubeObject>(
  client: KubeClient,
  resource: Resource,
  object: { readonly metadata: Ref; readonly [field: string]: unknown },
  options: CallOptions & { readonly subresource?: string } = {},
): Promise<T> {
  const { subresource, ...rest } = options;
  return client.request<T>({
    method: 'PUT',
    path: objectPath(resource, object.metadata, subresource),
    body: typed(resource, object),
    ...rest,
  });
}

/** Of the object as it is after a write only its metadata, where the server knows how; less to make, to send and to read. */
const METADATA_ONLY = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json';

export function patchObject<T = KubeObject>(
  client: KubeClient,
  resource: Resource,
  ref: Ref,
  patch: object,
  options: CallOptions & {
    readonly subresource?: string | undefined;
    readonly type?: PatchType;
    readonly fieldManager?: string;
    readonly metadataOnly?: boolean;
  } = {},
): Promise<T> {
  const { subresource, type = 'merge', fieldManager, metadataOnly = false, ...call } = options;
  const rest = metadataOnly ? { ...call, accept: METADATA_ONLY } : call;
  const path = objectPath(resource, ref, subresource);
  return client.request<T>({ method: 'PATCH', path, query: { fieldManager }, body: patch, contentType: PATCH_TYPES[type], ...rest });
}

/** Server-side apply. `force` takes over fields that another manager owns; without it that is a conflict. */
export function applyObject<T = KubeObject>(
  client: KubeClient,
  resource: Resource,
  object: { readonly metadata: Ref; readonly [field: string]: unknown },
  options: CallOptions & {
    readonly fieldManager: string;
    readonly force?: boolean;
    readonly subresource?: string | undefined;
    readonly metadataOnly?: boolean;
  },
): Promise<T> {
  const { subresource, fieldManager, force = false, metadataOnly = false, ...call } = options;
  const rest = metadataOnly ? { ...call, accept: METADATA_ONLY } : call;
  return client.request<T>({
    method: 'PATCH',
    path: objectPath(resource, object.metadata, subresource),
    query: { fieldManager, force: String(force) },
    body: typed(resource, object),
    contentType: 'application/apply-patch+yaml',
    ...rest,
  });
}

/** With `uid`, only this very object is deleted, not a namesake made since. */
export function deleteObject(
  client: KubeClient,
  resource: Resource,
  ref: Ref,
  preconditions: { readonly uid?: string; readonly resourceVersion?: string } = {},
): Promise<unknown> {
  const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions };
  return client.request({ method: 'DELETE', path: objectPath(resource, ref), body });
}
