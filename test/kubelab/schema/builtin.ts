import { builtinTypes } from './builtinTypes.ts';
import type { Schema } from './schema.ts';

/** List semantics of the built-in types (listType=map keys); the first key is the strategic merge key. */
const mapLists: Readonly<Record<string, string>> = {
  'V1ServiceSpec.ports': 'port protocol',
  'V1ServiceStatus.conditions': 'type',
  'V1ObjectMeta.ownerReferences': 'uid',
  'V1PodSpec.containers': 'name',
  'V1PodSpec.initContainers': 'name',
  'V1PodSpec.ephemeralContainers': 'name',
  'V1PodSpec.volumes': 'name',
  'V1PodSpec.imagePullSecrets': 'name',
  'V1PodSpec.hostAliases': 'ip',
  'V1PodSpec.schedulingGates': 'name',
  'V1PodSpec.resourceClaims': 'name',
  'V1PodSpec.topologySpreadConstraints': 'topologyKey whenUnsatisfiable',
  'V1Container.ports': 'containerPort protocol',
  'V1Container.env': 'name',
  'V1Container.volumeMounts': 'mountPath',
  'V1Container.volumeDevices': 'devicePath',
  'V1PodStatus.conditions': 'type',
  'V1PodStatus.podIPs': 'ip',
  'V1NodeStatus.conditions': 'type',
  'V1NodeStatus.addresses': 'type',
  'V1NamespaceStatus.conditions': 'type',
  'V1DeploymentStatus.conditions': 'type',
  'V1DaemonSetStatus.conditions': 'type',
  'V1ReplicaSetStatus.conditions': 'type',
  'V1StatefulSetStatus.conditions': 'type',
  'V1PodDisruptionBudgetStatus.conditions': 'type',
  'V1CustomResourceDefinitionStatus.conditions': 'type',
  'V1ServiceCIDRStatus.conditions': 'type',
  'V1ServiceAccount.secrets': 'name',
  'V1ValidatingWebhookConfiguration.webhooks': 'name',
  'V1MutatingWebhookConfiguration.webhooks': 'name',
};

const setLists = new Set(['V1ObjectMeta.finalizers', 'V1NodeSpec.podCIDRs', 'V1Endpoint.addresses']);

/** Strategic merge patch merges these though they are atomic or sets for server-side apply. */
const mergePrimitives = new Set(['V1ObjectMeta.finalizers', 'V1NodeSpec.podCIDRs']);

const atomicMaps = new Set([
  'V1ServiceSpec.selector',
  'V1PodSpec.nodeSelector',
  'V1LabelSelector',
  'V1ObjectReference',
  'V1LocalObjectReference',
  'V1SecretKeySelector',
  'V1ConfigMapKeySelector',
  'V1ObjectFieldSelector',
  'V1ResourceFieldSelector',
  'V1NodeSelector',
  'V1NodeSelectorTerm',
  'V1OwnerReference',
  'V1RoleRef',
  'RbacV1Subject',
  'V1TypedLocalObjectReference',
]);

const scalars: Readonly<Record<string, Schema>> = {
  string: { type: 'string' },
  bool: { type: 'boolean' },
  int: { type: 'integer' },
  number: { type: 'number' },
  bytes: { type: 'string', format: 'byte' },
  time: { type: 'string', format: 'date-time', nullable: true },
  microtime: { type: 'string', format: 'micro-time', nullable: true },
  intstr: { 'x-kubernetes-int-or-string': true },
  any: { 'x-kubernetes-preserve-unknown-fields': true },
};

const known = new Map<string, Schema>();

function typed(type: string): Schema {
  if (type.startsWith('[]')) return { type: 'array', items: typed(type.slice(2)) };
  if (type.startsWith('{}')) return { type: 'object', additionalProperties: typed(type.slice(2)) };
  return scalars[type] ?? builtinSchema(type);
}

function annotate(name: string, schema: Schema): Schema {
  const keys = mapLists[name]?.split(' ');
  if (keys !== undefined) {
    return {
      ...schema,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': keys,
      'x-kubernetes-patch-strategy': 'merge',
      'x-kubernetes-patch-merge-key': keys[0] ?? '',
    };
  }
  if (setLists.has(name)) {
    return {
      ...schema,
      'x-kubernetes-list-type': 'set',
      ...(mergePrimitives.has(name) ? { 'x-kubernetes-patch-strategy': 'merge' } : {}),
    };
  }
  return atomicMaps.has(name) ? { ...schema, 'x-kubernetes-map-type': 'atomic' } : schema;
}

/** The schema of a built-in type, by its name in the generated client (`V1ServiceSpec`). */
export function builtinSchema(name: string): Schema {
  const found = known.get(name);
  if (found !== undefined) return found;
  const schema: Schema = { type: 'object', properties: {}, 'x-type': name };
  if (atomicMaps.has(name)) schema['x-kubernetes-map-type'] = 'atomic';
  known.set(name, schema);
  const fields = builtinTypes[name];
  if (fields === undefined) throw new Error(`no built-in type ${name}`);
  const required: string[] = [];
  for (const field of fields.split(' ')) {
    if (field.startsWith('~')) continue;
    const colon = field.indexOf(':');
    const named = field.slice(0, colon);
    const key = named.endsWith('!') ? named.slice(0, -1) : named;
    if (key !== named) required.push(key);
    schema.properties![key] = annotate(`${name}.${key}`, typed(field.slice(colon + 1).split('@')[0] ?? ''));
  }
  if (required.length > 0) schema.required = required;
  return schema;
}

/** The metadata every object has. */
export function metadataSchema(): Schema {
  return builtinSchema('V1ObjectMeta');
}
