import { createLogger, type Logger } from '../../src/host/log.ts';
import { loadCredentials } from '../../src/host/kube/credentials.ts';
import { createKubeClient, type KubeClient, type KubeClientOptions } from '../../src/host/kube/kubeClient.ts';

/** A logger that remembers its lines. */
export function memoryLog(): {
  readonly log: Logger;
  readonly lines: Record<string, unknown>[];
  said(message: string): Record<string, unknown>[];
} {
  const lines: Record<string, unknown>[] = [];
  const log = createLogger({ level: 'debug', name: 'test', destination: { write: (line) => lines.push(JSON.parse(line)) } });
  return { log, lines, said: (message) => lines.filter((line) => String(line['msg']).includes(message)) };
}

export function kubeconfigFor(server: string, user: object = {}): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  });
}

export function clientOf(text: string, options: Partial<KubeClientOptions> = {}): KubeClient {
  return createKubeClient({ credentials: loadCredentials({ text }), log: memoryLog().log, ...options });
}
