import { dicts, text, texts, type Dict, type KubeObject } from '../json.ts';
import { keyOf, type Store } from '../store.ts';
import { StatusError } from '../status.ts';
import type { User } from './tokens.ts';

/** What a request wants to do, as SubjectAccessReview names it. */
export interface Attributes {
  verb: string;
  group: string;
  resource: string;
  subresource: string;
  namespace: string;
  name: string;
  /** Set for requests that are not about a resource. */
  path: string;
}

export interface Decision {
  allowed: boolean;
  reason: string;
}

const rbacGroup = 'rbac.authorization.k8s.io';

function has(values: unknown, wanted: string): boolean {
  const all = texts(values);
  return all.includes('*') || all.includes(wanted);
}

function coversPath(rule: Dict, path: string): boolean {
  return texts(rule['nonResourceURLs']).some(
    (url) => url === '*' || url === path || (url.endsWith('*') && path.startsWith(url.slice(0, -1))),
  );
}

function covers(rule: Dict, asked: Attributes): boolean {
  if (!has(rule['verbs'], asked.verb)) return false;
  if (asked.path !== '') return coversPath(rule, asked.path);
  if (!has(rule['apiGroups'], asked.group)) return false;
  const resource = asked.subresource === '' ? asked.resource : `${asked.resource}/${asked.subresource}`;
  const named = texts(rule['resources']);
  const fits = named.includes('*') || named.includes(resource) || (asked.subresource !== '' && named.includes(`*/${asked.subresource}`));
  if (!fits) return false;
  const names = texts(rule['resourceNames']);
  return names.length === 0 || (asked.name !== '' && names.includes(asked.name));
}

function isSubject(subject: Dict, user: User, namespace: string): boolean {
  const name = text(subject['name']);
  switch (subject['kind']) {
    case 'User':
      return name === user.name;
    case 'Group':
      return user.groups.includes(name);
    case 'ServiceAccount':
      return user.name === `system:serviceaccount:${text(subject['namespace']) || namespace}:${name}`;
    default:
      return false;
  }
}

/** Discovery and health are open to everybody who is somebody, as system:discovery makes them. */
const openPaths = ['/api', '/apis', '/openapi', '/version', '/healthz', '/livez', '/readyz'];
const selfReviews = new Set(['selfsubjectaccessreviews', 'selfsubjectrulesreviews', 'selfsubjectreviews']);

/** Decides by the stored Roles and bindings. */
export class Rbac {
  private store: Store;
  private enabled: boolean;

  constructor(store: Store, enabled: boolean) {
    this.store = store;
    this.enabled = enabled;
  }

  decide(user: User, asked: Attributes): Decision {
    if (!this.enabled || user.groups.includes('system:masters')) return { allowed: true, reason: '' };
    const authenticated = user.groups.includes('system:authenticated');
    if (asked.path !== '' && asked.verb === 'get') {
      const open = openPaths.some((path) => asked.path === path || asked.path.startsWith(`${path}/`));
      if (open && (authenticated || !asked.path.startsWith('/api'))) return { allowed: true, reason: '' };
    }
    if (authenticated && asked.verb === 'create' && selfReviews.has(asked.resource)) return { allowed: true, reason: '' };
    for (const { rules, reason } of this.rulesFor(user, asked.namespace)) {
      if (rules.some((rule) => covers(rule, asked))) return { allowed: true, reason };
    }
    return { allowed: false, reason: '' };
  }

  /** The rules bound to a user, cluster-wide and in one namespace, each with where it comes from. */
  rulesFor(user: User, namespace: string): { rules: Dict[]; reason: string }[] {
    const found: { rules: Dict[]; reason: string }[] = [];
    const look = (binding: KubeObject, where: string) => {
      const subject = dicts(binding['subjects']).find((candidate) => isSubject(candidate, user, where));
      if (subject === undefined) return;
      const role = (binding['roleRef'] ?? {}) as Dict;
      const rules = this.rules(role, where);
      const kind = where === '' ? 'ClusterRoleBinding' : 'RoleBinding';
      const name = where === '' ? binding.metadata.name : `${binding.metadata.name}/${where}`;
      const reason = `RBAC: allowed by ${kind} "${name}" of ${text(role['kind'])} "${text(role['name'])}" to ${text(subject['kind'])} "${text(subject['name'])}${subject['kind'] === 'ServiceAccount' ? `/${text(subject['namespace'])}` : ''}"`;
      found.push({ rules, reason });
    };
    for (const { object } of this.store.list(`${rbacGroup}/clusterrolebindings`)) look(object, '');
    if (namespace !== '') {
      for (const { object } of this.store.list(`${rbacGroup}/rolebindings`)) {
        if (object.metadata.namespace === namespace) look(object, namespace);
      }
    }
    return found;
  }

  private rules(role: Dict, namespace: string): Dict[] {
    const name = text(role['name']);
    if (role['kind'] === 'Role') {
      return dicts(this.store.get(`${rbacGroup}/roles`, keyOf(namespace, name))?.object['rules']);
    }
    const object = this.store.get(`${rbacGroup}/clusterroles`, name)?.object;
    const selectors = dicts(((object?.['aggregationRule'] ?? {}) as Dict)['clusterRoleSelectors']);
    if (selectors.length === 0) return dicts(object?.['rules']);
    return this.store
      .list(`${rbacGroup}/clusterroles`)
      .filter(({ object: candidate }) => selectors.some((selector) => selects(selector, candidate)))
      .flatMap(({ object: candidate }) => dicts(candidate['rules']));
  }
}

function selects(selector: Dict, object: KubeObject): boolean {
  const labels = object.metadata.labels ?? {};
  return Object.entries((selector['matchLabels'] ?? {}) as Dict).every(([key, value]) => labels[key] === value);
}

/** The 403 of the real server. */
export function denied(user: User, asked: Attributes): StatusError {
  if (asked.path !== '') {
    const message = `forbidden: User "${user.name}" cannot ${asked.verb} path "${asked.path}"`;
    return new StatusError(403, 'Forbidden', message, {});
  }
  const resource = asked.subresource === '' ? asked.resource : `${asked.resource}/${asked.subresource}`;
  const qualified = asked.group === '' ? asked.resource : `${asked.resource}.${asked.group}`;
  const subject = asked.name === '' ? qualified : `${qualified} "${asked.name}"`;
  const where = asked.namespace === '' ? 'at the cluster scope' : `in the namespace "${asked.namespace}"`;
  const what = `User "${user.name}" cannot ${asked.verb} resource "${resource}" in API group "${asked.group}" ${where}`;
  return new StatusError(403, 'Forbidden', `${subject} is forbidden: ${what}`, {
    ...(asked.name === '' ? {} : { name: asked.name }),
    ...(asked.group === '' ? {} : { group: asked.group }),
    kind: asked.resource,
  });
}
