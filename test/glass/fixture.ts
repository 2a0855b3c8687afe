import { projectEndpointSlice, projectNode, projectService } from '../../src/cluster/project.ts';
import { CONFIG_KINDS, type RawObjects, parseConfig } from '../../src/config/parse.ts';
import type { GlassInput } from '../../src/glass/build.ts';
import { Lookout, type Sight } from '../../src/view/lookout.ts';
import { projectNodeState } from '../../src/view/nodeState.ts';

/** Objects as the API server has them. */
export interface RawCluster {
  readonly config: readonly RawObject[];
  readonly services: readonly RawObject[];
  readonly slices: readonly RawObject[];
  readonly nodes: readonly RawObject[];
  readonly nodeStates: readonly RawObject[];
}

export interface RawObject {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Readonly<Record<string, string>> };
  readonly spec?: object;
  readonly status?: object;
  readonly [field: string]: unknown;
}

const NAMESPACE = 'heraldlb-system';
export const NOW = '2026-03-04T09:30:00Z';

export function before(seconds: number, now = NOW): string {
  return new Date(Date.parse(now) - seconds * 1000).toISOString().replace('.000Z', 'Z');
}

export function configObject(kind: string, name: string, spec: object, status?: object): RawObject {
  return { kind, metadata: { name, namespace: NAMESPACE }, spec, ...(status === undefined ? {} : { status }) };
}

export function service(
  name: string,
  ips: readonly string[],
  more: { spec?: object; status?: object; namespace?: string } = {},
): RawObject {
  return {
    kind: 'Service',
    metadata: { name, namespace: more.namespace ?? 'default' },
    spec: {
      type: 'LoadBalancer',
      clusterIPs: ['10.96.0.1'],
      ipFamilies: ['IPv4'],
      ports: [{ port: 443, protocol: 'TCP' }],
      ...more.spec,
    },
    status: { loadBalancer: { ingress: ips.map((ip) => ({ ip })) }, ...more.status },
  };
}

export function slice(name: string, nodes: readonly string[], namespace = 'default'): RawObject {
  return {
    kind: 'EndpointSlice',
    addressType: 'IPv4',
    metadata: { name: `${name}-1`, namespace, labels: { 'kubernetes.io/service-name': name } },
    endpoints: nodes.map((nodeName, place) => ({ addresses: [`10.244.0.${place + 1}`], nodeName, conditions: { ready: true } })),
  };
}

export function node(
  name: string,
  place: number,
  more: { ready?: boolean; labels?: Record<string, string>; spec?: object } = {},
): RawObject {
  return {
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/hostname': name, ...more.labels } },
    spec: { ...more.spec },
    status: {
      addresses: [{ type: 'InternalIP', address: `10.0.${Math.floor(place / 250)}.${(place % 250) + 1}` }],
      conditions: [{ type: 'Ready', status: more.ready === false ? 'False' : 'True' }],
    },
  };
}

export function session(peer: string, address: string, more: object = {}, now = NOW): object {
  return { peer, address, asn: '64600', state: 'Established', since: before(93_000, now), families: ['ipv4'], routes: 12, ...more };
}

export function nodeState(
  name: string,
  status: { bgp?: readonly object[]; claims?: readonly object[]; problems?: readonly object[]; [more: string]: unknown },
  now = NOW,
): RawObject {
  const isReady = (status.problems ?? []).length === 0;
  return {
    kind: 'NodeState',
    metadata: { name, namespace: NAMESPACE },
    status: {
      version: '0.1.0',
      startedAt: before(95_000, now),
      conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False', reason: isReady ? 'Announcing' : 'HoldTimerExpired', message: '' }],
      ...status,
    },
  };
}

/** A small cluster in which this and that is wrong: what the screenshots show. */
export function smallCluster(now = NOW): RawCluster {
  const nodes = ['rack1-a', 'rack1-b', 'rack1-c', 'rack2-a', 'rack2-b', 'rack2-c'];
  const web = ['shop', 'checkout', 'search', 'images', 'api', 'login', 'mail', 'metrics'];
  const refusal = {
    type: 'heraldlb.io/Allocated',
    status: 'False',
    reason: 'NoPoolMatches',
    message: "No IPAddressPool takes this Service: edge (it does not take the Service's namespace), reserved (autoAssign is off).",
    lastTransitionTime: before(600, now),
  };
  const claim = (ip: string, name: string, seconds: number): object => ({
    ip,
    services: [`office/${name}`],
    interfaces: ['eth1'],
    since: before(seconds, now),
  });
  const guard = { session: '10.0.0.254', address: '10.0.0.254', peers: ['tor-2'], profile: 'fast', state: 'Up', since: before(260, now) };
  const bgp = (place: number): object[] => [
    session('tor-1', '10.0.0.253', { bfd: undefined }, now),
    place === 4
      ? session(
          'tor-2',
          '10.0.0.254',
          { state: 'Active', routes: 0, since: before(260, now), lastError: 'Hold Timer Expired', lastErrorAt: before(260, now) },
          now,
        )
      : session('tor-2', '10.0.0.254', {}, now),
  ];
  return {
    config: [
      configObject(
        'IPAddressPool',
        'edge',
        { addresses: ['198.51.100.0/26', '2001:db8:5::/112'] },
        { assignedIPv4: 9, availableIPv4: 55, assignedIPv6: 1, availableIPv6: 65_535 },
      ),
      configObject(
        'IPAddressPool',
        'office',
        { addresses: ['192.168.7.240-192.168.7.249'] },
        { assignedIPv4: 9, availableIPv4: 1, assignedIPv6: 0, availableIPv6: 0 },
      ),
      configObject(
        'IPAddressPool',
        'reserved',
        { addresses: ['203.0.113.0/28'], autoAssign: false },
        { assignedIPv4: 1, availableIPv4: 15 },
      ),
      configObject('BGPPeer', 'tor-1', {
        myASN: 64512,
        peerASN: 64600,
        peerAddress: '10.0.0.253',
        password: 'hunter2-plain',
        dualStackAddressFamily: true,
      }),
      configObject('BGPPeer', 'tor-2', {
        myASN: 64512,
        peerASN: 64600,
        peerAddress: '10.0.0.254',
        dualStackAddressFamily: true,
        passwordSecret: { name: 'hunter3-name' },
        bfdProfile: 'fast',
      }),
      configObject('BFDProfile', 'fast', {}),
      configObject('BGPAdvertisement', 'edge', { ipAddressPools: ['edge', 'reserved'] }),
      configObject('L2Advertisement', 'office', { ipAddressPools: ['office'], interfaces: ['eth1'] }),
      configObject('Community', 'names', { communities: [{ name: 'blackhole', value: '65535:666' }], colour: 'blue' }),
    ],
    services: [
      ...web.map((name, place) =>
        service(name, [`198.51.100.${place + 1}`], name === 'mail' ? { spec: { externalTrafficPolicy: 'Local' } } : {}),
      ),
      service('shop-v6', ['2001:db8:5::1'], { spec: { ipFamilies: ['IPv6'] } }),
      service('dns', ['203.0.113.5'], {
        spec: {
          ports: [
            { port: 53, protocol: 'UDP' },
            { port: 53, protocol: 'TCP' },
          ],
        },
      }),
      service('batch', ['198.51.100.40']),
      ...['printer', 'scanner', 'nas', 'camera', 'doorbell'].map((name, place) =>
        service(name, [`192.168.7.${240 + place}`], { namespace: 'office' }),
      ),
      service('sandbox', [], { namespace: 'lab', status: { conditions: [refusal] } }),
    ],
    slices: [
      ...web.map((name, place) =>
        slice(name, name === 'mail' ? ['rack1-a', 'rack2-b'] : [nodes[place % 6] ?? '', nodes[(place + 2) % 6] ?? '']),
      ),
      slice('shop-v6', ['rack1-a']),
      slice('dns', ['rack2-a']),
      ...['printer', 'scanner', 'nas', 'camera', 'doorbell'].map((name) => slice(name, ['rack1-b'], 'office')),
    ],
    nodes: nodes.map((name, place) => node(name, place, name === 'rack2-c' ? { spec: { unschedulable: true } } : {})),
    nodeStates: nodes.map((name, place) => {
      const claims = [
        [claim('192.168.7.240', 'printer', 40_000), claim('192.168.7.243', 'camera', 7000)],
        [claim('192.168.7.241', 'scanner', 90_000)],
        [claim('192.168.7.242', 'nas', 350)],
        [claim('192.168.7.244', 'doorbell', 90_000)],
      ][place];
      const drain = name === 'rack2-c' ? { drain: { phase: 'Draining', reason: 'Cordoned', since: before(35, now) } } : {};
      return nodeState(name, { summary: { routes: 10 }, bgp: bgp(place), bfd: [guard], claims: claims ?? [], ...drain }, now);
    }),
  };
}

/** Many of everything. */
export function largeCluster(vips = 1000, count = 100, now = NOW): RawCluster {
  const names = Array.from({ length: count }, (_, place) => `node-${String(place + 1).padStart(3, '0')}`);
  const addresses = Array.from(
    { length: vips },
    (_, place) => `10.${200 + (place % 5)}.${Math.floor(place / 5 / 250)}.${(Math.floor(place / 5) % 250) + 1}`,
  );
  const isLayer2 = (place: number): boolean => place % 5 === 4;
  const claims = new Map<string, object[]>();
  for (const [place, ip] of addresses.entries()) {
    if (!isLayer2(place)) continue;
    const owner = names[(place * 7) % count] ?? '';
    claims.set(owner, [
      ...(claims.get(owner) ?? []),
      { ip, services: [`ns-${place % 40}/app-${place}`], interfaces: ['eth0'], since: before(place * 60, now) },
    ]);
  }
  const peers = Array.from({ length: 8 }, (_, place) => `tor-${place + 1}`);
  const router = (place: number): string => `10.255.0.${place + 1}`;
  return {
    config: [
      ...Array.from({ length: 5 }, (_, place) =>
        configObject(
          'IPAddressPool',
          `pool-${place + 1}`,
          { addresses: [`10.${200 + place}.0.0/20`] },
          { assignedIPv4: vips / 5, availableIPv4: 4096 - vips / 5 },
        ),
      ),
      ...peers.map((name, place) =>
        configObject('BGPPeer', name, {
          myASN: 64512,
          peerASN: 64600,
          peerAddress: router(place),
          nodeSelectors: [{ matchLabels: { rack: String(place >> 1) } }],
        }),
      ),
      configObject('BGPAdvertisement', 'routed', { ipAddressPools: ['pool-1', 'pool-2', 'pool-3', 'pool-4'] }),
      configObject('L2Advertisement', 'segment', { ipAddressPools: ['pool-5'] }),
    ],
    services: addresses.map((ip, place) =>
      service(`app-${place}`, [ip], { namespace: `ns-${place % 40}`, spec: place % 10 === 0 ? { externalTrafficPolicy: 'Local' } : {} }),
    ),
    slices: addresses.map((_, place) =>
      slice(
        `app-${place}`,
        [0, 1, 2].map((offset) => names[(place * 3 + offset * 11) % count] ?? ''),
        `ns-${place % 40}`,
      ),
    ),
    nodes: names.map((name, place) => node(name, place, { labels: { rack: String(place % 4) } })),
    nodeStates: names.map((name, place) => {
      const rack = place % 4;
      const own = [rack * 2, rack * 2 + 1].map((peer) =>
        session(peers[peer] ?? '', router(peer), place === 17 ? { state: 'Connect', routes: 0, lastError: 'ECONNREFUSED' } : {}, now),
      );
      return nodeState(name, { summary: { routes: 800 }, bgp: own, claims: claims.get(name) ?? [] }, now);
    }),
  };
}

/** What the controller sees of the objects. */
export function sightOf(cluster: RawCluster, leader?: string): Sight {
  const raw = Object.fromEntries(
    CONFIG_KINDS.map((kind) => [kind, cluster.config.filter((object) => object.kind === kind)]),
  ) as unknown as RawObjects;
  const { config, problems } = parseConfig(raw, { generation: 1 });
  const all = <T>(objects: readonly RawObject[], project: (object: unknown) => T | undefined): T[] =>
    objects.flatMap((object) => project(object) ?? []);
  return {
    config,
    problems,
    services: all(cluster.services, projectService),
    slices: all(cluster.slices, projectEndpointSlice),
    nodes: all(cluster.nodes, projectNode),
    states: all(cluster.nodeStates, projectNodeState),
    daemons: undefined,
    controller: { running: leader !== undefined, ...(leader === undefined ? {} : { leader }) },
    assignment: () => undefined,
  };
}

const LEADER = 'heraldlb-controller-7c9d5-x2k4p';

/** What the page is made of. */
export function inputOf(cluster: RawCluster, now = NOW, more: Partial<GlassInput['head']> = {}): GlassInput {
  const sight = sightOf(cluster, 'leader' in more ? more.leader : LEADER);
  const usage = cluster.config.flatMap((object) => {
    const { assignedIPv4 = 0, assignedIPv6 = 0, availableIPv4 = 0, availableIPv6 = 0 } = (object.status ?? {}) as Record<string, number>;
    const counts = { ipv4: { used: assignedIPv4, free: availableIPv4 }, ipv6: { used: assignedIPv6, free: availableIPv6 } };
    return object.kind === 'IPAddressPool' ? [[object.metadata.name, counts] as const] : [];
  });
  const keyed = cluster.config.filter(({ spec }) => spec !== undefined && 'passwordSecret' in spec).map(({ metadata }) => metadata.name);
  return {
    head: {
      namespace: NAMESPACE,
      leader: LEADER,
      servedBy: LEADER,
      version: '0.1.0',
      watchingSince: before(86_400),
      missing: [],
      login: false,
      docs: 'docs/troubleshoot',
      ...more,
    },
    now,
    usage: new Map(usage),
    keyed: new Set(keyed),
    services: sight.services,
    look: new Lookout().look(sight),
  };
}
