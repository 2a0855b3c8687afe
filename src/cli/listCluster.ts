import { KINDS } from '../api/crd.ts';
import { GROUP, VERSION } from '../api/kind.ts';
import { CONFIG_KINDS, type ConfigKind, type RawObjects } from '../config/parse.ts';
import { configClient, configResource } from '../host/kube/configResource.ts';
import { readDefinitions } from '../host/kube/definitions.ts';
import { sleep } from '../host/kube/backoff.ts';
import type { KubeClient } from '../host/kube/kubeClient.ts';
import { isForbidden, isNotFound } from '../host/kube/kubeError.ts';
import { type KubeObject, getObject } from '../host/kube/objects.ts';
import { ENDPOINT_SLICES, LEASES, NAMESPACES, NODES, PODS, type Resource, SERVICES, customResource } from '../host/kube/resource.ts';
import type { ClusterObjects } from '../view/cluster.ts';
import { renewTimeOf } from '../view/daemons.ts';
import { type ClusterFlags, listAll } from './clusterAccess.ts';
import { docsOfUnread } from '../view/unread.ts';

/** In our own group whatever the others are read from: MetalLB has no such kinds. */
const ADDRESS_CLAIMS = customResource(GROUP, VERSION, 'addressclaims', 'AddressClaim');
const NODE_STATES = customResource(GROUP, VERSION, 'nodestates', 'NodeState');
const LEASE = 'heraldlb-controller';

/** Everything that the views need, listed at once. @throws KubeError, or an Error that says what is not installed */
export async function listCluster(client: KubeClient, { namespace, apiGroup }: ClusterFlags): Promise<ClusterObjects> {
  const [config, services, slices, nodes, namespaces, nodeStates, claims, pods, lease, definitions] = await Promise.all([
    listConfig(client, apiGroup, namespace),
    listAll(client, SERVICES),
    listAll(client, ENDPOINT_SLICES),
    listAll(client, NODES),
    listAll(client, NAMESPACES),
    unless(isNotFound, listAll(client, NODE_STATES, namespace)),
    unless(isNotFound, listAll(client, ADDRESS_CLAIMS, namespace)),
    unless(isForbidden, listAll(client, PODS, namespace)),
    unless(isUnseen, getObject(client, LEASES, { namespace, name: LEASE })),
    readDefinitions(client, apiGroup === GROUP ? KINDS : []),
  ]);
  const renewed = isOld(lease) ? await isRenewed(client, namespace, lease) : undefined;
  return {
    config,
    services,
    slices,
    nodes,
    namespaces,
    nodeStates: nodeStates ?? [],
    claims: claims ?? [],
    definitions,
    ...(pods === undefined ? {} : { pods }),
    ...(lease === undefined ? {} : { lease }),
    ...(renewed === undefined ? {} : { renewed }),
  };
}

function isOld(lease: unknown): boolean {
  const renewedMs = Date.parse(renewTimeOf(lease) ?? '');
  return Date.now() - renewedMs > OLD_MS;
}

/** A lease lasts 15 seconds, and a leader renews it every two. */
const OLD_MS = 15_000;
const LOOKS = 5;
const LOOK_MS = 1000;

/** The clocks of this machine and of the leader's may be far apart: so it is seen whether somebody renews. */
async function isRenewed(client: KubeClient, namespace: string, before: unknown): Promise<boolean> {
  for (let look = 0; look < LOOKS; look++) {
    await sleep(LOOK_MS);
    const after = await unless(isUnseen, getObject(client, LEASES, { namespace, name: LEASE }));
    if (after !== undefined && renewTimeOf(after) !== renewTimeOf(before)) return true;
  }
  return false;
}

async function listConfig(client: KubeClient, apiGroup: string, namespace: string): Promise<RawObjects> {
  const lists = await Promise.all(
    CONFIG_KINDS.map(async (kind) => [kind, await listKind(client, configResource(apiGroup, kind), namespace)]),
  );
  return Object.fromEntries(lists) as Record<ConfigKind, KubeObject[]>;
}

async function listKind(client: KubeClient, resource: Resource, namespace: string): Promise<KubeObject[]> {
  const found = await unless(isNotFound, listAll(configClient(client, resource), resource, namespace));
  if (found !== undefined) return found;
  throw new Error(
    `the cluster has no ${resource.plural}.${resource.group}: its definition is not installed: CrdMissing (${docsOfUnread('CrdMissing')})`,
  );
}

function isUnseen(error: unknown): boolean {
  return isNotFound(error) || isForbidden(error);
}

async function unless<T>(isExpected: (error: unknown) => boolean, asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (isExpected(error)) return undefined;
    throw error;
  }
}
