import type { Controller } from '../../controller/main.ts';
import { NAMESPACE } from '../controller/fixtures.ts';
import { type Cluster, getService, ips, poolObject, serviceObject, startCluster, until } from '../controller/support.ts';
import {
  type Happening,
  type Raw,
  type RawCluster,
  SETTLED_MS,
  connected,
  established,
  listRaw,
  named,
  opened,
  say,
  stranger,
} from '../cli/explainSupport.ts';
import { ETH0 } from '../speaker/support.ts';

const own = (kind: string, name: string, spec: object): object => ({
  apiVersion: 'heraldlb.io/v1',
  kind,
  metadata: { name, namespace: NAMESPACE },
  spec,
});

const PEER = { myASN: 64_512, peerASN: 64_513, peerAddress: '192.0.2.254' };
export const EXCLUDE = 'node.kubernetes.io/exclude-from-external-load-balancers';
export const NODES = ['n1', 'n2', 'n3'];

/** A set-up in which something is wrong, and what is to be said of it. */
export interface Row {
  /** Which of the two advertisements there is. */
  readonly by: 'bgp' | 'layer2' | 'both';
  /** What is wrong in the cluster, before the speakers plan. */
  readonly broken?: (cluster: RawCluster) => void;
  /** What happens on the wire; default: all goes well. */
  readonly wire?: Happening;
  /** What changes after the speakers have said what they do. */
  readonly after?: (cluster: RawCluster) => void;
  readonly service?: string;
  readonly state?: 'announced' | 'degraded';
  /** The first cause; absent: there is none. */
  readonly reason?: string;
  readonly object?: string;
  /** Part of its message. */
  readonly says?: string;
  /** What is bad was never good, so that there is no last good version of it. */
  readonly isNew?: true;
  /** The first cause where a controller that runs does something about it. */
  readonly live?: string;
}

const spec = (cluster: RawCluster, kind: keyof RawCluster['config'], name: string): Record<string, unknown> =>
  named(cluster.config[kind], name).spec;
const everyNode = (cluster: RawCluster, change: (node: Raw) => void): void => cluster.nodes.forEach(change);
const setReady = (cluster: RawCluster, node: string, status: string): void => {
  named(cluster.nodes, node).status['conditions'] = [{ type: 'Ready', status }];
};
const endpointsOn = (cluster: RawCluster, service: string, nodes: readonly string[], ready = true): void => {
  cluster.slices = cluster.slices.filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] !== service);
  cluster.slices.push(slice(service, nodes, ready) as Raw);
};
const dials =
  (act: (dial: Parameters<typeof say>[0], node: string) => void): Happening =>
  ({ hands, node }) => {
    for (const dial of hands.dials) act(dial, node);
    return 3000;
  };
const refusal = (code: number, subcode: number): Happening =>
  dials((dial) => {
    connected(dial);
    say(dial, { type: 'notification', code, subcode, data: new Uint8Array() });
  });
export const foreign: Happening = (wire) => {
  for (const vip of wire.vips) stranger(wire, vip);
  return SETTLED_MS;
};
export const pod = (component: string, node: string, ready: boolean): Raw => ({
  metadata: { name: `${component}-${node}`, namespace: NAMESPACE, labels: { 'app.kubernetes.io/component': component } },
  spec: { nodeName: node },
  status: { conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
});

function slice(service: string, nodes: readonly string[], ready = true): object {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `${service}-1`, namespace: 'default', labels: { 'kubernetes.io/service-name': service } },
    addressType: 'IPv4',
    endpoints: nodes.map((nodeName, index) => ({ addresses: [`10.244.0.${index + 1}`], nodeName, conditions: { ready } })),
    ports: [],
  };
}

export const WIRE_ROWS: Readonly<Record<string, Row>> = {
  // Nothing is broken.
  'layer 2, all is well': { by: 'layer2', state: 'announced' },
  'BGP, all is well': { by: 'bgp', state: 'announced' },

  // Who is to announce it.
  'no advertisement at all': {
    by: 'bgp',
    broken: ({ config }) => void config.BGPAdvertisement.splice(0),
    reason: 'NoMatchingAdvertisement',
  },
  'an advertisement for another pool': {
    by: 'bgp',
    broken: (cluster) => void (spec(cluster, 'BGPAdvertisement', 'bgp')['ipAddressPools'] = ['spare']),
    reason: 'NoMatchingAdvertisement',
  },
  "a typo in the advertisement's selector of Services": {
    by: 'layer2',
    broken: (cluster) => void (spec(cluster, 'L2Advertisement', 'l2')['serviceSelectors'] = [{ matchLabels: { app: 'wbe' } }]),
    reason: 'NoMatchingAdvertisement',
  },
  "a typo in the advertisement's selector of pools": {
    by: 'layer2',
    broken: (cluster) => void (spec(cluster, 'L2Advertisement', 'l2')['ipAddressPoolSelectors'] = [{ matchLabels: { zone: 'x' } }]),
    reason: 'NoMatchingAdvertisement',
  },
  "a typo in the advertisement's selector of nodes": {
    by: 'layer2',
    broken: (cluster) => void (spec(cluster, 'L2Advertisement', 'l2')['nodeSelectors'] = [{ matchLabels: { rack: 'q' } }]),
    reason: 'NodeNotSelected',
    object: 'every node',
  },
  'no peer on any node: a typo in its selector': {
    by: 'bgp',
    broken: (cluster) => void (spec(cluster, 'BGPPeer', 'tor')['nodeSelectors'] = [{ matchLabels: { rack: 'q' } }]),
    reason: 'NoPeers',
  },
  'an advertisement to a peer that is not there': {
    by: 'bgp',
    broken: (cluster) => void (spec(cluster, 'BGPAdvertisement', 'bgp')['peers'] = ['tro']),
    reason: 'NoPeers',
  },
  'no BGPPeer': { by: 'bgp', broken: ({ config }) => void config.BGPPeer.splice(0), reason: 'NoPeers' },
  'no endpoints': { by: 'layer2', broken: (cluster) => endpointsOn(cluster, 'web', []), reason: 'NoEndpoints', object: 'every node' },
  'endpoints that are not ready': { by: 'bgp', broken: (cluster) => endpointsOn(cluster, 'web', ['n1'], false), reason: 'NoEndpoints' },
  'policy Local, with endpoints on no node that may announce': {
    by: 'bgp',
    broken: (cluster) => {
      named(cluster.services, 'web').spec['externalTrafficPolicy'] = 'Local';
      named(cluster.nodes, 'n1').metadata.labels = { zone: 'a' };
      spec(cluster, 'BGPAdvertisement', 'bgp')['nodeSelectors'] = [{ matchLabels: { zone: 'a' } }];
      endpointsOn(cluster, 'web', ['n2']);
    },
    reason: 'NoLocalEndpoints',
    object: 'n1',
  },
  'policy Local, and the one node with endpoints is excluded': {
    by: 'layer2',
    broken: (cluster) => {
      named(cluster.services, 'web').spec['externalTrafficPolicy'] = 'Local';
      named(cluster.nodes, 'n2').metadata.labels = { [EXCLUDE]: '' };
      endpointsOn(cluster, 'web', ['n2']);
    },
    reason: 'NodeExcluded',
    object: 'n2',
  },
  'all nodes excluded': {
    by: 'layer2',
    broken: (cluster) => everyNode(cluster, ({ metadata }) => void (metadata.labels = { [EXCLUDE]: '' })),
    reason: 'NodeExcluded',
  },
  'the control plane excluded as always, and a typo for the others': {
    by: 'bgp',
    broken: (cluster) => {
      named(cluster.nodes, 'n1').metadata.labels = { [EXCLUDE]: '' };
      spec(cluster, 'BGPPeer', 'tor')['nodeSelectors'] = [{ matchLabels: { rack: 'q' } }];
    },
    reason: 'NoPeers',
    object: 'n2, n3',
  },
  'the network of all nodes unavailable': {
    by: 'layer2',
    broken: (cluster) => everyNode(cluster, ({ status }) => void (status['conditions'] = [{ type: 'NetworkUnavailable', status: 'True' }])),
    reason: 'NodeNetworkUnavailable',
  },
  'the one node with endpoints is not ready, others are': {
    by: 'layer2',
    broken: (cluster) => {
      named(cluster.services, 'web').spec['externalTrafficPolicy'] = 'Local';
      endpointsOn(cluster, 'web', ['n1', 'n2']);
      setReady(cluster, 'n1', 'False');
      setReady(cluster, 'n2', 'True');
      spec(cluster, 'L2Advertisement', 'l2')['nodeSelectors'] = [{ matchLabels: { zone: 'a' } }];
      named(cluster.nodes, 'n1').metadata.labels = { zone: 'a' };
      named(cluster.nodes, 'n2').metadata.labels = { zone: 'a', [EXCLUDE]: '' };
    },
    // An excluded node is no candidate: then the silent one goes on rather than nobody.
    state: 'announced',
  },
  'advertisements that contradict each other': {
    by: 'bgp',
    broken: ({ config }) => config.BGPAdvertisement.push(own('BGPAdvertisement', 'twin', { med: 7 }) as Raw),
    reason: 'ConflictingAdvertisements',
  },
  'a shared address and a selector of Services': {
    by: 'layer2',
    broken: (cluster) => {
      const web = named(cluster.services, 'web');
      web.metadata.annotations = { ...web.metadata.annotations, 'heraldlb.io/allow-shared-ip': 'k' };
      const twin = structuredClone(web);
      Object.assign(twin.metadata, { name: 'twin', uid: 'twin' });
      twin.spec['ports'] = [{ port: 81, protocol: 'TCP' }];
      cluster.services.push(twin);
      web.metadata.labels = { app: 'web' };
      spec(cluster, 'L2Advertisement', 'l2')['serviceSelectors'] = [{ matchLabels: { app: 'web' } }];
    },
    reason: 'SharedAddressWithServiceSelector',
  },
  'its pool deleted': {
    by: 'layer2',
    broken: ({ config }) => void (config.IPAddressPool = config.IPAddressPool.filter(({ metadata }) => metadata.name !== 'main')),
    reason: 'AddressOutsidePools',
    live: 'NoPoolMatches',
  },
  'no nodes': { by: 'layer2', broken: ({ nodes }) => void nodes.splice(0), reason: 'NoNodes' },

  // What happens on the wire, layer 2.
  'a foreign host on the VIP': {
    by: 'layer2',
    wire: foreign,
    reason: 'AddressInUse',
  },
  'an interface that is not there': {
    by: 'layer2',
    broken: (cluster) => void (spec(cluster, 'L2Advertisement', 'l2')['interfaces'] = ['eth9']),
    reason: 'NoUsableInterface',
  },
  'an interface that is down': {
    by: 'layer2',
    wire: ({ hands }) => {
      hands.setLinks([{ ...ETH0, up: false }]);
      return SETTLED_MS;
    },
    reason: 'NoUsableInterface',
  },
  'a speaker that has not carried out its plan yet': {
    by: 'layer2',
    after: ({ nodeStates }) => nodeStates.forEach(({ status }) => void (status['claims'] = [])),
    reason: 'NotOnTheWire',
  },
  'no speaker on the owner, whose NodeState is of yesterday': {
    by: 'layer2',
    after: (cluster) => void (cluster.pods = [pod('controller', 'n1', true), ...NODES.map((node) => pod('speaker', node, false))]),
    reason: 'SpeakerNotRunning',
  },
  'no speaker anywhere': { by: 'bgp', after: ({ nodeStates }) => void nodeStates.splice(0), reason: 'SpeakerNotRunning' },

  // What happens on the wire, BGP.
  'a router that does not listen': { by: 'bgp', wire: dials((dial) => dial.events.failed('ECONNREFUSED')), reason: 'ConnectionRefused' },
  'a router that does not answer': {
    by: 'bgp',
    wire: () => 200_000,
    reason: 'NoAnswer',
    object: 'BGPPeer/tor on n1, n2, n3',
  },
  'a wrong MD5 key': {
    by: 'bgp',
    broken: (cluster) => void (spec(cluster, 'BGPPeer', 'tor')['password'] = 'wrong'),
    wire: () => 200_000,
    reason: 'KeyNotAccepted',
  },
  'no route to the router': { by: 'bgp', wire: dials((dial) => dial.events.failed('EHOSTUNREACH')), reason: 'NoRouteToRouter' },
  'a wrong peerASN': { by: 'bgp', wire: dials((dial) => opened(dial, 64_999)), reason: 'BadPeerAs' },
  'a wrong myASN, as the router says': { by: 'bgp', wire: refusal(2, 2), reason: 'BadPeerAs' },
  'a hold time that is too short for the router': { by: 'bgp', wire: refusal(2, 6), reason: 'UnacceptableHoldTime' },
  'a hold time of the router that is too short': {
    by: 'bgp',
    wire: dials((dial) => opened(dial, 64_513, 1)),
    reason: 'UnacceptableHoldTime',
  },
  'two speakers with one router ID': { by: 'bgp', wire: refusal(2, 3), reason: 'BadRouterId' },
  'a family that is not active at the router': { by: 'bgp', wire: refusal(2, 7), reason: 'UnsupportedCapability' },
  'a prefix limit': {
    by: 'bgp',
    wire: dials((dial) => {
      established(dial);
      say(dial, { type: 'notification', code: 6, subcode: 1, data: new Uint8Array() });
    }),
    reason: 'PrefixLimit',
  },
  'a router that already has a session with the node': { by: 'bgp', wire: refusal(6, 5), reason: 'RejectedByRouter' },
  'a session that the router shut': { by: 'bgp', wire: refusal(6, 2), reason: 'EndedByRouter' },
  'a router that falls silent': {
    by: 'bgp',
    wire: ({ hands }) => {
      const [dial] = hands.dials;
      if (dial !== undefined) established(dial);
      return 91_000;
    },
    reason: 'HoldTimerExpired',
  },
  'a BGPPeer whose address is a node of the cluster': {
    by: 'bgp',
    broken: (cluster) => void (spec(cluster, 'BGPPeer', 'tor')['peerAddress'] = '192.0.2.12'),
    wire: dials((dial) => dial.events.failed('ECONNRESET')),
    reason: 'ConnectionLost',
    says: '192.0.2.12 is the address of node n2',
  },
  'a router that takes connections and says nothing': {
    by: 'bgp',
    wire: ({ hands }) => {
      hands.dials.forEach(connected);
      return 12_000;
    },
    reason: 'NoOpen',
  },
  'a passive peer that nobody dials': {
    by: 'bgp',
    broken: (cluster) => void (spec(cluster, 'BGPPeer', 'tor')['passive'] = true),
    reason: 'NotConnected',
  },
  'port 179 taken, and a passive peer': {
    by: 'bgp',
    broken: (cluster) => void (spec(cluster, 'BGPPeer', 'tor')['passive'] = true),
    after: ({ nodeStates }) =>
      nodeStates.forEach(({ status }) => {
        status['problems'] = [{ reason: 'CannotListen', message: 'no BGP connections are accepted: port 179 cannot be had (EADDRINUSE)' }];
      }),
    reason: 'CannotListen',
  },
  'BFD that is filtered: the session is up without it': {
    by: 'bgp',
    broken: (cluster) => {
      cluster.config.BFDProfile.push(own('BFDProfile', 'fast', {}) as Raw);
      spec(cluster, 'BGPPeer', 'tor')['bfdProfile'] = 'fast';
    },
    state: 'degraded',
    reason: 'BfdNotGuarding',
  },
  'BFD that went down': {
    by: 'bgp',
    wire: dials((dial) => dial.events.failed('ECONNREFUSED')),
    after: ({ nodeStates }) =>
      nodeStates.forEach(({ status }) => void (status['bgp'] = [{ peer: 'tor', state: 'Active', since: '', lastError: 'Cease/BFD Down' }])),
    reason: 'BfdDown',
  },
  'one node of three without its session': {
    by: 'bgp',
    wire: dials((dial, node) => (node === 'n2' ? dial.events.failed('ECONNREFUSED') : established(dial))),
    state: 'degraded',
    reason: 'ConnectionRefused',
    object: 'BGPPeer/tor on n2',
  },
  'a source address that no node has': {
    by: 'bgp',
    broken: (cluster) => void (spec(cluster, 'BGPPeer', 'tor')['sourceAddress'] = '192.0.2.99'),
    wire: dials((dial) => dial.events.failed('EADDRNOTAVAIL')),
    reason: 'SourceNotLocal',
  },
  'a session that this node has just begun anew': {
    by: 'bgp',
    wire: dials((dial) => dial.events.failed('ECONNREFUSED')),
    after: ({ nodeStates }) =>
      nodeStates.forEach(({ status }) => {
        status['bgp'] = [{ peer: 'tor', state: 'Active', since: '', lastError: 'sent Cease/Other Configuration Change' }];
      }),
    reason: 'Connecting',
  },
  'a BGPPeer that became bad (a BFDProfile that is not there): its last good version goes on': {
    by: 'bgp',
    after: (cluster) => void (spec(cluster, 'BGPPeer', 'tor')['bfdProfile'] = 'lost'),
    state: 'degraded',
    reason: 'UnknownReference',
    object: 'BGPPeer/tor',
  },
  'a Secret without the key password': {
    by: 'bgp',
    broken: (cluster) => void (spec(cluster, 'BGPPeer', 'tor')['passwordSecret'] = { name: 'odd' }),
    after: ({ nodeStates }) =>
      nodeStates.forEach(({ status }) => {
        status['bgp'] = [];
        status['problems'] = [
          { reason: 'InvalidSecret', object: 'BGPPeer/tor', message: 'spec.passwordSecret: Secret odd has no key password' },
        ];
      }),
    reason: 'InvalidSecret',
  },
  'a Secret that is not there': {
    by: 'bgp',
    broken: (cluster) => void (spec(cluster, 'BGPPeer', 'tor')['passwordSecret'] = { name: 'lost' }),
    after: ({ nodeStates }) =>
      nodeStates.forEach(({ status }) => {
        status['bgp'] = [];
        status['problems'] = [
          { reason: 'UnknownReference', object: 'BGPPeer/tor', message: 'spec.passwordSecret: there is no Secret lost' },
        ];
      }),
    reason: 'UnknownReference',
  },
  'a second address that no session carries': { by: 'bgp', service: 'dual', state: 'degraded', reason: 'FamilyNotCarried' },
  'both protocols, of which one has no router': {
    by: 'both',
    wire: () => 200_000,
    state: 'degraded',
    reason: 'NoAnswer',
  },

  // The configuration that is written is not the one in force.
  'a pool that became bad: its last good version goes on': {
    by: 'layer2',
    after: (cluster) => void (spec(cluster, 'IPAddressPool', 'main')['addresses'] = ['nonsense']),
    state: 'degraded',
    reason: 'InvalidAddressBlock',
    object: 'IPAddressPool/main',
  },
  'an advertisement that became bad: its last good version goes on': {
    by: 'bgp',
    after: (cluster) => void (spec(cluster, 'BGPAdvertisement', 'bgp')['aggregationLength'] = 8),
    state: 'degraded',
    reason: 'AggregationShorterThanPool',
  },
  'an advertisement that is bad from the beginning': {
    by: 'bgp',
    broken: (cluster) => void (spec(cluster, 'BGPAdvertisement', 'bgp')['aggregationLength'] = 8),
    isNew: true,
    reason: 'NoMatchingAdvertisement',
  },
};

export interface Base {
  readonly cluster: Cluster;
  readonly controller: Controller;
  /** As the commands list it, with two Services that have their addresses. */
  readonly raw: RawCluster;
}

/** Three nodes, both kinds of advertisement, and a controller that has given two Services what they ask for. */
export async function startBase(
  flags: Parameters<Cluster['start']>[1] = {},
  overrides: Parameters<Cluster['start']>[2] = {},
): Promise<Base> {
  const cluster = await startCluster({ serviceCidrs: ['10.96.0.0/16', 'fd00:96::/112'] });
  const { lab } = cluster;
  await lab.create(poolObject('main', ['198.51.100.0/28', '2001:db8:1::/120']));
  await lab.create(poolObject('spare', ['10.1.0.0/28'], { autoAssign: false }));
  await lab.create(own('BGPPeer', 'tor', PEER));
  await lab.create(own('BGPAdvertisement', 'bgp', {}));
  await lab.create(own('L2Advertisement', 'l2', {}));
  for (const node of NODES) {
    await lab.create({ apiVersion: 'v1', kind: 'Node', metadata: { name: node } });
    const status = {
      conditions: [{ type: 'Ready', status: 'True' }],
      addresses: [{ type: 'InternalIP', address: `192.0.2.1${node.slice(1)}` }],
    };
    await lab.patch({ apiVersion: 'v1', kind: 'Node', name: node }, { status }, { subresource: 'status' });
  }
  for (const [name, wish] of [
    ['web', {}],
    ['dual', { ipFamilyPolicy: 'RequireDualStack' }],
  ] as const) {
    await lab.create(serviceObject(name, wish));
    await lab.create(slice(name, ['n1', 'n2']));
  }
  const controller = await cluster.start('one', flags, overrides);
  for (const name of ['web', 'dual']) await until(`${name} to have it`, async () => ips(await getService(lab, name)).length > 0);
  return { cluster, controller, raw: await listRaw(cluster.kubeconfig) };
}
