import { afterEach, expect, it } from 'vitest';
import { readCluster } from '../../src/view/cluster.ts';
import { type Cluster, startCluster } from '../controller/support.ts';
import { NAMESPACE } from '../controller/fixtures.ts';
import { listRaw } from './explainSupport.ts';

let cluster: Cluster | undefined;

afterEach(async () => {
  await cluster?.close();
});

it('a leader whose clock is ten minutes behind is not accused while it renews, and is when it does not', async () => {
  cluster = await startCluster();
  const { lab, kubeconfig } = cluster;
  const ref = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace: NAMESPACE, name: 'heraldlb-controller' };
  const late = (): string => new Date(Date.now() - 600_000).toISOString().replace('Z', '000Z');
  const spec = { holderIdentity: 'one', leaseDurationSeconds: 15, renewTime: late() };
  await lab.create({ ...ref, metadata: { name: ref.name, namespace: NAMESPACE }, spec });
  const renewing = setInterval(() => void lab.patch(ref, { spec: { renewTime: late() } }), 1000);
  const controller = async () => readCluster(await listRaw(kubeconfig), { nowMs: Date.now() }).controller;
  expect(await controller()).toMatchObject({ running: true, leader: 'one', renewedSecondsAgo: 0 });
  clearInterval(renewing);
  // Half a minute is not long for clocks that differ, but nobody renews.
  await lab.patch(ref, { spec: { renewTime: new Date(Date.now() - 30_000).toISOString().replace('Z', '000Z') } });
  expect(await controller()).toMatchObject({ running: false, leader: 'one' });
}, 40_000);
