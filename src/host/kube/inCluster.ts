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
  const server = serverOf(env);
  const isOther = (env['KUBECONFIG'] ?? '') !== '' || existsSync(join(home, '.kube/config'));
  const [token, ca, namespace] = [join(account, 'token'), join(account, 'ca.crt'), join(account, 'namespace')];
  if (server === undefined || isOther || !existsSync(token)) return undefined;
  let read: { readonly atMs: number; readonly headers: Readonly<Record<string, string>> } | undefined;

  const headers = (): Readonly<Record<string, string>> => {
    const atMs = performance.now();
    if (read === undefined || atMs - read.atMs > REFRESH_MS)
      read = { atMs, headers: { authorization: `Bearer ${readFileSync(token, 'utf8').trim()}` } };
    return read.headers;
  };

  return {
    server,
    namespace: existsSync(namespace) ? readFileSync(namespace, 'utf8').trim() : undefined,
    headers: async () => headers(),
    tls: async () => (existsSync(ca) ? { ca: readFileSync(ca) } : {}),
    reload: () => {
      read = undefined;
    },
  };
}

function serverOf({
  KUBERNETES_SERVICE_HOST: host = '',
  KUBERNETES_SERVICE_PORT: port = '',
}: NonNullable<Surroundings['env']>): string | undefined {
  if (host === '' || port === '') return undefined;
  return `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
