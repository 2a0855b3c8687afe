import type { Draft, SourceService } from './draft.ts';
import { claimStrays } from './keep.ts';
import { type Daemon, readDaemon } from './kubeVipDaemon.ts';
import { migratePeers } from './kubeVipPeers.ts';
import { type KubeVipPools, migratePools } from './kubeVipPools.ts';

/** kube-vip and its cloud provider: a ConfigMap of pools, the environment of a DaemonSet, annotations of Services. */
export function migrateKubeVip(draft: Draft): void {
  const daemons = draft.objects
    .filter(({ group, kind }) => (group === 'apps' && kind === 'DaemonSet') || (group === '' && kind === 'Pod'))
    .flatMap((object) => readDaemon(draft, object) ?? [])
    .filter((daemon) => servesServices(draft, daemon));
  draft.loadBalancerClass = daemons.map(classOf).find((name) => name !== undefined);
  const known = migratePools(draft);
  const outside = claimStrays(draft);
  const pools = { ...known, names: [...known.names, ...(outside === undefined ? [] : [outside])] };
  for (const daemon of daemons) {
    if (daemon.on('vip_arp')) announceByArp(draft, daemon, pools);
    if (daemon.on('bgp_enable')) migratePeers(draft, daemon);
    loseModes(draft, daemon);
  }
  for (const service of draft.services) carryAnnotations(draft, service);
}

function servesServices(draft: Draft, daemon: Daemon): boolean {
  const { object, path } = daemon;
  if (daemon.on('cp_enable'))
    draft.lose('OutOfScope', object, path('cp_enable'), "the API server's own address stays with kube-vip: keep it with svc_enable=false");
  return daemon.on('svc_enable');
}

function classOf(daemon: Daemon): string | undefined {
  if (!daemon.on('lb_class_only') && daemon.env.get('lb_class_name') === undefined) return undefined;
  return daemon.env.get('lb_class_name') ?? 'kube-vip.io/kube-vip-class';
}

/** One advertisement for everything, unless the pools of some namespaces have an interface of their own. */
function announceByArp(draft: Draft, daemon: Daemon, pools: KubeVipPools): void {
  const own = daemon.env.get('vip_servicesinterface') ?? daemon.env.get('vip_interface');
  const nodes = daemon.nodeSelectors.length === 0 ? {} : { nodeSelectors: daemon.nodeSelectors };
  const apart = pools.names.filter((name) => pools.interfaces.has(name));
  const rest = pools.names.filter((name) => !pools.interfaces.has(name));
  for (const name of apart)
    draft.write('L2Advertisement', name, { ipAddressPools: [name], ...onInterface(pools.interfaces.get(name)), ...nodes });
  if (apart.length === 0) draft.write('L2Advertisement', 'kube-vip', { ...onInterface(own), ...nodes });
  else if (rest.length > 0) draft.write('L2Advertisement', 'kube-vip', { ipAddressPools: rest, ...onInterface(own), ...nodes });
  if (!daemon.on('svc_election'))
    draft.lose(
      'Approximated',
      daemon.object,
      daemon.path('svc_election'),
      'one node had every VIP; each VIP is elected to a node by itself now',
    );
}

function onInterface(name: string | undefined): object {
  return name === undefined || name === '' ? {} : { interfaces: [name] };
}

const MODES = {
  vip_wireguard: 'WireGuard mode is not there',
  vip_routingtable: 'routing table mode is not there: nothing is written to the kernel, use BGP',
  zebra_enable: 'there is no connection to zebra: routers learn routes by BGP',
  enable_upnp: 'UPnP is not there',
  enable_service_security: 'other ports of a VIP are not blocked: that is for kube-proxy or a firewall',
  annotation: 'peers from annotations of nodes are not read: write a BGPPeer with nodeSelectors for each rack',
} as const;

function loseModes(draft: Draft, daemon: Daemon): void {
  for (const [name, message] of Object.entries(MODES)) {
    const value = daemon.env.get(name);
    if (value !== undefined && value !== '' && value !== 'false') draft.lose('NoEquivalent', daemon.object, daemon.path(name), message);
  }
}

const PREFIX = 'kube-vip.io/';

const ANNOTATIONS: Readonly<Record<string, string>> = {
  serviceInterface: 'an interface cannot be chosen per Service: use an L2Advertisement with serviceSelectors and interfaces',
  serviceVLAN: 'no VLAN interface is made: create it on the nodes and name it in an L2Advertisement',
  egress: 'the source address of connections that Pods open is not ours',
  forwardUPNP: 'UPnP is not there',
  ddns: 'there is no DHCP, and so no DNS by it',
  loadbalancerHostname: 'there is no DHCP: the address that the Service has now is kept',
};

const path = (name: string): string => `metadata.annotations ${PREFIX}${name}`;

function carryAnnotations(draft: Draft, service: SourceService): void {
  const { annotations, object } = service;
  if (annotations[`${PREFIX}ignore`] === 'true') {
    const message = 'kube-vip leaves this Service alone; HeraldLB will serve it unless it has a loadBalancerClass';
    draft.lose('Approximated', object, path('ignore'), message);
  }
  for (const [name, message] of Object.entries(ANNOTATIONS)) {
    const value = annotations[PREFIX + name];
    if (value !== undefined && value !== '' && value !== 'false') draft.lose('NoEquivalent', object, path(name), message);
  }
  carryAddress(draft, service, annotations[`${PREFIX}loadbalancerIPs`]?.trim() ?? '');
}

function carryAddress(draft: Draft, service: SourceService, annotated: string): void {
  const { object, view } = service;
  const wanted = annotated === '' ? (view.loadBalancerIP ?? '') : annotated;
  const isDhcp = /(^|,)\s*(0\.0\.0\.0|::)\s*(,|$)/.test(wanted);
  if (isDhcp) {
    const where = annotated === '' ? 'spec.loadBalancerIP' : path('loadbalancerIPs');
    draft.lose('NoEquivalent', object, where, `"${wanted}" asks for DHCP, which is not there: the present address is kept`);
  }
  const isSaidAlready = view.loadBalancerIP === wanted && !isDhcp;
  if (wanted === '' || isSaidAlready) return;
  // Here it would be asked for as it stands.
  if (view.loadBalancerIP !== undefined) draft.clearLoadBalancerIP(service);
  if (!isDhcp) draft.annotate(service, 'heraldlb.io/loadBalancerIPs', wanted);
}
