import { type Dict, type KubeObject } from './json.ts';
import type { Resource } from './resources.ts';
import type { Entry } from './store.ts';
import { applyDefaults, prune } from './schema/schema.ts';

/** Names of an Event's fields: in the core group, and in events.k8s.io. */
const eventNames: readonly (readonly [string, string])[] = [
  ['involvedObject', 'regarding'],
  ['message', 'note'],
  ['source', 'deprecatedSource'],
  ['firstTimestamp', 'deprecatedFirstTimestamp'],
  ['lastTimestamp', 'deprecatedLastTimestamp'],
  ['count', 'deprecatedCount'],
  ['reportingComponent', 'reportingController'],
];

function rename(object: KubeObject, names: readonly (readonly [string, string])[], forward: boolean): KubeObject {
  const map = new Map(names.map(([a, b]) => (forward ? [a, b] : [b, a])));
  const out: Dict = {};
  for (const [key, value] of Object.entries(object)) out[map.get(key) ?? key] = value;
  return out as KubeObject;
}

/** The object as the version of the resource shows it. Not to be changed by the caller. */
export function served(resource: Resource, object: KubeObject): KubeObject {
  if (object.apiVersion === resource.apiVersion) return object;
  if (resource.storage === 'events') {
    return { ...rename(object, eventNames, true), apiVersion: resource.apiVersion };
  }
  const shown = structuredClone(object);
  shown.apiVersion = resource.apiVersion;
  if (resource.custom && resource.schema !== undefined) {
    const { metadata } = shown;
    prune({ ...resource.schema, properties: { ...resource.schema.properties, ...envelope } }, shown);
    applyDefaults(resource.schema, shown);
    shown.metadata = metadata;
  }
  return shown;
}

const envelope = { apiVersion: {}, kind: {}, metadata: { 'x-kubernetes-preserve-unknown-fields': true } };

/** The object as it is kept, from what a client sent to this version. */
export function stored(resource: Resource, object: KubeObject): KubeObject {
  if (resource.storage === 'events' && resource.group !== '') {
    return { ...rename(object, eventNames, false), apiVersion: 'v1' };
  }
  return object;
}

export type Form = 'whole' | 'metadata';

/** JSON of one entry, kept with it. */
export function encode(resource: Resource, entry: Entry, form: Form = 'whole'): string {
  const key = `${form} ${resource.apiVersion} ${resource.custom ? '' : ''}`;
  const found = entry.encoded.get(key);
  if (found !== undefined) return found;
  const made = form === 'whole' ? JSON.stringify(served(resource, entry.object)) : JSON.stringify(metadataOnly(entry.object));
  entry.encoded.set(key, made);
  return made;
}

export function metadataOnly(object: KubeObject): KubeObject {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata };
}
