import { randomUUID } from 'node:crypto';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Admission, Target, WriteOptions } from './api/objects.ts';
import { served } from './forms.ts';
import { dict, dicts, list, text, texts, type Dict, type KubeObject } from './json.ts';
import { jsonPatch } from './patch/jsonPatch.ts';
import { StatusError } from './status.ts';
import type { Store } from './store.ts';

const group = 'admissionregistration.k8s.io';

type Operation = 'CREATE' | 'UPDATE' | 'DELETE';

function has(values: unknown, wanted: string): boolean {
  const all = texts(values);
  return all.includes('*') || all.includes(wanted);
}

function resourceFits(values: unknown, plural: string, subresource: string): boolean {
  return texts(values).some((value) => {
    const [resource = '', sub = ''] = value.split('/');
    if (value === '*/*') return true;
    return (resource === '*' || resource === plural) && (sub === '*' || sub === subresource);
  });
}

function ruleFits(rule: Dict, operation: Operation, { resource }: Target, subresource: string): boolean {
  const scope = text(rule['scope']) || '*';
  return (
    has(rule['operations'], operation) &&
    has(rule['apiGroups'], resource.group) &&
    has(rule['apiVersions'], resource.version) &&
    resourceFits(rule['resources'], resource.plural, subresource) &&
    (scope === '*' || (scope === 'Namespaced') === resource.namespaced)
  );
}

/** A LabelSelector with matchLabels and matchExpressions. */
export function labelsFit(selector: unknown, labels: Record<string, string>): boolean {
  const { matchLabels, matchExpressions } = dict(selector);
  if (!Object.entries(dict(matchLabels)).every(([key, value]) => labels[key] === value)) return false;
  return dicts(matchExpressions).every((expression) => {
    const value = labels[text(expression['key'])];
    const values = texts(expression['values']);
    switch (expression['operator']) {
      case 'In':
        return value !== undefined && values.includes(value);
      case 'NotIn':
        return value === undefined || !values.includes(value);
      case 'Exists':
        return value !== undefined;
      default:
        return value === undefined;
    }
  });
}

async function post(url: string, caBundle: string, body: string, timeoutMs: number): Promise<string> {
  const secure = url.startsWith('https:');
  return new Promise((resolve, reject) => {
    const options = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      timeout: timeoutMs,
      ...(secure && caBundle !== '' ? { ca: Buffer.from(caBundle, 'base64') } : {}),
    };
    const request = (secure ? httpsRequest : httpRequest)(url, options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const reply = Buffer.concat(chunks).toString();
        if (response.statusCode === 200) resolve(reply);
        else reject(new Error(`unexpected response code ${response.statusCode}: ${reply}`));
      });
      response.on('error', reject);
    });
    request.on('timeout', () => request.destroy(new Error('context deadline exceeded')));
    request.on('error', reject);
    request.end(body);
  });
}

/** Calls the registered admission webhooks. Those named by Service are called at that Service's cluster IP. */
export class Webhooks {
  private store: Store;

  constructor(store: Store) {
    this.store = store;
  }

  readonly admission: Admission = async (operation, target, object, old, options) => {
    let current = object;
    for (const hook of this.matching('mutatingwebhookconfigurations', operation, target, current, old, options)) {
      const response = await this.call(hook, operation, target, current, old, options);
      const patch = text(response['patch']);
      if (patch !== '' && current !== undefined) {
        current = jsonPatch(current, JSON.parse(Buffer.from(patch, 'base64').toString())) as KubeObject;
      }
    }
    for (const hook of this.matching('validatingwebhookconfigurations', operation, target, current, old, options)) {
      await this.call(hook, operation, target, current, old, options);
    }
    return current;
  };

  private matching(
    plural: string,
    operation: Operation,
    target: Target,
    object: KubeObject | undefined,
    old: KubeObject | undefined,
    options: WriteOptions,
  ): Dict[] {
    // The configurations themselves are never sent to a webhook.
    if (target.resource.group === group) return [];
    const configurations = this.store.list(`${group}/${plural}`);
    const namespace = this.store.get('namespaces', target.namespace)?.object;
    const labels = (object ?? old)?.metadata.labels ?? {};
    return configurations
      .flatMap(({ object: configuration }) => dicts(configuration['webhooks']))
      .filter((hook) => dicts(hook['rules']).some((rule) => ruleFits(rule, operation, target, options.subresource)))
      .filter((hook) => namespace === undefined || labelsFit(hook['namespaceSelector'], namespace.metadata.labels ?? {}))
      .filter((hook) => labelsFit(hook['objectSelector'], labels));
  }

  private url(client: Dict): string {
    const given = text(client['url']);
    if (given !== '') return given;
    const service = dict(client['service']);
    const key = `${text(service['namespace'])}/${text(service['name'])}`;
    const ip = text(dict(this.store.get('services', key)?.object['spec'])['clusterIP']);
    return `https://${ip.includes(':') ? `[${ip}]` : ip}:${text(service['port']) || '443'}${text(service['path'])}`;
  }

  private async call(
    hook: Dict,
    operation: Operation,
    target: Target,
    object: KubeObject | undefined,
    old: KubeObject | undefined,
    options: WriteOptions,
  ): Promise<Dict> {
    const name = text(hook['name']);
    const client = dict(hook['clientConfig']);
    const url = this.url(client);
    const review = this.review(operation, target, object, old, options);
    let response: Dict;
    try {
      const reply = await post(url, text(client['caBundle']), JSON.stringify(review), Number(hook['timeoutSeconds'] ?? 10) * 1000);
      response = dict(dict(JSON.parse(reply))['response']);
    } catch (error) {
      if (hook['failurePolicy'] === 'Ignore') return {};
      const why = `failed calling webhook "${name}": failed to call webhook: Post "${url}": ${(error as Error).message}`;
      throw new StatusError(500, 'InternalError', `Internal error occurred: ${why}`, { causes: [{ message: why }] });
    }
    if (response['allowed'] !== true) throw refusal(name, dict(response['status']));
    return response;
  }

  private review(
    operation: Operation,
    { resource, namespace, name }: Target,
    object: KubeObject | undefined,
    old: KubeObject | undefined,
    options: WriteOptions,
  ): Dict {
    const { group: apiGroup, version, kind, plural } = resource;
    const gvk = { group: apiGroup, version, kind };
    const gvr = { group: apiGroup, version, resource: plural };
    return {
      kind: 'AdmissionReview',
      apiVersion: 'admission.k8s.io/v1',
      request: {
        uid: randomUUID(),
        kind: gvk,
        resource: gvr,
        requestKind: gvk,
        requestResource: gvr,
        ...(options.subresource === '' ? {} : { subResource: options.subresource, requestSubResource: options.subresource }),
        name,
        ...(namespace === '' ? {} : { namespace }),
        operation,
        userInfo: { username: options.user, groups: list(options.groups) },
        object: object === undefined ? null : served(resource, object),
        oldObject: old === undefined ? null : served(resource, old),
        dryRun: options.dryRun,
        options: { kind: `${operation.charAt(0)}${operation.slice(1).toLowerCase()}Options`, apiVersion: 'meta.k8s.io/v1' },
      },
    };
  }
}

function refusal(name: string, status: Dict): StatusError {
  const message = text(status['message']);
  const said =
    message === ''
      ? `admission webhook "${name}" denied the request without explanation`
      : `admission webhook "${name}" denied the request: ${message}`;
  const code = Number(status['code'] ?? 0);
  const reason = text(status['reason']) || (code === 0 || code === 403 ? 'Forbidden' : '');
  const details = status['details'];
  return new StatusError(code >= 400 ? code : 403, reason, said, details === undefined ? undefined : dict(details));
}
