import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../support/until.ts';
import { type KubeOptions, startKube } from '../kube/kube.ts';
import type { LabApi } from '../lab/lab.ts';
import { NAMESPACE } from '../lab/manifests.ts';

const ACCOUNTS = ['heraldlb-controller', 'heraldlb-speaker'] as const;

/**
 * A real kube-apiserver with our CRDs and roles, as an operator would install them; the programs log in as their accounts.
 * The grace of nodes is long: the lab's kubelets share the tests' thread, and no case here waits for a node to be declared dead.
 */
export async function realApi(root: string, options: KubeOptions = {}): Promise<LabApi> {
  const kube = await startKube({ nodeGraceMs: 30_000, ...options });
  try {
    for (const file of readdirSync(join(root, 'manifests/crds')).filter((name) => name !== 'kustomization.yaml')) {
      await kube.admin.apply(readFileSync(join(root, 'manifests/crds', file), 'utf8'));
    }
    for (const file of ['namespace.yaml', 'rbac.yaml']) await kube.admin.apply(readFileSync(join(root, 'manifests/base', file), 'utf8'));
    await until(
      'the CRDs to be served',
      async () => (await kube.admin.raw('GET', `/apis/heraldlb.io/v1/namespaces/${NAMESPACE}/nodestates`)).status === 200,
      15_000,
    );
    const tokens = new Map<string, string>();
    for (const account of ACCOUNTS) tokens.set(account, await kube.serviceAccountToken(NAMESPACE, account));
    return {
      kind: 'kube-apiserver',
      port: Number(new URL(kube.url).port),
      url: kube.url,
      adminToken: kube.adminToken,
      ca: kube.caPem,
      kubeconfig: (account) => kube.kubeconfig(account === undefined ? undefined : tokens.get(account)),
      close: () => kube.close(),
    };
  } catch (error) {
    await kube.close();
    throw error;
  }
}
