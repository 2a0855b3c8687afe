import type { Dict } from '../json.ts';
import { joinGroup } from '../json.ts';
import { compareVersions, type Resource, type Resources } from '../resources.ts';

interface Group {
  name: string;
  versions: string[];
}

function groups(resources: Resources): Group[] {
  const found = new Map<string, Set<string>>();
  for (const { group, version } of resources.all()) {
    if (group === '') continue;
    found.set(group, (found.get(group) ?? new Set()).add(version));
  }
  return [...found].map(([name, versions]) => ({ name, versions: [...versions].sort(compareVersions) }));
}

function groupVersions({ name, versions }: Group): Dict[] {
  return versions.map((version) => ({ groupVersion: joinGroup(name, version), version }));
}

function groupBody(group: Group): Dict {
  const versions = groupVersions(group);
  return { name: group.name, versions, preferredVersion: versions[0] };
}

function subresources(resource: Resource): { name: string; kind: string; verbs: string[]; group?: string; version?: string }[] {
  const { plural, kind } = resource;
  const found = [];
  if (resource.status) found.push({ name: `${plural}/status`, kind, verbs: ['get', 'patch', 'update'] });
  if (resource.scale)
    found.push({ name: `${plural}/scale`, kind: 'Scale', group: 'autoscaling', version: 'v1', verbs: ['get', 'patch', 'update'] });
  if (resource.storage === 'serviceaccounts') {
    found.push({ name: `${plural}/token`, kind: 'TokenRequest', group: 'authentication.k8s.io', version: 'v1', verbs: ['create'] });
  }
  if (resource.storage === 'namespaces') found.push({ name: `${plural}/finalize`, kind, verbs: ['update'] });
  return found;
}

function resourceBody(resource: Resource): Dict {
  const { plural, singular, namespaced, kind, verbs, shortNames, categories } = resource;
  return {
    name: plural,
    singularName: singular,
    namespaced,
    kind,
    verbs,
    ...(shortNames.length === 0 ? {} : { shortNames }),
    ...(categories.length === 0 ? {} : { categories }),
  };
}

function resourceList(resources: Resources, group: string, version: string): Dict | undefined {
  const found = resources.all().filter((resource) => resource.group === group && resource.version === version);
  if (found.length === 0) return undefined;
  const all = found.flatMap((resource) => [
    resourceBody(resource),
    ...subresources(resource).map((sub) => ({ singularName: '', namespaced: resource.namespaced, ...sub })),
  ]);
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: joinGroup(group, version), resources: all };
}

function aggregatedResource(resource: Resource): Dict {
  const { plural, singular, namespaced, kind, group, version, verbs, shortNames, categories } = resource;
  return {
    resource: plural,
    responseKind: { group, version, kind },
    scope: namespaced ? 'Namespaced' : 'Cluster',
    singularResource: singular,
    verbs,
    ...(shortNames.length === 0 ? {} : { shortNames }),
    ...(categories.length === 0 ? {} : { categories }),
    subresources: subresources(resource).map((sub) => ({
      subresource: sub.name.slice(plural.length + 1),
      responseKind: { group: sub.group ?? group, version: sub.version ?? version, kind: sub.kind },
      verbs: sub.verbs,
    })),
  };
}

function aggregated(resources: Resources, wanted: Group[]): Dict {
  const items = wanted.map(({ name, versions }) => ({
    metadata: name === '' ? { creationTimestamp: null } : { name, creationTimestamp: null },
    versions: versions.map((version) => ({
      version,
      freshness: 'Current',
      resources: resources
        .all()
        .filter((resource) => resource.group === name && resource.version === version)
        .map(aggregatedResource),
    })),
  }));
  return { kind: 'APIGroupDiscoveryList', apiVersion: 'apidiscovery.k8s.io/v2', metadata: {}, items };
}

export const aggregatedType = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

function wantsAggregated(accept: string): boolean {
  return accept.includes('as=APIGroupDiscoveryList') && /v=v2(;|,|$)/.test(accept.replace(/\s/g, ''));
}

export interface Found {
  body: Dict;
  type: string;
}

function plain(body: Dict | undefined): Found | undefined {
  return body === undefined ? undefined : { body, type: 'application/json' };
}

/** Answers /api, /apis and what is below them; undefined when there is nothing of that name. */
export function discover(resources: Resources, path: string, accept: string): Found | undefined {
  const parts = path.split('/').filter((part) => part !== '');
  if (parts.length === 1 && wantsAggregated(accept)) {
    const wanted = parts[0] === 'api' ? [{ name: '', versions: ['v1'] }] : groups(resources);
    return { body: aggregated(resources, wanted), type: aggregatedType };
  }
  if (parts[0] === 'api') {
    if (parts.length === 1) return plain({ kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] });
    return plain(resourceList(resources, '', parts[1] ?? ''));
  }
  if (parts.length === 1) return plain({ kind: 'APIGroupList', apiVersion: 'v1', groups: groups(resources).map(groupBody) });
  const group = groups(resources).find(({ name }) => name === parts[1]);
  if (group === undefined) return undefined;
  if (parts.length === 2) return plain({ kind: 'APIGroup', apiVersion: 'v1', ...groupBody(group) });
  return plain(resourceList(resources, group.name, parts[2] ?? ''));
}
