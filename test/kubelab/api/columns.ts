import { dict, dicts, dig, list, text, texts, type KubeObject } from '../json.ts';
import type { Column } from '../resources.ts';

/** A column of a built-in kind: its head, and how a cell is made. */
export interface BuiltinColumn extends Column {
  cell: (object: KubeObject) => unknown;
}

function two(whole: number, unit: string, rest: number, small: string): string {
  return `${whole}${unit}${rest === 0 ? '' : `${rest}${small}`}`;
}

/** "5d", "3h12m", "42s": the time since, as kubectl shows it. */
export function age(since: string): string {
  const start = Date.parse(since);
  if (Number.isNaN(start)) return '<unknown>';
  const seconds = Math.max(0, Math.floor((Date.now() - start) / 1000));
  const [minutes, hours, days] = [Math.floor(seconds / 60), Math.floor(seconds / 3600), Math.floor(seconds / 86_400)];
  if (seconds < 120) return `${seconds}s`;
  if (minutes < 10) return two(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  if (hours < 8) return two(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  if (days < 8) return two(days, 'd', hours % 24, 'h');
  return days < 730 ? `${days}d` : two(Math.floor(days / 365), 'y', days % 365, 'd');
}

function column(name: string, cell: (object: KubeObject) => unknown, more: Partial<Column> = {}): BuiltinColumn {
  return { name, type: 'string', format: '', description: name, priority: 0, ...more, cell };
}

const wide = { priority: 1 };
const integer = { type: 'integer' };
const nameColumn = column('Name', (object) => object.metadata.name, { format: 'name' });
const ageColumn = column('Age', (object) => age(text(object.metadata.creationTimestamp)));

function orNone(value: string): string {
  return value === '' ? '<none>' : value;
}

function pairs(value: unknown): string {
  return orNone(
    Object.entries(dict(value))
      .map(([key, item]) => `${key}=${text(item)}`)
      .join(','),
  );
}

function externalIp(service: KubeObject): string {
  const spec = dict(service['spec']);
  const external = texts(spec['externalIPs']).join(',');
  if (spec['type'] === 'ExternalName') return text(spec['externalName']);
  if (spec['type'] !== 'LoadBalancer') return orNone(external);
  const ingress = dicts(dig(service, 'status', 'loadBalancer', 'ingress')).map((entry) => text(entry['ip']) || text(entry['hostname']));
  const all = [...ingress, ...texts(spec['externalIPs'])].join(',');
  return all === '' ? '<pending>' : all;
}

function servicePorts(service: KubeObject): string {
  const ports = dicts(dig(service, 'spec', 'ports')).map((port) => {
    const node = Number(port['nodePort'] ?? 0);
    return `${text(port['port'])}${node > 0 ? `:${node}` : ''}/${text(port['protocol'])}`;
  });
  return orNone(ports.join(','));
}

function nodeStatus(node: KubeObject): string {
  const ready = dicts(dig(node, 'status', 'conditions')).find((condition) => condition['type'] === 'Ready');
  const states = [ready === undefined ? 'Unknown' : ready['status'] === 'True' ? 'Ready' : 'NotReady'];
  if (dig(node, 'spec', 'unschedulable') === true) states.push('SchedulingDisabled');
  return states.join(',');
}

function nodeRoles(node: KubeObject): string {
  const prefix = 'node-role.kubernetes.io/';
  const roles = Object.keys(node.metadata.labels ?? {}).filter((key) => key.startsWith(prefix));
  return orNone(
    roles
      .map((key) => key.slice(prefix.length))
      .sort()
      .join(','),
  );
}

function nodeAddress(node: KubeObject, type: string): string {
  return orNone(text(dicts(dig(node, 'status', 'addresses')).find((address) => address['type'] === type)?.['address']));
}

function podReady(pod: KubeObject): string {
  const statuses = dicts(dig(pod, 'status', 'containerStatuses'));
  return `${statuses.filter((status) => status['ready'] === true).length}/${list(dig(pod, 'spec', 'containers')).length}`;
}

function podStatus(pod: KubeObject): string {
  if (pod.metadata.deletionTimestamp !== undefined) return 'Terminating';
  return text(dig(pod, 'status', 'reason')) || text(dig(pod, 'status', 'phase'));
}

function eventObject(event: KubeObject): string {
  const target = dict(event['involvedObject']);
  return `${text(target['kind']).toLowerCase()}/${text(target['name'])}`;
}

function eventAge(event: KubeObject): string {
  const since =
    text(event['lastTimestamp']) ||
    text(dig(event, 'series', 'lastObservedTime')) ||
    text(event['eventTime']) ||
    text(event['firstTimestamp']);
  return age(since);
}

function endpoints(slice: KubeObject): string {
  const addresses = dicts(slice['endpoints']).flatMap((endpoint) => texts(endpoint['addresses']));
  if (addresses.length === 0) return '<unset>';
  return addresses.length > 3 ? `${addresses.slice(0, 3).join(',')} + ${addresses.length - 3} more...` : addresses.join(',');
}

function slicePorts(slice: KubeObject): string {
  const ports = dicts(slice['ports']).map((port) => text(port['port']));
  return ports.length === 0 ? '<unset>' : ports.join(',');
}

function replicas(object: KubeObject): string {
  return `${text(dig(object, 'status', 'readyReplicas')) || '0'}/${text(dig(object, 'spec', 'replicas')) || '0'}`;
}

const count = (name: string, ...path: string[]) => column(name, (object) => Number(dig(object, ...path) ?? 0), integer);

const containers = (field: string) => (object: KubeObject) =>
  dicts(dig(object, 'spec', 'template', 'spec', 'containers'))
    .map((container) => text(container[field]))
    .join(',');

const podTemplate = [
  column('Containers', containers('name'), wide),
  column('Images', containers('image'), wide),
  column('Selector', (object) => pairs(dig(object, 'spec', 'selector', 'matchLabels')), wide),
];

const roleRef = column('Role', (object) => `${text(dig(object, 'roleRef', 'kind'))}/${text(dig(object, 'roleRef', 'name'))}`);

const built: Readonly<Record<string, BuiltinColumn[]>> = {
  services: [
    nameColumn,
    column('Type', (object) => dig(object, 'spec', 'type')),
    column('Cluster-IP', (object) => orNone(text(dig(object, 'spec', 'clusterIP')))),
    column('External-IP', externalIp),
    column('Port(s)', servicePorts),
    ageColumn,
    column('Selector', (object) => pairs(dig(object, 'spec', 'selector')), wide),
  ],
  nodes: [
    nameColumn,
    column('Status', nodeStatus),
    column('Roles', nodeRoles),
    ageColumn,
    column('Version', (object) => text(dig(object, 'status', 'nodeInfo', 'kubeletVersion'))),
    column('Internal-IP', (object) => nodeAddress(object, 'InternalIP'), wide),
    column('External-IP', (object) => nodeAddress(object, 'ExternalIP'), wide),
    column('OS-Image', (object) => text(dig(object, 'status', 'nodeInfo', 'osImage')) || '<unknown>', wide),
    column('Kernel-Version', (object) => text(dig(object, 'status', 'nodeInfo', 'kernelVersion')) || '<unknown>', wide),
    column('Container-Runtime', (object) => text(dig(object, 'status', 'nodeInfo', 'containerRuntimeVersion')) || '<unknown>', wide),
  ],
  pods: [
    nameColumn,
    column('Ready', podReady),
    column('Status', podStatus),
    column('Restarts', () => '0'),
    ageColumn,
    column('IP', (object) => orNone(text(dig(object, 'status', 'podIP'))), wide),
    column('Node', (object) => orNone(text(dig(object, 'spec', 'nodeName'))), wide),
    column('Nominated Node', (object) => orNone(text(dig(object, 'status', 'nominatedNodeName'))), wide),
    column('Readiness Gates', () => '<none>', wide),
  ],
  namespaces: [nameColumn, column('Status', (object) => dig(object, 'status', 'phase')), ageColumn],
  configmaps: [
    nameColumn,
    column('Data', (o) => Object.keys(dict(o['data'])).length + Object.keys(dict(o['binaryData'])).length, integer),
    ageColumn,
  ],
  secrets: [nameColumn, column('Type', (o) => o['type']), column('Data', (o) => Object.keys(dict(o['data'])).length, integer), ageColumn],
  serviceaccounts: [nameColumn, column('Secrets', (o) => list(o['secrets']).length, integer), ageColumn],
  events: [
    column('Last Seen', eventAge),
    column('Type', (object) => text(object['type'])),
    column('Reason', (object) => text(object['reason'])),
    column('Object', eventObject),
    column('Subobject', (object) => text(dig(object, 'involvedObject', 'fieldPath')), wide),
    column('Source', (object) => text(dig(object, 'source', 'component')) || text(object['reportingComponent']), wide),
    column('Message', (object) => text(object['message']).trim()),
    column('First Seen', (object) => age(text(object['firstTimestamp']) || text(object['eventTime'])), wide),
    column('Count', (object) => Number(object['count'] ?? dig(object, 'series', 'count') ?? 1), { ...integer, ...wide }),
    column('Name', (object) => object.metadata.name, { format: 'name', ...wide }),
  ],
  'coordination.k8s.io/leases': [nameColumn, column('Holder', (object) => text(dig(object, 'spec', 'holderIdentity'))), ageColumn],
  'discovery.k8s.io/endpointslices': [
    nameColumn,
    column('AddressType', (object) => object['addressType']),
    column('Ports', slicePorts),
    column('Endpoints', endpoints),
    ageColumn,
  ],
  'apps/deployments': [
    nameColumn,
    column('Ready', replicas),
    count('Up-to-date', 'status', 'updatedReplicas'),
    count('Available', 'status', 'availableReplicas'),
    ageColumn,
    ...podTemplate,
  ],
  'apps/daemonsets': [
    nameColumn,
    count('Desired', 'status', 'desiredNumberScheduled'),
    count('Current', 'status', 'currentNumberScheduled'),
    count('Ready', 'status', 'numberReady'),
    count('Up-to-date', 'status', 'updatedNumberScheduled'),
    count('Available', 'status', 'numberAvailable'),
    column('Node Selector', (object) => pairs(dig(object, 'spec', 'template', 'spec', 'nodeSelector'))),
    ageColumn,
    ...podTemplate,
  ],
  'apps/replicasets': [
    nameColumn,
    count('Desired', 'spec', 'replicas'),
    count('Current', 'status', 'replicas'),
    count('Ready', 'status', 'readyReplicas'),
    ageColumn,
    ...podTemplate,
  ],
  'rbac.authorization.k8s.io/rolebindings': [nameColumn, roleRef, ageColumn],
  'rbac.authorization.k8s.io/clusterrolebindings': [nameColumn, roleRef, ageColumn],
};

const created = column('Created At', (object) => text(object.metadata.creationTimestamp));

/** Columns of a built-in kind; name and creation time where it has none of its own. */
export function builtinColumns(storage: string): BuiltinColumn[] {
  return built[storage] ?? [nameColumn, created];
}
