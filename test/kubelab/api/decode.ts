import { isDict, text, type KubeObject } from '../json.ts';
import type { Resource } from '../resources.ts';
import { metadataSchema } from '../schema/builtin.ts';
import { isDateTime, isMicroTime } from '../schema/formats.ts';
import { applyDefaults, childSchema, dropEmpty, dropNulls, keepsUnknown, prune, type Schema } from '../schema/schema.ts';
import { badRequest } from '../status.ts';

const anyValue: Schema = { 'x-kubernetes-preserve-unknown-fields': true };

/** The schema of a whole object: what the resource says, with the envelope every object has. */
export function objectSchema(resource: Resource): Schema {
  const found = whole.get(resource);
  if (found !== undefined) return found;
  const base = resource.schema ?? anyValue;
  const made: Schema = {
    ...base,
    properties: { ...base.properties, apiVersion: { type: 'string' }, kind: { type: 'string' }, metadata: metadataSchema() },
  };
  whole.set(resource, made);
  return made;
}

const whole = new WeakMap<Resource, Schema>();

const goTypes: Readonly<Record<string, string>> = {
  string: 'string',
  integer: 'int32',
  boolean: 'bool',
  number: 'float64',
  array: 'slice',
  object: 'map',
};

function jsonType(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (isDict(value)) return 'object';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

function scalarFits(schema: Schema, value: unknown): boolean {
  if (schema.type === undefined) return true;
  if (schema.type === 'integer') return Number.isInteger(value);
  if (schema.type === 'array') return Array.isArray(value);
  return schema.type === 'object' ? isDict(value) : typeof value === schema.type;
}

function checkTime(schema: Schema, value: string): void {
  if (schema.format === 'micro-time' && !isMicroTime(value)) {
    const bad = /(\.\d*)?(Z|[+-]\d\d:\d\d)$/.exec(value)?.[0] ?? value;
    throw new Error(
      `parsing time ${JSON.stringify(value)} as "2006-01-02T15:04:05.000000Z07:00": cannot parse ${JSON.stringify(bad)} as ".000000"`,
    );
  }
  if (schema.format === 'date-time' && !isDateTime(value)) {
    throw new Error(
      `parsing time ${JSON.stringify(value)} as "2006-01-02T15:04:05Z07:00": cannot parse ${JSON.stringify(value)} as "2006"`,
    );
  }
}

/** The decoding errors of Go's JSON: a built-in kind cannot even hold a value of the wrong type. */
function checkTypes(schema: Schema, value: unknown, path: string, owner: string): void {
  if (value === null || value === undefined) return;
  if (schema['x-kubernetes-int-or-string'] === true) return;
  if (!scalarFits(schema, value)) {
    const number = typeof value === 'number' ? `number ${value}` : jsonType(value);
    throw new Error(
      `json: cannot unmarshal ${number} into Go struct field ${owner}.${path} of type ${goTypes[schema.type ?? ''] ?? 'object'}`,
    );
  }
  if (typeof value === 'string') checkTime(schema, value);
  if (Array.isArray(value) && schema.items !== undefined) {
    for (const item of value) checkTypes(schema.items, item, path, owner);
  }
  if (!isDict(value)) return;
  const name = (schema['x-type'] ?? owner).replace(/^(Core|Events)?V1/, '');
  for (const [key, item] of Object.entries(value)) {
    const child = childSchema(schema, key);
    if (child !== undefined) checkTypes(child, item, path === '' ? key : `${path}.${key}`, name);
  }
}

export interface Decoded {
  object: KubeObject;
  warnings: string[];
}

function handled(resource: Resource, why: string): Error {
  return badRequest(`${resource.kind} in version ${JSON.stringify(resource.version)} cannot be handled as a ${resource.kind}: ${why}`);
}

/** Removes unknown fields; Strict refuses them, Warn tells about them. */
function unknownFields(resource: Resource, object: KubeObject, fieldValidation: string): string[] {
  const schema = objectSchema(resource);
  if (keepsUnknown(schema) && schema.properties === undefined) return [];
  const removed = prune(schema, object);
  if (removed.length === 0 || fieldValidation === 'Ignore') return [];
  const names = removed.map((path) => `unknown field ${JSON.stringify(path)}`);
  if (fieldValidation === 'Strict') throw handled(resource, `strict decoding error: ${names.join(', ')}`);
  return names;
}

/** From a parsed body to an object of the resource: checked envelope, known fields, defaults. */
export function decodeObject(resource: Resource, body: unknown, fieldValidation: string): Decoded {
  if (!isDict(body)) throw badRequest('the object provided is unrecognized (must be of type object)');
  const object = body as unknown as KubeObject;
  if (body['kind'] === undefined && body['apiVersion'] === undefined && resource.custom) {
    throw badRequest("Object 'Kind' is missing in 'unstructured object has no kind'");
  }
  object.kind = text(body['kind']) || resource.kind;
  object.apiVersion = text(body['apiVersion']) || resource.apiVersion;
  if (object.kind !== resource.kind || object.apiVersion !== resource.apiVersion) {
    throw badRequest(`the API version in the data (${object.apiVersion}) does not match the expected API version (${resource.apiVersion})`);
  }
  if (!isDict(body['metadata'])) object.metadata = {} as KubeObject['metadata'];
  const warnings = unknownFields(resource, object, fieldValidation);
  shape(resource, object);
  return { object, warnings };
}

/** Types and defaults; run again after every patch. */
export function shape(resource: Resource, object: KubeObject): void {
  const schema = objectSchema(resource);
  try {
    checkTypes(resource.custom ? { properties: { metadata: metadataSchema() } } : schema, object, '', resource.kind);
  } catch (error) {
    throw handled(resource, (error as Error).message);
  }
  if (resource.custom) {
    applyDefaults(schema, object);
  }
  dropNulls(schema, object);
  dropEmpty(resource.custom ? { properties: { metadata: metadataSchema() } } : schema, object);
}
