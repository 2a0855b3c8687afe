/** Prints how fast the controller serves many Services on the lab API server, against bare status patches by a simple loop. */
import { setTimeout as sleep } from 'node:timers/promises';
import { createKubeClient } from '../../src/host/kube/kubeClient.ts';
import { loadCredentials } from '../../src/host/kube/credentials.ts';
import { patchObject } from '../../src/host/kube/objects.ts';
import { SERVICES } from '../../src/host/kube/resource.ts';
import { createLogger } from '../../src/host/log.ts';
import { poolObject, serviceObject, startCluster } from '../controller/support.ts';

const COUNT = Number(process.argv[2] ?? 2000);
const cluster = await startCluster();
const { lab } = cluster;
const log = createLogger({ level: 'error', name: 'bench' });
for (let i = 0; i < COUNT; i++) await lab.create(serviceObject(`s${i}`));

const client = createKubeClient({ credentials: loadCredentials({ kubeconfig: cluster.kubeconfig }), log });
let next = 0;
const loop = async (): Promise<void> => {
  while (next < COUNT) {
    const name = `s${next++}`;
    const status = {
      conditions: [{ type: 'example.com/Bare', status: 'True', reason: 'Yes', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' }],
    };
    await patchObject(client, SERVICES, { namespace: 'default', name }, { status }, { subresource: 'status', type: 'strategic' });
  }
};
const bareStart = performance.now();
await Promise.all(Array.from({ length: 16 }, loop));
const bareMs = performance.now() - bareStart;
console.log(`bare status patches: ${COUNT} in ${bareMs.toFixed(0)} ms, ${((COUNT * 1000) / bareMs).toFixed(0)}/s`);

await lab.create(poolObject('p', ['10.0.0.0/16']));
const start = performance.now();
await cluster.start('one');
lab.requests.length = 0;
const written = (): number =>
  lab.requests.filter(({ resource, verb, status }) => resource === 'services' && verb === 'patch' && status === 200).length;
while (written() < COUNT) await sleep(100);
const ms = performance.now() - start;
console.log(`controller from its start:  ${COUNT} in ${ms.toFixed(0)} ms, ${((COUNT * 1000) / ms).toFixed(0)}/s`);
await client.close();
await cluster.close();
