import { parentPort, workerData } from 'node:worker_threads';
import type { Downward, Upward } from './channel.ts';
import type { KubeSideOptions } from './kubeOptions.ts';
import { startKubeSide } from './kubeSide.ts';
import { goLikeOthers } from './priority.ts';

// The entry of the worker thread: Kubernetes lives here, so that reading a long list never delays a keepalive.

const port = parentPort;
if (port === null) throw new Error('this file is the entry of a worker thread');

goLikeOthers();
const side = startKubeSide(workerData as KubeSideOptions, (message: Downward) => port.postMessage(message));

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
