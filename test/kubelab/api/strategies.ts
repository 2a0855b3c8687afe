import { clone, dict, dicts, isDict, now, text, texts, type Dict, type KubeObject } from '../json.ts';
import type { Resource } from '../resources.ts';
import { defaultService } from '../service/strategy.ts';
import { validateService, validateServiceStatus } from '../service/validate.ts';
import { validateSchema } from '../schema/validate.ts';
import type { Fault } from '../status.ts';
import { defaultDefinition, validateDefinition } from './definitions.ts';

/** What one built-in kind does beyond the common path. */
export interface Strategy {
  /** Defaults and server-set fields; `old` is undefined at creation. */
  prepare?: (object: KubeObject, old: KubeObject | undefined) => void;
  validate?: (object: KubeObject, old: KubeObject | undefined) => Fault[];
  validateStatus?: (object: KubeObject) => Fault[];
}

function required(field: string, more = ''): Fault {
  return { field, reason: 'FieldValueRequired', text: `Required value${more === '' ? '' : `: ${more}`}` };
}

function invalidAt(field: string, value: unknown, message: string): Fault {
  return { field, reason: 'FieldValueInvalid', text: `Invalid value: ${JSON.stringify(value ?? null)}: ${message}` };
}

function specOf(object: KubeObject): Dict {
  const spec = dict(object['spec']);
  object['spec'] = spec;
  return spec;
}

function defaultContainer(container: Dict): void {
  container['terminationMessagePath'] ??= '/dev/termination-log';
  container['terminationMessagePolicy'] ??= 'File';
  container['imagePullPolicy'] ??= /(:latest|^[^:]*)$/.test(text(container['image'])) ? 'Always' : 'IfNotPresent';
  container['resources'] ??= {};
  for (const port of dicts(container['ports'])) port['protocol'] ??= 'TCP';
}

function defaultPodSpec(spec: Dict): void {
  spec['restartPolicy'] ??= 'Always';
  spec['dnsPolicy'] ??= 'ClusterFirst';
  spec['terminationGracePeriodSeconds'] ??= 30;
  spec['schedulerName'] ??= 'default-scheduler';
  spec['securityContext'] ??= {};
  spec['enableServiceLinks'] ??= true;
  for (const container of [...dicts(spec['containers']), ...dicts(spec['initContainers'])]) defaultContainer(container);
}

function preparePod(pod: KubeObject, old: KubeObject | undefined): void {
  const spec = specOf(pod);
  defaultPodSpec(spec);
  if (old !== undefined) return;
  spec['serviceAccountName'] ??= 'default';
  spec['preemptionPolicy'] ??= 'PreemptLowerPriority';
  spec['priority'] ??= 0;
  pod['status'] = { phase: 'Pending', qosClass: 'BestEffort' };
}

function podFaults(spec: Dict, at: string): Fault[] {
  const containers = dicts(spec['containers']);
  if (containers.length === 0) return [required(`${at}.containers`)];
  return containers.flatMap((container, index) => [
    ...(text(container['name']) === '' ? [required(`${at}.containers[${index}].name`)] : []),
    ...(text(container['image']) === '' ? [required(`${at}.containers[${index}].image`)] : []),
  ]);
}

function prepareWorkload(object: KubeObject): void {
  const spec = specOf(object);
  if (object.kind !== 'DaemonSet' && object.kind !== 'Job') spec['replicas'] ??= 1;
  if (object.kind === 'Deployment') {
    spec['strategy'] ??= { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } };
    spec['progressDeadlineSeconds'] ??= 600;
  }
  if (object.kind === 'DaemonSet') {
    spec['updateStrategy'] ??= { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } };
  }
  if (object.kind !== 'Job' && object.kind !== 'ReplicaSet') spec['revisionHistoryLimit'] ??= 10;
  const template = dict(spec['template']);
  if (isDict(template['spec'])) defaultPodSpec(template['spec']);
  if (isDict(spec['template'])) {
    template['metadata'] = dict(template['metadata']);
    if ((template['metadata'] as Dict)['creationTimestamp'] === undefined) (template['metadata'] as Dict)['creationTimestamp'] = null;
  }
  object['status'] = dict(object['status']);
}

function validateWorkload(object: KubeObject, old: KubeObject | undefined): Fault[] {
  const spec = specOf(object);
  if (object.kind === 'Job') return podFaults(dict(dict(spec['template'])['spec']), 'spec.template.spec');
  if (!isDict(spec['selector'])) return [required('spec.selector')];
  const wanted = dict(spec['selector']['matchLabels']);
  const labels = dict(dict(dict(spec['template'])['metadata'])['labels']);
  if (Object.entries(wanted).some(([key, value]) => labels[key] !== value)) {
    return [invalidAt('spec.template.metadata.labels', labels, '`selector` does not match template `labels`')];
  }
  if (old !== undefined && JSON.stringify(dict(old['spec'])['selector']) !== JSON.stringify(spec['selector'])) {
    return [invalidAt('spec.selector', spec['selector'], 'field is immutable')];
  }
  return podFaults(dict(dict(spec['template'])['spec']), 'spec.template.spec');
}

function validateLease(lease: KubeObject): Fault[] {
  const spec = dict(lease['spec']);
  const faults: Fault[] = [];
  const duration = spec['leaseDurationSeconds'];
  if (typeof duration === 'number' && duration <= 0) {
    faults.push(invalidAt('spec.leaseDurationSeconds', duration, 'must be greater than 0'));
  }
  const transitions = spec['leaseTransitions'];
  if (typeof transitions === 'number' && transitions < 0) {
    faults.push(invalidAt('spec.leaseTransitions', transitions, 'must be greater than or equal to 0'));
  }
  return faults;
}

function prepareNamespace(namespace: KubeObject, old: KubeObject | undefined): void {
  const { metadata } = namespace;
  metadata.labels = { ...metadata.labels, 'kubernetes.io/metadata.name': metadata.name };
  const spec = specOf(namespace);
  if (old === undefined) {
    spec['finalizers'] = ['kubernetes'];
    namespace['status'] = { phase: 'Active' };
  } else {
    spec['finalizers'] ??= dict(old['spec'])['finalizers'];
  }
}

function prepareSecret(secret: KubeObject): void {
  secret['type'] ??= 'Opaque';
  const plain = secret['stringData'];
  if (!isDict(plain)) return;
  const data = dict(secret['data']);
  for (const [key, value] of Object.entries(plain)) data[key] = Buffer.from(text(value)).toString('base64');
  secret['data'] = data;
  delete secret['stringData'];
}

function validateImmutable(object: KubeObject, old: KubeObject | undefined): Fault[] {
  if (old?.['immutable'] !== true) return [];
  const same = (field: string) => JSON.stringify(object[field]) === JSON.stringify(old[field]);
  const faults: Fault[] = [];
  if (object['immutable'] !== true) {
    faults.push({ field: 'immutable', reason: 'FieldValueForbidden', text: 'Forbidden: field is immutable when `immutable` is set' });
  }
  if (!same('data')) {
    faults.push({ field: 'data', reason: 'FieldValueForbidden', text: 'Forbidden: field is immutable when `immutable` is set' });
  }
  return faults;
}

function prepareSlice(slice: KubeObject): void {
  slice['endpoints'] ??= [];
  for (const port of dicts(slice['ports'])) {
    port['name'] ??= '';
    port['protocol'] ??= 'TCP';
  }
  slice['ports'] ??= null;
}

function validateSlice(slice: KubeObject, old: KubeObject | undefined): Fault[] {
  const faults: Fault[] = [];
  const types = ['FQDN', 'IPv4', 'IPv6'];
  if (text(slice['addressType']) === '') faults.push(required('addressType'));
  else if (!types.includes(text(slice['addressType']))) {
    faults.push({
      field: 'addressType',
      reason: 'FieldValueNotSupported',
      text: `Unsupported value: ${JSON.stringify(slice['addressType'])}: supported values: "FQDN", "IPv4", "IPv6"`,
    });
  }
  if (old !== undefined && old['addressType'] !== slice['addressType']) {
    faults.push(invalidAt('addressType', slice['addressType'], 'field is immutable'));
  }
  for (const [index, endpoint] of dicts(slice['endpoints']).entries()) {
    const count = texts(endpoint['addresses']).length;
    if (count === 0) faults.push(required(`endpoints[${index}].addresses`, 'must contain at least 1 address'));
    if (count > 100)
      faults.push({
        field: `endpoints[${index}].addresses`,
        reason: 'FieldValueTooMany',
        text: `Too many: ${count}: must have at most 100 items`,
      });
  }
  if (dicts(slice['endpoints']).length > 1000) {
    faults.push({
      field: 'endpoints',
      reason: 'FieldValueTooMany',
      text: `Too many: ${dicts(slice['endpoints']).length}: must have at most 1000 items`,
    });
  }
  return faults;
}

function validateEvent(event: KubeObject, old: KubeObject | undefined): Fault[] {
  if (old !== undefined) return [];
  const namespace = text(dict(event['involvedObject'])['namespace']);
  const own = text(event.metadata.namespace);
  if (namespace === '' ? own !== 'default' : own !== namespace) {
    return [invalidAt('involvedObject.namespace', namespace, 'does not match event.namespace')];
  }
  const eventTime = text(event['eventTime']);
  if (eventTime === '') return [];
  const faults: Fault[] = [];
  for (const field of ['reportingInstance', 'action', 'reason'] as const) {
    if (text(event[field]) === '') faults.push(required(field));
  }
  if (text(event['reportingComponent']) === '') faults.push(required('reportingController'));
  return faults;
}

function prepareEvent(event: KubeObject): void {
  event['type'] ??= '';
  if (event['type'] === '') delete event['type'];
  for (const field of ['source']) event[field] ??= {};
  for (const field of ['firstTimestamp', 'lastTimestamp', 'eventTime']) event[field] ??= null;
  event['reportingComponent'] ??= '';
  event['reportingInstance'] ??= '';
}

function prepareNode(node: KubeObject, old: KubeObject | undefined): void {
  specOf(node);
  const status = dict(node['status']);
  node['status'] = status;
  if (old === undefined) {
    status['daemonEndpoints'] ??= { kubeletEndpoint: { Port: 0 } };
    status['nodeInfo'] ??= {
      architecture: '',
      bootID: '',
      containerRuntimeVersion: '',
      kernelVersion: '',
      kubeProxyVersion: '',
      kubeletVersion: '',
      machineID: '',
      operatingSystem: '',
      osImage: '',
      systemUUID: '',
    };
  }
  for (const taint of dicts((node['spec'] as Dict)['taints'])) {
    if (taint['effect'] === 'NoExecute') taint['timeAdded'] ??= now();
  }
}

function prepareRbac(object: KubeObject): void {
  const { roleRef } = object as { roleRef?: Dict };
  if (isDict(roleRef)) roleRef['apiGroup'] ??= 'rbac.authorization.k8s.io';
  for (const subject of dicts(object['subjects'])) {
    if (subject['kind'] !== 'ServiceAccount') subject['apiGroup'] ??= 'rbac.authorization.k8s.io';
  }
}

function validateBinding(object: KubeObject, old: KubeObject | undefined): Fault[] {
  if (old !== undefined && JSON.stringify(old['roleRef']) !== JSON.stringify(object['roleRef'])) {
    return [invalidAt('roleRef', object['roleRef'], 'cannot change roleRef')];
  }
  return [];
}

function prepareWebhooks(object: KubeObject): void {
  for (const hook of dicts(object['webhooks'])) {
    hook['failurePolicy'] ??= 'Fail';
    hook['matchPolicy'] ??= 'Equivalent';
    hook['namespaceSelector'] ??= {};
    hook['objectSelector'] ??= {};
    hook['timeoutSeconds'] ??= 10;
    for (const rule of dicts(hook['rules'])) rule['scope'] ??= '*';
    const service = dict(dict(hook['clientConfig'])['service']);
    if (text(service['name']) !== '') service['port'] ??= 443;
  }
}

const workload: Strategy = { prepare: prepareWorkload, validate: validateWorkload };
const binding: Strategy = { prepare: prepareRbac, validate: validateBinding };
const webhooks: Strategy = { prepare: prepareWebhooks };

const strategies: Readonly<Record<string, Strategy>> = {
  services: { prepare: defaultService, validate: validateService, validateStatus: validateServiceStatus },
  pods: { prepare: preparePod, validate: (pod) => podFaults(specOf(pod), 'spec') },
  namespaces: { prepare: prepareNamespace },
  nodes: { prepare: prepareNode },
  secrets: { prepare: prepareSecret, validate: validateImmutable },
  configmaps: { validate: validateImmutable },
  events: { prepare: prepareEvent, validate: validateEvent },
  'apps/deployments': workload,
  'apps/daemonsets': workload,
  'apps/replicasets': workload,
  'apps/statefulsets': workload,
  'batch/jobs': workload,
  'coordination.k8s.io/leases': { validate: validateLease },
  'discovery.k8s.io/endpointslices': { prepare: prepareSlice, validate: validateSlice },
  'rbac.authorization.k8s.io/rolebindings': binding,
  'rbac.authorization.k8s.io/clusterrolebindings': binding,
  'admissionregistration.k8s.io/validatingwebhookconfigurations': webhooks,
  'admissionregistration.k8s.io/mutatingwebhookconfigurations': webhooks,
  'apiextensions.k8s.io/customresourcedefinitions': {
    prepare: (object, old) => defaultDefinition(object, old),
    validate: (object, old) => validateDefinition(object, old),
  },
};

export function strategyOf(resource: Resource): Strategy {
  return resource.custom ? {} : (strategies[resource.storage] ?? {});
}

/** Required fields of a built-in kind, checked for the small kinds where clients run into them. */
export function requiredFaults(resource: Resource, object: KubeObject): Fault[] {
  const checked = [
    'discovery.k8s.io/endpointslices',
    'rbac.authorization.k8s.io/rolebindings',
    'rbac.authorization.k8s.io/clusterrolebindings',
  ];
  if (!checked.includes(resource.storage) || resource.schema === undefined) return [];
  return validateSchema(resource.schema, clone(object)).filter(
    ({ reason, field }) => reason === 'FieldValueRequired' && !field.startsWith('endpoints'),
  );
}
