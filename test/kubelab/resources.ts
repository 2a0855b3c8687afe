import { joinGroup, text, type Dict } from './json.ts';
import { builtinSchema } from './schema/builtin.ts';
import type { Schema } from './schema/schema.ts';
import type { Kind } from './status.ts';

/** A column of a table answer; `path` is a JSONPath as in additionalPrinterColumns. */
export interface Column {
  name: string;
  type: string;
  format?: string;
  description?: string;
  priority?: number;
  jsonPath?: string;
}

/** One version of one resource, as it is served. */
export interface Resource extends Kind {
  version: string;
  apiVersion: string;
  singular: string;
  listKind: string;
  namespaced: boolean;
  shortNames: string[];
  categories: string[];
  verbs: string[];
  /** Has a status subresource; writes of the object then leave the status alone. */
  status: boolean;
  scale: boolean;
  /** Counts metadata.generation. */
  generation: boolean;
  /** Where objects are kept; both event groups share one. */
  storage: string;
  schema: Schema | undefined;
  custom: boolean;
  columns?: Column[];
  selectableFields?: string[];
  /** Position in discovery: the preferred version of a group comes first. */
  preferred: boolean;
}

const allVerbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const createOnly = ['create'];

interface Row {
  group?: string;
  version?: string;
  kind: string;
  plural: string;
  type?: string;
  short?: string;
  cluster?: boolean;
  status?: boolean;
  scale?: boolean;
  generation?: boolean;
  storage?: string;
  categories?: string[];
  verbs?: string[];
}

const apps = { group: 'apps', status: true, generation: true, categories: ['all'] };
const rbac = { group: 'rbac.authorization.k8s.io' };
const authz = { group: 'authorization.k8s.io', verbs: createOnly, cluster: true };
const authn = { group: 'authentication.k8s.io', verbs: createOnly, cluster: true };
const admission = { group: 'admissionregistration.k8s.io', cluster: true, generation: true };
const networking = { group: 'networking.k8s.io' };

const rows: Row[] = [
  { kind: 'Namespace', plural: 'namespaces', short: 'ns', cluster: true, status: true },
  { kind: 'Node', plural: 'nodes', short: 'no', cluster: true, status: true },
  { kind: 'Pod', plural: 'pods', short: 'po', status: true, generation: true, categories: ['all'] },
  { kind: 'Service', plural: 'services', short: 'svc', status: true, categories: ['all'] },
  { kind: 'ConfigMap', plural: 'configmaps', short: 'cm' },
  { kind: 'Secret', plural: 'secrets' },
  { kind: 'ServiceAccount', plural: 'serviceaccounts', short: 'sa' },
  { kind: 'Endpoints', plural: 'endpoints', short: 'ep' },
  { kind: 'Event', plural: 'events', short: 'ev', type: 'CoreV1Event', storage: 'events' },
  { group: 'events.k8s.io', kind: 'Event', plural: 'events', short: 'ev', type: 'EventsV1Event', storage: 'events' },
  { ...apps, kind: 'Deployment', plural: 'deployments', short: 'deploy', scale: true },
  { ...apps, kind: 'DaemonSet', plural: 'daemonsets', short: 'ds' },
  { ...apps, kind: 'ReplicaSet', plural: 'replicasets', short: 'rs', scale: true },
  { ...apps, kind: 'StatefulSet', plural: 'statefulsets', short: 'sts', scale: true },
  { group: 'batch', kind: 'Job', plural: 'jobs', status: true, generation: true, categories: ['all'] },
  { group: 'coordination.k8s.io', kind: 'Lease', plural: 'leases' },
  { group: 'discovery.k8s.io', kind: 'EndpointSlice', plural: 'endpointslices', generation: true },
  { ...networking, kind: 'Ingress', plural: 'ingresses', short: 'ing', status: true, generation: true },
  { ...networking, kind: 'IngressClass', plural: 'ingressclasses', cluster: true, generation: true },
  { ...networking, kind: 'NetworkPolicy', plural: 'networkpolicies', short: 'netpol', generation: true },
  { ...networking, kind: 'ServiceCIDR', plural: 'servicecidrs', cluster: true, status: true },
  { ...networking, kind: 'IPAddress', plural: 'ipaddresses', short: 'ip', cluster: true },
  { ...rbac, kind: 'Role', plural: 'roles' },
  { ...rbac, kind: 'RoleBinding', plural: 'rolebindings' },
  { ...rbac, kind: 'ClusterRole', plural: 'clusterroles', cluster: true },
  { ...rbac, kind: 'ClusterRoleBinding', plural: 'clusterrolebindings', cluster: true },
  { group: 'policy', kind: 'PodDisruptionBudget', plural: 'poddisruptionbudgets', short: 'pdb', status: true, generation: true },
  { group: 'flowcontrol.apiserver.k8s.io', kind: 'FlowSchema', plural: 'flowschemas', cluster: true, status: true, generation: true },
  { group: 'scheduling.k8s.io', kind: 'PriorityClass', plural: 'priorityclasses', short: 'pc', cluster: true, generation: true },
  { ...admission, kind: 'ValidatingWebhookConfiguration', plural: 'validatingwebhookconfigurations' },
  { ...admission, kind: 'MutatingWebhookConfiguration', plural: 'mutatingwebhookconfigurations' },
  { ...authn, kind: 'TokenReview', plural: 'tokenreviews' },
  { ...authn, kind: 'SelfSubjectReview', plural: 'selfsubjectreviews' },
  { ...authz, kind: 'SubjectAccessReview', plural: 'subjectaccessreviews' },
  { ...authz, kind: 'SelfSubjectAccessReview', plural: 'selfsubjectaccessreviews' },
  { ...authz, kind: 'SelfSubjectRulesReview', plural: 'selfsubjectrulesreviews' },
  { ...authz, kind: 'LocalSubjectAccessReview', plural: 'localsubjectaccessreviews', cluster: false },
  {
    group: 'apiextensions.k8s.io',
    kind: 'CustomResourceDefinition',
    plural: 'customresourcedefinitions',
    short: 'crd,crds',
    cluster: true,
    status: true,
    generation: true,
    categories: ['api-extensions'],
  },
];

function fromRow(row: Row): Resource {
  const group = row.group ?? '';
  const version = row.version ?? 'v1';
  return {
    group,
    version,
    apiVersion: joinGroup(group, version),
    kind: row.kind,
    plural: row.plural,
    singular: row.kind.toLowerCase(),
    listKind: `${row.kind}List`,
    namespaced: row.cluster !== true,
    shortNames: row.short?.split(',') ?? [],
    categories: row.categories ?? [],
    verbs: row.verbs ?? allVerbs,
    status: row.status === true,
    scale: row.scale === true,
    generation: row.generation === true,
    storage: row.storage ?? joinGroup(group, row.plural),
    schema: builtinSchema(row.type ?? `V1${row.kind}`),
    custom: false,
    preferred: true,
  };
}

/** The built-in resources and those of the definitions in force. */
export class Resources {
  private builtin: Resource[] = rows.map(fromRow);
  private customs = new Map<string, Resource[]>();
  private byPath = new Map<string, Resource>();
  private byKind = new Map<string, Resource>();
  /** Changes with every definition, so that documents made from the resources can be kept. */
  revision = 0;

  constructor() {
    this.index();
  }

  /** Replaces what the definition of that name serves; an empty list takes it away. */
  setCustom(definition: string, served: Resource[]): void {
    if (served.length === 0) this.customs.delete(definition);
    else this.customs.set(definition, served);
    this.revision += 1;
    this.index();
  }

  private index(): void {
    this.byPath.clear();
    this.byKind.clear();
    for (const resource of this.all()) {
      this.byPath.set(`${resource.apiVersion}/${resource.plural}`, resource);
      this.byKind.set(`${resource.apiVersion}/${resource.kind}`, resource);
    }
  }

  all(): Resource[] {
    return [...this.builtin, ...[...this.customs.values()].flat()];
  }

  find(group: string, version: string, plural: string): Resource | undefined {
    return this.byPath.get(`${joinGroup(group, version)}/${plural}`);
  }

  ofKind(apiVersion: string, kind: string): Resource | undefined {
    return this.byKind.get(`${apiVersion}/${kind}`);
  }

  /** Any version of the resource, the preferred one first. */
  ofGroup(group: string, plural: string): Resource | undefined {
    const found = this.all().filter((r) => r.group === group && r.plural === plural);
    return found.find((r) => r.preferred) ?? found[0];
  }

  /** One resource per storage, for controllers that look at everything. */
  storages(): Resource[] {
    const seen = new Map<string, Resource>();
    for (const resource of this.all()) {
      if (resource.verbs.includes('list') && !seen.has(resource.storage)) seen.set(resource.storage, resource);
    }
    return [...seen.values()];
  }
}

/** The resources a CustomResourceDefinition serves, one per served version. */
export function customResources(definition: Dict): Resource[] {
  const spec = definition['spec'] as Dict;
  const names = spec['names'] as Dict;
  const group = String(spec['group']);
  const versions = (spec['versions'] as Dict[]).filter((version) => version['served'] === true);
  const order = versions.map((v) => String(v['name'])).sort(compareVersions);
  return versions.map((version): Resource => {
    const name = String(version['name']);
    const subresources = (version['subresources'] ?? {}) as Dict;
    const schema = ((version['schema'] ?? {}) as Dict)['openAPIV3Schema'] as Schema | undefined;
    const plural = String(names['plural']);
    const columns = version['additionalPrinterColumns'] as Column[] | undefined;
    const selectable = version['selectableFields'] as { jsonPath: string }[] | undefined;
    return {
      group,
      version: name,
      apiVersion: joinGroup(group, name),
      kind: String(names['kind']),
      plural,
      singular: text(names['singular']) || text(names['kind']).toLowerCase(),
      listKind: text(names['listKind']) || `${text(names['kind'])}List`,
      namespaced: spec['scope'] === 'Namespaced',
      shortNames: (names['shortNames'] as string[] | undefined) ?? [],
      categories: (names['categories'] as string[] | undefined) ?? [],
      verbs: allVerbs,
      status: subresources['status'] !== undefined,
      scale: subresources['scale'] !== undefined,
      generation: true,
      storage: joinGroup(group, plural),
      schema,
      custom: true,
      preferred: name === order[0],
      ...(columns === undefined ? {} : { columns }),
      ...(selectable === undefined ? {} : { selectableFields: selectable.map(({ jsonPath }) => jsonPath.slice(1)) }),
    };
  });
}

const versionPattern = /^v(\d+)(?:(alpha|beta)(\d+))?$/;

function stage(found: RegExpExecArray): number {
  return { alpha: 1, beta: 2 }[found[2] ?? ''] ?? 3;
}

/** Kubernetes version order, the most preferred first: v2, v1, v1beta2, v1alpha1, others by name. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [versionPattern.exec(a), versionPattern.exec(b)];
  if (left === null || right === null) {
    if (left !== null) return -1;
    if (right !== null) return 1;
    return a < b ? -1 : 1;
  }
  return stage(right) - stage(left) || Number(right[1]) - Number(left[1]) || Number(right[3] ?? 0) - Number(left[3] ?? 0);
}
