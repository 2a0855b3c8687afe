import { readFileSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { dirname, resolve } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { parse } from 'yaml';

/** What a TLS connection to the API server needs. Empty for plain HTTP. */
export interface TlsOptions {
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly rejectUnauthorized?: boolean;
  readonly servername?: string;
}

export interface Credentials {
  /** Origin of the API server, without a trailing slash; may carry a path prefix. */
  readonly server: string;
  /** Of the context; where a pod's own namespace is known, that one. */
  readonly namespace: string | undefined;
  /** Authorization and impersonation headers. Cheap: read again at most once a minute, or after {@link reload}. */
  readonly headers: () => Promise<Readonly<Record<string, string>>>;
  readonly tls: () => Promise<TlsOptions>;
  /** Read everything anew at the next call: the server said 401, or the connection was refused for its certificate. */
  readonly reload: () => void;
}

export interface CredentialsSource {
  /** Path of a kubeconfig file. Default: $KUBECONFIG, then ~/.kube/config, then the pod's service account. */
  readonly kubeconfig?: string | undefined;
  /** The kubeconfig itself. */
  readonly text?: string | undefined;
  readonly context?: string | undefined;
}

/** Service account tokens in files rotate; client-go reads them once a minute too. */
const REFRESH_MS = 60_000;

function readConfig(source: CredentialsSource): KubeConfig {
  const config = new KubeConfig();
  try {
    if (source.text !== undefined) config.loadFromString(source.text);
    else if (source.kubeconfig !== undefined) config.loadFromFile(source.kubeconfig);
    else config.loadFromDefault();
  } catch (error) {
    const [why = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
    const where = source.kubeconfig ?? (source.text === undefined ? process.env['KUBECONFIG'] : undefined);
    throw new Error(`the kubeconfig${where === undefined ? '' : ` ${where}`} cannot be read: ${why}`, { cause: error });
  }
  if (source.context !== undefined) config.setCurrentContext(source.context);
  // The client refuses a plain-HTTP server (a local proxy, a lab) unless told that there is nothing to verify.
  config.clusters = config.clusters.map((cluster) => (cluster.server.startsWith('http:') ? { ...cluster, skipTLSVerify: true } : cluster));
  return config;
}

/** A user's `tokenFile` is part of the kubeconfig format, but the client forgets it. */
function tokenFileOf(source: CredentialsSource, config: KubeConfig): string | undefined {
  const file = source.kubeconfig ?? process.env['KUBECONFIG'];
  const text = source.text ?? (file === undefined || file === '' || file.includes(':') ? undefined : readFileSync(file, 'utf8'));
  if (text === undefined) return undefined;
  const { users = [] } = parse(text) as { users?: readonly { name?: string; user?: { tokenFile?: string } }[] };
  const tokenFile = users.find((user) => user.name === config.getCurrentUser()?.name)?.user?.tokenFile;
  return tokenFile === undefined ? undefined : resolve(file === undefined ? '.' : dirname(file), tokenFile);
}

interface Loaded {
  readonly atMs: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: TlsOptions;
}

async function readOptions(source: CredentialsSource): Promise<Loaded> {
  const config = readConfig(source);
  const options: RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.headers ?? {})) headers[name.toLowerCase()] = String(value).trim();
  const tokenFile = tokenFileOf(source, config);
  if (tokenFile !== undefined) headers['authorization'] = `Bearer ${readFileSync(tokenFile, 'utf8').trim()}`;
  if (typeof options.auth === 'string') headers['authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
  const { ca, cert, key, rejectUnauthorized, servername } = options;
  const tls = Object.fromEntries(
    Object.entries({ ca, cert, key, rejectUnauthorized, servername }).filter(([, value]) => value !== undefined && value !== null),
  );
  return { atMs: performance.now(), headers, tls };
}

/** What the client library makes of nothing at all. */
const NO_CONTEXT = 'loaded-context';
const NO_SERVER = 'http://localhost:8080';

/** @throws when there is no usable kubeconfig, or it names no server */
export function loadCredentials(source: CredentialsSource = {}): Credentials {
  const config = readConfig(source);
  if (config.getCurrentContext() === NO_CONTEXT && config.getCurrentCluster()?.server === NO_SERVER)
    throw new Error('there is no kubeconfig: name one with --kubeconfig or $KUBECONFIG');
  const server = config.getCurrentCluster()?.server.replace(/\/+$/, '');
  if (server === undefined) throw new Error(`no cluster in the kubeconfig (context ${config.getCurrentContext()})`);
  let loaded: Promise<Loaded> | undefined;
  let loadedAtMs = 0;

  const current = (): Promise<Loaded> => {
    if (loaded === undefined || performance.now() - loadedAtMs > REFRESH_MS) {
      loadedAtMs = performance.now();
      const fresh = readOptions(source);
      loaded = fresh;
      // A file that is unreadable for a moment must not be remembered.
      fresh.catch(() => {
        if (loaded === fresh) loaded = undefined;
      });
    }
    return loaded;
  };

  return {
    server,
    namespace: config.getContextObject(config.getCurrentContext())?.namespace,
    headers: async () => (await current()).headers,
    tls: async () => (await current()).tls,
    reload: () => {
      loaded = undefined;
    },
  };
}
