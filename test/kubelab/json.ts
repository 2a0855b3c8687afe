/** Plain JSON helpers. Objects are looked at through `unknown`, as the server stores whatever clients send. */

export type Dict = Record<string, unknown>;

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

export interface ObjectMeta {
  name: string;
  namespace?: string;
  generateName?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string | null;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
  managedFields?: Dict[];
  [key: string]: unknown;
}

/** Any stored object. */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  [key: string]: unknown;
}

export function isDict(value: unknown): value is Dict {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value as an object; an empty one when it is something else. */
export function dict(value: unknown): Dict {
  return isDict(value) ? value : {};
}

export function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

export function dicts(value: unknown): Dict[] {
  return list(value).filter(isDict);
}

export function text(value: unknown): string {
  if (typeof value === 'string') return value;
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}

export function texts(value: unknown): string[] {
  return list(value).map(text);
}

/** Walks down object keys and array indexes; undefined where the way ends. */
export function dig(value: unknown, ...path: (string | number)[]): unknown {
  let at = value;
  for (const step of path) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = (at as Dict)[step];
  }
  return at;
}

export function clone<T>(value: T): T {
  if (Array.isArray(value)) return value.map((item) => clone(item as unknown)) as T;
  if (!isDict(value)) return value;
  const copy: Dict = {};
  for (const key of Object.keys(value)) copy[key] = clone(value[key]);
  return copy as T;
}

export function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => equal(item, b[index]));
  }
  if (!isDict(a) || !isDict(b)) return false;
  const keys = Object.keys(a).filter((key) => a[key] !== undefined);
  const others = Object.keys(b).filter((key) => b[key] !== undefined);
  return keys.length === others.length && keys.every((key) => b[key] !== undefined && equal(a[key], b[key]));
}

export function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? '' : apiVersion.slice(0, slash);
}

export function joinGroup(group: string, version: string): string {
  return group === '' ? version : `${group}/${version}`;
}

/** RFC 3339 in whole seconds, as metav1.Time is written. */
export function now(atMs: number = Date.now()): string {
  return `${new Date(atMs).toISOString().slice(0, 19)}Z`;
}
