import { KINDS } from '../../../src/api/crd.ts';
import { rightsOf } from '../../../src/cli/doctor/rights.ts';
import type { ClusterFacts, DoctorReason, Facts, NodeFacts, WireFacts } from '../../../src/cli/doctor/contract.ts';
import { bgpAdvertisement, config, ip, l2Advertisement, node, peer, pool } from '../../announce/support.ts';

const ALL = (1n << 10n) | (1n << 12n) | (1n << 13n) | (1n << 23n);

export const NODE: NodeFacts = {
  capabilities: ALL,
  listeners: [],
  speakerRuns: false,
  nics: [
    { name: 'lo', up: true, carrier: true, loopback: true, arp: false, mtu: 65_536, addresses: [{ ip: ip('127.0.0.1'), prefixLength: 8 }] },
    {
      name: 'eth0',
      up: true,
      carrier: true,
      loopback: false,
      arp: true,
      mtu: 1500,
      addresses: [{ ip: ip('10.0.0.11'), prefixLength: 24 }],
    },
  ],
  gateways: [ip('10.0.0.1')],
  sysctls: { 'net.ipv4.conf.all.arp_ignore': 0, 'net.ipv4.conf.all.arp_announce': 0, 'net.ipv4.conf.all.rp_filter': 0 },
};

export const CLUSTER: ClusterFacts = {
  server: 'https://10.0.0.5:6443',
  answer: { status: 200 },
  skewMs: 40,
  served: KINDS.map(({ plural }) => plural),
  outdated: {},
  missingRights: [],
  others: [],
  node: node('n1', { labels: { rack: 'a' } }),
};

export const { node: KNOWN, ...NODELESS } = CLUSTER;

export const WIRE: WireFacts = {
  echoes: new Map([
    [ip('10.0.0.1'), 'reply'],
    [ip('10.0.0.254'), 'reply'],
  ]),
  peers: new Map([['tor', { address: ip('10.0.0.254'), port: 179, reach: 'open' }]]),
  answers: new Map([[ip('10.0.0.200'), []]]),
};

const CONFIG = config({
  pools: [pool('lan', '10.0.0.200-10.0.0.210')],
  peers: [peer('tor')],
  bgpAdvertisements: [bgpAdvertisement('bgp')],
  l2Advertisements: [l2Advertisement('l2')],
});

export const HEALTHY: Facts = {
  nodeName: 'n1',
  node: NODE,
  excludeInterfaces: /^(veth|cali)/,
  cluster: CLUSTER,
  config: CONFIG,
  problems: [],
  wire: WIRE,
};

const nic = (name: string, changes: object = {}): NodeFacts['nics'][number] => ({
  name,
  up: true,
  carrier: true,
  loopback: false,
  arp: true,
  mtu: 1500,
  addresses: [{ ip: ip('10.9.0.1'), prefixLength: 24 }],
  ...changes,
});

export const atNode = (changes: Partial<NodeFacts>): Facts => ({ ...HEALTHY, node: { ...NODE, ...changes } });
export const atCluster = (changes: Partial<ClusterFacts>): Facts => ({ ...HEALTHY, cluster: { ...CLUSTER, ...changes } });
export const atWire = (changes: Partial<WireFacts>): Facts => ({ ...HEALTHY, wire: { ...WIRE, ...changes } });
const atConfig = (changes: Partial<typeof CONFIG>): Facts => ({ ...HEALTHY, config: { ...CONFIG, ...changes } });
const named = (...interfaces: string[]): Pick<typeof CONFIG, 'l2Advertisements'> => ({
  l2Advertisements: [l2Advertisement('l2', { interfaces })],
});
export const reaches = (reach: 'refused' | 'timeout' | 'noRoute'): WireFacts['peers'] =>
  new Map([['tor', { address: ip('10.0.0.254'), port: 179, reach }]]);

/** A broken set-up, the code that must come first, and a word that the sentence must have. */
export const BROKEN: readonly [string, Facts, DoctorReason, RegExp, ('FAIL' | 'WARN')?][] = [
  ['no NET_RAW', atNode({ capabilities: ALL & ~(1n << 13n) }), 'CapabilityMissing', /ARP/],
  ['no NET_ADMIN', atNode({ capabilities: ALL & ~(1n << 12n) }), 'CapabilityMissing', /MD5/],
  ['no NET_BIND_SERVICE', atNode({ capabilities: ALL & ~(1n << 10n) }), 'CapabilityMissing', /179/],
  ['no SYS_NICE', atNode({ capabilities: ALL & ~(1n << 23n) }), 'CapabilityMissing', /BFD/, 'WARN'],
  ['no addon', atNode({ addonError: 'not built' }), 'AddonMissing', /not built/],
  [
    'no TCP MD5 for a peer with a password',
    { ...atConfig({ peers: [peer('tor', { password: '' })] }), node: { ...NODE, md5Error: 'ENOPROTOOPT' } },
    'CannotSetKey',
    /tor/,
  ],
  [
    'no TCP-AO for a peer that is to use it',
    {
      ...atConfig({ peers: [peer('tor', { password: 'x', tcpAo: { sendId: 1, receiveId: 1, algorithm: 'hmac-sha1-96' } })] }),
      node: { ...NODE, aoError: 'ENOPROTOOPT' },
    },
    'NoTcpAo',
    /tor/,
  ],
  ['no API server', atCluster({ answer: { error: 'connect ECONNREFUSED' } }), 'ApiUnreachable', /ECONNREFUSED/],
  ['a token that has expired', atCluster({ answer: { status: 401 } }), 'ApiRefused', /401/],
  ['a clock that is wrong', atCluster({ skewMs: -300_000 }), 'ClockSkew', /300 s ahead/],
  ['nothing installed', atCluster({ served: [] }), 'CrdMissing', /not installed/],
  [
    'a definition that is missing',
    atCluster({ served: KINDS.map(({ plural }) => plural).filter((plural) => plural !== 'nodestates') }),
    'CrdMissing',
    /nodestates/,
  ],
  ['definitions of an earlier version', atCluster({ outdated: { bgppeers: ['spec.tcpAO'] } }), 'CrdOutdated', /spec\.tcpAO/, 'WARN'],
  [
    'a right that is missing',
    atCluster({ missingRights: rightsOf('speaker', 'h').slice(0, 1) }),
    'RightMissing',
    /heraldlb-speaker may not list services/,
  ],
  [
    'MetalLB for the same Services',
    atCluster({ others: [{ system: 'MetalLB', evidence: 'metallb-system/controller' }] }),
    'OtherLoadBalancer',
    /MetalLB/,
  ],
  ['a Node of another name', { ...HEALTHY, cluster: NODELESS }, 'NodeMissing', /n1/],
  [
    'a configuration that is refused',
    {
      ...HEALTHY,
      problems: [
        {
          severity: 'error',
          reason: 'InvalidField',
          object: { kind: 'BGPPeer', name: 'tor' },
          path: 'spec.myASN',
          message: 'is no number',
        },
      ],
    },
    'InvalidField',
    /BGPPeer\/tor spec\.myASN: is no number/,
  ],
  ['an interface that is not there', atConfig(named('eth7')), 'NoUsableInterface', /no such interface/],
  [
    'an interface that is down',
    { ...atConfig(named('eth1')), node: { ...NODE, nics: [...NODE.nics, nic('eth1', { up: false, carrier: false })] } },
    'NoUsableInterface',
    /down/,
  ],
  [
    'a cable that is out',
    { ...atConfig(named('eth1')), node: { ...NODE, nics: [...NODE.nics, nic('eth1', { carrier: false })] } },
    'NoUsableInterface',
    /carrier/,
  ],
  [
    'a port of a bridge',
    { ...atConfig(named('eth1')), node: { ...NODE, nics: [...NODE.nics, nic('eth1', { portOf: 'br0' })] } },
    'NoUsableInterface',
    /name br0/,
  ],
  [
    'an interface that is excluded',
    { ...atConfig(named('veth1')), node: { ...NODE, nics: [...NODE.nics, nic('veth1')] } },
    'NoUsableInterface',
    /exclude-interfaces/,
  ],
  ['no interface at all', atNode({ nics: NODE.nics.slice(0, 1) }), 'NoUsableInterface', /there are none/],
  ['a small MTU', atNode({ nics: NODE.nics.map((each) => ({ ...each, mtu: 1000 })) }), 'MtuTooSmall', /1000/, 'WARN'],
  [
    'IPVS without strictARP',
    atNode({ nics: [...NODE.nics, nic('kube-ipvs0', { arp: false, up: false, carrier: false, addresses: [] })] }),
    'StrictArpOff',
    /every node answers/,
  ],
  [
    'a strict reverse path filter on two links',
    atNode({ nics: [...NODE.nics, nic('eth1')], sysctls: { 'net.ipv4.conf.all.rp_filter': 1 } }),
    'RpFilterStrict',
    /eth0, eth1/,
    'WARN',
  ],
  [
    'a layer 2 pool of another subnet',
    atConfig({ pools: [pool('far', '192.0.2.0/24')] }),
    'PoolOutsideSubnets',
    /192\.0\.2\.0\/24 of far/,
    'WARN',
  ],
  [
    "a pool with the node's address",
    atConfig({ pools: [pool('lan', '10.0.0.0/28')] }),
    'PoolHasNodeAddress',
    /10\.0\.0\.11 of IPAddressPool lan is on eth0/,
  ],
  ['a pool with the gateway', atConfig({ pools: [pool('lan', '10.0.0.1-10.0.0.3')] }), 'PoolHasNodeAddress', /10\.0\.0\.1 .*gateway/],
  [
    'another BGP daemon',
    atNode({ listeners: [{ protocol: 'tcp', port: 179, pid: 4, program: 'bird', isOurs: false }] }),
    'CannotListen',
    /bird \(process 4\)/,
    'WARN',
  ],
  [
    'another BGP daemon, where routers are to connect',
    {
      ...atConfig({ peers: [peer('tor', { passive: true })] }),
      node: { ...NODE, listeners: [{ protocol: 'tcp', port: 179, pid: 4, program: 'bird', isOurs: false }] },
      wire: { ...WIRE, peers: new Map() },
    },
    'CannotListen',
    /bird/,
  ],
  [
    'another BFD daemon',
    {
      ...atConfig({ peers: [peer('tor', { bfdProfile: 'fast' })] }),
      node: { ...NODE, listeners: [{ protocol: 'udp', port: 3784, pid: 5, program: 'bfdd', isOurs: false }] },
    },
    'CannotReceiveBfd',
    /bfdd/,
  ],
  [
    'the port of the mesh taken',
    atNode({ listeners: [{ protocol: 'udp', port: 7483, pid: 7, program: 'nc', isOurs: false }] }),
    'NoMeshPort',
    /nc \(process 7\).*not ready/,
  ],
  [
    'the port of the mesh taken, where there is no layer 2',
    {
      ...atConfig({ l2Advertisements: [] }),
      node: { ...NODE, listeners: [{ protocol: 'udp', port: 7483, pid: 7, program: 'nc', isOurs: false }] },
      wire: { ...WIRE, answers: new Map() },
    },
    'NoMeshPort',
    /nc/,
    'WARN',
  ],
  [
    'a metrics port that is taken',
    atNode({ listeners: [{ protocol: 'tcp', port: 7482, pid: 6, program: 'nginx', isOurs: false }] }),
    'MetricsPortTaken',
    /nginx/,
  ],
  ['a router without BGP', atWire({ peers: reaches('refused') }), 'ConnectionRefused', /refused on port 179 of 10\.0\.0\.254/],
  ['a firewall before the router', atWire({ peers: reaches('timeout') }), 'NoAnswer', /answers pings/],
  [
    'no route to the router',
    atWire({ peers: reaches('noRoute'), echoes: new Map([[ip('10.0.0.1'), 'reply']]) }),
    'NoRouteToRouter',
    /no route/,
  ],
  [
    'a router that filters pings',
    atWire({
      echoes: new Map([
        [ip('10.0.0.1'), 'reply'],
        [ip('10.0.0.254'), 'timeout'],
      ]),
    }),
    'PeerSilent',
    /pings/,
    'WARN',
  ],
  [
    'a gateway that is silent',
    atWire({
      echoes: new Map([
        [ip('10.0.0.1'), 'timeout'],
        [ip('10.0.0.254'), 'reply'],
      ]),
    }),
    'GatewaySilent',
    /pings/,
    'WARN',
  ],
  [
    'two hosts that answer for a VIP',
    atWire({ answers: new Map([[ip('10.0.0.200'), ['aa:00:00:00:00:01', 'aa:00:00:00:00:02']]]) }),
    'AddressInUse',
    /aa:00:00:00:00:01 and aa/,
  ],
  [
    'another host that answers for a VIP of this node',
    {
      ...atWire({ answers: new Map([[ip('10.0.0.200'), ['aa:00:00:00:00:01']]]) }),
      cluster: { ...CLUSTER, nodeState: { claims: [{ ip: '10.0.0.200', services: [], since: '' }] } },
    },
    'AddressInUse',
    /this node owns it/,
  ],
  [
    'a conflict that the speaker has seen',
    atCluster({
      nodeState: { problems: [{ reason: 'AddressInUse', object: '10.0.0.200', message: 'aa:.. on eth0 uses 10.0.0.200 too' }] },
    }),
    'AddressInUse',
    /the speaker says/,
  ],
];
