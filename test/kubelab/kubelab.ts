import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { Objects } from './api/objects.ts';
import { OpenApi } from './api/openapi.ts';
import { Rbac } from './auth/rbac.ts';
import { adminToken, serviceAccountUser, Tokens, type TokenSpec } from './auth/tokens.ts';
import { serveDefinitions } from './control/definitions.ts';
import { EndpointSlices } from './control/endpointSlices.ts';
import { Garbage } from './control/garbage.ts';
import { NodeLifecycle, type NodeLifecycleOptions } from './control/nodeLifecycle.ts';
import { Faults } from './faults.ts';
import { makeCertificate } from './http/certificate.ts';
import { FrontDoor } from './http/frontDoor.ts';
import { Handler, pathOf, type Request } from './http/handler.ts';
import { Server, type LoggedRequest } from './http/server.ts';
import { isDict, text, type Dict, type KubeObject } from './json.ts';
import { Resources, type Resource } from './resources.ts';
import { ServiceAllocator } from './service/allocator.ts';
import { StatusError } from './status.ts';
import { Store } from './store.ts';
import { Webhooks } from './webhooks.ts';

export { StatusError } from './status.ts';
export type { FaultMatch, ActiveFault } from './faults.ts';
export type { KubeObject } from './json.ts';

export interface KubelabOptions {
  /** 0 takes any free port. */
  port?: number;
  host?: string;
  tls?: boolean;
  /** Off: everybody with a known token, or with none, may do everything. */
  rbac?: boolean;
  tokens?: Record<string, TokenSpec>;
  /** Directories or files of YAML to create at the start. */
  crdDir?: string | string[];
  objects?: object[];
  controllers?: {
    endpointSlices?: boolean;
    nodeLifecycle?: boolean | NodeLifecycleOptions;
    garbage?: boolean;
    namespaces?: boolean;
  };
  serviceCidrs?: string[];
  /** Watch events kept per resource; resuming from before them is 410. */
  watchWindow?: number;
  bookmarkMs?: number;
}

/** Names an object; any object does. */
export interface Ref {
  apiVersion: string;
  kind: string;
  namespace?: string;
  name?: string;
  metadata?: { name?: string; namespace?: string };
}

export interface ListRef {
  apiVersion: string;
  kind: string;
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
}

export interface PatchOptions {
  type?: 'merge' | 'json' | 'strategic' | 'apply';
  subresource?: string;
  fieldManager?: string;
  force?: boolean;
}

export interface RawRequest {
  method: string;
  path: string;
  body?: unknown;
  contentType?: string;
  accept?: string;
  token?: string;
}

const patchTypes = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
} as const;

function yamlFiles(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .filter((name) => /\.ya?ml$/.test(name))
    .sort()
    .map((name) => join(path, name));
}

function documents(source: string): KubeObject[] {
  return parseAllDocuments(source)
    .map((document) => document.toJS() as unknown)
    .filter(isDict) as unknown as KubeObject[];
}

function indent(source: string): string {
  return Buffer.from(source).toString('base64');
}

/** A Kubernetes API server inside this process. */
export class Kubelab {
  readonly store: Store;
  readonly faults: Faults;
  /** Every request since the start, or since it was emptied. */
  readonly requests: LoggedRequest[] = [];
  readonly caPem: string;
  private resources = new Resources();
  private tokens: Tokens;
  private server: Server;
  private door: FrontDoor;
  private host: string;
  private stops: (() => void)[] = [];
  private tls: boolean;

  constructor(options: KubelabOptions) {
    this.tls = options.tls === true;
    this.host = options.host ?? '127.0.0.1';
    this.store = new Store(options.watchWindow ?? 10_000);
    this.tokens = new Tokens(options.tokens ?? {}, options.rbac !== true);
    const allocator = new ServiceAllocator(options.serviceCidrs ?? ['10.96.0.0/16', 'fd00:10:96::/112'], this.store);
    const objects = new Objects(this.store, allocator);
    objects.admission = new Webhooks(this.store).admission;
    this.door = new FrontDoor(this.host, 0);
    this.faults = new Faults(this.store, this.door, this.tokens);
    const handler = new Handler({
      store: this.store,
      resources: this.resources,
      objects,
      openApi: new OpenApi(this.resources),
      tokens: this.tokens,
      rbac: new Rbac(this.store, options.rbac === true),
      faults: this.faults,
      bookmarkMs: options.bookmarkMs ?? 10_000,
    });
    const certificate = this.tls ? makeCertificate() : undefined;
    this.caPem = certificate?.ca ?? '';
    this.server = new Server({ handler, faults: this.faults, tokens: this.tokens, door: () => this.door, log: this.requests }, certificate);
    serveDefinitions(this.store, this.resources);
    this.startControllers(options.controllers ?? {});
  }

  private startControllers(wanted: NonNullable<KubelabOptions['controllers']>): void {
    const garbage = new Garbage(this.store, this.resources, {
      garbage: wanted.garbage !== false,
      namespaces: wanted.namespaces !== false,
    });
    this.stops.push(() => garbage.stop());
    if (wanted.endpointSlices === true) {
      const slices = new EndpointSlices(this.store);
      this.stops.push(() => slices.stop());
    }
    if (wanted.nodeLifecycle !== undefined && wanted.nodeLifecycle !== false) {
      const lifecycle = new NodeLifecycle(this.store, wanted.nodeLifecycle === true ? {} : wanted.nodeLifecycle);
      this.stops.push(() => lifecycle.stop());
    }
  }

  /** Opens the port. Once at the start, and again after stop(). */
  async open(port: number): Promise<void> {
    if (this.server.port === 0) this.door.setTarget(await this.server.listen());
    await this.door.listen(port);
  }

  get port(): number {
    return this.door.port;
  }

  get url(): string {
    const host = this.host === '0.0.0.0' ? '127.0.0.1' : this.host;
    return `${this.tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${this.port}`;
  }

  get resourceVersion(): string {
    return String(this.store.version);
  }

  /** kubeconfig of a token's user; the administrator's without one. */
  kubeconfig(token: string = adminToken): string {
    const ca = this.tls ? `\n    certificate-authority-data: ${indent(this.caPem)}` : '';
    return `apiVersion: v1
kind: Config
clusters:
- name: kubelab
  cluster:
    server: ${this.url}${ca}
users:
- name: kubelab
  user:
    token: ${token}
contexts:
- name: kubelab
  context:
    cluster: kubelab
    user: kubelab
current-context: kubelab
`;
  }

  /** A new bearer token for a user. */
  token(name: string, options: { groups?: string[]; ttlMs?: number } = {}): string {
    return this.tokens.mint({
      name,
      groups: options.groups ?? [],
      ...(options.ttlMs === undefined ? {} : { expiresAt: Date.now() + options.ttlMs }),
    });
  }

  /** A token of a ServiceAccount, which need not exist. */
  serviceAccountToken(namespace: string, name: string, ttlMs?: number): string {
    const user = serviceAccountUser(namespace, name, '');
    return this.token(user.name, { groups: [...user.groups], ...(ttlMs === undefined ? {} : { ttlMs }) });
  }

  /** Number of open watches, of one resource (plural) or of all. */
  watchers(resource?: string): number {
    return [...this.faults.watches].filter(({ asked }) => resource === undefined || asked.resource === resource).length;
  }

  /** Closes the port and resets every connection; what is stored stays. */
  async stop(): Promise<void> {
    for (const { watch } of this.faults.watches) watch.stop();
    await this.door.stop();
  }

  async start(): Promise<void> {
    await this.door.listen(this.door.port);
  }

  async restart(options: { emptyWindow?: boolean } = {}): Promise<void> {
    await this.stop();
    if (options.emptyWindow === true) this.store.compact();
    await this.start();
  }

  async close(): Promise<void> {
    await this.stop();
    for (const stop of this.stops) stop();
    await this.server.close();
  }

  /** A request without a socket, through faults, authentication and all; never throws for an HTTP error. */
  async request(raw: RawRequest): Promise<{ status: number; body: Dict }> {
    const { method, path, body, contentType = 'application/json', accept = 'application/json', token = adminToken } = raw;
    const request: Request = {
      method,
      url: path,
      authorization: `Bearer ${token}`,
      accept,
      contentType,
      userAgent: 'kubelab/inside',
      body: body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body),
      connection: 0,
    };
    const { entry, run } = this.server.begin(request);
    try {
      const { answer } = await run();
      entry.status = answer.status;
      return { status: answer.status, body: answer.body.startsWith('{') ? (JSON.parse(answer.body) as Dict) : { text: answer.body } };
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      entry.status = error.status;
      return { status: error.status, body: error.body };
    }
  }

  private async call(raw: RawRequest): Promise<KubeObject> {
    const { status, body } = await this.request(raw);
    if (status >= 400) {
      const details = body['details'] as Dict | undefined;
      throw new StatusError(status, text(body['reason']), text(body['message']), details);
    }
    return body as unknown as KubeObject;
  }

  private locate(ref: Ref | ListRef): { resource: Resource; path: string } {
    const resource = this.resources.ofKind(ref.apiVersion, ref.kind);
    if (resource === undefined) throw new StatusError(404, 'NotFound', `no matches for kind "${ref.kind}" in version "${ref.apiVersion}"`);
    const named = ref as Ref;
    const name = named.name ?? named.metadata?.name ?? '';
    const namespace = ref.namespace ?? named.metadata?.namespace ?? ('labelSelector' in ref || name === '' ? '' : 'default');
    return { resource, path: pathOf(resource, namespace, name) };
  }

  async create(object: object): Promise<KubeObject> {
    const ref = object as Ref;
    const namespace = ref.metadata?.namespace ?? 'default';
    const { resource } = this.locate(ref);
    return this.call({ method: 'POST', path: pathOf(resource, namespace, ''), body: object });
  }

  async get(ref: Ref): Promise<KubeObject> {
    return this.call({ method: 'GET', path: this.locate(ref).path });
  }

  async list(ref: ListRef): Promise<KubeObject[]> {
    const query = new URLSearchParams();
    if (ref.labelSelector !== undefined) query.set('labelSelector', ref.labelSelector);
    if (ref.fieldSelector !== undefined) query.set('fieldSelector', ref.fieldSelector);
    const { resource } = this.locate({ ...ref, name: '' });
    const found = await this.call({ method: 'GET', path: `${pathOf(resource, ref.namespace ?? '', '')}?${query.toString()}` });
    return (found['items'] as KubeObject[]).map((item) => ({ ...item, apiVersion: ref.apiVersion, kind: ref.kind }));
  }

  async update(object: object): Promise<KubeObject> {
    return this.call({ method: 'PUT', path: this.locate(object as Ref).path, body: object });
  }

  async updateStatus(object: object): Promise<KubeObject> {
    return this.call({ method: 'PUT', path: `${this.locate(object as Ref).path}/status`, body: object });
  }

  async patch(ref: Ref, patch: object, options: PatchOptions = {}): Promise<KubeObject> {
    const query = new URLSearchParams({ fieldManager: options.fieldManager ?? 'kubelab' });
    if (options.force === true) query.set('force', 'true');
    const path = `${this.locate(ref).path}${options.subresource === undefined ? '' : `/${options.subresource}`}`;
    return this.call({
      method: 'PATCH',
      path: `${path}?${query.toString()}`,
      body: patch,
      contentType: patchTypes[options.type ?? 'merge'],
    });
  }

  async delete(ref: Ref, options: object = {}): Promise<void> {
    await this.call({ method: 'DELETE', path: this.locate(ref).path, body: options });
  }

  /** Server-side apply, by force; YAML may hold several documents. */
  async apply(what: object | string): Promise<KubeObject[]> {
    const objects = typeof what === 'string' ? documents(what) : [what as KubeObject];
    const applied: KubeObject[] = [];
    for (const object of objects) applied.push(await this.patch(object, object, { type: 'apply', force: true }));
    return applied;
  }

  /** What every cluster has from the start. */
  async seed(options: KubelabOptions): Promise<void> {
    for (const name of ['default', 'kube-system', 'kube-public', 'kube-node-lease']) {
      await this.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
      await this.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default', namespace: name } });
    }
    const primary = (options.serviceCidrs ?? ['10.96.0.0/16'])[0] ?? '';
    const kubernetesIp = primary.includes(':') ? primary.replace(/::\/.*$/, '::1') : primary.replace(/\.\d+\/.*$/, '.1');
    await this.create({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'kubernetes', namespace: 'default', labels: { component: 'apiserver', provider: 'kubernetes' } },
      spec: { clusterIP: kubernetesIp, ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: 6443 }] },
    });
    const role = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole' };
    const everything = [
      { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
      { nonResourceURLs: ['*'], verbs: ['*'] },
    ];
    await this.create({ ...role, metadata: { name: 'cluster-admin' }, rules: everything });
    const directories = options.crdDir === undefined ? [] : [options.crdDir].flat();
    const files = directories.flatMap(yamlFiles).map((file) => readFileSync(file, 'utf8'));
    // Only what an API server stores: a kustomization beside the definitions is not.
    const stored = files.flatMap(documents).filter((object) => !text(object.apiVersion).startsWith('kustomize.'));
    for (const object of stored) await this.create(object);
    for (const object of options.objects ?? []) await this.create(object);
    this.requests.length = 0;
  }
}

/** Starts a lab server; close() ends it. */
export async function startKubelab(options: KubelabOptions = {}): Promise<Kubelab> {
  const lab = new Kubelab(options);
  await lab.open(options.port ?? 0);
  await lab.seed(options);
  return lab;
}
