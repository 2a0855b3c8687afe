import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { planNode } from '../../../src/announce/nodePlan.ts';
import type { AnnounceSnapshot } from '../../../src/announce/snapshot.ts';
import { type CheckReport, checkManifests } from '../../../src/cli/check.ts';
import { parseManifest, readManifests } from '../../../src/cli/manifests.ts';
import type { Migration, Source } from '../../../src/cli/migrate/contract.ts';
import { migrate } from '../../../src/cli/migrate/migrate.ts';
import { manifestText } from '../../../src/cli/migrate/report.ts';
import { projectEndpointSlice, projectNamespace, projectNode, projectService } from '../../../src/cluster/project.ts';
import type { ServiceView } from '../../../src/cluster/service.ts';
import { readClaim } from '../../../src/config/addressClaims.ts';
import type { SecretView } from '../../../src/config/secret.ts';
import { parseConfig } from '../../../src/config/parse.ts';
import { planAddresses } from '../../../src/ipam/plan.ts';

export const NAMESPACE = 'heraldlb-system';

export function fixture(name: string): unknown[] {
  const file = new URL(`./fixtures/${name}.yaml`, import.meta.url).pathname;
  const { values, faults } = parseManifest(file, readFileSync(file, 'utf8'));
  expect(faults).toEqual([]);
  return values;
}

export function migrated(source: Source, name: string, more: readonly unknown[] = []): { objects: unknown[]; migration: Migration } {
  const objects = [...fixture(name), ...more];
  return { objects, migration: migrate(source, objects, NAMESPACE) };
}

/** What `heraldlb check` says of the text that would be applied. */
export function checked(migration: Migration): CheckReport {
  const directory = mkdtempSync(join(tmpdir(), 'hlb-migrate-'));
  try {
    const file = join(directory, 'manifests.yaml');
    writeFileSync(file, manifestText(migration.manifests));
    return checkManifests(readManifests([file], 'heraldlb.io'), 'heraldlb.io');
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Reason and place of all that is not carried over. */
export function losses({ losses: all }: Migration): string[] {
  return all.map(({ severity, reason, object, path }) =>
    `${severity} ${reason} ${object?.kind ?? ''}/${object?.name ?? ''} ${path}`.trimEnd(),
  );
}

export interface Wire {
  /** Peer and prefix with attributes, to the nodes that announce it. */
  readonly routes: Readonly<Record<string, readonly string[]>>;
  /** VIP, to the nodes that could own it, and the interfaces that they answer on. */
  readonly vips: Readonly<Record<string, { readonly nodes: readonly string[]; readonly interfaces?: readonly string[] }>>;
}

/**
 * What the speakers of all nodes say with the result applied: addresses as the controller would have them, then the plan of
 * each node.
 */
export function wire({ objects, migration }: { readonly objects: readonly unknown[]; readonly migration: Migration }): Wire {
  const snapshot = snapshotOf(objects, migration);
  const routes: Record<string, string[]> = {};
  for (const { name } of snapshot.nodes) for (const route of routesOf(snapshot, name)) (routes[route] ??= []).push(name);
  return { routes, vips: owners(snapshot) };
}

function routesOf(snapshot: AnnounceSnapshot, node: string): string[] {
  const { peers } = planNode(snapshot, node, 1).plan;
  return peers.flatMap((peer) =>
    peer.routes.flatMap((set) => set.prefixes.map((prefix) => `${peer.name} ${prefix}${attributes(set.attributes)}`)),
  );
}

function attributes({
  localPref,
  communities,
  largeCommunities,
  med,
}: {
  readonly localPref?: number;
  readonly med?: number;
  readonly communities: readonly number[];
  readonly largeCommunities: readonly (readonly number[])[];
}): string {
  return [
    ...(localPref === undefined ? [] : [`localPref=${localPref}`]),
    ...(med === undefined ? [] : [`med=${med}`]),
    ...communities.map((value) => `${value >>> 16}:${value & 0xffff}`),
    ...largeCommunities.map((value) => value.join(':')),
  ]
    .map((one) => ` ${one}`)
    .join('');
}

/** Sessions of one node, without what is the same everywhere. */
export function sessions(
  { objects, migration }: { readonly objects: readonly unknown[]; readonly migration: Migration },
  node: string,
): Record<string, object> {
  const { plan } = planNode(snapshotOf(objects, migration), node, 1);
  return Object.fromEntries(plan.peers.map(({ name, session }) => [name, session]));
}

/** The one node that answers for each VIP. */
export function claimed({
  objects,
  migration,
}: {
  readonly objects: readonly unknown[];
  readonly migration: Migration;
}): Record<string, string> {
  const snapshot = snapshotOf(objects, migration);
  return Object.fromEntries(
    snapshot.nodes.flatMap(({ name }) => planNode(snapshot, name, 1).plan.claims.map(({ ip }): [string, string] => [ip, name])),
  );
}

/** Whoever would own a VIP if it were alone; all together, exactly one does. */
function owners(snapshot: AnnounceSnapshot): Wire['vips'] {
  const owned = snapshot.nodes.flatMap(({ name }) => planNode(snapshot, name, 1).plan.claims.map(({ ip }) => ip));
  expect(owned).toHaveLength(new Set(owned).size);
  const found: Record<string, { nodes: string[]; interfaces?: readonly string[] }> = {};
  for (const node of snapshot.nodes) {
    for (const { ip, interfaces } of planNode({ ...snapshot, nodes: [node] }, node.name, 1).plan.claims)
      if (owned.includes(ip)) (found[ip] ??= { nodes: [], ...(interfaces === undefined ? {} : { interfaces }) }).nodes.push(node.name);
  }
  return found;
}

function snapshotOf(objects: readonly unknown[], migration: Migration): AnnounceSnapshot {
  const of = (kind: string): unknown[] => migration.manifests.filter((manifest) => manifest.kind === kind);
  const { config } = parseConfig(
    {
      IPAddressPool: of('IPAddressPool'),
      BGPPeer: of('BGPPeer'),
      BGPAdvertisement: of('BGPAdvertisement'),
      L2Advertisement: of('L2Advertisement'),
      BFDProfile: of('BFDProfile'),
      Community: of('Community'),
    },
    { generation: 1, ...secretsOf(migration) },
  );
  const kind = (name: string): unknown[] => objects.filter((object) => (object as { kind?: string }).kind === name);
  const given = kind('Service').flatMap((object) => projectService(object) ?? []);
  const services = given.map((service) => edited(service, migration));
  const namespaces = kind('Namespace').flatMap((object) => projectNamespace(object) ?? []);
  const claims = of('AddressClaim').flatMap((object) => readClaim(object).claim ?? []);
  const [flag] = migration.flags;
  const ours = flag === undefined ? {} : { loadBalancerClass: flag.replace('--lb-class=', '') };
  const plan = planAddresses({ config, services, namespaces, claims, ...ours });
  for (const service of services) {
    const assignment = plan.assignments.get(service.key);
    // Nothing is renumbered, nor refused in a way that would show when the Service is made anew.
    if (assignment !== undefined) expect({ service: service.key, ...assignment }).toMatchObject({ ingress: service.ingress });
    expect(assignment?.refusal).toBeUndefined();
  }
  return {
    config,
    services,
    slices: kind('EndpointSlice').flatMap((object) => projectEndpointSlice(object) ?? []),
    nodes: kind('Node').flatMap((object) => projectNode(object) ?? []),
    ...ours,
  };
}

function secretsOf({ manifests }: Migration): { readonly secrets?: ReadonlyMap<string, SecretView> } {
  const secrets = manifests.filter(({ kind }) => kind === 'Secret');
  if (secrets.length === 0) return {};
  return { secrets: new Map(secrets.map(({ metadata, type = '', stringData }) => [metadata.name, { type, ...stringData }])) };
}

function edited(service: ServiceView, { edits }: Migration): ServiceView {
  const edit = edits.find(({ service: key }) => key === service.key);
  const { loadBalancerIP, ...rest } = service;
  return {
    ...rest,
    ...(edit?.clearLoadBalancerIP === true || loadBalancerIP === undefined ? {} : { loadBalancerIP }),
    labels: { ...service.labels, ...edit?.labels },
    annotations: { ...service.annotations, ...edit?.annotations },
  };
}

/** Three nodes of one rack and one of another, and where each Service has its Pods. */
export function cluster(pods: Readonly<Record<string, readonly string[]>>): object[] {
  const node = (name: string, ip: string, rack: string): object => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/hostname': name, rack } },
    status: { conditions: [{ type: 'Ready', status: 'True' }], addresses: [{ type: 'InternalIP', address: ip }] },
  });
  const slices = Object.entries(pods).map(([key, nodes]) => {
    const [namespace, name] = key.split('/');
    return {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      addressType: 'IPv4',
      metadata: { namespace, name: `${name}-1`, labels: { 'kubernetes.io/service-name': name } },
      endpoints: nodes.map((nodeName) => ({ nodeName, addresses: ['10.1.0.1'], conditions: { ready: true } })),
    };
  });
  return [
    node('n1', '10.10.0.11', 'a'),
    node('n2', '10.10.0.12', 'a'),
    node('n3', '10.10.0.13', 'a'),
    node('n4', '10.20.0.14', 'b'),
    ...slices,
  ];
}
