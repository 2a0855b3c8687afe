import type { Resource, Resources } from '../resources.ts';

/** What a request asks for, in the words of the authorizer. */
export interface Route {
  path: string;
  query: URLSearchParams;
  method: string;
  verb: string;
  /** False for discovery, health and the like. */
  isResource: boolean;
  group: string;
  version: string;
  plural: string;
  namespace: string;
  name: string;
  subresource: string;
  /** Undefined when nothing of that name is served. */
  resource: Resource | undefined;
}

const verbs: Readonly<Record<string, string>> = {
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
  GET: 'get',
  HEAD: 'get',
};

function isTrue(value: string | null): boolean {
  return value === 'true' || value === '1' || value === '';
}

function verbOf(method: string, name: string, query: URLSearchParams, subresource: string): string {
  const verb = verbs[method] ?? method.toLowerCase();
  if (subresource !== '') return verb;
  if (verb === 'get' && name === '') return query.has('watch') && isTrue(query.get('watch')) ? 'watch' : 'list';
  if (verb === 'delete' && name === '') return 'deletecollection';
  return verb;
}

/** The name a field selector asks for: a list of one name is authorized as that name. */
function namedBySelector(query: URLSearchParams): string {
  return /^metadata\.name=([^,]+)$/.exec(query.get('fieldSelector') ?? '')?.[1] ?? '';
}

/** Takes a URL apart: /api/v1/namespaces/x/pods/y/status, /apis/apps/v1/deployments, /version. */
export function parseRoute(method: string, url: string, resources: Resources): Route {
  const at = url.indexOf('?');
  const path = at < 0 ? url : url.slice(0, at);
  const query = new URLSearchParams(at < 0 ? '' : url.slice(at + 1));
  const parts = path
    .split('/')
    .filter((part) => part !== '')
    .map(decodeURIComponent);
  const plain: Route = {
    path,
    query,
    method,
    verb: (verbs[method] ?? method).toLowerCase(),
    isResource: false,
    group: '',
    version: '',
    plural: '',
    namespace: '',
    name: '',
    subresource: '',
    resource: undefined,
  };
  const place = locate(parts);
  if (place === undefined) return plain;
  const { group, version, plural, namespace, name, subresource } = place;
  const verb = verbOf(method, name, query, subresource);
  const resource = resources.find(group, version, plural);
  return { ...plain, verb, isResource: true, group, version, plural, namespace, name, subresource, resource };
}

type Place = Pick<Route, 'group' | 'version' | 'plural' | 'namespace' | 'name' | 'subresource'>;

function locate(parts: string[]): Place | undefined {
  const core = parts[0] === 'api';
  if ((!core && parts[0] !== 'apis') || parts.length < (core ? 3 : 4)) return undefined;
  const group = core ? '' : (parts[1] ?? '');
  const version = (core ? parts[1] : parts[2]) ?? '';
  let rest = parts.slice(core ? 2 : 3);
  let namespace = '';
  // /namespaces/x alone is the Namespace; with more behind it is where to look, but for its own subresources.
  if (rest[0] === 'namespaces' && rest.length > 2 && !['status', 'finalize'].includes(rest[2] ?? '')) {
    namespace = rest[1] ?? '';
    rest = rest.slice(2);
  }
  const [plural = '', name = '', ...more] = rest;
  if (plural === 'namespaces' && group === '') namespace = name;
  return { group, version, plural, namespace, name, subresource: more.join('/') };
}

export function routeName(route: Route): string {
  return route.name !== '' ? route.name : namedBySelector(route.query);
}
