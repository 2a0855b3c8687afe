import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Credentials } from './credentials.ts';

const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
/** The kubelet rotates the token; client-go reads it once a minute too. */
const REFRESH_MS = 60_000;

interface Surroundings {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly home?: string;
  /** Where the kubelet puts the token. */
  readonly account?: string;
}

/**
 * The pod's service account, where that is what counts: no kubeconfig is named, and none is in the home directory. The client library
 * can read it as well, and takes 20 MB of memory with all else that it can.
 */
export function inClusterCredentials({ env = process.env, home = homedir(), account = ACCOUNT }: Surroundings = {}):
  | Credentials
  | undefined {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  const [token, ca, namespace] = ['token', 'ca.crt', 'namespace'].map((name) => join(account, name)) as [string, string, string];
  if (host === undefined || host === '' || port === undefined || port === '') return undefined;
  if ((env['KUBECONFIG'] ?? '') !== '' || existsSync(join(home, '.kube/config')) || !existsSync(token)) return undefined;
  let readAtMs = -Infinity;
  let authorization = '';

  const headers = (): Readonly<Record<string, string>> => {
    if (performance.now() - readAtMs > REFRESH_MS) {
      authorization = `Bearer ${readFileSync(token, 'utf8').trim()}`;
      readAtMs = performance.now();
    }
    return { authorization };
  };

  return {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    namespace: existsSync(namespace) ? readFileSync(namespace, 'utf8').trim() : undefined,
    headers: async () => headers(),
    tls: async () => (existsSync(ca) ? { ca: readFileSync(ca) } : {}),
    reload: () => {
      readAtMs = -Infinity;
    },
  };
}
