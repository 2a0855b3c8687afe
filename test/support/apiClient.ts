import { Agent, request } from 'undici';
import { parseAllDocuments } from 'yaml';

/** A Kubernetes object as it came over the wire; tests look into it as deep as they like. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly generation?: number;
    readonly creationTimestamp?: string;
    readonly labels?: Record<string, string>;
    readonly annotations?: Record<string, string>;
  };
  readonly spec?: Record<string, unknown>;
  readonly status?: Record<string, unknown>;
}

export interface Ref {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** Plural names of the kinds whose plural is not the lower-case kind with an `s`. */
const PLURALS: Readonly<Record<string, string>> = {
  BGPPeer: 'bgppeers',
  Community: 'communities',
  EndpointSlice: 'endpointslices',
};

const CLUSTER_KINDS = new Set([
  'Namespace',
  'Node',
  'ClusterRole',
  'ClusterRoleBinding',
  'CustomResourceDefinition',
  'PriorityClass',
  'ValidatingWebhookConfiguration',
]);

export function resourcePath(ref: { apiVersion: string; kind: string; namespace?: string | undefined; name?: string | undefined }): string {
  const group = ref.apiVersion.includes('/') ? `/apis/${ref.apiVersion}` : `/api/${ref.apiVersion}`;
  const namespace = CLUSTER_KINDS.has(ref.kind) || ref.namespace === undefined ? '' : `/namespaces/${ref.namespace}`;
  const plural = PLURALS[ref.kind] ?? `${ref.kind.toLowerCase()}s`;
  return `${group}${namespace}/${plural}${ref.name === undefined ? '' : `/${ref.name}`}`;
}

/** A plain client for tests and the lab: whole answers, no cache, no retries. */
export class ApiClient {
  readonly url: string;
  readonly #token: string;
  readonly #agent: Agent;

  constructor(url: string, token: string, ca?: string) {
    this.url = url;
    this.#token = token;
    this.#agent = new Agent({ connect: ca === undefined ? { rejectUnauthorized: false } : { ca, servername: 'kubernetes.default.svc' } });
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async raw(method: string, path: string, body?: unknown, contentType = 'application/json'): Promise<Answer> {
    const answer = await request(this.url + path, {
      method: method as 'GET',
      dispatcher: this.#agent,
      headers: { authorization: `Bearer ${this.#token}`, 'content-type': contentType, accept: 'application/json' },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await answer.body.text();
    try {
      return { status: answer.statusCode, body: JSON.parse(text) };
    } catch {
      return { status: answer.statusCode, body: text };
    }
  }

  /** Like raw, but a status of 400 or more throws with the server's message. */
  async call(method: string, path: string, body?: unknown, contentType?: string): Promise<KubeObject> {
    const answer = await this.raw(method, path, body, contentType);
    if (answer.status >= 400) {
      const message = (answer.body as { message?: string }).message ?? JSON.stringify(answer.body);
      throw new Error(`${method} ${path}: ${answer.status} ${message}`);
    }
    return answer.body as KubeObject;
  }

  /** Server-side apply of every document; namespaced objects without a namespace go to `default`. */
  async apply(manifest: string | object): Promise<KubeObject[]> {
    const objects = typeof manifest === 'string' ? documents(manifest) : [manifest as KubeObject];
    const applied: KubeObject[] = [];
    for (const object of objects) {
      const ref = { ...object, name: object.metadata.name, namespace: object.metadata.namespace ?? 'default' };
      const path = `${resourcePath(ref)}?fieldManager=test&force=true`;
      applied.push(await this.call('PATCH', path, object, 'application/apply-patch+yaml'));
    }
    return applied;
  }

  get(ref: Ref): Promise<KubeObject> {
    return this.call('GET', resourcePath(ref));
  }

  async list(ref: { apiVersion: string; kind: string; namespace?: string }, query = ''): Promise<KubeObject[]> {
    const list = (await this.call('GET', resourcePath(ref) + query)) as unknown as { items: KubeObject[] };
    return list.items;
  }

  delete(ref: Ref): Promise<KubeObject> {
    return this.call('DELETE', resourcePath(ref));
  }

  patch(ref: Ref, patch: object, subresource = ''): Promise<KubeObject> {
    return this.call('PATCH', resourcePath(ref) + subresource, patch, 'application/merge-patch+json');
  }
}

export function documents(manifest: string): KubeObject[] {
  return parseAllDocuments(manifest)
    .map((document) => document.toJS() as KubeObject | null)
    .filter((object) => object !== null);
}
