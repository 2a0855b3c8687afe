import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KINDS } from '../../src/api/crd.ts';
import { loadCredentials } from '../../src/host/kube/credentials.ts';
import { createKubeClient } from '../../src/host/kube/kubeClient.ts';
import { customResource } from '../../src/host/kube/resource.ts';
import { createStatusWriter } from '../../src/host/kube/status.ts';
import { createLogger } from '../../src/host/log.ts';
import { fittingClaims } from '../../speaker/nodeStatus.ts';
import { outdatedKinds } from '../../src/view/definitions.ts';
import { INVALID, INVALID_ENTRIES, type ObjectCase, VALID } from '../api/objectCases.ts';
import { until } from '../support/until.ts';
import { needKube } from './binaries.ts';
import { type Kube, startKube } from './kube.ts';

const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

interface Definition {
  readonly metadata: { readonly name: string };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

describe.skipIf(needKube('the CRDs on the real server') === undefined)('our CRDs on the real kube-apiserver', () => {
  let kube: Kube;
  let count = 0;

  async function definitions(): Promise<readonly Definition[]> {
    const { body } = await kube.admin.raw('GET', CRDS);
    return (body as { readonly items: readonly Definition[] }).items;
  }

  beforeAll(async () => {
    kube = await startKube({ controllers: false });
    for (const file of readdirSync('manifests/crds').filter((name) => name !== 'kustomization.yaml'))
      await kube.admin.apply(readFileSync(join('manifests/crds', file), 'utf8'));
    await kube.admin.raw('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'h' } });
    await until(
      'the CRDs to be served',
      async () => {
        const answers = await Promise.all(KINDS.map(({ plural }) => kube.admin.raw('GET', `/apis/heraldlb.io/v1/namespaces/h/${plural}`)));
        return answers.every(({ status }) => status === 200);
      },
      15_000,
    );
  });
  afterAll(() => kube.close());

  async function statusOf({ kind, spec }: ObjectCase): Promise<string> {
    const plural = KINDS.find((entry) => entry.kind === kind)?.plural ?? '';
    const { status, body } = await kube.admin.raw('POST', `/apis/heraldlb.io/v1/namespaces/h/${plural}`, {
      apiVersion: 'heraldlb.io/v1',
      kind,
      metadata: { name: `x${count++}` },
      ...(spec === undefined ? {} : { spec }),
    });
    return status === 201 ? 'taken' : `${status} ${String((body as { readonly message?: string }).message)}`;
  }

  it('are found to be of this version as the server has stored them', async () => {
    const byPlural = new Map((await definitions()).map((one) => [one.metadata.name.split('.')[0] ?? '', one]));
    expect(byPlural.size).toBe(KINDS.length);
    expect(outdatedKinds(KINDS, byPlural)).toEqual([]);
  });

  it('are structural', async () => {
    const found = await definitions();
    expect(found.map(({ metadata }) => metadata.name)).toEqual(KINDS.map(({ plural }) => `${plural}.heraldlb.io`).toSorted());
    for (const { status } of found) {
      expect(status?.conditions).toContainEqual(expect.objectContaining({ type: 'Established', status: 'True' }));
      expect(status?.conditions?.map(({ type }) => type)).not.toContain('NonStructuralSchema');
    }
  });

  it.each(VALID)('take $name', async (written) => {
    expect(await statusOf(written)).toBe('taken');
  });

  // With one owner noted for each address (a list of type map) any of these would be more than etcd takes in one request.
  it.each<[string, string, [number, number]]>([
    ['all of 10,000 addresses', 'team', [9999, 10_000]],
    ['as many addresses as have room, where names are long', 'n'.repeat(55), [6000, 7000]],
  ])('take a NodeState with %s, over and over', async (_, name, [least, most]) => {
    const log = createLogger({ level: 'silent', name: 'test' });
    const client = createKubeClient({ credentials: loadCredentials({ kubeconfig: kube.kubeconfigFile() }), log });
    const statuses = createStatusWriter({ client, fieldManager: 'heraldlb-speaker', log });
    const resource = customResource('heraldlb.io', 'v1', 'nodestates', 'NodeState');
    const ref = { namespace: 'h', name: 'node1' };
    const create = { apiVersion: 'heraldlb.io/v1', kind: 'NodeState', metadata: ref, spec: {} };
    const claimOf = (_: unknown, i: number) => ({
      ip: `2001:db8:ffff:ffff:ffff:ffff:${(i >> 8).toString(16)}:${(i + 4096).toString(16)}`,
      services: [`${name}-${i % 100}/${name}-${i}`],
      interfaces: ['eth0'],
      since: '2026-01-01T00:00:00Z',
    });
    try {
      for (const vips of [9999, 10_000]) {
        const summary = { peers: '0/0', vips, routes: 0, problems: 0 };
        const claims = fittingClaims(Array.from({ length: vips }, claimOf), JSON.stringify(summary).length);
        expect(claims.length).toBeGreaterThanOrEqual(least);
        expect(claims.length).toBeLessThanOrEqual(most);
        const status = { summary, claims };
        statuses.set(resource, ref, status, { mode: 'apply', create });
        expect(await statuses.flush(30_000)).toBe(true);
        const { body } = await kube.admin.raw('GET', '/apis/heraldlb.io/v1/namespaces/h/nodestates/node1');
        expect((body as { readonly status?: { readonly claims?: readonly unknown[] } }).status?.claims).toHaveLength(claims.length);
      }
    } finally {
      await statuses.stop();
      await client.close();
    }
  });

  it.each([...INVALID, ...INVALID_ENTRIES])('refuse $name', async (written) => {
    expect(await statusOf(written)).toMatch(/^422 .* is invalid: /s);
  });
});
