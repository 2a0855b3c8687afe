import { olderVersionOf, versionOf } from '../../api/kind.ts';
import type { KubeClient } from './kubeClient.ts';
import { readingOlder } from './olderVersion.ts';
import { type Resource, customResource } from './resource.ts';

const PLURALS = {
  IPAddressPool: 'ipaddresspools',
  BGPPeer: 'bgppeers',
  BGPAdvertisement: 'bgpadvertisements',
  L2Advertisement: 'l2advertisements',
  BFDProfile: 'bfdprofiles',
  Community: 'communities',
} as const;

/** Where the objects of a configuration kind are read: our own group, or MetalLB's with `--api-group metallb.io`. */
export function configResource(group: string, kind: keyof typeof PLURALS): Resource {
  return customResource(group, versionOf(group, kind), PLURALS[kind], kind);
}

/** What reads the objects of a configuration kind, of whatever version they are stored in. */
export function configClient(client: KubeClient, resource: Resource): KubeClient {
  const older = olderVersionOf(resource.group, resource.kind);
  return older === undefined ? client : readingOlder(client, resource, older);
}
