import { isDict } from '../json.ts';

/** A rule of x-kubernetes-validations. */
export interface CelRule {
  rule: string;
  message?: string;
  messageExpression?: string;
  reason?: string;
  fieldPath?: string;
  optionalOldSelf?: boolean;
}

/** Structural OpenAPI schema, as in a CustomResourceDefinition; built-in kinds are brought into the same form. */
export interface Schema {
  type?: string;
  format?: string;
  nullable?: boolean;
  description?: string;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  items?: Schema;
  required?: string[];
  default?: unknown;
  enum?: unknown[];
  pattern?: string;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: boolean;
  exclusiveMaximum?: boolean;
  multipleOf?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  uniqueItems?: boolean;
  minProperties?: number;
  maxProperties?: number;
  allOf?: Schema[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  not?: Schema;
  'x-kubernetes-int-or-string'?: boolean;
  'x-kubernetes-preserve-unknown-fields'?: boolean;
  'x-kubernetes-embedded-resource'?: boolean;
  'x-kubernetes-list-type'?: string;
  'x-kubernetes-list-map-keys'?: string[];
  'x-kubernetes-map-type'?: string;
  'x-kubernetes-patch-merge-key'?: string;
  'x-kubernetes-patch-strategy'?: string;
  'x-kubernetes-validations'?: CelRule[];
  /** Name of the built-in type this came from, for error messages. */
  'x-type'?: string;
}

/** The schema of one key of an object; undefined where the schema says nothing. */
export function childSchema(schema: Schema | undefined, key: string): Schema | undefined {
  if (schema === undefined) return undefined;
  const property = schema.properties?.[key];
  if (property !== undefined) return property;
  return typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined;
}

/** Whether a key the schema does not name is kept. */
export function keepsUnknown(schema: Schema): boolean {
  if (schema['x-kubernetes-preserve-unknown-fields'] === true) return true;
  if (schema.additionalProperties === true) return true;
  return schema.type === undefined && schema.properties === undefined;
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

/** Removes what the schema does not name and returns the paths removed. */
export function prune(schema: Schema, value: unknown, path = '', removed: string[] = []): string[] {
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items !== undefined) value.forEach((item, index) => prune(items, item, `${path}[${index}]`, removed));
    return removed;
  }
  if (!isDict(value)) return removed;
  if (schema['x-kubernetes-embedded-resource'] === true) return removed;
  for (const key of Object.keys(value)) {
    const child = childSchema(schema, key);
    if (child !== undefined) {
      prune(child, value[key], join(path, key), removed);
    } else if (!keepsUnknown(schema)) {
      delete value[key];
      removed.push(join(path, key));
    }
  }
  return removed;
}

/** Fills in defaults; an explicit null of a field that may not be null is replaced as well. */
export function applyDefaults(schema: Schema, value: unknown): void {
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items !== undefined) for (const item of value) applyDefaults(items, item);
    return;
  }
  if (!isDict(value)) return;
  for (const [key, child] of Object.entries(schema.properties ?? {})) {
    if (value[key] === null && child.nullable !== true && child.default !== undefined) delete value[key];
    if (value[key] === undefined && child.default !== undefined) value[key] = structuredClone(child.default);
  }
  for (const key of Object.keys(value)) {
    const child = childSchema(schema, key);
    if (child !== undefined) applyDefaults(child, value[key]);
  }
}

/** Drops empty maps and lists a typed object leaves out of its JSON (omitempty); required ones stay. */
export function dropEmpty(schema: Schema, value: unknown): void {
  if (Array.isArray(value)) {
    if (schema.items !== undefined) for (const item of value) dropEmpty(schema.items, item);
    return;
  }
  // An EndpointSlice writes its empty lists out.
  if (!isDict(value) || schema['x-type'] === 'V1EndpointSlice') return;
  for (const [key, item] of Object.entries(value)) {
    const child = childSchema(schema, key);
    if (child === undefined) continue;
    const emptyList = Array.isArray(item) && item.length === 0 && child.type === 'array';
    const emptyMap = isDict(item) && typeof child.additionalProperties === 'object' && Object.keys(item).length === 0;
    if ((emptyList || emptyMap) && schema.required?.includes(key) !== true) delete value[key];
    else dropEmpty(child, item);
  }
}

/** Drops explicit nulls of fields that may not be null, as the server does on the way in. */
export function dropNulls(schema: Schema | undefined, value: unknown): void {
  if (Array.isArray(value)) {
    for (const item of value) dropNulls(schema?.items, item);
    return;
  }
  if (!isDict(value)) return;
  for (const key of Object.keys(value)) {
    const child = childSchema(schema, key);
    if (value[key] === null && child !== undefined && child.nullable !== true && child.type !== undefined) {
      delete value[key];
    } else {
      dropNulls(child, value[key]);
    }
  }
}
