import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { ChildProcess } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse, stringify } from 'yaml';
import { ApiClient } from '../support/apiClient.ts';
import { until } from '../support/until.ts';
import { type Kubelab, startKubelab } from '../kubelab/kubelab.ts';
import { API, nodeName } from './addresses.ts';
import { Cluster } from './cluster.ts';
import { type DaemonOptions, startController, startSpeaker } from './daemons.ts';
import { Door } from './door.ts';
import { startIngress } from './ingress.ts';
import { NAMESPACE, labConfig } from './manifests.ts';
import { buildNetwork } from './network.ts';
import { type Router, startBird, startFrr } from './routers.ts';
import { Space } from './space.ts';

/** An API server for the lab: the embedded one, or a real kube-apiserver. It listens on this machine's loopback. */
export interface LabApi {
  readonly kind: string;
  readonly port: number;
  readonly url: string;
  readonly adminToken: string;
  readonly ca?: string;
  /** A kubeconfig for a service account of the system's namespace, or for the administrator. */
  kubeconfig(serviceAccount?: string): string;
  /** The embedded server itself: its request log, its faults. */
  readonly kubelab?: Kubelab;
  close(): Promise<void>;
}

export interface LabOptions {
  readonly tag: string;
  readonly nodes?: number;
  readonly api?: (root: string) => Promise<LabApi>;
  readonly logLevel?: string;
  /** Names of namespaces without this process in them. */
  readonly lasting?: boolean;
  /** Said at each larger step, for a person who waits. */
  readonly progress?: (what: string) => void;
}

const ROOT = process.env['HERALDLB_ROOT'] ?? process.cwd();

export class Lab {
  readonly space: Space;
  readonly directory: string;
  readonly api: LabApi;
  readonly client: ApiClient;
  readonly cluster: Cluster;
  readonly door: Door;
  readonly frr: Router;
  readonly bird: Router;
  readonly nodes: readonly string[];
  readonly speakers = new Map<string, ChildProcess>();
  readonly controllers = new Map<string, ChildProcess>();
  readonly #logLevel: string;

  private constructor(
    parts: Pick<Lab, 'space' | 'directory' | 'api' | 'client' | 'cluster' | 'door' | 'frr' | 'bird' | 'nodes'>,
    logLevel: string,
  ) {
    this.space = parts.space;
    this.directory = parts.directory;
    this.api = parts.api;
    this.client = parts.client;
    this.cluster = parts.cluster;
    this.door = parts.door;
    this.frr = parts.frr;
    this.bird = parts.bird;
    this.nodes = parts.nodes;
    this.#logLevel = logLevel;
  }

  /** The network, the routers, the API server with the example configuration, and what stands behind the VIPs; no HeraldLB yet. */
  static async start(options: LabOptions): Promise<Lab> {
    const { tag, nodes = 3, api: startApi = embeddedApi, logLevel = 'info', progress = () => {} } = options;
    const space = new Space(tag, options.lasting);
    const directory = mkdtempSync(join(tmpdir(), `hlb-${tag}-`));
    try {
      progress(`a network of ${nodes} nodes, two routers and two clients`);
      buildNetwork(space, nodes);
      const frr = await startFrr(space, directory);
      const bird = startBird(space, directory, nodes);
      progress('the API server');
      const api = await startApi(ROOT);
      const client = new ApiClient(api.url, api.adminToken, api.ca);
      const door = await Door.open(space, directory, api.port);
      await client.apply(labConfig());
      progress('Nodes, Pods, and nginx on every node');
      const cluster = new Cluster(client, space, nodes);
      await cluster.start();
      const names = Array.from({ length: nodes }, (_, index) => nodeName(index));
      for (const name of names) startIngress(space, directory, name);
      return new Lab({ space, directory, api, client, cluster, door, frr, bird, nodes: names }, logLevel);
    } catch (error) {
      await space.dispose();
      throw error;
    }
  }

  startController(identity = 'controller-1', host = 'api'): ChildProcess {
    const child = startController(this.#daemon('heraldlb-controller'), host, identity);
    this.controllers.set(identity, child);
    return child;
  }

  startSpeaker(node: string): ChildProcess {
    const child = startSpeaker(this.#daemon('heraldlb-speaker'), node);
    this.speakers.set(node, child);
    return child;
  }

  startDaemons(): void {
    this.startController();
    for (const node of this.nodes) this.startSpeaker(node);
  }

  /** Both routers have a session with every node. */
  async established(nodes: readonly string[] = this.nodes, timeoutMs = 45_000): Promise<void> {
    const routers = [this.frr, this.bird];
    const up = (router: Router): number => Object.values(router.sessions()).filter((state) => state === 'Established').length;
    try {
      await until(`${nodes.length} sessions on each router`, () => routers.every((router) => up(router) === nodes.length), timeoutMs, 200);
    } catch (error) {
      throw new Error(`${String(error)} ${JSON.stringify(routers.map((router) => [router.name, router.sessions()]))}`, { cause: error });
    }
  }

  /** The node loses its link and everything on it stops: what a power cut looks like from outside. */
  kill(node: string): void {
    this.space.run('seg', `ip link set p-${node} down`);
    this.speakers.get(node)?.kill('SIGKILL');
    this.speakers.delete(node);
    this.cluster.silence(node);
  }

  revive(node: string): void {
    this.space.run('seg', `ip link set p-${node} up`);
    this.cluster.revive(node);
    this.startSpeaker(node);
  }

  async close(): Promise<void> {
    this.cluster.stop();
    this.door.close();
    await this.space.dispose();
    await this.client.close();
    await this.api.close();
    rmSync(this.directory, { recursive: true, force: true });
  }

  #daemon(account: string): DaemonOptions {
    const kubeconfig = join(this.directory, `${account}.kubeconfig`);
    writeFileSync(kubeconfig, throughDoor(this.api, account));
    return { space: this.space, directory: this.directory, kubeconfig, namespace: NAMESPACE, logLevel: this.#logLevel };
  }
}

/** The nodes reach the server by its door's address; its certificate is made out to another name. */
export function throughDoor(api: LabApi, account: string): string {
  const scheme = api.url.startsWith('https') ? 'https' : 'http';
  const { clusters, ...rest } = parse(api.kubeconfig(account)) as { clusters: { name: string; cluster: object }[] };
  const server = `${scheme}://${API.ipv4}:${API.port}`;
  const moved = clusters.map(({ name, cluster }) => ({
    name,
    cluster: { ...cluster, server, ...(scheme === 'https' ? { 'tls-server-name': 'kubernetes.default.svc' } : {}) },
  }));
  return stringify({ ...rest, clusters: moved });
}

interface EmbeddedOptions {
  /** Nodes stay ready whatever happens to the API server. */
  readonly isPatient?: boolean;
}

export async function embeddedApi(root: string, { isPatient = false }: EmbeddedOptions = {}): Promise<LabApi> {
  const kubelab: Kubelab = await startKubelab({
    port: 0,
    rbac: true,
    // kubectl sends no token over plain HTTP.
    tls: true,
    crdDir: [join(root, 'manifests/crds'), join(root, 'manifests/base/namespace.yaml'), join(root, 'manifests/base/rbac.yaml')],
    controllers: { endpointSlices: true, ...(isPatient ? {} : { nodeLifecycle: { graceMs: 1500, checkMs: 250 } }) },
  });
  return {
    kind: 'kubelab',
    kubelab,
    port: kubelab.port,
    url: kubelab.url,
    adminToken: 'kubelab-admin',
    kubeconfig: (account) =>
      account === undefined ? kubelab.kubeconfig() : kubelab.kubeconfig(kubelab.serviceAccountToken(NAMESPACE, account)),
    close: () => kubelab.close(),
  };
}
