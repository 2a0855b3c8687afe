import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../support/until.ts';
import { needKube } from './binaries.ts';
import { startKube, type Kube } from './kube.ts';

describe.skipIf(needKube('the harness of the real server') === undefined)('the real kube-apiserver', () => {
  let kube: Kube;
  beforeAll(async () => {
    kube = await startKube({ tokens: { 'token-of-nobody': { name: 'nobody' } } });
  });
  afterAll(() => kube.close());

  it('is the version that was asked for', async () => {
    const version = (await kube.admin.raw('GET', '/version')).body;
    expect(version).toMatchObject({ gitVersion: 'v1.35.4', major: '1', minor: '35' });
  });

  it('gives dual-stack cluster addresses', async () => {
    const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'dual', namespace: 'default' } };
    const spec = { type: 'LoadBalancer', ipFamilyPolicy: 'RequireDualStack', ports: [{ port: 80 }] };
    const [made] = await kube.admin.apply({ ...service, spec });
    expect(made?.spec?.['clusterIPs']).toEqual([expect.stringMatching(/^10\.96\./), expect.stringMatching(/^fd00:10:96:/)]);
  });

  it('makes EndpointSlices from Pods whose status is patched', async () => {
    const meta = { namespace: 'default', labels: { app: 'web' } };
    await kube.admin.apply({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' } });
    await kube.admin.apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...meta, name: 'web-1' },
      spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'none' }] },
    });
    const status = { phase: 'Running', podIP: '10.1.0.5', podIPs: [{ ip: '10.1.0.5' }], conditions: [{ type: 'Ready', status: 'True' }] };
    await kube.admin.patch({ apiVersion: 'v1', kind: 'Pod', namespace: 'default', name: 'web-1' }, { status }, '/status');
    await kube.admin.apply({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', namespace: 'default' },
      spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
    });
    const query = '?labelSelector=kubernetes.io/service-name%3Dweb';
    const ref = { apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', namespace: 'default' };
    const slice = await until(
      'a slice with the pod',
      async () => (await kube.admin.list(ref, query)).find((s) => JSON.stringify(s).includes('10.1.0.5')),
      30_000,
    );
    expect(slice).toMatchObject({ endpoints: [{ addresses: ['10.1.0.5'], nodeName: 'n1', conditions: { ready: true } }] });
  });

  it('has RBAC on, and service accounts with tokens of its own', async () => {
    const { ApiClient } = await import('../support/apiClient.ts');
    const nobody = new ApiClient(kube.url, 'token-of-nobody');
    expect((await nobody.raw('GET', '/api/v1/services')).status).toBe(403);
    await nobody.close();
    await kube.admin.apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'sa', namespace: 'default' } });
    const account = new ApiClient(kube.url, await kube.serviceAccountToken('default', 'sa'));
    const answer = await account.raw('GET', '/api/v1/services');
    await account.close();
    expect(answer).toMatchObject({ status: 403, body: { message: expect.stringContaining('system:serviceaccount:default:sa') } });
  });

  it('comes back with its objects after a hard stop', async () => {
    await kube.stopApiServer();
    await kube.startApiServer();
    expect((await kube.admin.raw('GET', '/api/v1/namespaces/default/services/web')).status).toBe(200);
  });
});
