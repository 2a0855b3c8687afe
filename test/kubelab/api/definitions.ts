import { dict, dicts, isDict, list, now, text, texts, type Dict, type KubeObject } from '../json.ts';
import { compile } from '../schema/cel.ts';
import type { Schema } from '../schema/schema.ts';
import type { Fault } from '../status.ts';

/** Defaults of a CustomResourceDefinition. */
export function defaultDefinition(definition: KubeObject, old: KubeObject | undefined): void {
  const spec = dict(definition['spec']);
  const names = dict(spec['names']);
  names['singular'] ??= text(names['kind']).toLowerCase();
  names['listKind'] ??= `${text(names['kind'])}List`;
  spec['conversion'] ??= { strategy: 'None' };
  if (old === undefined)
    definition['status'] = { conditions: null, acceptedNames: { plural: '', kind: '' }, storedVersions: storageVersions(spec) };
}

function storageVersions(spec: Dict): string[] {
  return dicts(spec['versions'])
    .filter((version) => version['storage'] === true)
    .map((version) => text(version['name']));
}

function required(field: string): Fault {
  return { field, reason: 'FieldValueRequired', text: 'Required value' };
}

function bad(field: string, value: unknown, message: string): Fault {
  return { field, reason: 'FieldValueInvalid', text: `Invalid value: ${JSON.stringify(value)}: ${message}` };
}

/** What makes a schema non-structural, and rules that do not compile. */
function schemaFaults(schema: Schema, field: string, faults: Fault[]): void {
  const untyped = schema.type === undefined || schema.type === '';
  if (untyped && schema['x-kubernetes-int-or-string'] !== true && schema['x-kubernetes-preserve-unknown-fields'] !== true) {
    faults.push({
      field: `${field}.type`,
      reason: 'FieldValueRequired',
      text: 'Required value: must not be empty for specified object fields',
    });
  }
  if (schema.properties !== undefined && schema.additionalProperties !== undefined) {
    faults.push({
      field: `${field}.additionalProperties`,
      reason: 'FieldValueForbidden',
      text: 'Forbidden: must not be used together with properties',
    });
  }
  if (schema.type === 'array' && schema.items === undefined) {
    faults.push({ field: `${field}.items`, reason: 'FieldValueRequired', text: 'Required value: must be specified' });
  }
  if (schema['x-kubernetes-list-type'] === 'map' && list(schema['x-kubernetes-list-map-keys']).length === 0) {
    faults.push({
      field: `${field}.x-kubernetes-list-map-keys`,
      reason: 'FieldValueRequired',
      text: 'Required value: must not be empty if x-kubernetes-list-type is map',
    });
  }
  for (const [index, rule] of (schema['x-kubernetes-validations'] ?? []).entries()) {
    const program = compile(rule.rule);
    if (program instanceof Error) {
      faults.push(bad(`${field}.x-kubernetes-validations[${index}].rule`, rule.rule, `compilation failed: ${program.message}`));
    }
  }
  for (const [name, child] of Object.entries(schema.properties ?? {})) schemaFaults(child, `${field}.properties[${name}]`, faults);
  if (schema.items !== undefined) schemaFaults(schema.items, `${field}.items`, faults);
  if (typeof schema.additionalProperties === 'object') {
    schemaFaults(schema.additionalProperties, `${field}.additionalProperties`, faults);
  }
}

export function validateDefinition(definition: KubeObject, old: KubeObject | undefined): Fault[] {
  const spec = dict(definition['spec']);
  const names = dict(spec['names']);
  const faults: Fault[] = [];
  for (const field of ['plural', 'kind']) if (text(names[field]) === '') faults.push(required(`spec.names.${field}`));
  if (text(spec['group']) === '') faults.push(required('spec.group'));
  if (!['Cluster', 'Namespaced'].includes(text(spec['scope']))) {
    faults.push({
      field: 'spec.scope',
      reason: 'FieldValueNotSupported',
      text: `Unsupported value: ${JSON.stringify(text(spec['scope']))}: supported values: "Cluster", "Namespaced"`,
    });
  }
  const wanted = `${text(names['plural'])}.${text(spec['group'])}`;
  if (definition.metadata.name !== wanted) {
    faults.push(bad('metadata.name', definition.metadata.name, 'must be spec.names.plural+"."+spec.group'));
  }
  const versions = dicts(spec['versions']);
  if (storageVersions(spec).length !== 1) {
    faults.push(bad('spec.versions', versions.length, 'must have exactly one version marked as storage version'));
  }
  versions.forEach((version, index) => {
    const schema = dict(version['schema'])['openAPIV3Schema'];
    const field = `spec.versions[${index}].schema.openAPIV3Schema`;
    if (isDict(schema)) schemaFaults(schema, field, faults);
    else faults.push({ field, reason: 'FieldValueRequired', text: 'Required value: schemas are required' });
  });
  if (old !== undefined && dict(old['spec'])['scope'] !== spec['scope']) {
    faults.push(bad('spec.scope', spec['scope'], 'field is immutable'));
  }
  return faults;
}

/** The status of a definition in force. */
export function establishedStatus(definition: KubeObject): Dict {
  const spec = dict(definition['spec']);
  const before = dict(definition['status']);
  const stored = new Set([...texts(before['storedVersions']), ...storageVersions(spec)]);
  const since = text(definition.metadata.creationTimestamp) || now();
  const condition = (type: string, reason: string, message: string) => ({
    lastTransitionTime: since,
    message,
    observedGeneration: 1,
    reason,
    status: 'True',
    type,
  });
  return {
    ...before,
    acceptedNames: spec['names'],
    conditions: [
      condition('NamesAccepted', 'NoConflicts', 'no conflicts found'),
      condition('Established', 'InitialNamesAccepted', 'the initial names have been accepted'),
    ],
    storedVersions: [...stored],
  };
}
