import { dict, now, text, texts, type Dict, type KubeObject } from '../json.ts';
import type { Resource } from '../resources.ts';
import type { Attributes, Rbac } from './rbac.ts';
import type { Tokens, User } from './tokens.ts';

function attributes(spec: Dict): Attributes {
  const asked = dict(spec['resourceAttributes']);
  const path = dict(spec['nonResourceAttributes']);
  return {
    verb: text(asked['verb']) || text(path['verb']),
    group: text(asked['group']),
    resource: text(asked['resource']),
    subresource: text(asked['subresource']),
    namespace: text(asked['namespace']),
    name: text(asked['name']),
    path: text(path['path']),
  };
}

function namedUser(spec: Dict): User {
  return { name: text(spec['user']), groups: texts(spec['groups']), uid: text(spec['uid']) };
}

function fields(rule: Dict, names: string[]): Dict {
  return Object.fromEntries(names.filter((name) => rule[name] !== undefined).map((name) => [name, rule[name]]));
}

function rulesReview(rbac: Rbac, user: User, namespace: string): Dict {
  const rules = rbac.rulesFor(user, namespace).flatMap((found) => found.rules);
  if (user.groups.includes('system:masters')) {
    rules.push({ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }, { verbs: ['*'], nonResourceURLs: ['*'] });
  }
  return {
    incomplete: false,
    resourceRules: rules
      .filter((rule) => texts(rule['resources']).length > 0)
      .map((rule) => fields(rule, ['verbs', 'apiGroups', 'resources', 'resourceNames'])),
    nonResourceRules: rules
      .filter((rule) => texts(rule['nonResourceURLs']).length > 0)
      .map((rule) => fields(rule, ['verbs', 'nonResourceURLs'])),
  };
}

function tokenReview(tokens: Tokens, spec: Dict): Dict {
  const user = tokens.lookUp(text(spec['token']));
  if (user === undefined) return { user: {}, error: '[invalid bearer token]' };
  return {
    authenticated: true,
    user: { username: user.name, uid: user.uid, groups: user.groups },
    audiences: ['https://kubernetes.default.svc'],
  };
}

/** Kinds that are asked and answered, never stored. */
export function isReview(resource: Resource): boolean {
  return resource.kind.endsWith('Review');
}

/** Fills in the status of a review. */
export function review(resource: Resource, object: KubeObject, namespace: string, user: User, rbac: Rbac, tokens: Tokens): KubeObject {
  const spec = dict(object['spec']);
  let status: Dict;
  switch (resource.kind) {
    case 'TokenReview':
      status = tokenReview(tokens, spec);
      break;
    case 'SelfSubjectReview':
      status = { userInfo: { username: user.name, groups: user.groups } };
      break;
    case 'SelfSubjectRulesReview':
      status = rulesReview(rbac, user, text(spec['namespace']));
      break;
    default: {
      const asker = resource.kind === 'SelfSubjectAccessReview' ? user : namedUser(spec);
      const asked = attributes(spec);
      const { allowed, reason } = rbac.decide(asker, namespace === '' ? asked : { ...asked, namespace });
      status = { allowed, ...(reason === '' ? {} : { reason }) };
    }
  }
  return { ...object, metadata: { ...object.metadata, creationTimestamp: now() }, spec, status };
}
