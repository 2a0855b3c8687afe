import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { runMigrate } from '../../../src/cli/migrateCommand.ts';
import type { Source } from '../../../src/cli/migrate/contract.ts';
import { type Kubelab, startKubelab } from '../../kubelab/kubelab.ts';
import { cluster, fixture, migrated } from './support.ts';

const FIXTURES = new URL('./fixtures/', import.meta.url).pathname;

let directory = '';
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'hlb-migrate-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

type Flags = Parameters<typeof runMigrate>[1];

async function run(from: Source, flags: Partial<Flags>): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  const streams = { stdout: { write: (text: string) => (out += text) }, stderr: { write: (text: string) => (err += text) } };
  const code = await runMigrate(from, { namespace: 'heraldlb-system', apiGroup: 'heraldlb.io', ...flags }, streams);
  return { code, out, err };
}

describe('heraldlb migrate', () => {
  it('writes manifests to stdout, and what there is to say to stderr', async () => {
    const { code, out, err } = await run('kube-vip', { filename: [join(FIXTURES, 'kubeVip.yaml')] });
    expect(code).toBe(0);
    const kinds = parseAllDocuments(out).map((document) => (document.toJS() as { kind: string }).kind);
    expect(new Set(kinds)).toEqual(new Set(['IPAddressPool', 'AddressClaim', 'L2Advertisement']));
    expect(err).toMatch(/^warning StrayAddress Service\/prod\/old status\.loadBalancer: 10\.10\.0\.77 is in no pool/m);
    expect(err).toMatch(/8 objects, 5 Services keep their addresses: 0 errors, \d warnings$|7 objects, 5 Services keep/m);
  });

  it('fails where a Service would lose its address', async () => {
    const file = join(directory, 'lost.yaml');
    writeFileSync(file, readFileSync(join(FIXTURES, 'metallb.yaml'), 'utf8').replace('203.0.113.0/27, ', ''));
    const { code, err } = await run('metallb', { filename: [file] });
    expect(err).toMatch(/^error AddressOutsidePools Service\/shop\/web status\.loadBalancer: 203\.0\.113\.5 would be taken away/);
    expect(code).toBe(1);
  });

  it('writes a directory, where passwords are nobody else’s', async () => {
    const target = join(directory, 'out');
    const { code, out } = await run('kube-vip', { filename: [join(FIXTURES, 'kubeVipBgp.yaml')], directory: target });
    expect([code, out]).toEqual([0, '']);
    expect(readFileSync(join(target, 'manifests.yaml'), 'utf8')).toContain('password: secret');
    expect(statSync(join(target, 'manifests.yaml')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(target, 'services.sh'), 'utf8')).toMatch(/^#!\/bin\/sh\nset -e\n/);
  });

  it('prints all of it as JSON', async () => {
    const { out, err } = await run('cilium', { filename: [join(FIXTURES, 'cilium.yaml')], output: 'json' });
    expect(JSON.parse(out)).toMatchObject({ source: 'cilium', kept: 5 });
    expect(err).toBe('');
  });

  it('reads nothing by halves', async () => {
    const file = join(directory, 'broken.yaml');
    writeFileSync(file, 'a: [1\n');
    await expect(run('cilium', { filename: [file] })).rejects.toThrow(/broken\.yaml:\d+:\d+: /);
  });
});

describe('heraldlb migrate from a live cluster', () => {
  let lab: Kubelab;
  beforeAll(async () => {
    const definition = (group: string, plural: string, kind: string, versions: readonly string[], scope: string): object => ({
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: `${plural}.${group}` },
      spec: {
        group,
        scope,
        names: { plural, singular: kind.toLowerCase(), kind, listKind: `${kind}List` },
        versions: versions.map((name, index) => ({
          name,
          served: true,
          storage: index === 0,
          schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
        })),
      },
    });
    lab = await startKubelab();
    for (const [plural, kind, version] of [
      ['ciliumloadbalancerippools', 'CiliumLoadBalancerIPPool', 'v2'],
      ['ciliuml2announcementpolicies', 'CiliumL2AnnouncementPolicy', 'v2alpha1'],
      ['ciliumbgpclusterconfigs', 'CiliumBGPClusterConfig', 'v2'],
      ['ciliumbgppeerconfigs', 'CiliumBGPPeerConfig', 'v2'],
      ['ciliumbgpadvertisements', 'CiliumBGPAdvertisement', 'v2'],
      ['ciliumbgpnodeconfigoverrides', 'CiliumBGPNodeConfigOverride', 'v2'],
    ] as const)
      await lab.create(definition('cilium.io', plural, kind, [version], 'Cluster'));
    for (const name of ['shop', 'office']) await lab.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
    for (const object of [...fixture('cilium'), ...cluster({})]) {
      const { status, ...rest } = object as { status?: object; kind: string; metadata: object; spec?: { clusterIPs?: unknown } };
      const { clusterIPs: _, ...spec } = rest.spec ?? {};
      const made = await lab.create({ ...rest, spec });
      if (status !== undefined) await lab.patch(made, { status }, { type: 'merge', subresource: 'status' });
    }
  });
  afterAll(() => lab.close());

  it('reads the same out of it as out of files, whatever version is served', async () => {
    const kubeconfig = join(directory, 'kubeconfig');
    writeFileSync(kubeconfig, lab.kubeconfig());
    const { code, out } = await run('cilium', { kubeconfig, output: 'json' });
    expect(code).toBe(0);
    const { manifests, kept } = JSON.parse(out) as {
      manifests: { kind: string; metadata: { name: string }; spec: object }[];
      kept: number;
    };
    const expected = migrated('cilium', 'cilium', cluster({})).migration;
    const sorted = (all: readonly { kind: string; metadata: { name: string } }[]): string[] =>
      all.map((one) => JSON.stringify(one)).toSorted();
    expect(sorted(manifests)).toEqual(sorted(expected.manifests));
    expect(kept).toBe(expected.kept);
  });
});
