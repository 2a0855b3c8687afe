import { describe } from 'vitest';
import { ApiClient } from '../support/apiClient.ts';
import { clientOf } from '../host/support.ts';
import { needKube } from '../kube/binaries.ts';
import { startKube } from '../kube/kube.ts';
import { conformance } from './cases.ts';
import { getAs, LIMITED, type Target } from './target.ts';

async function start(): Promise<Target> {
  const kube = await startKube({ tokens: { [LIMITED.token]: { name: LIMITED.name, groups: LIMITED.groups } } });
  const limited = new ApiClient(kube.url, LIMITED.token);
  const client = clientOf(kube.kubeconfig());
  return {
    admin: kube.admin,
    limited,
    client,
    kubectl: kube.kubectl,
    kubeconfigFile: kube.kubeconfigFile(),
    forgetHistory: async () => {
      await kube.stopApiServer();
      await kube.startApiServer();
    },
    table: (path, accept) => getAs(kube.url + path, kube.adminToken, accept),
    close: async () => {
      await client.close();
      await limited.close();
      await kube.close();
    },
  };
}

describe.skipIf(needKube('the conformance cases') === undefined)('real', () => {
  conformance('kube-apiserver', start);
});
