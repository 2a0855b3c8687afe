import { parse as parseYaml } from 'yaml';
import { discover } from '../api/discovery.ts';
import { encodeList, encodeOne, list } from '../api/list.ts';
import type { DeleteOptions, Objects, Target, WriteOptions } from '../api/objects.ts';
import type { OpenApi } from '../api/openapi.ts';
import { Watch, type Sink } from '../api/watch.ts';
import { denied, type Attributes, type Rbac } from '../auth/rbac.ts';
import { isReview, review } from '../auth/reviews.ts';
import type { Tokens, User } from '../auth/tokens.ts';
import type { Asked, Faults } from '../faults.ts';
import { dict, isDict, joinGroup, text, type Dict } from '../json.ts';
import type { Resource, Resources } from '../resources.ts';
import { badRequest, methodNotAllowed, noSuchPath, notFound, StatusError, unsupportedMediaType } from '../status.ts';
import { keyOf, type Entry, type Snapshot, type Store } from '../store.ts';
import { scaleOf, withScale } from '../api/scale.ts';
import { decodeObject } from '../api/decode.ts';
import { wanted, type Wanted } from './accept.ts';
import { parseRoute, routeName, type Route } from './route.ts';

/** A request, whatever it came by. */
export interface Request {
  method: string;
  url: string;
  authorization: string | undefined;
  accept: string;
  contentType: string;
  userAgent: string;
  body: string;
  connection: number;
}

/** A whole answer, or a watch to be started on a sink. */
export interface Answer {
  status: number;
  body: string;
  type: string;
  headers: Record<string, string>;
  watch?: (sink: Sink) => void;
}

export interface Parts {
  store: Store;
  resources: Resources;
  objects: Objects;
  openApi: OpenApi;
  tokens: Tokens;
  rbac: Rbac;
  faults: Faults;
  bookmarkMs: number;
}

const json = 'application/json';

/** How long a token of a ServiceAccount lives when the request does not say. */
const tokenSeconds = 3600;

function answer(status: number, body: unknown, headers: Record<string, string> = {}): Answer {
  return { status, body: typeof body === 'string' ? body : JSON.stringify(body), type: json, headers };
}

function parseBody(contentType: string, body: string): unknown {
  if (body === '') return undefined;
  const type = contentType.split(';')[0]?.trim() ?? '';
  if (type.includes('yaml')) {
    try {
      return parseYaml(body);
    } catch (error) {
      throw badRequest(`error decoding YAML: ${(error as Error).message}`);
    }
  }
  if (type !== '' && !type.includes('json') && type !== 'application/octet-stream' && !type.includes('text/plain')) {
    throw unsupportedMediaType(type, ['application/json', 'application/yaml']);
  }
  try {
    return JSON.parse(body);
  } catch (error) {
    throw badRequest(`couldn't get version/kind; json parse error: ${(error as Error).message}`);
  }
}

function managerOf(query: URLSearchParams, userAgent: string): string {
  return query.get('fieldManager') ?? (userAgent.split('/')[0]?.slice(0, 128) || 'unknown');
}

/** The server without its sockets: a request in, an answer out. */
export class Handler {
  private parts: Parts;

  constructor(parts: Parts) {
    this.parts = parts;
  }

  /** What the request log and the faults see of a request. */
  asked(request: Request): { route: Route; asked: Asked } {
    const route = parseRoute(request.method, request.url, this.parts.resources);
    const asked: Asked = {
      method: request.method,
      path: request.url,
      verb: route.verb,
      resource: route.plural,
      subresource: route.subresource,
      namespace: route.namespace,
      name: route.name,
      user: '',
      userAgent: request.userAgent,
      connection: request.connection,
    };
    return { route, asked };
  }

  /** Serves an authenticated request; throws StatusError. */
  async serve(request: Request, route: Route, asked: Asked, user: User): Promise<Answer> {
    this.authorize(route, user);
    if (!route.isResource) return this.plain(route, request);
    const { resource } = route;
    if (resource === undefined) throw noSuchPath();
    if (isReview(resource)) return this.review(resource, route, request, user);
    if (route.subresource !== '') return this.subresource(resource, route, request, asked, user);
    return this.resourceRequest(resource, route, request, asked, user);
  }

  private authorize(route: Route, user: User): void {
    const asked: Attributes = {
      verb: route.verb,
      group: route.group,
      resource: route.plural,
      subresource: route.subresource,
      namespace: route.namespace,
      name: routeName(route),
      path: route.isResource ? '' : route.path,
    };
    if (!this.parts.rbac.decide(user, asked).allowed) throw denied(user, asked);
  }

  private plain(route: Route, request: Request): Answer {
    const { path } = route;
    if (['/healthz', '/livez', '/readyz'].some((health) => path === health || path.startsWith(`${health}/`))) {
      return { ...answer(200, 'ok'), type: 'text/plain; charset=utf-8' };
    }
    if (path === '/version' || path === '/version/') return answer(200, version);
    // An empty document: clients find nothing in it and go on without.
    if (path === '/openapi/v2') return { ...answer(200, ''), type: 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf' };
    if (path.startsWith('/openapi/v3')) {
      const body = this.parts.openApi.answer(path);
      if (body === undefined) throw noSuchPath();
      return answer(200, body);
    }
    if (path === '/api' || path === '/apis' || path.startsWith('/api/') || path.startsWith('/apis/')) {
      const found = discover(this.parts.resources, path, request.accept);
      if (found !== undefined) return { ...answer(200, found.body, { vary: 'Accept' }), type: found.type };
    }
    if (path === '/') return answer(200, { paths: ['/api', '/apis', '/healthz', '/openapi/v3', '/version'] });
    throw noSuchPath();
  }

  private review(resource: Resource, route: Route, request: Request, user: User): Answer {
    if (route.method !== 'POST') throw methodNotAllowed();
    const { object } = decodeObject(resource, parseBody(request.contentType, request.body), 'Ignore');
    return answer(201, review(resource, object, route.namespace, user, this.parts.rbac, this.parts.tokens));
  }

  private target(resource: Resource, route: Route): Target {
    return { resource, namespace: resource.namespaced ? route.namespace : '', name: route.name };
  }

  private options(route: Route, request: Request, user: User): WriteOptions {
    const { query } = route;
    const dryRun = query.getAll('dryRun');
    if (dryRun.some((value) => value !== 'All' && value !== '')) {
      throw badRequest(`Invalid value: ${JSON.stringify(dryRun)}: dryRun: Unsupported value: supported values: "All"`);
    }
    const manager = query.get('fieldManager');
    if (manager === null && request.contentType.includes('apply-patch')) {
      throw new StatusError(
        422,
        'Invalid',
        'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
        {
          group: 'meta.k8s.io',
          kind: 'PatchOptions',
          causes: [{ reason: 'FieldValueRequired', message: 'Required value: is required for apply patch', field: 'fieldManager' }],
        },
      );
    }
    return {
      user: user.name,
      groups: user.groups,
      manager: managerOf(query, request.userAgent),
      dryRun: dryRun.includes('All'),
      fieldValidation: query.get('fieldValidation') ?? 'Warn',
      force: query.get('force') === 'true' || query.get('force') === '1',
      subresource: route.subresource,
    };
  }

  private wanted(request: Request): Wanted {
    const found = wanted(request.accept);
    if (found !== undefined) return found;
    throw new StatusError(406, 'NotAcceptable', 'only the following media types are accepted: application/json, application/yaml');
  }

  private async resourceRequest(resource: Resource, route: Route, request: Request, asked: Asked, user: User): Promise<Answer> {
    const frozen = this.parts.faults.frozenFor(asked, resource.storage);
    const target = this.target(resource, route);
    switch (route.verb) {
      case 'list':
        return this.list(resource, route, request, frozen);
      case 'watch':
        return this.watch(resource, route, request, asked);
      case 'get':
        return this.one(resource, this.read(target, frozen), request, route, 200);
      case 'create':
        return this.create(target, route, request, user);
      case 'update':
      case 'patch':
        return this.change(target, route, request, user);
      case 'delete':
        return this.remove(target, route, request, user);
      case 'deletecollection':
        return this.removeAll(resource, route, request, user);
      default:
        throw methodNotAllowed();
    }
  }

  private read(target: Target, frozen: Snapshot | undefined): Entry {
    if (frozen === undefined) return this.parts.objects.get(target);
    const key = keyOf(target.namespace, target.name);
    const entry = frozen.entries.find((candidate) => candidate.key === key);
    if (entry === undefined) throw notFound(target.resource, target.name);
    return entry;
  }

  private one(resource: Resource, entry: Entry, request: Request, route: Route, status: number, warnings: string[] = []): Answer {
    const body = encodeOne(resource, entry, this.wanted(request), route.query.get('includeObject') ?? 'Metadata');
    const warning = warnings.map((message) => `299 - ${JSON.stringify(message)}`).join(', ');
    return answer(status, body, warning === '' ? {} : { warning });
  }

  private list(resource: Resource, route: Route, request: Request, frozen: Snapshot | undefined): Answer {
    const query = { resource, namespace: route.namespace, query: route.query, wanted: this.wanted(request) };
    return answer(200, encodeList(query, list(this.parts.store, query, frozen)));
  }

  private watch(resource: Resource, route: Route, request: Request, asked: Asked): Answer {
    const { store, faults, bookmarkMs } = this.parts;
    const query = { resource, namespace: route.namespace, query: route.query, wanted: this.wanted(request) };
    const start = (sink: Sink) => {
      const watch = new Watch(store, query, sink);
      const open = { watch, asked };
      if (faults.isMuted(asked)) watch.mute();
      faults.watches.add(open);
      watch.onEnd = () => faults.watches.delete(open);
      try {
        watch.start(route.query, bookmarkMs);
      } catch (error) {
        watch.stop();
        throw error;
      }
      return watch;
    };
    return { ...answer(200, ''), watch: start };
  }

  private async create(target: Target, route: Route, request: Request, user: User): Promise<Answer> {
    if (target.name !== '') throw methodNotAllowed();
    const body = parseBody(request.contentType, request.body);
    if (!isDict(body)) throw badRequest('the body of the request was empty or not an object');
    const { entry, warnings } = await this.parts.objects.create(target, body, this.options(route, request, user));
    return this.one(target.resource, entry, request, route, 201, warnings);
  }

  private async change(target: Target, route: Route, request: Request, user: User): Promise<Answer> {
    if (target.name === '') throw methodNotAllowed();
    const { objects } = this.parts;
    const options = this.options(route, request, user);
    const type = request.contentType.split(';')[0]?.trim() ?? '';
    const body = parseBody(request.contentType, request.body);
    const written = route.verb === 'patch' ? await objects.patch(target, type, body, options) : await objects.update(target, body, options);
    return this.one(target.resource, written.entry, request, route, written.created ? 201 : 200, written.warnings);
  }

  private deleteOptions(route: Route, request: Request): DeleteOptions {
    const body = dict(parseBody(request.contentType, request.body));
    const { query } = route;
    const conditions = dict(body['preconditions']);
    const grace = body['gracePeriodSeconds'] ?? query.get('gracePeriodSeconds') ?? undefined;
    const orphan = body['orphanDependents'] === true ? 'Orphan' : '';
    return {
      uid: text(conditions['uid']),
      resourceVersion: text(conditions['resourceVersion']),
      propagation: text(body['propagationPolicy']) || query.get('propagationPolicy') || orphan,
      graceSeconds: grace === undefined ? undefined : Number(grace),
      dryRun: query.get('dryRun') === 'All' || (Array.isArray(body['dryRun']) && body['dryRun'].includes('All')),
    };
  }

  private async remove(target: Target, route: Route, request: Request, user: User): Promise<Answer> {
    const { resource } = target;
    const how = this.deleteOptions(route, request);
    const { entry, gone } = await this.parts.objects.delete(target, how, this.options(route, { ...request, contentType: '' }, user));
    if (!gone) return this.one(resource, entry, request, route, 200);
    return answer(200, {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Success',
      details: {
        name: target.name,
        ...(resource.group === '' ? {} : { group: resource.group }),
        kind: resource.plural,
        uid: entry.object.metadata.uid,
      },
    });
  }

  private async removeAll(resource: Resource, route: Route, request: Request, user: User): Promise<Answer> {
    const query = { resource, namespace: route.namespace, query: route.query, wanted: 'whole' as const };
    const listed = list(this.parts.store, query, undefined);
    const how = this.deleteOptions(route, request);
    for (const { object } of listed.entries) {
      const { namespace = '', name } = object.metadata;
      await this.parts.objects.delete({ resource, namespace, name }, how, this.options(route, { ...request, contentType: '' }, user));
    }
    return answer(200, encodeList(query, listed));
  }

  private async subresource(resource: Resource, route: Route, request: Request, asked: Asked, user: User): Promise<Answer> {
    const target = this.target(resource, route);
    switch (route.subresource) {
      case 'status':
        if (!resource.status) throw noSuchPath();
        if (route.verb === 'get')
          return this.one(resource, this.read(target, this.parts.faults.frozenFor(asked, resource.storage)), request, route, 200);
        if (route.verb !== 'update' && route.verb !== 'patch') throw methodNotAllowed();
        return this.change(target, route, request, user);
      case 'scale':
        if (!resource.scale) throw noSuchPath();
        return this.scale(target, route, request, user);
      case 'token':
        if (resource.storage !== 'serviceaccounts') throw noSuchPath();
        return this.token(target, request);
      case 'finalize':
        return this.change(target, route, request, user);
      default:
        throw noSuchPath();
    }
  }

  private async scale(target: Target, route: Route, request: Request, user: User): Promise<Answer> {
    const { objects } = this.parts;
    const current = objects.get(target).object;
    if (route.verb === 'get') return answer(200, scaleOf(current));
    const body = dict(parseBody(request.contentType, request.body));
    const options = { ...this.options(route, request, user), subresource: '' };
    const replicas = Number(dict(body['spec'])['replicas'] ?? 0);
    const { entry } = await objects.update(target, withScale(current, replicas), options);
    return answer(200, scaleOf(entry.object));
  }

  private token(target: Target, request: Request): Answer {
    const { objects, tokens } = this.parts;
    const account = objects.get(target).object;
    const body = dict(parseBody(request.contentType, request.body));
    const spec = dict(body['spec']);
    const seconds = Number(spec['expirationSeconds'] ?? tokenSeconds);
    const token = tokens.mintFor(target.namespace, target.name, text(account.metadata.uid), seconds * 1000);
    return answer(201, {
      kind: 'TokenRequest',
      apiVersion: 'authentication.k8s.io/v1',
      metadata: { name: target.name, namespace: target.namespace, creationTimestamp: new Date().toISOString() },
      spec: { ...spec, expirationSeconds: seconds },
      status: { token, expirationTimestamp: new Date(Date.now() + seconds * 1000).toISOString() },
    });
  }
}

const version: Dict = {
  major: '1',
  minor: '35',
  gitVersion: 'v1.35.0-kubelab',
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '2025-12-17T00:00:00Z',
  goVersion: 'none',
  compiler: 'none',
  platform: 'linux/amd64',
};

/** The path an object is served at. */
export function pathOf(resource: Resource, namespace: string, name: string): string {
  const root = resource.group === '' ? '/api/v1' : `/apis/${joinGroup(resource.group, resource.version)}`;
  const where = resource.namespaced && namespace !== '' ? `/namespaces/${namespace}` : '';
  return `${root}${where}/${resource.plural}${name === '' ? '' : `/${name}`}`;
}
