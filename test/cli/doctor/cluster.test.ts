import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClusterFacts } from '../../../src/cli/doctor/contract.ts';
import { gatherCluster } from '../../../src/cli/doctor/gatherCluster.ts';
import { loadCredentials } from '../../../src/host/kube/credentials.ts';
import { clientOf, kubeconfigFor } from '../../host/support.ts';
import { type Kubelab, startKubelab } from '../../kubelab/kubelab.ts';

const NAMESPACE = 'heraldlb-system';

async function facts(kubeconfig: string): Promise<ClusterFacts> {
  const client = clientOf(kubeconfig);
  try {
    return await gatherCluster({ credentials: loadCredentials({ text: kubeconfig }), client, namespace: NAMESPACE, nodeName: 'n1' });
  } finally {
    await client.close();
  }
}

describe('what doctor asks a cluster', () => {
  let lab: Kubelab;
  beforeAll(async () => {
    lab = await startKubelab({
      rbac: true,
      tls: true,
      crdDir: ['manifests/crds', 'manifests/base/namespace.yaml', 'manifests/base/rbac.yaml'],
    });
    await lab.create({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1', labels: { rack: 'a' } } });
  });
  afterAll(() => lab.close());

  it('finds an installation complete', async () => {
    const found = await facts(lab.kubeconfig());
    expect(found).toMatchObject({ answer: { status: 200 }, missingRights: [], others: [], node: { name: 'n1', labels: { rack: 'a' } } });
    expect(found.served).toEqual(expect.arrayContaining(['ipaddresspools', 'nodestates']));
    expect(Object.values(found.outdated ?? {}).flat()).toEqual([]);
    expect(Math.abs(found.skewMs ?? Number.NaN)).toBeLessThan(10_000);
  });

  it("asks under the speaker's own account for what that may, and leaves out what it may not see", async () => {
    const found = await facts(lab.kubeconfig(lab.serviceAccountToken(NAMESPACE, 'heraldlb-speaker')));
    expect(found).toMatchObject({ answer: { status: 200 }, missingRights: [] });
    expect(found).not.toHaveProperty('others');
  });

  it('takes what somebody else may not do for no fault of the programs', async () => {
    await lab.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'nobody', namespace: NAMESPACE } });
    const found = await facts(lab.kubeconfig(lab.serviceAccountToken(NAMESPACE, 'nobody')));
    expect(found).toMatchObject({ answer: { status: 200 } });
    expect(found).not.toHaveProperty('missingRights');
  });

  it('names each right that is missing, of either program', async () => {
    const role = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', namespace: NAMESPACE };
    const { rules } = (await lab.get({ ...role, name: 'heraldlb-speaker' })) as unknown as { rules: { resources: string[] }[] };
    const without = rules.filter(({ resources }) => !resources.includes('secrets'));
    await lab.patch({ ...role, name: 'heraldlb-speaker' }, { rules: without }, { type: 'merge' });
    expect((await facts(lab.kubeconfig())).missingRights).toEqual([
      { account: 'heraldlb-speaker', verb: 'get', group: '', resource: 'secrets', namespace: NAMESPACE },
    ]);
    await lab.patch({ ...role, name: 'heraldlb-speaker' }, { rules }, { type: 'merge' });
  });

  it('sees another load balancer by its workload, and an installation without definitions', async () => {
    const bare = await startKubelab();
    const containers = [{ name: 'c', image: 'quay.io/metallb/controller:v0.16.1' }];
    await bare.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'metallb-system' } });
    await bare.create({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'controller', namespace: 'metallb-system' },
      spec: { selector: { matchLabels: { a: 'b' } }, template: { metadata: { labels: { a: 'b' } }, spec: { containers } } },
    });
    const found = await facts(bare.kubeconfig());
    await bare.close();
    expect(found).toMatchObject({ served: [], others: [{ system: 'MetalLB', evidence: 'metallb-system/controller' }] });
    expect(found).not.toHaveProperty('node');
  });

  it('says why there is no answer, and which answer is no welcome', async () => {
    expect(await facts(kubeconfigFor('http://127.0.0.1:9'))).toMatchObject({
      answer: { error: expect.stringContaining('ECONNREFUSED') as string },
    });
    expect(await facts(lab.kubeconfig('nonsense'))).toMatchObject({ answer: { status: 401 } });
  });
});
