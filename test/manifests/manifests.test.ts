import { readFileSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { KINDS, crdOf } from '../../src/api/crd.ts';
import { crdFiles, installFile } from '../../src/cli/crdFiles.ts';
import { CONFIG_KINDS, type RawObjects, parseConfig } from '../../src/config/parse.ts';
import { documents } from '../support/apiClient.ts';

const manifests = resolve(import.meta.dirname, '../../manifests');
const read = (...path: readonly string[]): string => readFileSync(join(manifests, ...path), 'utf8');

type Json = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((inner, key) => (typeof inner === 'object' && inner !== null ? (inner as Json)[key] : undefined), value);
}

/** Every node of an OpenAPI schema, with where it stands. */
function nodesOf(schema: unknown, path = ''): { readonly path: string; readonly node: Json }[] {
  if (!isObject(schema)) return [];
  const properties = isObject(schema['properties']) ? Object.entries(schema['properties']) : [];
  return [
    { path, node: schema },
    ...properties.flatMap(([name, child]) => nodesOf(child, `${path}.${name}`)),
    ...nodesOf(schema['items'], `${path}[]`),
    ...nodesOf(schema['additionalProperties'], `${path}{}`),
  ];
}

const schemaOf = (kind: string): unknown => {
  const found = KINDS.find((each) => each.kind === kind);
  return found === undefined ? undefined : at(crdOf(found), 'spec', 'versions', 0, 'schema', 'openAPIV3Schema');
};

describe('what `make crds` writes', () => {
  it('is what lies in manifests/crds, no file more or less', () => {
    expect(readdirSync(join(manifests, 'crds')).toSorted()).toEqual(
      crdFiles()
        .map((file) => file.name)
        .toSorted(),
    );
    for (const file of crdFiles()) expect(read('crds', file.name)).toBe(file.text);
  });

  it('is what lies in manifests/install.yaml: namespace, CRDs, roles, controller, speaker, availability', () => {
    expect(documents(read('install.yaml'))).toEqual(documents(installFile((name) => read('base', name))));
    const base = ['namespace.yaml', 'rbac.yaml', 'controller.yaml', 'speaker.yaml', 'availability.yaml'].flatMap((name) =>
      documents(read('base', name)),
    );
    const installed = documents(read('install.yaml'));
    expect(installed.slice(0, 1 + KINDS.length)).toEqual([base[0], ...KINDS.map((kind) => crdOf(kind))]);
    expect(installed.slice(1 + KINDS.length)).toEqual(base.slice(1));
  });

  it('has the rights and the port of the looking glass in a component of their own', () => {
    const component = parse(read('glass', 'kustomization.yaml'));
    expect([at(component, 'kind'), at(component, 'resources'), at(component, 'patches')]).toEqual([
      'Component',
      ['rbac.yaml'],
      [{ path: 'controller.yaml' }],
    ]);
    const [own] = documents(read('glass', 'rbac.yaml'));
    expect(at(own, 'rules')).toEqual([
      { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
      { apiGroups: ['authorization.k8s.io'], resources: ['subjectaccessreviews'], verbs: ['create'] },
    ]);
    expect(read('base', 'rbac.yaml')).not.toMatch(/tokenreviews|subjectaccessreviews/);
    expect(read('base', 'controller.yaml')).not.toContain('GLASS');
    const container = at(parse(read('glass', 'controller.yaml')), 'spec', 'template', 'spec', 'containers', 0);
    expect(container).toEqual({ name: 'controller', env: [{ name: 'HERALDLB_GLASS_PORT', value: '7483' }] });
  });

  it('leaves nothing of manifests/base out', () => {
    const resources = at(parse(read('base', 'kustomization.yaml')), 'resources');
    expect(resources).toEqual(['../crds', 'namespace.yaml', 'rbac.yaml', 'controller.yaml', 'speaker.yaml', 'availability.yaml']);
    const listed = [...(resources as string[]).slice(1), 'kustomization.yaml'];
    expect(readdirSync(join(manifests, 'base')).toSorted()).toEqual(listed.toSorted());
  });
});

describe.each(KINDS.map((kind) => [kind.kind] as const))('the schema of %s', (kind) => {
  const nodes = nodesOf(schemaOf(kind));

  it('is structural: every node has a type, none a reference or closed properties', () => {
    expect(nodes.length).toBeGreaterThan(5);
    for (const { path, node } of nodes) {
      expect(`${path} ${String(node['type'])}`).toMatch(/ (object|array|string|integer|number|boolean)$/);
      expect(Object.keys(node)).not.toContain('$ref');
      expect(node['additionalProperties']).not.toBe(false);
      expect('properties' in node && 'additionalProperties' in node).toBe(false);
    }
  });

  it('has a message with every rule, and a bound on all that a rule walks over', () => {
    for (const { path, node } of nodes) {
      const rules = (node['x-kubernetes-validations'] ?? []) as readonly Json[];
      for (const rule of rules) expect(rule['message']).toMatch(/\S{2}/);
      // The API server estimates what a rule may cost from these bounds.
      expect(path.startsWith('.spec') && node['type'] === 'array' && node['maxItems'] === undefined).toBe(false);
    }
  });

  it('has columns that exist in it', () => {
    const columns = KINDS.find((each) => each.kind === kind)?.columns ?? [];
    expect(columns.length).toBeGreaterThan(2);
    expect(new Set(columns.map((column) => column.name)).size).toBe(columns.length);
    const paths = new Set([...nodes.map((node) => node.path), '.metadata.creationTimestamp']);
    for (const column of columns) expect(paths).toContain(column.jsonPath.replaceAll(/\[[^\]]*\]/g, '[]'));
  });
});

/** The fields of MetalLB's kinds: IPAddressPool v1beta1 and so on, BGPPeer v1beta2. */
const METALLB: Readonly<Record<string, readonly string[]>> = {
  IPAddressPool: [
    'addresses',
    'autoAssign',
    'avoidBuggyIPs',
    'serviceAllocation.priority',
    'serviceAllocation.namespaces',
    'serviceAllocation.namespaceSelectors',
    'serviceAllocation.serviceSelectors',
  ],
  L2Advertisement: [
    'ipAddressPools',
    'ipAddressPoolSelectors',
    'nodeSelectors',
    'interfaces',
    'serviceSelectors',
    'preferredNodeSelectors[].weight',
    'preferredNodeSelectors[].preference.matchLabels',
  ],
  BGPAdvertisement: [
    'aggregationLength',
    'aggregationLengthV6',
    'localPref',
    'communities',
    'ipAddressPools',
    'ipAddressPoolSelectors',
    'nodeSelectors',
    'peers',
    'serviceSelectors',
  ],
  BGPPeer: [
    'myASN',
    'peerASN',
    'dynamicASN',
    'localASN',
    'peerAddress',
    'interface',
    'sourceAddress',
    'peerPort',
    'holdTime',
    'keepaliveTime',
    'connectTime',
    'routerID',
    'nodeSelectors',
    'password',
    'passwordSecret.name',
    'passwordSecret.namespace',
    'bfdProfile',
    'enableGracefulRestart',
    'ebgpMultiHop',
    'vrf',
    'disableMP',
    'dualStackAddressFamily',
  ],
  BFDProfile: ['receiveInterval', 'transmitInterval', 'detectMultiplier', 'echoInterval', 'echoMode', 'passiveMode', 'minimumTtl'],
  Community: ['communities[].name', 'communities[].value'],
};

it.each(Object.entries(METALLB))("%s has every field of MetalLB's", (kind, fields) => {
  const paths = nodesOf(schemaOf(kind)).map((node) => node.path);
  for (const field of fields) expect(paths).toContain(`.spec.${field}`);
});

it('IPAddressPool counts what MetalLB counts', () => {
  const paths = nodesOf(schemaOf('IPAddressPool')).map((node) => node.path);
  for (const field of ['assignedIPv4', 'assignedIPv6', 'availableIPv4', 'availableIPv6']) expect(paths).toContain(`.status.${field}`);
});

const examples = readdirSync(join(manifests, 'examples')).filter((name) => name.endsWith('.yaml'));

it('there are examples', () => expect(examples.length).toBeGreaterThan(2));

it.each(examples)('the example %s has no problem', (name) => {
  const objects = documents(read('examples', name));
  expect(objects.length).toBeGreaterThan(0);
  const known = ['Service', 'Deployment', 'Secret', ...CONFIG_KINDS];
  for (const object of objects) expect(known).toContain(object.kind);
  const raw = Object.fromEntries(CONFIG_KINDS.map((kind) => [kind, objects.filter((object) => object.kind === kind)]));
  expect(parseConfig(raw as unknown as RawObjects, { generation: 1 }).problems).toEqual([]);
});

describe('the workloads', () => {
  const workloads = ['controller.yaml', 'speaker.yaml'].flatMap((name) => documents(read('base', name)).slice(0, 1));
  const pods = workloads.map((workload) => at(workload, 'spec', 'template', 'spec'));
  const containers = pods.flatMap((pod) => [
    ...((at(pod, 'containers') ?? []) as unknown[]),
    ...((at(pod, 'initContainers') ?? []) as unknown[]),
  ]);

  it('are two, of one image', () => {
    expect(containers).toHaveLength(2);
    expect(new Set(containers.map((container) => at(container, 'image'))).size).toBe(1);
    expect(at(containers[0], 'image')).toMatch(/^heraldlb:\d+\.\d+\.\d+$/);
  });

  it('drop every capability, and the speaker alone adds the three it needs', () => {
    const added = containers.map((container) => at(container, 'securityContext', 'capabilities', 'add'));
    expect(added).toEqual([undefined, ['NET_BIND_SERVICE', 'NET_RAW', 'NET_ADMIN', 'SYS_NICE']]);
    for (const container of containers) {
      expect(at(container, 'securityContext')).toMatchObject({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      expect(at(container, 'securityContext', 'privileged')).toBeUndefined();
    }
  });

  it('run under seccomp; the controller as nobody special and without the network of the host', () => {
    for (const pod of pods) expect(at(pod, 'securityContext', 'seccompProfile', 'type')).toBe('RuntimeDefault');
    expect(at(pods[0], 'securityContext', 'runAsNonRoot')).toBe(true);
    expect(pods.map((pod) => at(pod, 'hostNetwork') ?? false)).toEqual([false, true]);
    for (const key of ['hostPID', 'hostIPC', 'volumes']) for (const pod of pods) expect(at(pod, key)).toBeUndefined();
  });

  it('have probes, requests, a memory limit, and no CPU limit that would throttle an answer', () => {
    for (const container of containers) {
      expect(at(container, 'livenessProbe', 'httpGet', 'path')).toBe('/livez');
      expect(at(container, 'readinessProbe', 'httpGet', 'path')).toBe('/readyz');
      expect(Object.keys(at(container, 'resources', 'requests') as Json).toSorted()).toEqual(['cpu', 'memory']);
      expect(Object.keys(at(container, 'resources', 'limits') as Json)).toEqual(['memory']);
    }
  });

  it('have time to withdraw what they announce before they are killed', () => {
    for (const pod of pods) expect(at(pod, 'terminationGracePeriodSeconds')).toBeGreaterThanOrEqual(10);
  });
});
