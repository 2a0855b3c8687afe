import { METALLB_GROUP } from '../../api/kind.ts';
import type { KubeClient } from '../../host/kube/kubeClient.ts';
import { KubeError } from '../../host/kube/kubeError.ts';
import { isUnconverted } from '../../host/kube/olderVersion.ts';
import { NAMESPACES, NODES, type Resource, SERVICES, apiVersionOf, customResource, objectPath } from '../../host/kube/resource.ts';
import { listAll } from '../clusterAccess.ts';
import type { Source } from './contract.ts';

/** A kind in the versions that it may be served in, the newest first. */
interface Wanted {
  readonly versions: readonly string[];
  readonly group: string;
  readonly plural: string;
  readonly kind: string;
}

interface Reading {
  /** Where the other system lives unless told otherwise. */
  readonly namespace: string;
  readonly kinds: readonly Wanted[];
  /** Read by name: to list ConfigMaps is a right that nobody needs to give. */
  readonly configMaps: readonly string[];
}

const wanted = (group: string, plural: string, kind: string, ...versions: string[]): Wanted => ({ group, plural, kind, versions });
const metallb = (plural: string, kind: string, ...versions: string[]): Wanted => wanted(METALLB_GROUP, plural, kind, ...versions);
const cilium = (plural: string, kind: string): Wanted => wanted('cilium.io', plural, kind, 'v2', 'v2alpha1');
const WORKLOADS = [wanted('apps', 'daemonsets', 'DaemonSet', 'v1')];

const READINGS: Readonly<Record<Source, Reading>> = {
  metallb: {
    namespace: 'metallb-system',
    kinds: [
      metallb('ipaddresspools', 'IPAddressPool', 'v1beta1'),
      metallb('addresspools', 'AddressPool', 'v1beta1'),
      metallb('bgppeers', 'BGPPeer', 'v1beta2', 'v1beta1'),
      metallb('bgpadvertisements', 'BGPAdvertisement', 'v1beta1'),
      metallb('l2advertisements', 'L2Advertisement', 'v1beta1'),
      metallb('bfdprofiles', 'BFDProfile', 'v1beta1'),
      metallb('communities', 'Community', 'v1beta1'),
      wanted('frrk8s.metallb.io', 'frrconfigurations', 'FRRConfiguration', 'v1beta1'),
      ...WORKLOADS,
    ],
    configMaps: ['config', 'bgpextras'],
  },
  'kube-vip': { namespace: 'kube-system', kinds: WORKLOADS, configMaps: ['kubevip'] },
  cilium: {
    namespace: 'kube-system',
    kinds: [
      cilium('ciliumloadbalancerippools', 'CiliumLoadBalancerIPPool'),
      cilium('ciliuml2announcementpolicies', 'CiliumL2AnnouncementPolicy'),
      cilium('ciliumbgpclusterconfigs', 'CiliumBGPClusterConfig'),
      cilium('ciliumbgppeerconfigs', 'CiliumBGPPeerConfig'),
      cilium('ciliumbgpadvertisements', 'CiliumBGPAdvertisement'),
      cilium('ciliumbgpnodeconfigoverrides', 'CiliumBGPNodeConfigOverride'),
      cilium('ciliumbgppeeringpolicies', 'CiliumBGPPeeringPolicy'),
    ],
    configMaps: [],
  },
  purelb: {
    namespace: 'purelb-system',
    kinds: [
      wanted('purelb.io', 'servicegroups', 'ServiceGroup', 'v2', 'v1'),
      wanted('purelb.io', 'lbnodeagents', 'LBNodeAgent', 'v2', 'v1'),
      wanted('bgp.purelb.io', 'configs', 'BGPConfiguration', 'v1'),
    ],
    configMaps: [],
  },
};

/** All that is read of a live cluster; a kind that is not served there is none. @throws KubeError */
export async function readCluster(client: KubeClient, source: Source, sourceNamespace: string | undefined): Promise<unknown[]> {
  const { namespace: usual, kinds, configMaps } = READINGS[source];
  const namespace = sourceNamespace ?? usual;
  const objects: unknown[] = [];
  for (const kind of kinds) objects.push(...(await readKind(client, kind, namespace)));
  for (const name of configMaps) {
    const path = objectPath({ group: '', version: 'v1', plural: 'configmaps', kind: 'ConfigMap', namespaced: true }, { namespace, name });
    const found = await absentIfMissing(client.request<object>({ method: 'GET', path }));
    if (found !== undefined) objects.push(found);
  }
  for (const resource of [SERVICES, NODES, NAMESPACES]) objects.push(...(await list(client, resource)));
  return objects;
}

async function readKind(client: KubeClient, { versions, group, plural, kind }: Wanted, namespace: string): Promise<object[]> {
  for (const version of versions) {
    // Only workloads are of everybody: what is not the other system's is passed over.
    const scope = group === 'apps' ? namespace : undefined;
    try {
      const found = await absentIfMissing(list(client, customResource(group, version, plural, kind), scope));
      if (found !== undefined) return found;
    } catch (error) {
      // They may be readable as they are stored; what cannot be read at all must not look as if there were none.
      if (!isUnconverted(error) || version === versions.at(-1)) throw error;
    }
  }
  return [];
}

/** Items of a list do not say what they are. */
async function list(client: KubeClient, resource: Resource, namespace?: string): Promise<object[]> {
  const found = await listAll(client, resource, namespace);
  return found.map((object) => ({ ...object, apiVersion: apiVersionOf(resource), kind: resource.kind }));
}

async function absentIfMissing<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof KubeError && error.status === 404) return undefined;
    throw error;
  }
}
