import { spawn, type ChildProcess } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiClient } from '../support/apiClient.ts';
import { until } from '../support/until.ts';
import { findKubeBinaries } from './binaries.ts';

export interface KubeOptions {
  /** Bearer token -> user. The admin token (group system:masters) is always there. */
  readonly tokens?: Readonly<Record<string, { readonly name: string; readonly groups?: readonly string[]; readonly uid?: string }>>;
  /** Names of kube-controller-manager's controllers; false: none of it. */
  readonly controllers?: readonly string[] | false;
  /** How long a node may be silent before the node lifecycle controller calls it unreachable. */
  readonly nodeGraceMs?: number;
  readonly serviceCidrs?: readonly string[];
  /** Further flags of kube-apiserver. */
  readonly apiServerFlags?: readonly string[];
}

/** A real kube-apiserver with etcd on 127.0.0.1, RBAC on. */
export interface Kube {
  readonly url: string;
  readonly caPem: string;
  readonly adminToken: string;
  readonly kubectl: string | undefined;
  /** Everything the processes logged. */
  readonly directory: string;
  readonly admin: ApiClient;
  /** The text of a kubeconfig for a bearer token; default: the admin's. */
  kubeconfig(token?: string): string;
  /** A file with that text. */
  kubeconfigFile(token?: string): string;
  /** A token of a ServiceAccount that exists, from the server itself. */
  serviceAccountToken(namespace: string, name: string): Promise<string>;
  /** The API server alone goes away, hard; etcd keeps the objects. */
  stopApiServer(): Promise<void>;
  startApiServer(): Promise<void>;
  close(): Promise<void>;
}

/** What our programs rely on from kube-controller-manager. */
export const CONTROLLERS = [
  'endpointslice-controller',
  'node-lifecycle-controller',
  'garbage-collector-controller',
  'namespace-controller',
  'serviceaccount-controller',
] as const;

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => (typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error('no port'))));
    });
  });
}

class Program {
  readonly #directory: string;
  readonly #name: string;
  readonly #command: string;
  readonly #flags: readonly string[];
  #child: ChildProcess | undefined;
  readonly #kill = (): void => {
    this.#child?.kill('SIGKILL');
  };

  constructor(directory: string, name: string, command: string, flags: readonly string[]) {
    this.#directory = directory;
    this.#name = name;
    this.#command = command;
    this.#flags = flags;
  }

  start(): void {
    const log = openSync(join(this.#directory, `${this.#name}.log`), 'a');
    this.#child = spawn(this.#command, this.#flags, { cwd: this.#directory, stdio: ['ignore', log, log] });
    closeSync(log);
    process.once('exit', this.#kill);
  }

  /** The end of the log, for messages. */
  tail(): string {
    return readFileSync(join(this.#directory, `${this.#name}.log`), 'utf8')
      .split('\n')
      .slice(-15)
      .join('\n');
  }

  check(): void {
    if (this.#child?.exitCode !== null) throw new Error(`${this.#name} ended with ${this.#child?.exitCode}:\n${this.tail()}`);
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#child;
    process.removeListener('exit', this.#kill);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => {
      child.once('exit', resolve);
    });
    child.kill(signal);
    const hard = setTimeout(() => child.kill('SIGKILL'), 5000);
    await ended;
    clearTimeout(hard);
  }
}

function kubeconfigText(server: string, caPem: string, token: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'kube', cluster: { server, 'certificate-authority-data': Buffer.from(caPem).toString('base64') } }],
    users: [{ name: 'user', user: { token } }],
    contexts: [{ name: 'kube', context: { cluster: 'kube', user: 'user' } }],
    'current-context': 'kube',
  });
}

function writeSecrets(directory: string, adminToken: string, tokens: NonNullable<KubeOptions['tokens']>): void {
  const keys = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  writeFileSync(join(directory, 'sa.key'), keys.privateKey, { mode: 0o600 });
  writeFileSync(join(directory, 'sa.pub'), keys.publicKey);
  const rows = [`${adminToken},admin,admin,"system:masters"`];
  for (const [token, user] of Object.entries(tokens)) {
    rows.push(`${token},${user.name},${user.uid ?? user.name},"${(user.groups ?? []).join(',')}"`);
  }
  writeFileSync(join(directory, 'tokens.csv'), `${rows.join('\n')}\n`, { mode: 0o600 });
}

function etcdFlags(client: number, peer: number): string[] {
  const clientUrl = `http://127.0.0.1:${client}`;
  const peerUrl = `http://127.0.0.1:${peer}`;
  return [
    '--data-dir=etcd',
    `--listen-client-urls=${clientUrl}`,
    `--advertise-client-urls=${clientUrl}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=default=${peerUrl}`,
    '--unsafe-no-fsync=true',
  ];
}

function apiServerFlags(port: number, etcd: number, options: KubeOptions): string[] {
  return [
    `--etcd-servers=http://127.0.0.1:${etcd}`,
    '--bind-address=127.0.0.1',
    `--secure-port=${port}`,
    // A certificate of its own making, with its issuer in the same file.
    '--cert-dir=certs',
    '--endpoint-reconciler-type=none',
    `--service-cluster-ip-range=${(options.serviceCidrs ?? ['10.96.0.0/16', 'fd00:10:96::/112']).join(',')}`,
    '--authorization-mode=RBAC',
    '--token-auth-file=tokens.csv',
    '--service-account-issuer=https://kubernetes.default.svc',
    '--service-account-key-file=sa.pub',
    '--service-account-signing-key-file=sa.key',
    // Pods of the tests need no account.
    '--disable-admission-plugins=ServiceAccount',
    '--allow-privileged=true',
    ...(options.apiServerFlags ?? []),
  ];
}

function controllerFlags(port: number, options: KubeOptions): string[] {
  return [
    '--kubeconfig=controllers.kubeconfig',
    '--bind-address=127.0.0.1',
    `--secure-port=${port}`,
    '--cert-dir=controller-certs',
    '--leader-elect=false',
    '--service-account-private-key-file=sa.key',
    `--controllers=${(options.controllers === false ? [] : (options.controllers ?? CONTROLLERS)).join(',')}`,
    `--node-monitor-grace-period=${options.nodeGraceMs ?? 4000}ms`,
    '--node-monitor-period=1s',
    '--concurrent-service-endpoint-syncs=5',
  ];
}

/** Starts etcd, kube-apiserver and (unless told otherwise) kube-controller-manager, and waits until they are ready. */
export async function startKube(options: KubeOptions = {}): Promise<Kube> {
  const binaries = findKubeBinaries();
  if (binaries === undefined) throw new Error('no kube-apiserver: run test/kube/build.sh or set KUBEBUILDER_ASSETS');
  const directory = mkdtempSync(join(tmpdir(), 'heraldlb-kube-'));
  const adminToken = randomBytes(16).toString('hex');
  writeSecrets(directory, adminToken, options.tokens ?? {});

  const [etcdClient, etcdPeer, port, controllerPort] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const url = `https://127.0.0.1:${port}`;
  const etcd = new Program(directory, 'etcd', binaries.etcd, etcdFlags(etcdClient, etcdPeer));
  const apiServer = new Program(directory, 'kube-apiserver', binaries.apiServer, apiServerFlags(port, etcdClient, options));
  const wantControllers = options.controllers !== false && binaries.controllerManager !== undefined;
  const controllers = wantControllers
    ? new Program(directory, 'kube-controller-manager', binaries.controllerManager, controllerFlags(controllerPort, options))
    : undefined;
  const anyone = new ApiClient(url, adminToken);

  const ready = (): Promise<unknown> =>
    until(
      'kube-apiserver is ready',
      async () => {
        etcd.check();
        apiServer.check();
        return (await anyone.raw('GET', '/readyz')).status === 200;
      },
      90_000,
      100,
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${apiServer.tail()}`, { cause: error });
    });

  const stopAll = async (): Promise<void> => {
    await controllers?.stop('SIGKILL');
    await apiServer.stop('SIGKILL');
    await etcd.stop('SIGKILL');
    await anyone.close();
    rmSync(directory, { recursive: true, force: true });
  };

  etcd.start();
  apiServer.start();
  try {
    await ready();
    await until('the default namespace', async () => (await anyone.raw('GET', '/api/v1/namespaces/default')).status === 200, 30_000);
  } catch (error) {
    await stopAll();
    throw error;
  }
  const caPem = readFileSync(join(directory, 'certs', 'apiserver.crt'), 'utf8');
  writeFileSync(join(directory, 'controllers.kubeconfig'), kubeconfigText(url, caPem, adminToken), { mode: 0o600 });
  controllers?.start();

  let files = 0;
  const kubeconfig = (token = adminToken): string => kubeconfigText(url, caPem, token);
  return {
    url,
    caPem,
    adminToken,
    directory,
    kubectl: binaries.kubectl,
    admin: anyone,
    kubeconfig,
    kubeconfigFile: (token) => {
      files += 1;
      const file = join(directory, `user${files}.kubeconfig`);
      writeFileSync(file, kubeconfig(token), { mode: 0o600 });
      return file;
    },
    serviceAccountToken: async (namespace, name) => {
      const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
      const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 3600 } };
      return String((await anyone.call('POST', path, body)).status?.['token']);
    },
    stopApiServer: () => apiServer.stop('SIGKILL'),
    startApiServer: async () => {
      apiServer.start();
      await ready();
    },
    close: stopAll,
  };
}
