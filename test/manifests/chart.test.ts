import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { packageFiles } from '../../src/cli/packageFiles.ts';
import { findHelm, findKubeBinaries } from '../kube/binaries.ts';
import { type KubeObject, documents } from '../support/apiClient.ts';
import { need } from '../support/need.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const MANIFESTS = join(ROOT, 'manifests');
const read = (path: string): string => readFileSync(join(MANIFESTS, path), 'utf8');

type Json = Readonly<Record<string, unknown>>;

it('what the chart shares with the other manifests is what `make crds` writes', () => {
  const files = packageFiles(read);
  expect(files.length).toBeGreaterThan(12);
  for (const { name, text } of files) expect(`${name}\n${read(name)}`).toBe(`${name}\n${text}`);
});

describe('Chart.yaml', () => {
  it('has the version of the package', () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
    expect(parse(read('chart/Chart.yaml'))).toMatchObject({ name: 'heraldlb', version, appVersion: version });
  });
});

interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly additionalProperties?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
}

/** Every value with a name of its own, `metrics.podMonitor.enabled` for instance; maps of the user's are one value. */
function leaves(schema: Schema, path: readonly string[] = []): string[] {
  if (schema.properties === undefined) return [path.join('.')];
  return Object.entries(schema.properties).flatMap(([name, inner]) => leaves(inner, [...path, name]));
}

describe('values.yaml', () => {
  const schema = JSON.parse(read('chart/values.schema.json')) as Schema;
  const values = parse(read('chart/values.yaml')) as Json;
  const at = (path: string): unknown => path.split('.').reduce<unknown>((inner, key) => (inner as Json | undefined)?.[key], values);

  it('has each value of the schema, and no other', () => {
    const known = leaves(schema).filter((path) => path !== 'global');
    expect(known.length).toBeGreaterThan(30);
    expect(known.filter((path) => at(path) === undefined)).toEqual([]);
    const count = (node: Schema, value: unknown): string[] =>
      Object.keys(value as Json).flatMap((key) => {
        const inner = node.properties?.[key];
        if (inner === undefined) return [key];
        return inner.properties === undefined ? [] : count(inner, (value as Json)[key]);
      });
    expect(count(schema, values)).toEqual([]);
  });

  it('has a sentence about each, in the schema and beside it', () => {
    const undescribed = (node: Schema, path: string): string[] =>
      Object.entries(node.properties ?? {}).flatMap(([name, inner]) => [
        ...((inner.description ?? '').length < 5 ? [`${path}${name}`] : []),
        ...(inner.properties !== undefined && inner.additionalProperties !== false ? [`${path}${name} is open`] : []),
        ...undescribed(inner, `${path}${name}.`),
      ]);
    expect(undescribed(schema, '')).toEqual([]);
    expect(read('chart/values.yaml').match(/^\s*# /gm)?.length).toBeGreaterThan(25);
  });
});

const kubectl = findKubeBinaries()?.kubectl;
const helm = findHelm();
const NEEDS = [
  { reason: 'there is no kubectl (test/kube/build.sh)', met: kubectl !== undefined },
  { reason: 'there is no helm (test/kube/helm/build.sh)', met: helm !== undefined },
];

function run(program: string | undefined, ...words: string[]): string {
  return execFileSync(program ?? '', words, { cwd: ROOT, encoding: 'utf8', stdio: 'pipe', env: { ...process.env, HELM_NO_PLUGINS: '1' } });
}

const key = ({ kind, metadata }: KubeObject): string => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`;

/** Lists that Kubernetes merges by name have no order. */
function unordered(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = value.map(unordered) as { readonly name?: unknown }[];
    const isKeyed = items.every((item) => typeof item === 'object' && item !== null && typeof item.name === 'string');
    return isKeyed ? items.toSorted((a, b) => (String(a.name) < String(b.name) ? -1 : 1)) : items;
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, unordered(inner)]));
}

function byKey(objects: readonly KubeObject[]): Record<string, unknown> {
  return Object.fromEntries(objects.map((object) => [key(object), unordered(object)]));
}

need(...NEEDS).describe('the chart', () => {
  const KEEP = 'helm.sh/resource-policy';
  const rendered = (...more: string[]): KubeObject[] =>
    documents(run(helm, 'template', 'heraldlb', 'manifests/chart', '-n', 'heraldlb-system', '--kube-version', '1.35.4', ...more));
  const set = (...values: string[]): KubeObject[] => rendered(...values.flatMap((value) => ['--set', value]));
  const built = (folder: string): KubeObject[] => documents(run(kubectl, 'kustomize', `manifests/${folder}`));
  const find = (objects: readonly KubeObject[], kind: string): KubeObject => {
    const found = objects.find((object) => object.kind === kind);
    if (found === undefined) throw new Error(`there is no ${kind}`);
    return found;
  };
  const podOf = (object: KubeObject): Json => (object as unknown as { spec: { template: { spec: Json } } }).spec.template.spec;
  const containerOf = (object: KubeObject): Json => (podOf(object)['containers'] as Json[])[0] ?? {};

  it.each([
    ['base', []],
    ['webhook', ['webhook.enabled=true']],
  ])('makes with the values as they are the objects of manifests/%s', (folder, values) => {
    const chart = set('namespace.create=true', 'crds.keep=false', ...values);
    const kustomize = built(folder);
    expect(chart.map(key).toSorted()).toEqual(kustomize.map(key).toSorted());
    expect(byKey(chart)).toEqual(byKey(kustomize));
  });

  it('makes what kustomize makes with the component of the looking glass', () => {
    const directory = mkdtempSync(join(tmpdir(), 'hlb-glass-'));
    try {
      const [base, glass] = ['base', 'glass'].map((folder) => relative(realpathSync(directory), join(MANIFESTS, folder)));
      writeFileSync(join(directory, 'kustomization.yaml'), JSON.stringify({ resources: [base], components: [glass] }));
      const kustomize = documents(run(kubectl, 'kustomize', directory));
      const chart = set('namespace.create=true', 'crds.keep=false', 'glass.enabled=true');
      expect(chart.map(key).toSorted()).toEqual(kustomize.map(key).toSorted());
      expect(byKey(chart)).toEqual(byKey(kustomize));
    } finally {
      rmSync(directory, { recursive: true });
    }
    const rights = set('glass.enabled=true', 'rbac.create=false').filter(({ metadata }) => metadata.name.includes('glass'));
    expect(rights).toEqual([]);
  });

  it('differs by default in that the definitions outlive it, and the Namespace is made before', () => {
    const chart = set();
    const kept = chart.filter(({ metadata }) => (metadata as { annotations?: Json }).annotations?.[KEEP] === 'keep');
    expect(kept.map(({ kind }) => kind)).toEqual(Array.from({ length: kept.length }, () => 'CustomResourceDefinition'));
    const bare = chart.map((object) => {
      const { annotations: _, ...metadata } = object.metadata as { annotations?: unknown } & KubeObject['metadata'];
      return { ...object, metadata };
    });
    expect(byKey(bare)).toEqual(byKey(built('base').filter(({ kind }) => kind !== 'Namespace')));
  });

  it('goes into any namespace, and says so everywhere', () => {
    const text = run(
      helm,
      'template',
      'x',
      'manifests/chart',
      '-n',
      'elsewhere',
      '--kube-version',
      '1.35.4',
      '--set',
      'webhook.enabled=true,glass.enabled=true,networkPolicy.enabled=true',
    );
    const named = documents(text).filter(({ kind }) => kind !== 'CustomResourceDefinition');
    expect(JSON.stringify(named)).not.toContain('heraldlb-system');
  });

  it('gives the programs the flags that the values ask for', () => {
    const values = ['loadBalancerClass=example.com/lb', 'logLevel=debug', 'metrics.metallbNames=false'];
    const chart = set(
      ...values,
      'controller.extraArgs={--api-group=metallb.io}',
      'speaker.extraArgs={--bgp-listen-port=0,--l2-repeat-seconds=0}',
    );
    const common = ['--lb-class=example.com/lb', '--log-level=debug', '--no-metallb-metrics'];
    expect(containerOf(find(chart, 'Deployment'))['args']).toEqual(['controller', ...common, '--api-group=metallb.io']);
    expect(containerOf(find(chart, 'DaemonSet'))['args']).toEqual(['speaker', ...common, '--bgp-listen-port=0', '--l2-repeat-seconds=0']);
  });

  it('puts the Pods where the values say', () => {
    const where = [
      'nodeSelector.zone=a',
      'priorityClassName=mine',
      'tolerations[0].key=edge',
      'resources.limits.memory=1Gi',
      'podAnnotations.a=b',
    ];
    const both = ['controller', 'speaker'].flatMap((program) => where.map((value) => `${program}.${value}`));
    const chart = set(
      ...both,
      'controller.replicas=3',
      'image.repository=r.example/h',
      'image.tag=v1',
      'image.pullPolicy=Always',
      'imagePullSecrets[0].name=key',
    );
    for (const kind of ['Deployment', 'DaemonSet']) {
      const object = find(chart, kind);
      const pod = { nodeSelector: { zone: 'a' }, priorityClassName: 'mine', imagePullSecrets: [{ name: 'key' }] };
      expect(podOf(object)).toMatchObject({ ...pod, tolerations: [{ key: 'edge' }] });
      expect(containerOf(object)).toMatchObject({
        image: 'r.example/h:v1',
        imagePullPolicy: 'Always',
        resources: { limits: { memory: '1Gi' } },
      });
      expect(object).toMatchObject({ spec: { template: { metadata: { annotations: { a: 'b' } } } } });
    }
    expect(find(chart, 'Deployment')).toMatchObject({ spec: { replicas: 3 } });
  });

  it('has what kustomize has for Prometheus, Grafana and the network', () => {
    const asked = ['metrics.podMonitor.enabled', 'metrics.prometheusRule.enabled', 'metrics.dashboard.enabled', 'networkPolicy.enabled'];
    const chart = byKey(set(...asked.map((value) => `${value}=true`), 'metrics.podMonitor.labels.release=prometheus'));
    const policies = documents(read('networkpolicy/networkpolicy.yaml'));
    for (const [name, object] of Object.entries(byKey([...built('dashboards'), ...policies]))) {
      const { metadata, ...rest } = object as KubeObject;
      expect([name, chart[name]]).toMatchObject([name, { ...rest, metadata: { ...metadata, labels: metadata.labels } }]);
    }
    expect(chart['PodMonitor heraldlb-system/heraldlb']).toMatchObject({ metadata: { labels: { release: 'prometheus' } } });
  });

  it('leaves out what is not wanted', () => {
    const kinds = new Set(set('crds.enabled=false', 'rbac.create=false', 'availability.enabled=false').map(({ kind }) => kind));
    expect([...kinds].toSorted()).toEqual(['DaemonSet', 'Deployment', 'Service']);
  });

  it.each([
    ['controler.replicas=3', 'controler'],
    ['logLevel=loud', 'logLevel'],
    ['controller.replicas=two', 'replicas'],
    ['image.digest=1234', 'digest'],
    ['metrics.podMonitor.interval=often', 'interval'],
  ])('refuses %s, and names it', (value, name) => {
    expect(() => set(value)).toThrow(name);
  });

  it('passes its linter', () => {
    expect(run(helm, 'lint', '--strict', 'manifests/chart')).toContain('0 chart(s) failed');
  });
});

need(...NEEDS).describe('kustomize', () => {
  it('builds a system with every component', () => {
    const policies = documents(read('networkpolicy/networkpolicy.yaml'));
    expect(parse(read('networkpolicy/kustomization.yaml'))).toMatchObject({ kind: 'Component', resources: ['networkpolicy.yaml'] });
    expect(policies.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
      'NetworkPolicy heraldlb-controller',
      'NetworkPolicy heraldlb-speaker',
    ]);
    const names = documents(run(kubectl, 'kustomize', 'manifests/dashboards')).map(({ kind }) => kind);
    expect(names.toSorted()).toEqual(['ConfigMap', 'PodMonitor', 'PrometheusRule']);
  });
});

describe('the NetworkPolicies', () => {
  const policies = documents(read('networkpolicy/networkpolicy.yaml')) as unknown as {
    readonly metadata: { readonly name: string };
    readonly spec: Json & { readonly ingress: readonly { readonly ports?: readonly Json[] }[] };
  }[];
  const specOf = (name: string): (typeof policies)[number]['spec'] => {
    const found = policies.find(({ metadata }) => metadata.name === name);
    if (found === undefined) throw new Error(`there is no ${name}`);
    return found.spec;
  };

  it('let all ports of the controller be reached, the looking glass among them, and no other', () => {
    const ports = specOf('heraldlb-controller').ingress.flatMap((rule) => rule.ports ?? []);
    expect(ports).toEqual([7481, 7483, 9443].map((port) => ({ port, protocol: 'TCP' })));
  });

  it('hold back nothing of the speakers, which have the addresses of their nodes', () => {
    expect(specOf('heraldlb-speaker')).toMatchObject({ policyTypes: ['Ingress', 'Egress'], ingress: [{}], egress: [{}] });
  });
});
