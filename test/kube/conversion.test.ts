/**
 * A cluster that had MetalLB: its BGPPeers are stored in the older version, and the webhook that converts them went with it. The API server
 * can then answer neither a list nor a watch in the newer version.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startController } from '../../controller/main.ts';
import { listCluster } from '../../src/cli/listCluster.ts';
import { readCluster } from '../../src/cli/migrate/sourceCluster.ts';
import { loadCredentials } from '../../src/host/kube/credentials.ts';
import { type KubeClient, createKubeClient } from '../../src/host/kube/kubeClient.ts';
import { createLogger } from '../../src/host/log.ts';
import { METALLB_CRDS } from '../controller/metallb.ts';
import { until } from '../support/until.ts';
import { needKube } from './binaries.ts';
import { type Kube, startKube } from './kube.ts';

const NAMESPACE = 'metallb-system';
const PEERS = `namespaces/${NAMESPACE}/bgppeers`;
const CRD = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/bgppeers.metallb.io';
const PEER = { myASN: 64512, peerASN: 64513, peerAddress: '192.0.2.1' };
/** As MetalLB's own definition has it; nothing answers there. */
const BROKEN = {
  strategy: 'Webhook',
  webhook: { conversionReviewVersions: ['v1'], clientConfig: { url: 'https://127.0.0.1:9/convert' } },
};
const version = (name: string, storage: boolean): object => ({
  name,
  served: true,
  storage,
  schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
  subresources: { status: {} },
});

describe.skipIf(needKube('BGPPeers that nobody converts') === undefined)('BGPPeers that nobody converts any more', () => {
  let kube: Kube;
  const clients: KubeClient[] = [];
  const log = createLogger({ level: 'silent', name: 'test' });

  const store = async (newest: 'v1beta1' | 'v1beta2', conversion: object): Promise<void> => {
    const versions = [version('v1beta1', newest === 'v1beta1'), version('v1beta2', newest === 'v1beta2')];
    await kube.admin.call('PATCH', CRD, { spec: { versions, conversion } }, 'application/merge-patch+json');
  };

  const peer = async (served: string, name: string): Promise<number> => {
    const body = { apiVersion: `metallb.io/${served}`, kind: 'BGPPeer', metadata: { name, namespace: NAMESPACE }, spec: PEER };
    return (await kube.admin.raw('POST', `/apis/metallb.io/${served}/${PEERS}`, body)).status;
  };

  beforeAll(async () => {
    kube = await startKube({ controllers: false });
    for (const crd of METALLB_CRDS) await kube.admin.apply(crd);
    await kube.admin.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
    await store('v1beta1', { strategy: 'None' });
    await until('the older version to be stored', async () => (await peer('v1beta1', 'old')) === 201, 30_000);
    await store('v1beta2', BROKEN);
    await until(
      'lists that fail',
      async () => JSON.stringify((await kube.admin.raw('GET', `/apis/metallb.io/v1beta2/${PEERS}`)).body).includes('conversion webhook'),
      30_000,
    );
    const addresses = ['192.0.2.128/28'];
    await until(
      'a pool',
      async () => {
        const metadata = { name: 'p', namespace: NAMESPACE };
        const body = { apiVersion: 'metallb.io/v1beta1', kind: 'IPAddressPool', metadata, spec: { addresses } };
        return (await kube.admin.raw('POST', `/apis/metallb.io/v1beta1/namespaces/${NAMESPACE}/ipaddresspools`, body)).status === 201;
      },
      30_000,
    );
  }, 180_000);

  afterAll(async () => {
    for (const made of clients) await made.close();
    await kube?.close();
  });

  const client = (): KubeClient => {
    const made = createKubeClient({ credentials: loadCredentials({ kubeconfig: kube.kubeconfigFile() }), log });
    clients.push(made);
    return made;
  };

  /** Ready, and a new Service has its address from it. */
  const controller = async (name: string): Promise<void> => {
    const common = { kubeconfig: kube.kubeconfigFile(), namespace: NAMESPACE, apiGroup: 'metallb.io', logLevel: 'info' } as const;
    const served = { metricsPort: 0, metricsAddress: '127.0.0.1', leaderElect: false, identity: name };
    const started = await startController({ ...common, ...served }, { log });
    const metadata = { name, namespace: 'default' };
    try {
      await kube.admin.apply({ apiVersion: 'v1', kind: 'Service', metadata, spec: { type: 'LoadBalancer', ports: [{ port: 80 }] } });
      const ref = { apiVersion: 'v1', kind: 'Service', ...metadata };
      await until('an address', async () => JSON.stringify(await kube.admin.get(ref)).includes('"ip":"192.0.2.1'), 20_000);
      expect((await fetch(`http://127.0.0.1:${started.port}/readyz`)).status).toBe(200);
    } finally {
      await started.close();
    }
  };

  it('keep no Service from its address', async () => {
    await controller('one');
    // They are read as they are stored, here as by the speakers.
    const { BGPPeer } = (await listCluster(client(), { namespace: NAMESPACE, apiGroup: 'metallb.io' })).config;
    expect(BGPPeer.map((object) => (object as { spec: object }).spec)).toEqual([PEER]);
    const migrated = (await readCluster(client(), 'metallb', NAMESPACE)) as { readonly kind: string; readonly spec: object }[];
    expect(migrated.filter(({ kind }) => kind === 'BGPPeer').map(({ spec }) => spec)).toEqual([PEER]);
  });

  it('keep nobody from anything even where they are stored in both versions', async () => {
    await store('v1beta2', { strategy: 'None', webhook: null });
    await until('one of the newer version', async () => (await peer('v1beta2', 'new')) === 201, 30_000);
    await store('v1beta2', BROKEN);
    const fails = async (served: string): Promise<boolean> =>
      JSON.stringify((await kube.admin.raw('GET', `/apis/metallb.io/${served}/${PEERS}`)).body).includes('conversion webhook');
    await until('lists that fail', async () => (await fails('v1beta2')) && (await fails('v1beta1')), 30_000);
    expect((await listCluster(client(), { namespace: NAMESPACE, apiGroup: 'metallb.io' })).config.BGPPeer).toEqual([]);
    await expect(readCluster(client(), 'metallb', NAMESPACE)).rejects.toThrow('conversion webhook');
    await controller('two');
  });
});
