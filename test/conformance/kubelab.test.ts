import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiClient } from '../support/apiClient.ts';
import { clientOf } from '../host/support.ts';
import { findKubeBinaries } from '../kube/binaries.ts';
import { startKubelab } from '../kubelab/kubelab.ts';
import { conformance } from './cases.ts';
import { getAs, LIMITED, type Target } from './target.ts';

async function start(): Promise<Target> {
  const lab = await startKubelab({
    tls: true,
    rbac: true,
    tokens: { [LIMITED.token]: { name: LIMITED.name, groups: [...LIMITED.groups] } },
    bookmarkMs: 1000,
  });
  const directory = mkdtempSync(join(tmpdir(), 'heraldlb-kubelab-'));
  const kubeconfigFile = join(directory, 'kubeconfig');
  writeFileSync(kubeconfigFile, lab.kubeconfig());
  const limited = new ApiClient(lab.url, LIMITED.token);
  const admin = new ApiClient(lab.url, 'kubelab-admin');
  const client = clientOf(lab.kubeconfig());
  return {
    admin,
    limited,
    client,
    kubectl: findKubeBinaries()?.kubectl,
    kubeconfigFile,
    forgetHistory: async () => lab.faults.compact(),
    table: (path, accept) => getAs(lab.url + path, 'kubelab-admin', accept),
    close: async () => {
      await client.close();
      await limited.close();
      await admin.close();
      await lab.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

conformance('kubelab', start);
