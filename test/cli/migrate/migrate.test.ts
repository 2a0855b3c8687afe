import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Source } from '../../../src/cli/migrate/contract.ts';
import { migrate } from '../../../src/cli/migrate/migrate.ts';
import { editCommands, reportLines } from '../../../src/cli/migrate/report.ts';
import { type Wire, NAMESPACE, checked, claimed, cluster, fixture, losses, migrated, sessions, wire } from './support.ts';

interface Example {
  readonly source: Source;
  readonly name: string;
  /** Nodes with Pods, by Service. */
  readonly pods: Readonly<Record<string, readonly string[]>>;
  /** What the other system was meant to announce, written down by hand. */
  readonly wire: Wire;
  readonly losses: readonly string[];
}

const RACK_A = ['n1', 'n2', 'n3'];
const ALL = [...RACK_A, 'n4'];
const FRONT = 'localPref=150 64512:100 65535:65281';
const TOR = 'localPref=200 65000:1 65000:99 65535:65281 64512:1:2';

const EXAMPLES: readonly Example[] = [
  {
    source: 'metallb',
    name: 'metallb',
    pods: { 'shop/web': ['n1', 'n4'], 'shop/web-tls': ['n1'], 'shop/api': ['n2'], 'office/printer': ['n1'] },
    wire: {
      routes: {
        [`tor-a 203.0.113.5/32 ${FRONT}`]: RACK_A,
        // externalTrafficPolicy Local; its IPv6 address is for no session that carries IPv6.
        [`tor-a 203.0.113.70/32 ${FRONT}`]: ['n2'],
        [`core 203.0.113.5/32 ${FRONT}`]: ['n4'],
        'core 203.0.113.0/27': ['n4'],
      },
      vips: { '10.10.0.201': { nodes: RACK_A, interfaces: ['eth1'] } },
    },
    losses: [
      'warning NotAnnounced Service/api status.loadBalancer',
      'warning SecretToCopy BGPPeer/tor-a spec.passwordSecret',
      'warning NoEquivalent ConfigMap/bgpextras data.extras',
    ],
  },
  {
    source: 'metallb',
    name: 'metallbConfigMap',
    pods: { 'default/web': ['n1'], 'default/files': ['n1'] },
    wire: {
      routes: {
        'peer1 198.51.100.9/32 localPref=100 65535:65282': ['n1', 'n2'],
        'peer1 198.51.100.0/24 localPref=100': ['n1', 'n2'],
      },
      vips: { '10.10.0.203': { nodes: ALL } },
    },
    losses: [],
  },
  {
    source: 'kube-vip',
    name: 'kubeVip',
    pods: { 'prod/web': ['n1'], 'dev/web': ['n1'], 'dev/dns': ['n2'], 'dmz/gate': ['n2'], 'prod/old': ['n3'] },
    wire: {
      routes: {},
      vips: {
        '10.10.0.210': { nodes: RACK_A, interfaces: ['eth1'] },
        '10.10.0.200': { nodes: RACK_A, interfaces: ['eth1'] },
        '10.10.0.77': { nodes: RACK_A, interfaces: ['eth1'] },
        '10.10.9.4': { nodes: ['n2'], interfaces: ['eth9'] },
        'fd00:9::4': { nodes: ['n2'], interfaces: ['eth9'] },
      },
    },
    losses: [
      'warning OutOfScope DaemonSet/kube-vip-ds spec.template.spec.containers[kube-vip].env cp_enable',
      'warning OverlappingPools ConfigMap/kubevip data.cidr-global',
      'warning Approximated ConfigMap/kubevip data.search-order',
      'warning StrayAddress Service/old status.loadBalancer',
      'warning NoEquivalent Service/old metadata.annotations kube-vip.io/egress',
    ],
  },
  {
    source: 'kube-vip',
    name: 'kubeVipBgp',
    pods: { 'prod/web': ['n1'], 'prod/api': ['n2'] },
    wire: {
      // A session over IPv6 carries IPv6 only, there and here.
      routes: Object.fromEntries(
        ['peer-10-10-0-1', 'peer-10-10-0-2', 'peer-eth2'].flatMap((peer) => [
          [`${peer} 198.51.100.3/32`, RACK_A],
          [`${peer} 198.51.100.4/32`, ['n2']],
        ]),
      ),
      vips: {},
    },
    losses: ['warning Approximated DaemonSet/kube-vip-ds spec.template.spec.containers[kube-vip].env bgp_routerid'],
  },
  {
    source: 'cilium',
    name: 'cilium',
    pods: { 'shop/web': ['n1'], 'shop/web-tls': ['n1'], 'shop/api': ['n2'], 'office/printer': ['n1'], 'office/pinned': ['n1'] },
    wire: {
      routes: {
        [`tor-1 203.0.113.2/32 ${TOR}`]: ['n1', 'n3'],
        [`tor-1-n2 203.0.113.2/32 ${TOR}`]: ['n2'],
        [`tor-1-n2 203.0.113.101/32 ${TOR}`]: ['n2'],
        [`tor-1-n2 203.0.113.102/32 ${TOR}`]: ['n2'],
        ...Object.fromEntries(['203.0.113.2', '10.10.0.240', '198.51.100.8'].map((ip) => [`gateway ${ip}/32`, ['n1', 'n3']])),
        ...Object.fromEntries(
          ['203.0.113.2', '203.0.113.101', '203.0.113.102', '10.10.0.240', '198.51.100.8'].map((ip) => [`gateway-n2 ${ip}/32`, ['n2']]),
        ),
      },
      vips: { '10.10.0.240': { nodes: RACK_A, interfaces: ['eth1'] } },
    },
    losses: [
      'warning Approximated CiliumLoadBalancerIPPool/pinned spec.serviceSelector',
      'warning NoEquivalent CiliumL2AnnouncementPolicy/lan spec.externalIPs',
      'warning SecretToCopy CiliumBGPPeerConfig/tor spec.authSecretRef',
      'warning Approximated CiliumBGPClusterConfig/racks spec.bgpInstances[0].peers[1].peerASN',
      'warning NoEquivalent CiliumBGPAdvertisement/services spec.advertisements[0].service.addresses',
      'warning OutOfScope CiliumBGPAdvertisement/services spec.advertisements[1]',
      'warning SelectsNothing CiliumBGPAdvertisement/orphan metadata.labels',
    ],
  },
  {
    source: 'cilium',
    name: 'ciliumPolicy',
    pods: { 'default/web': ['n1'], 'default/api': ['n1'], 'default/quiet': ['n1'] },
    wire: {
      routes: {
        'rack-10-10-0-1 203.0.113.3/32 localPref=300 64512:1': RACK_A,
        'rack-10-10-0-1 203.0.113.33/32': RACK_A,
        'rack-10-10-0-2 203.0.113.3/32': RACK_A,
        'rack-10-10-0-2 203.0.113.33/32': RACK_A,
      },
      vips: {},
    },
    losses: [
      'warning NotAnnounced Service/quiet status.loadBalancer',
      'warning OverlappingPools CiliumLoadBalancerIPPool/plain spec.blocks',
      'warning OutOfScope CiliumBGPPeeringPolicy/rack spec.virtualRouters[0].exportPodCIDR',
    ],
  },
  {
    source: 'purelb',
    name: 'purelb',
    pods: { 'office/files': ['n1'], 'shop/web': ['n1'], 'shop/web-tls': ['n1'], 'tenant/app': ['n2'], 'office/everywhere': ['n1'] },
    wire: {
      routes: {
        'peer-10-10-0-1 203.0.113.0/28': RACK_A,
        'peer-10-10-0-1 198.51.100.5/32': ['n2'],
        'peer-10-20-0-1 203.0.113.0/28': ['n4'],
      },
      vips: {
        '10.10.0.201': { nodes: RACK_A, interfaces: ['eth0', 'eth1'] },
        '10.10.0.220': { nodes: RACK_A, interfaces: ['eth0', 'eth1'] },
      },
    },
    losses: [
      // One node answers for all addresses of a Service, and this one's are in two subnets.
      'warning NotAnnounced Service/everywhere status.loadBalancer',
      'warning NoEquivalent ServiceGroup/netbox spec',
      'warning NoEquivalent BGPConfiguration/default spec.policyDefinitions',
      'warning SelectsNothing BGPConfiguration/default spec.neighbors[2].config.adminDown',
    ],
  },
  {
    source: 'purelb',
    name: 'purelbV1',
    pods: { 'default/web': ['n1'], 'default/api': ['n1'] },
    wire: { routes: {}, vips: { '10.10.0.230': { nodes: RACK_A } } },
    losses: [
      'warning NotAnnounced Service/api status.loadBalancer',
      'warning Approximated ServiceGroup/default spec.local',
      'warning Approximated ServiceGroup/routed spec.local.v4pool.aggregation',
      'warning NoEquivalent /',
    ],
  },
];

describe.each(EXAMPLES)('heraldlb migrate $source, the example $name', (example) => {
  const result = migrated(example.source, example.name, cluster(example.pods));

  it('writes what check accepts', () => {
    expect(checked(result.migration)).toMatchObject({ syntax: [], findings: [] });
  });

  it('announces what was announced, from the same nodes with the same attributes', () => {
    expect(wire(result)).toEqual(example.wire);
  });

  it('renumbers nothing', () => {
    const services = result.objects.filter((object) => (object as { kind: string }).kind === 'Service');
    expect(result.migration.kept).toBe(services.length);
  });

  it('says what is not carried over', () => {
    expect(losses(result.migration)).toEqual(example.losses);
  });

  it('says the same in whatever order the objects come', () => {
    const turned = migrate(example.source, result.objects.toReversed(), NAMESPACE);
    expect(wire({ objects: result.objects, migration: turned }).vips).toEqual(example.wire.vips);
    expect(turned.kept).toBe(result.migration.kept);
  });
});

describe('sessions that are carried over', () => {
  it('of MetalLB', () => {
    const found = sessions(migrated('metallb', 'metallb', cluster({})), 'n1');
    expect(found).toMatchObject({
      'tor-a': {
        myAsn: 64512,
        peerAsn: 64601,
        address: '10.10.0.1',
        holdTimeMs: 30_000,
        keepaliveTimeMs: 10_000,
        bfd: { receiveIntervalMs: 100 },
      },
    });
    expect(Object.keys(found)).toEqual(['tor-a']);
  });

  it('of kube-vip, with the password in a Secret', () => {
    const result = migrated('kube-vip', 'kubeVipBgp', cluster({}));
    expect(sessions(result, 'n1')).toMatchObject({
      'peer-10-10-0-1': {
        myAsn: 65_000,
        peerAsn: 65_001,
        holdTimeMs: 30_000,
        keepaliveTimeMs: 10_000,
        connectTimeMs: 10_000,
        ebgpMultiHop: false,
      },
      'peer-10-10-0-2': {
        password: 'secret',
        ebgpMultiHop: true,
        bfd: { receiveIntervalMs: 200, transmitIntervalMs: 200, detectMultiplier: 5 },
      },
      'peer-fd00-10-1': { address: 'fd00:10::1', families: ['ipv6'] },
      'peer-eth2': { interface: 'eth2', peerAsn: 'external', families: ['ipv4', 'ipv6'] },
    });
    expect(sessions(result, 'n4')).toEqual({});
    expect(result.migration.flags).toEqual(['--lb-class=kube-vip.io/kube-vip-class']);
  });

  it('of Cilium, with what one node has for itself', () => {
    const result = migrated('cilium', 'cilium', cluster({}));
    const tor = {
      myAsn: 64_512,
      peerAsn: 64_601,
      holdTimeMs: 9000,
      keepaliveTimeMs: 3000,
      connectTimeMs: 12_000,
      gracefulRestart: true,
      restartTimeSeconds: 15,
    };
    expect(sessions(result, 'n1')).toMatchObject({
      'tor-1': { ...tor, ebgpMultiHop: true, families: ['ipv4', 'ipv6'], routerId: '10.10.0.11' },
      gateway: { defaultGateway: 'ipv4', peerAsn: 'external', families: ['ipv4'] },
    });
    expect(sessions(result, 'n2')).toMatchObject({ 'tor-1-n2': { ...tor, routerId: '192.0.2.2', sourceAddress: '10.10.0.112' } });
    expect(sessions(result, 'n4')).toEqual({});
  });

  it('of k8gobgp, with what the peer group says', () => {
    const result = migrated('purelb', 'purelb', cluster({}));
    expect(sessions(result, 'n1')).toMatchObject({
      'peer-10-10-0-1': {
        peerAsn: 64_601,
        password: 'hush',
        holdTimeMs: 30_000,
        families: ['ipv4', 'ipv6'],
        bfd: { transmitIntervalMs: 300, detectMultiplier: 3 },
      },
    });
    expect(sessions(result, 'n4')['peer-10-20-0-1']).not.toHaveProperty('bfd');
  });
});

const service = (name: string, ingress: string, more: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default', ...('annotations' in more ? { annotations: more.annotations } : {}) },
  spec: {
    type: 'LoadBalancer',
    clusterIPs: ['10.96.0.1'],
    ports: [{ port: 80 }],
    selector: { app: name },
    ...('spec' in more ? (more.spec as object) : {}),
  },
  status: { loadBalancer: { ingress: [{ ip: ingress }] } },
});

const pool = (name: string, spec: object): object => ({
  apiVersion: 'metallb.io/v1beta1',
  kind: 'IPAddressPool',
  metadata: { name },
  spec,
});

describe('the owners of MetalLB', () => {
  /** As its speakers find them: lowest sha256 of `node#address`, the address that the Service has first. */
  const owner = (ip: string, nodes: readonly string[]): string => {
    const ranks = new Map(nodes.map((node) => [createHash('sha256').update(`${node}#${ip}`).digest('hex'), node]));
    const [first = ''] = [...ranks.keys()].toSorted();
    return ranks.get(first) ?? '';
  };

  it('stay the owners, VIP by VIP: of all nodes, of those of an advertisement, of those with Pods', () => {
    const l2 = (name: string, spec: object): object => ({
      apiVersion: 'metallb.io/v1beta1',
      kind: 'L2Advertisement',
      metadata: { name },
      spec,
    });
    const names = Array.from({ length: 30 }, (_, index) => `s${index}`);
    const objects = [
      pool('wide', { addresses: ['10.10.0.0/24', 'fd00:10::/64'] }),
      pool('rack', { addresses: ['10.10.1.0/24'] }),
      l2('wide', { ipAddressPools: ['wide'] }),
      l2('rack', { ipAddressPools: ['rack'], nodeSelectors: [{ matchLabels: { rack: 'a' } }] }),
      {
        apiVersion: 'metallb.io/v1beta1',
        kind: 'AddressPool',
        metadata: { name: 'older' },
        spec: { protocol: 'layer2', addresses: ['10.10.2.0/24'] },
      },
      ...names.flatMap((name, index) => [
        service(`wide-${name}`, `10.10.0.${index + 1}`),
        service(`rack-${name}`, `10.10.1.${index + 1}`),
        service(`older-${name}`, `10.10.2.${index + 1}`),
        service(`local-${name}`, `10.10.0.${index + 100}`, { spec: { externalTrafficPolicy: 'Local' } }),
        service(`six-${name}`, `fd00:10::${index + 1}`, { spec: { clusterIPs: ['fd00::1'], ipFamilies: ['IPv6'] } }),
      ]),
    ];
    const pods = (kind: string, nodes: readonly string[]): object =>
      Object.fromEntries(names.map((name) => [`default/${kind}-${name}`, nodes]));
    const all = {
      ...pods('wide', ['n1']),
      ...pods('rack', ['n4']),
      ...pods('older', ['n2']),
      ...pods('local', ['n2', 'n4']),
      ...pods('six', ['n3']),
    };
    const given = [...objects, ...cluster(all)];
    const found = claimed({ objects: given, migration: migrate('metallb', given, NAMESPACE) });
    const expected = Object.fromEntries(
      names.flatMap((_, index) => [
        [`10.10.0.${index + 1}`, owner(`10.10.0.${index + 1}`, ALL)],
        [`10.10.1.${index + 1}`, owner(`10.10.1.${index + 1}`, RACK_A)],
        [`10.10.2.${index + 1}`, owner(`10.10.2.${index + 1}`, ALL)],
        [`10.10.0.${index + 100}`, owner(`10.10.0.${index + 100}`, ['n2', 'n4'])],
        [`fd00:10::${(index + 1).toString()}`, owner(`fd00:10::${(index + 1).toString()}`, ALL)],
      ]),
    );
    expect(found).toEqual(expected);
    expect(new Set(Object.values(found))).toEqual(new Set(ALL));
  });
});

describe('what stands in the way', () => {
  it('an address outside every pool is an error, and comes first', () => {
    const objects = [
      pool('bad', { addresses: ['nonsense'] }),
      pool('good', { addresses: ['192.0.2.0/24'] }),
      service('in', '192.0.2.1'),
      service('out', '198.51.100.1'),
    ];
    const migration = migrate('metallb', objects, NAMESPACE);
    expect(losses(migration)).toEqual([
      'error AddressOutsidePools Service/out status.loadBalancer',
      'error ResultRefused IPAddressPool/bad spec.addresses[0]',
    ]);
    expect(reportLines(migration)[0]).toBe(
      'error AddressOutsidePools Service/default/out status.loadBalancer: 198.51.100.1 would be taken away, being in no pool: add it to a pool first',
    );
    expect(migration.kept).toBe(1);
  });

  it('so is one that the plan would take away', () => {
    const objects = [
      pool('small', { addresses: ['192.0.2.0/24'] }),
      pool('large', { addresses: ['198.51.100.0/24'] }),
      service('torn', '192.0.2.1', { annotations: { 'metallb.io/address-pool': 'large' } }),
    ];
    expect(losses(migrate('metallb', objects, NAMESPACE))).toEqual(['error AddressNotKept Service/torn status.loadBalancer']);
  });

  it('Services of another class have to be made anew', () => {
    const objects = [
      {
        apiVersion: 'cilium.io/v2',
        kind: 'CiliumLoadBalancerIPPool',
        metadata: { name: 'a' },
        spec: { blocks: [{ cidr: '192.0.2.0/24' }] },
      },
      service('plain', '192.0.2.1'),
      service('classy', '192.0.2.2', { spec: { loadBalancerClass: 'io.cilium/l2-announcer' } }),
    ];
    expect(losses(migrate('cilium', objects, NAMESPACE))).toEqual(['warning ClassNeeded Service/classy spec.loadBalancerClass']);
    const all = migrate('cilium', [objects[0], objects[2]], NAMESPACE);
    expect([losses(all), all.flags, all.kept]).toEqual([[], ['--lb-class=io.cilium/l2-announcer'], 1]);
  });

  it('without Services nothing is promised', () => {
    expect(losses(migrate('metallb', [pool('a', { addresses: ['192.0.2.0/24'] })], NAMESPACE))).toEqual(['warning ServicesNotSeen /']);
  });

  it.each([
    ['metallb', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'config' }, data: { config: 'peers:\n  - [' } }, 'InvalidSource'],
    ['kube-vip', { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'kubevip' }, data: { 'cidr-global': 'x' } }, 'InvalidSource'],
    [
      'kube-vip',
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'kubevip' }, data: { 'cidr-global': '0.0.0.0/32' } },
      'NoEquivalent',
    ],
    [
      'cilium',
      { apiVersion: 'cilium.io/v2', kind: 'CiliumLoadBalancerIPPool', metadata: { name: 'a' }, spec: { blocks: [{}] } },
      'InvalidSource',
    ],
    [
      'purelb',
      { apiVersion: 'purelb.io/v2', kind: 'ServiceGroup', metadata: { name: 'a' }, spec: { local: { v4pool: { pool: '1' } } } },
      'InvalidSource',
    ],
  ] as const)('%s: says which field it cannot read', (source, object, reason) => {
    const [loss] = migrate(source, [object], NAMESPACE).losses;
    expect(loss).toMatchObject({ reason, object: { name: object.metadata.name } });
    expect(loss?.path).not.toBe('');
  });

  it.each(['metallb', 'kube-vip', 'cilium', 'purelb'] as const)('%s: survives objects of no shape', (source) => {
    const junk = [null, 7, 'x', [], {}, { kind: 'Service' }, { kind: 'X', metadata: { name: 'x' } }];
    const hollow = EXAMPLES.flatMap(({ name }) => fixture(name)).flatMap((object) => {
      const { apiVersion, kind, metadata } = object as { apiVersion: string; kind: string; metadata: object };
      return [
        { apiVersion, kind, metadata },
        { apiVersion, kind, metadata, spec: [], data: 3, status: 'x' },
        { apiVersion, kind, metadata, spec: null },
      ];
    });
    expect(() => migrate(source, [...junk, ...hollow], NAMESPACE)).not.toThrow();
  });
});

describe('what has no place here is said, with a reason', () => {
  const kubeVip = (...env: readonly object[]): object => ({
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'kube-vip-ds', namespace: 'kube-system' },
    spec: {
      template: {
        spec: {
          containers: [
            {
              image: 'ghcr.io/kube-vip/kube-vip:v1.0.0',
              env: [{ name: 'svc_enable', value: 'true' }, { name: 'svc_election', value: 'true' }, ...env],
            },
          ],
        },
      },
    },
  });
  const policy = (router: object): object => ({
    apiVersion: 'cilium.io/v2alpha1',
    kind: 'CiliumBGPPeeringPolicy',
    metadata: { name: 'rack' },
    spec: {
      virtualRouters: [{ localASN: 64_512, neighbors: [{ peerAddress: '192.0.2.1/32', peerASN: 64_513 }], serviceSelector: {}, ...router }],
    },
  });
  const metallb = (kind: string, spec: object): object => ({
    apiVersion: `metallb.io/v1beta${kind === 'BGPPeer' ? 2 : 1}`,
    kind,
    metadata: { name: 'x' },
    spec,
  });
  const peer = { myASN: 64_512, peerASN: 64_513, peerAddress: '192.0.2.1' };
  const env = (name: string): string => `DaemonSet/kube-vip-ds spec.template.spec.containers[kube-vip].env ${name}`;

  it.each([
    ['metallb', metallb('BGPPeer', { ...peer, vrf: 'red' }), 'warning Approximated BGPPeer/x spec.vrf'],
    ['metallb', metallb('BGPPeer', { ...peer, disableMP: true }), 'warning Approximated BGPPeer/x spec.disableMP'],
    ['metallb', metallb('Surprise', {}), 'warning NoEquivalent Surprise/x'],
    [
      'kube-vip',
      kubeVip({ name: 'bgp_peerpass', valueFrom: { secretKeyRef: { name: 'a', key: 'b' } } }),
      `warning SecretToCopy ${env('bgp_peerpass')}`,
    ],
    ['kube-vip', kubeVip({ name: 'enable_service_security', value: 'true' }), `warning NoEquivalent ${env('enable_service_security')}`],
    [
      'cilium',
      policy({ serviceAdvertisements: ['ClusterIP'] }),
      'warning NoEquivalent CiliumBGPPeeringPolicy/rack spec.virtualRouters[0].serviceAdvertisements',
    ],
    [
      'cilium',
      policy({ podIPPoolSelector: {} }),
      'warning OutOfScope CiliumBGPPeeringPolicy/rack spec.virtualRouters[0].podIPPoolSelector',
    ],
  ] as const)('%s: %j', (source, object, expected) => {
    expect(losses(migrate(source, [object, service('a', '192.0.2.9')], NAMESPACE))).toContain(expected);
  });

  it('a router of Cilium that announced other addresses only announces none here', () => {
    const { manifests } = migrate('cilium', [policy({ serviceAdvertisements: ['ClusterIP', 'ExternalIP'] })], NAMESPACE);
    expect(manifests.map(({ kind }) => kind)).toEqual(['BGPPeer']);
  });

  it('settings of one node in its annotations', () => {
    const node = {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'n1', annotations: { 'cilium.io/bgp-virtual-router.64512': 'router-id=192.0.2.7' } },
    };
    expect(losses(migrate('cilium', [policy({}), node], NAMESPACE))).toContain(
      'warning NoEquivalent Node/n1 metadata.annotations cilium.io/bgp-virtual-router.64512',
    );
  });

  it('an address by DHCP, however it was asked for: the present one is kept, and 0.0.0.0 asked for no more', () => {
    for (const more of [
      { spec: { loadBalancerIP: '0.0.0.0' } },
      { spec: { loadBalancerIP: '0.0.0.0' }, annotations: { 'kube-vip.io/loadbalancerIPs': '0.0.0.0' } },
    ]) {
      const migration = migrate('kube-vip', [kubeVip({ name: 'vip_arp', value: 'true' }), service('a', '192.0.2.9', more)], NAMESPACE);
      expect(losses(migration).filter((loss) => loss.includes('NoEquivalent Service/a'))).toHaveLength(1);
      expect(migration.edits).toMatchObject([{ service: 'default/a', clearLoadBalancerIP: true }]);
      expect(migration.kept).toBe(1);
    }
  });
});

describe('what Services have to say', () => {
  it('is a command each, and safe in a shell', () => {
    const { migration } = migrated('cilium', 'cilium', cluster({}));
    expect(migration.edits.flatMap(editCommands)).toEqual([
      'kubectl label --overwrite service -n office pinned migrated.heraldlb.io/pinned=true',
      'kubectl annotate --overwrite service -n shop web heraldlb.io/allow-shared-ip=shop.front',
      'kubectl annotate --overwrite service -n shop web-tls heraldlb.io/allow-shared-ip=shop.front',
      'kubectl annotate --overwrite service -n shop api heraldlb.io/loadBalancerIPs=203.0.113.101,203.0.113.102 heraldlb.io/addresses-per-family=2',
    ]);
    const hostile = {
      service: 'a/b',
      annotations: { k: "x'; rm -rf $HOME" },
      labels: {},
      clearLoadBalancerIP: false,
    } as unknown as Parameters<typeof editCommands>[0];
    expect(editCommands(hostile)).toEqual([`kubectl annotate --overwrite service -n a b k='x'\\''; rm -rf $HOME'`]);
  });

  it('gives up spec.loadBalancerIP where kube-vip had two addresses', () => {
    const { migration } = migrated('kube-vip', 'kubeVip', cluster({}));
    expect(migration.edits.find(({ service: key }) => key === 'dmz/gate')).toMatchObject({ clearLoadBalancerIP: true });
    expect(migration.edits.some(({ service: key }) => key === 'prod/web')).toBe(false);
  });
});
