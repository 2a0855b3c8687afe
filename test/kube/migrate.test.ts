import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Migration, Source } from '../../src/cli/migrate/contract.ts';
import { migrate } from '../../src/cli/migrate/migrate.ts';
import { runMigrate } from '../../src/cli/migrateCommand.ts';
import { NAMESPACE, cluster, fixture } from '../cli/migrate/support.ts';
import type { KubeObject } from '../support/apiClient.ts';
import { until } from '../support/until.ts';
import { needKube } from './binaries.ts';
import { type Kube, startKube } from './kube.ts';

/** Group, plural, kind and versions, the one that is stored first; `cluster`: in no namespace. */
const KINDS: readonly (readonly [group: string, plural: string, kind: string, versions: readonly string[], scope?: 'cluster'])[] = [
  ['metallb.io', 'ipaddresspools', 'IPAddressPool', ['v1beta1']],
  ['metallb.io', 'addresspools', 'AddressPool', ['v1beta1']],
  ['metallb.io', 'bgppeers', 'BGPPeer', ['v1beta2', 'v1beta1']],
  ['metallb.io', 'bgpadvertisements', 'BGPAdvertisement', ['v1beta1']],
  ['metallb.io', 'l2advertisements', 'L2Advertisement', ['v1beta1']],
  ['metallb.io', 'bfdprofiles', 'BFDProfile', ['v1beta1']],
  ['metallb.io', 'communities', 'Community', ['v1beta1']],
  ['cilium.io', 'ciliumloadbalancerippools', 'CiliumLoadBalancerIPPool', ['v2', 'v2alpha1'], 'cluster'],
  ['cilium.io', 'ciliuml2announcementpolicies', 'CiliumL2AnnouncementPolicy', ['v2alpha1'], 'cluster'],
  ['cilium.io', 'ciliumbgpclusterconfigs', 'CiliumBGPClusterConfig', ['v2'], 'cluster'],
  ['cilium.io', 'ciliumbgppeerconfigs', 'CiliumBGPPeerConfig', ['v2'], 'cluster'],
  ['cilium.io', 'ciliumbgpadvertisements', 'CiliumBGPAdvertisement', ['v2'], 'cluster'],
  ['cilium.io', 'ciliumbgpnodeconfigoverrides', 'CiliumBGPNodeConfigOverride', ['v2'], 'cluster'],
  ['cilium.io', 'ciliumbgppeeringpolicies', 'CiliumBGPPeeringPolicy', ['v2alpha1'], 'cluster'],
  ['purelb.io', 'servicegroups', 'ServiceGroup', ['v1']],
  ['purelb.io', 'lbnodeagents', 'LBNodeAgent', ['v1']],
  ['bgp.purelb.io', 'configs', 'BGPConfiguration', ['v1']],
];
const PURELB_2 = ['servicegroups', 'lbnodeagents'];

function definition([group, plural, kind, versions, scope]: (typeof KINDS)[number]): object {
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {
      name: `${plural}.${group}`,
      annotations: { 'api-approved.kubernetes.io': 'https://github.com/kubernetes/kubernetes/pull/1111' },
    },
    spec: {
      group,
      scope: scope === 'cluster' ? 'Cluster' : 'Namespaced',
      names: { plural, singular: kind.toLowerCase(), kind, listKind: `${kind}List` },
      versions: versions.map((name, index) => ({ name, served: true, storage: index === 0, schema })),
    },
  };
}

describe.skipIf(needKube('migrations from a live cluster') === undefined)('heraldlb migrate from a real kube-apiserver', () => {
  let kube: Kube;
  let directory: string;
  const made: string[] = [];

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'hlb-migrate-'));
    kube = await startKube({ controllers: false });
    for (const kind of KINDS) await kube.admin.apply(definition(kind));
    for (const file of readdirSync('manifests/crds').filter((name) => name !== 'kustomization.yaml'))
      await kube.admin.apply(readFileSync(join('manifests/crds', file), 'utf8'));
    for (const [group, plural, , [version = '']] of [...KINDS, ['heraldlb.io', 'addressclaims', '', ['v1']] as const])
      await until(
        `${plural} to be served`,
        async () => (await kube.admin.raw('GET', `/apis/${group}/${version}/${plural}`)).status === 200,
        20_000,
      );
    for (const namespace of [NAMESPACE, 'metallb-system', 'purelb-system', 'purelb', 'shop', 'office', 'prod', 'dev', 'dmz', 'tenant'])
      await kube.admin.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
    for (const object of cluster({})) await create(object as KubeObject);
    made.length = 0;
  });
  afterEach(async () => {
    for (const path of made.splice(0).toReversed()) await kube.admin.call('DELETE', path);
  });
  afterAll(async () => {
    await kube?.close();
    rmSync(directory, { recursive: true, force: true });
  });

  function pathOf({ apiVersion, kind, metadata: { namespace } }: Pick<KubeObject, 'apiVersion' | 'kind' | 'metadata'>): string {
    const plural = KINDS.find(([group, , own]) => apiVersion.startsWith(`${group}/`) && own === kind)?.[1] ?? `${kind.toLowerCase()}s`;
    const scope = namespace === undefined ? '' : `/namespaces/${namespace}`;
    return `${apiVersion === 'v1' ? '/api' : '/apis'}/${apiVersion}${scope}/${plural}`;
  }

  async function create(object: KubeObject): Promise<void> {
    const { status, ...rest } = object;
    const path = pathOf(object);
    // Cluster addresses are the server's to give.
    const { clusterIPs: _, ...spec } = rest.spec ?? {};
    const body = rest.spec === undefined ? rest : { ...rest, spec: { ...spec, ...podTemplate(object) } };
    await kube.admin.call('POST', path, body);
    made.push(`${path}/${object.metadata.name}`);
    if (status !== undefined && object.apiVersion === 'v1')
      await kube.admin.call('PATCH', `${path}/${object.metadata.name}/status`, { status }, 'application/merge-patch+json');
  }

  /** What the server asks of a DaemonSet beyond what the examples say. */
  function podTemplate({ kind, spec }: KubeObject): object {
    if (kind !== 'DaemonSet') return {};
    const labels = { app: 'vip' };
    return { selector: { matchLabels: labels }, template: { ...(spec?.['template'] as object), metadata: { labels } } };
  }

  async function live(source: Source): Promise<Migration> {
    let out = '';
    const streams = { stdout: { write: (text: string) => (out += text) }, stderr: { write: () => {} } };
    const kubeconfig = kube.kubeconfigFile();
    const code = await runMigrate(source, { namespace: NAMESPACE, apiGroup: 'heraldlb.io', kubeconfig, output: 'json' }, streams);
    const migration = JSON.parse(out) as Migration;
    expect(code).toBe(migration.losses.some(({ severity }) => severity === 'error') ? 1 : 0);
    return migration;
  }

  /** The server has fields, and objects, in an order of its own. */
  const sorted = (all: readonly object[]): string[] => all.map((one) => JSON.stringify(one, inOrder)).toSorted();
  const inOrder = (_: string, value: unknown): unknown =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : value;

  it.each([
    ['metallb', 'metallb'],
    ['metallb', 'metallbConfigMap'],
    ['kube-vip', 'kubeVip'],
    ['kube-vip', 'kubeVipBgp'],
    ['cilium', 'cilium'],
    ['cilium', 'ciliumPolicy'],
    ['purelb', 'purelbV1'],
    ['purelb', 'purelb'],
  ] as const)('%s: reads the example %s as from files, and the server accepts what comes of it', async (source, name) => {
    if (name === 'purelb') {
      for (const kind of KINDS.filter(([, plural]) => PURELB_2.includes(plural)))
        await kube.admin.apply(definition([kind[0], kind[1], kind[2], ['v2', 'v1']]));
      for (const plural of PURELB_2)
        await until(`${plural} v2`, async () => (await kube.admin.raw('GET', `/apis/purelb.io/v2/${plural}`)).status === 200, 20_000);
    }
    const objects = fixture(name) as KubeObject[];
    for (const object of objects) await create(object);
    const found = await live(source);
    const expected = migrate(source, [...objects, ...cluster({})], NAMESPACE);
    expect(sorted(found.manifests)).toEqual(sorted(expected.manifests));
    expect(sorted(found.edits)).toEqual(sorted(expected.edits));
    expect(sorted(found.losses)).toEqual(sorted(expected.losses));
    expect([found.flags, found.kept]).toEqual([expected.flags, expected.kept]);
    expect(found.kept).toBe(objects.filter(({ kind }) => kind === 'Service').length);

    // Rules of the definitions among them, which only a server knows how to read.
    const file = join(directory, `${name}.json`);
    writeFileSync(file, JSON.stringify(found.manifests));
    for (const manifest of found.manifests) {
      const [applied] = await kube.admin.apply(manifest);
      made.push(`${pathOf(manifest).replace(/communitys$/, 'communities')}/${manifest.metadata.name}`);
      expect(applied).toMatchObject({ kind: manifest.kind, metadata: { name: manifest.metadata.name } });
    }
  });

  it.each(['metallb', 'kube-vip', 'cilium', 'purelb'] as const)(
    '%s: a cluster without anything of it gives nothing, and says so',
    async (source) => {
      expect(await live(source)).toMatchObject({ manifests: [], edits: [], kept: 0, losses: [{ reason: 'ServicesNotSeen' }] });
    },
  );
});
