import { parentPort, workerData } from 'node:worker_threads';
import type { Credentials } from '../src/host/kube/credentials.ts';
import { inClusterCredentials } from '../src/host/kube/inCluster.ts';
import type { Downward, Upward } from './channel.ts';
import { collectOften, ownCollector } from './collector.ts';
import type { KubeSideOptions } from './kubeOptions.ts';
import { startKubeSide } from './kubeSide.ts';
import { goLikeOthers } from './priority.ts';

// The entry of the worker thread: Kubernetes lives here, so that reading a long list never delays a keepalive.

const port = parentPort;
if (port === null) throw new Error('this file is the entry of a worker thread');

goLikeOthers();
const collector = ownCollector();
if (collector !== undefined) collectOften(collector);
const options = workerData as KubeSideOptions;
const side = startKubeSide(options, await credentialsOf(options), (message: Downward) => port.postMessage(message));

/** All that reads kubeconfigs is loaded only where there is one. */
async function credentialsOf({ kubeconfig }: KubeSideOptions): Promise<Credentials> {
  const own = kubeconfig === undefined ? inClusterCredentials() : undefined;
  if (own !== undefined) return own;
  const { loadCredentials } = await import('../src/host/kube/credentials.ts');
  return loadCredentials(kubeconfig === undefined ? {} : { kubeconfig });
}

async function stop(): Promise<void> {
  await side.stop();
  port?.close();
}

port.on('message', (message: Upward) => {
  if (message.type !== 'stop') side.receive(message);
  else
    stop().catch((error: unknown) => {
      throw error;
    });
});
