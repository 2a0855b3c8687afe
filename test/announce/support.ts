import type { EndpointSliceView } from '../../src/cluster/endpoints.ts';
import type { NodeView } from '../../src/cluster/node.ts';
import { type ServiceView, serviceKey } from '../../src/cluster/service.ts';
import type { BgpAdvertisement, Config, L2Advertisement, Peer, Pool } from '../../src/config/config.ts';
import type { AnnounceSnapshot } from '../../src/announce/snapshot.ts';
import { type Block, parseBlock } from '../../src/net/block.ts';
import type { Ip } from '../../src/net/ip.ts';

export const ip = (text: string): Ip => text as Ip;

export function service(name: string, ingress: readonly string[], changes: Partial<ServiceView> = {}): ServiceView {
  return {
    key: serviceKey('default', name),
    namespace: 'default',
    name,
    uid: `uid-${name}`,
    resourceVersion: '1',
    generation: 1,
    deleting: false,
    creationTimestamp: '2026-01-01T00:00:00Z',
    type: 'LoadBalancer',
    labels: {},
    annotations: {},
    ipFamilies: ['ipv4'],
    ipFamilyPolicy: 'SingleStack',
    clusterIPs: [ip('10.96.0.1')],
    externalTrafficPolicy: 'Cluster',
    ports: [{ protocol: 'TCP', port: 80 }],
    selector: {},
    ingress: ingress.map(ip),
    conditions: [],
    ...changes,
  };
}

export function slice(
  name: string,
  nodes: readonly string[],
  endpoint: Partial<EndpointSliceView['endpoints'][number]> = {},
): EndpointSliceView {
  return {
    namespace: 'default',
    name: `${name}-1`,
    service: serviceKey('default', name),
    family: 'ipv4',
    endpoints: nodes.map((nodeName) => ({ nodeName, ready: true, serving: true, terminating: false, ...endpoint })),
  };
}

export function node(name: string, changes: Partial<NodeView> = {}): NodeView {
  return {
    name,
    uid: `uid-${name}`,
    labels: { 'kubernetes.io/hostname': name },
    deleting: false,
    unschedulable: false,
    taints: [],
    ready: true,
    networkUnavailable: false,
    internalIPs: [ip('10.0.0.1')],
    ...changes,
  };
}

export function pool(name: string, ...blocks: readonly string[]): Pool {
  return { name, labels: {}, blocks: blocks.map((text) => parseBlock(text) as Block), autoAssign: true, avoidBuggyIPs: false };
}

export function peer(name: string, changes: Partial<Peer> = {}): Peer {
  return {
    name,
    myAsn: 64512,
    peerAsn: 64513,
    address: ip('10.0.0.254'),
    port: 179,
    holdTimeMs: 90_000,
    keepaliveTimeMs: 30_000,
    nodeSelectors: [],
    gracefulRestart: false,
    ebgpMultiHop: false,
    dualStackAddressFamily: false,
    disableMP: false,
    ...changes,
  };
}

export function bgpAdvertisement(name: string, changes: Partial<BgpAdvertisement> = {}): BgpAdvertisement {
  return {
    name,
    pools: 'all',
    nodeSelectors: [],
    serviceSelectors: [],
    aggregationLength: 32,
    aggregationLengthV6: 128,
    communities: [],
    largeCommunities: [],
    peers: [],
    ...changes,
  };
}

export function l2Advertisement(name: string, changes: Partial<L2Advertisement> = {}): L2Advertisement {
  return { name, pools: 'all', nodeSelectors: [], serviceSelectors: [], interfaces: [], preferredNodes: [], ...changes };
}

export function config(changes: Partial<Config> = {}): Config {
  return {
    generation: 1,
    pools: [pool('main', '192.0.2.0/24', '2001:db8::/64')],
    peers: [],
    bgpAdvertisements: [],
    l2Advertisements: [],
    bfdProfiles: [],
    ...changes,
  };
}

export function snapshot(changes: Partial<AnnounceSnapshot> = {}): AnnounceSnapshot {
  return {
    config: config({ peers: [peer('tor')], bgpAdvertisements: [bgpAdvertisement('bgp')], l2Advertisements: [l2Advertisement('l2')] }),
    services: [service('web', ['192.0.2.1'])],
    slices: [slice('web', ['node1'])],
    nodes: [node('node1')],
    ...changes,
  };
}
