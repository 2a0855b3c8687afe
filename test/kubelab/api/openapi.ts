import { createHash } from 'node:crypto';
import { joinGroup, type Dict } from '../json.ts';
import type { Resource, Resources } from '../resources.ts';
import type { Schema } from '../schema/schema.ts';
import { objectSchema } from './decode.ts';

function schemaName(resource: Resource): string {
  const group = resource.group === '' ? 'core' : resource.group;
  return `${group.split('.').reverse().join('.')}.${resource.version}.${resource.kind}`;
}

function typeName(name: string): string {
  return `io.k8s.api.${name}`;
}

/** The schema as OpenAPI shows it: named types by reference, so that recursion ends. */
function publish(schema: Schema, components: Record<string, Dict>, root = false): Dict {
  const name = schema['x-type'];
  if (name !== undefined && !root) {
    const key = typeName(name);
    if (components[key] === undefined) {
      components[key] = {};
      Object.assign(components[key], publish(schema, components, true));
    }
    return { allOf: [{ $ref: `#/components/schemas/${key}` }], default: {} };
  }
  const { 'x-type': _type, properties, items, additionalProperties, ...rest } = schema;
  const out: Dict = { ...rest };
  if (properties !== undefined) {
    out['properties'] = Object.fromEntries(Object.entries(properties).map(([key, child]) => [key, publish(child, components)]));
  }
  if (items !== undefined) out['items'] = publish(items, components);
  if (typeof additionalProperties === 'object') out['additionalProperties'] = publish(additionalProperties, components);
  else if (additionalProperties !== undefined) out['additionalProperties'] = additionalProperties;
  return out;
}

const verbs: readonly (readonly [string, string, boolean])[] = [
  ['get', 'get', true],
  ['put', 'put', true],
  ['patch', 'patch', true],
  ['delete', 'delete', true],
  ['get', 'list', false],
  ['post', 'post', false],
];

function operation(resource: Resource, method: string, action: string): Dict {
  const write = ['put', 'patch', 'post'].includes(method);
  const names = write ? ['dryRun', 'fieldManager', 'fieldValidation'] : [];
  const types = ['application/apply-patch+yaml', 'application/json-patch+json', 'application/merge-patch+json'];
  return {
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': { group: resource.group, version: resource.version, kind: resource.kind },
    parameters: names.map((name) => ({ name, in: 'query', schema: { type: 'string', uniqueItems: true } })),
    responses: { '200': { description: 'OK' } },
    ...(method === 'patch'
      ? { requestBody: { content: Object.fromEntries(types.map((type) => [type, { schema: { type: 'object' } }])) } }
      : {}),
  };
}

function paths(resource: Resource): Dict {
  const root = resource.group === '' ? `/api/${resource.version}` : `/apis/${resource.apiVersion}`;
  const base = `${root}${resource.namespaced ? '/namespaces/{namespace}' : ''}/${resource.plural}`;
  const out: Record<string, Dict> = {};
  for (const [method, action, one] of verbs) {
    const path = one ? `${base}/{name}` : base;
    out[path] = { ...out[path], [method]: operation(resource, method, action) };
  }
  return out;
}

/** The OpenAPI v3 document of one group version. */
function document(resources: Resources, group: string, version: string): Dict | undefined {
  const found = resources.all().filter((resource) => resource.group === group && resource.version === version);
  if (found.length === 0) return undefined;
  const schemas: Record<string, Dict> = {};
  const allPaths: Dict = {};
  for (const resource of found) {
    const schema = publish(objectSchema(resource), schemas, true);
    schema['x-kubernetes-group-version-kind'] = [{ group, version, kind: resource.kind }];
    schema['type'] = 'object';
    schemas[schemaName(resource)] = schema;
    if (resource.verbs.includes('patch')) Object.assign(allPaths, paths(resource));
  }
  return { openapi: '3.0.0', info: { title: 'Kubernetes', version: 'v1.35.0' }, paths: allPaths, components: { schemas } };
}

function documentPath(group: string, version: string): string {
  return group === '' ? `api/${version}` : `apis/${joinGroup(group, version)}`;
}

/** The documents of all group versions, made when asked for and kept until the definitions change. */
export class OpenApi {
  private resources: Resources;
  private revision = -1;
  private kept = new Map<string, string>();

  constructor(resources: Resources) {
    this.resources = resources;
  }

  /** Answers below /openapi/v3; undefined when there is nothing. */
  answer(path: string): string | undefined {
    if (this.revision !== this.resources.revision) {
      this.kept.clear();
      this.revision = this.resources.revision;
    }
    const rest = path.replace(/^\/openapi\/v3\/?/, '');
    const found = this.kept.get(rest);
    if (found !== undefined) return found;
    const made = rest === '' ? this.index() : this.one(rest);
    if (made === undefined) return undefined;
    const body = JSON.stringify(made);
    this.kept.set(rest, body);
    return body;
  }

  private index(): Dict {
    const all: Record<string, Dict> = {};
    for (const { group, version } of this.resources.all()) {
      const path = documentPath(group, version);
      const hash = createHash('sha256').update(`${path} ${this.resources.revision}`).digest('hex').slice(0, 32);
      all[path] = { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` };
    }
    return { paths: all };
  }

  private one(path: string): Dict | undefined {
    const parts = path.split('/');
    if (parts[0] === 'api') return document(this.resources, '', parts[1] ?? '');
    return document(this.resources, parts[1] ?? '', parts[2] ?? '');
  }
}
