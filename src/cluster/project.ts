import { type Family, type Ip, parseIp } from '../net/ip.ts';
import type { EndpointSliceView, EndpointView } from './endpoints.ts';
import { type Raw, flag, integer, items, labels, record, text } from './json.ts';
import type { NamespaceView, NodeAddresses, NodeSightings, NodeView, TaintView } from './node.ts';
import { type ConditionView, type ServicePort, type ServiceView, serviceKey } from './service.ts';

/** Prefixes of annotations that mean something to us, ours first. */
export const ANNOTATION_PREFIXES = ['heraldlb.io/', 'metallb.io/', 'metallb.universe.tf/'] as const;

interface Meta {
  readonly namespace: string;
  readonly name: string;
  readonly raw: Raw;
}

/** @returns undefined for what is no Kubernetes object */
function metaOf(object: unknown): Meta | undefined {
  const raw = record(record(object)?.['metadata']);
  const name = text(raw?.['name']);
  if (raw === undefined || name === undefined || name === '') return undefined;
  return { name, namespace: text(raw['namespace']) ?? '', raw };
}

/** A Service, whatever its type; undefined when it is not usable at all. Never throws. */
export function projectService(object: unknown): ServiceView | undefined {
  const meta = metaOf(object);
  if (meta === undefined) return undefined;
  const spec = record(record(object)?.['spec']) ?? {};
  const status = record(record(object)?.['status']) ?? {};
  return {
    ...identity(meta),
    type: text(spec['type']) ?? 'ClusterIP',
    labels: labels(meta.raw['labels']),
    annotations: ownAnnotations(labels(meta.raw['annotations'])),
    ipFamilies: families(spec['ipFamilies']),
    ipFamilyPolicy: policyOf(spec['ipFamilyPolicy']),
    clusterIPs: addresses(items(spec['clusterIPs']).length > 0 ? spec['clusterIPs'] : [spec['clusterIP']]),
    externalTrafficPolicy: spec['externalTrafficPolicy'] === 'Local' ? 'Local' : 'Cluster',
    ports: ports(spec['ports']),
    selector: labels(spec['selector']),
    ...ingressOf(items(record(status['loadBalancer'])?.['ingress']).map(record)),
    ...conditionsOf(items(status['conditions'])),
    ...wishes(spec),
  };
}

function conditionsOf(all: readonly unknown[]): Pick<ServiceView, 'conditions' | 'moreConditions'> {
  const conditions = all.flatMap(ownCondition);
  const isWhole = conditions.length === all.length && conditions.every(({ lastTransitionTime }) => lastTransitionTime !== '');
  return isWhole ? { conditions } : { conditions, moreConditions: true };
}

function ingressOf(entries: readonly (Raw | undefined)[]): Pick<ServiceView, 'ingress' | 'foreignIngress'> {
  const ingress = addresses(entries.map((entry) => entry?.['ip']));
  const isForeign = entries.some((entry) => entry?.['hostname'] !== undefined || entry?.['ipMode'] === 'Proxy');
  return isForeign ? { ingress, foreignIngress: true } : { ingress };
}

/** The fields that an operator may leave out. */
function wishes(spec: Raw): Pick<ServiceView, 'loadBalancerClass' | 'loadBalancerIP'> {
  const loadBalancerClass = text(spec['loadBalancerClass']);
  const loadBalancerIP = text(spec['loadBalancerIP']);
  return {
    ...(loadBalancerClass === undefined ? {} : { loadBalancerClass }),
    ...(loadBalancerIP === undefined || loadBalancerIP === '' ? {} : { loadBalancerIP }),
  };
}

function identity(meta: Meta) {
  return {
    key: serviceKey(meta.namespace, meta.name),
    namespace: meta.namespace,
    name: meta.name,
    uid: text(meta.raw['uid']) ?? '',
    resourceVersion: text(meta.raw['resourceVersion']) ?? '',
    generation: integer(meta.raw['generation']) ?? 0,
    deleting: text(meta.raw['deletionTimestamp']) !== undefined,
    creationTimestamp: text(meta.raw['creationTimestamp']) ?? '',
  };
}

function policyOf(value: unknown): ServiceView['ipFamilyPolicy'] {
  return value === 'PreferDualStack' || value === 'RequireDualStack' ? value : 'SingleStack';
}

function ownAnnotations(all: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(all).filter(([key]) => ANNOTATION_PREFIXES.some((prefix) => key.startsWith(prefix))));
}

function families(value: unknown): Family[] {
  return items(value).flatMap((name): Family[] => {
    if (name === 'IPv4') return ['ipv4'];
    return name === 'IPv6' ? ['ipv6'] : [];
  });
}

function addresses(value: unknown): Ip[] {
  const found = items(value).flatMap((entry) => {
    const ip = typeof entry === 'string' ? parseIp(entry) : undefined;
    return ip === undefined ? [] : [ip];
  });
  // A list that grew has room for 17, and nearly all of these have one: a copy has no more than it needs.
  return found.slice();
}

function ports(value: unknown): ServicePort[] {
  return items(value).flatMap((entry): ServicePort[] => {
    const port = integer(record(entry)?.['port']);
    const protocol = text(record(entry)?.['protocol']) ?? 'TCP';
    if (port === undefined || (protocol !== 'TCP' && protocol !== 'UDP' && protocol !== 'SCTP')) return [];
    return [{ protocol, port }];
  });
}

function ownCondition(value: unknown): ConditionView[] {
  const raw = record(value);
  const type = text(raw?.['type']);
  if (raw === undefined || type?.startsWith('heraldlb.io/') !== true) return [];
  const status = raw['status'] === 'True' || raw['status'] === 'False' ? raw['status'] : 'Unknown';
  const observedGeneration = integer(raw['observedGeneration']);
  return [
    {
      type,
      status,
      reason: text(raw['reason']) ?? '',
      message: text(raw['message']) ?? '',
      lastTransitionTime: text(raw['lastTransitionTime']) ?? '',
      ...(observedGeneration === undefined ? {} : { observedGeneration }),
    },
  ];
}

/** An EndpointSlice of a Service; undefined for FQDN slices and those that belong to none. Never throws. */
export function projectEndpointSlice(object: unknown): EndpointSliceView | undefined {
  const meta = metaOf(object);
  const service = meta === undefined ? undefined : labels(meta.raw['labels'])['kubernetes.io/service-name'];
  const addressType = record(object)?.['addressType'];
  if (meta === undefined || service === undefined || (addressType !== 'IPv4' && addressType !== 'IPv6')) return undefined;
  return {
    namespace: meta.namespace,
    name: meta.name,
    service: serviceKey(meta.namespace, service),
    family: addressType === 'IPv4' ? 'ipv4' : 'ipv6',
    endpoints: items(record(object)?.['endpoints']).flatMap(endpoint),
  };
}

function endpoint(value: unknown): EndpointView[] {
  const raw = record(value);
  // An endpoint without an address takes no traffic, whatever its conditions say.
  if (raw === undefined || items(raw['addresses']).length === 0) return [];
  const conditions = record(raw['conditions']) ?? {};
  const ready = flag(conditions['ready']) ?? true;
  const nodeName = text(raw['nodeName']);
  return [
    {
      ready,
      serving: flag(conditions['serving']) ?? ready,
      terminating: flag(conditions['terminating']) ?? false,
      ...(nodeName === undefined ? {} : { nodeName }),
    },
  ];
}

export function projectNode(object: unknown): NodeView | undefined {
  const meta = metaOf(object);
  if (meta === undefined) return undefined;
  const spec = record(record(object)?.['spec']) ?? {};
  const status = record(record(object)?.['status']) ?? {};
  const conditions = items(status['conditions']).map(record);
  const condition = (type: string): Raw | undefined => conditions.find((candidate) => candidate?.['type'] === type);
  const internal = items(status['addresses'])
    .map(record)
    .filter((address) => address?.['type'] === 'InternalIP');
  return {
    name: meta.name,
    uid: text(meta.raw['uid']) ?? '',
    labels: labels(meta.raw['labels']),
    deleting: text(meta.raw['deletionTimestamp']) !== undefined,
    unschedulable: spec['unschedulable'] === true,
    taints: items(spec['taints']).flatMap(taint),
    ready: condition('Ready')?.['status'] === 'True',
    ...(isShuttingDown(condition('Ready')) ? { shuttingDown: true } : {}),
    networkUnavailable: condition('NetworkUnavailable')?.['status'] === 'True',
    internalIPs: addresses(internal.map((address) => address?.['address'])),
  };
}

/**
 * The kubelet's own words (`ShutdownStatus` of its node shutdown manager). Its reason is KubeletNotReady, as for all else that ails
 * it, and other complaints may stand beside these words in the message.
 */
const SHUTTING_DOWN = 'node is shutting down';

function isShuttingDown(ready: Raw | undefined): boolean {
  return ready?.['status'] === 'False' && text(ready['message'])?.includes(SHUTTING_DOWN) === true;
}

/** Every address of a node, of whatever type; for the controller, which needs nothing else of it. */
export function projectNodeAddresses(object: unknown): NodeAddresses | undefined {
  const meta = metaOf(object);
  if (meta === undefined) return undefined;
  const all = items(record(record(object)?.['status'])?.['addresses']).map((address) => record(address)?.['address']);
  return { name: meta.name, addresses: addresses(all) };
}

/** What a speaker has seen other hosts use; undefined for what is no NodeState. */
export function projectSightings(object: unknown): NodeSightings | undefined {
  const meta = metaOf(object);
  if (meta === undefined) return undefined;
  const problems = items(record(record(object)?.['status'])?.['problems']).map(record);
  const used = problems.flatMap((problem) => {
    const ip = problem?.['reason'] === 'AddressInUse' ? parseIp(text(problem['object']) ?? '') : undefined;
    return ip === undefined ? [] : [{ address: ip, text: text(problem?.['message']) ?? '' }];
  });
  return { name: meta.name, used };
}

function taint(value: unknown): TaintView[] {
  const raw = record(value);
  const key = text(raw?.['key']);
  if (raw === undefined || key === undefined) return [];
  return [{ key, value: text(raw['value']) ?? '', effect: text(raw['effect']) ?? '' }];
}

export function projectNamespace(object: unknown): NamespaceView | undefined {
  const meta = metaOf(object);
  return meta === undefined ? undefined : { name: meta.name, labels: labels(meta.raw['labels']) };
}
