import type { ConfigKind } from '../../src/config/parse.ts';

/** One object, by its spec, and whether it is valid. A spec that is absent is absent in the object. */
export interface ObjectCase {
  readonly name: string;
  readonly kind: ConfigKind;
  readonly spec?: object;
}

type Row = readonly [name: string, spec: object | undefined];

function cases(kind: ConfigKind, rows: readonly Row[]): ObjectCase[] {
  return rows.map(([name, spec]) => ({ name: `${kind}: ${name}`, kind, ...(spec === undefined ? {} : { spec }) }));
}

function pool(addresses: unknown, more: object = {}): object {
  return { addresses, ...more };
}

function peer(spec: object): object {
  return { myASN: 64512, peerASN: 65001, peerAddress: '10.0.0.1', ...spec };
}

function blocks(count: number): string[] {
  return Array.from({ length: count }, (_, position) => `10.${position >> 8}.${position & 255}.0/24`);
}

/** What MetalLB takes. */
export const VALID: readonly ObjectCase[] = [
  ...cases('IPAddressPool', [
    ['CIDR', pool(['10.0.0.0/24', 'fd00::/64'])],
    ['host bits', pool(['10.0.0.1/24'])],
    ['ranges', pool(['10.0.0.1-10.0.0.9', '10.1.0.9 - 10.1.0.10', 'fd00::1-fd00::9'])],
    ['a range over every octet', pool(['9.255.255.255-10.0.0.0'])],
    ['a range of one', pool(['10.0.0.1-10.0.0.1'])],
    ['1024 blocks', pool(blocks(1024))],
    ['negative priority', pool(['10.0.0.0/24'], { serviceAllocation: { priority: -1 } })],
  ]),
  ...cases('BGPPeer', [
    ['the least', peer({})],
    ['all timers', peer({ holdTime: '1m30s', keepaliveTime: '30s', connectTime: '10s' })],
    ['no hold timer', peer({ holdTime: '0s', keepaliveTime: '0s' })],
    ['the longest timers', peer({ holdTime: '65535s', connectTime: '18h12m15s' })],
    ['keepaliveTime alone', peer({ keepaliveTime: '1s' })],
    ['password and an empty passwordSecret', peer({ password: 'x', passwordSecret: {} })],
    ['password and a passwordSecret without a name', peer({ password: 'x', passwordSecret: { name: '' } })],
    ['passwordSecret and an empty password', peer({ password: '', passwordSecret: { name: 's' } })],
    ['empty texts', peer({ routerID: '', bfdProfile: '', sourceAddress: '', interface: '', dynamicASN: '', vrf: '' })],
    ['an empty address and an interface', peer({ peerAddress: '', interface: 'eth0' })],
    ['peerASN 0 and dynamicASN', peer({ peerASN: 0, dynamicASN: 'external' })],
    ['deprecated disableMP', peer({ disableMP: true })],
    ['a router id', peer({ routerID: '192.0.2.1' })],
    ['a range to listen to', peer({ peerAddress: '', listenRange: '192.0.2.0/24', passive: true })],
    ['the default gateway', peer({ peerAddress: undefined, autoDiscovery: { mode: 'DefaultGateway', addressFamily: 'ipv6' } })],
    ['one family over the other', peer({ addressFamilies: ['ipv6'] })],
    ['GTSM', peer({ ttlSecurityHops: 1, ebgpMultiHop: false })],
    ['TCP-AO', peer({ password: 'x', tcpAO: { sendID: 0, receiveID: 255 } })],
    ['a role', peer({ localRole: 'customer', addPaths: true, extendedMessages: false, delayOpenTime: '5s' })],
    ['restart times', peer({ enableGracefulRestart: true, gracefulRestartTime: '4095s', longLivedStaleTime: '24h' })],
    ['the largest AS number', peer({ peerASN: 4294967295 })],
  ]),
  ...cases('BGPAdvertisement', [
    ['no spec', undefined],
    ['nothing', {}],
    ['communities', { communities: ['65535:65535', '0:0', 'large:4294967295:1:2'] }],
    ['extended communities', { communities: ['rt:64512:1', 'soo:192.0.2.1:1', 'ext:0002fc0000000064'] }],
    ['what is said of a route', { med: 4294967295, asPathPrepend: 10, origin: 'igp', gracefulShutdown: true, onlyWithEndpoints: true }],
    ['a weight', { linkBandwidth: { perEndpoint: '1.5Gbps', transitive: true } }],
    ['selectors', { serviceSelectors: [{ matchExpressions: [{ key: 'a', operator: 'In', values: ['b'] }] }] }],
  ]),
  ...cases('L2Advertisement', [
    ['no spec', undefined],
    ['Exists', { nodeSelectors: [{ matchExpressions: [{ key: 'a', operator: 'Exists' }] }] }],
  ]),
  ...cases('BFDProfile', [
    ['an interval', { receiveInterval: 50 }],
    ['authentication', { auth: { type: 'MeticulousKeyedSHA1', keyID: 255, passwordSecret: { name: 's' } } }],
    ['authentication with key 1', { auth: { type: 'SimplePassword', passwordSecret: { name: 's' } } }],
  ]),
  ...cases('Community', [['aliases', { communities: [{ name: 'a', value: '65535:1' }] }]]),
];

/** What neither the API server nor the parser takes. */
export const INVALID: readonly ObjectCase[] = [
  ...cases('IPAddressPool', [
    ['no spec', undefined],
    ['a mask too long', pool(['10.0.0.0/33'])],
    ['an address', pool(['10.0.0.1'])],
    ['a short range', pool(['1.1.1.1-2'])],
    ['three ends', pool(['1.1.1.1-1.1.1.2-1.1.1.3'])],
    ['nothing', pool([])],
    ['a range that ends before it starts', pool(['10.0.0.9-10.0.0.1'])],
    ['one that does so in its first octet', pool(['11.0.0.1 - 10.255.255.255'])],
    ['a range of two families', pool(['10.0.0.1-fd00::1'])],
    ['the other way round', pool(['fd00::1-10.0.0.1'])],
    ['1025 blocks', pool(blocks(1025))],
  ]),
  ...cases('BGPPeer', [
    ['hold time 1 s', peer({ holdTime: '1s' })],
    ['hold time over 16 bits', peer({ holdTime: '65536s' })],
    ['keepaliveTime over holdTime', peer({ holdTime: '9s', keepaliveTime: '10s' })],
    ['keepaliveTime alone, too short', peer({ keepaliveTime: '500ms' })],
    ['keepaliveTime alone, too long', peer({ keepaliveTime: '21846s' })],
    ['connectTime below a second', peer({ connectTime: '500ms' })],
    ['connectTime with a fraction', peer({ connectTime: '1500ms' })],
    ['connectTime over 16 bits', peer({ connectTime: '20h' })],
    ['both kinds of AS', peer({ dynamicASN: 'internal' })],
    ['no AS', peer({ peerASN: 0 })],
    ['no AS but an empty text', peer({ peerASN: undefined, dynamicASN: '' })],
    ['address and interface', peer({ interface: 'eth0' })],
    ['neither of them', peer({ peerAddress: '', interface: '' })],
    ['a name for an address', peer({ peerAddress: 'router' })],
    ['an AS over 32 bits', peer({ peerASN: 4294967296 })],
    ['multihop on iBGP', peer({ peerASN: 64512, ebgpMultiHop: true })],
    ['router id zero', peer({ routerID: '0.0.0.0' })],
    ['an IPv6 router id', peer({ routerID: '::1' })],
    ['two passwords', peer({ password: 'x', passwordSecret: { name: 's' } })],
    ['a name for a source', peer({ sourceAddress: 'x' })],
    ['an address for a range', peer({ peerAddress: '', listenRange: '192.0.2.1' })],
    ['an address and a range', peer({ listenRange: '192.0.2.0/24' })],
    ['an address and the default gateway', peer({ autoDiscovery: { mode: 'DefaultGateway' } })],
    ['another way of discovery', peer({ peerAddress: '', autoDiscovery: { mode: 'Bonjour' } })],
    ['no family', peer({ addressFamilies: [] })],
    ['a family twice', peer({ addressFamilies: ['ipv4', 'ipv4', 'ipv4'] })],
    ['GTSM over several hops', peer({ ttlSecurityHops: 2, ebgpMultiHop: true })],
    ['GTSM over 255 hops', peer({ ttlSecurityHops: 255 })],
    ['TCP-AO without a key', peer({ tcpAO: { sendID: 1, receiveID: 1 } })],
    ['TCP-AO with a number over 8 bits', peer({ password: 'x', tcpAO: { sendID: 256, receiveID: 1 } })],
    ['a role on iBGP', peer({ peerASN: 64512, localRole: 'peer' })],
    ['a role with whatever is internal', peer({ peerASN: undefined, dynamicASN: 'internal', localRole: 'peer' })],
    ['a restart time over 12 bits', peer({ enableGracefulRestart: true, gracefulRestartTime: '4096s' })],
    ['a stale time over 24 bits', peer({ enableGracefulRestart: true, longLivedStaleTime: '16777216s' })],
    ['a delay over 16 bits', peer({ delayOpenTime: '65536s' })],
  ]),
  ...cases('BGPAdvertisement', [
    ['aggregation over 32', { aggregationLength: 33 }],
    ['an aggregate of selected Services', { aggregationLength: 24, serviceSelectors: [{}] }],
    ['a community over 16 bits', { communities: ['65536:1'] }],
    ['three numbers', { communities: ['1:2:3'] }],
    ['a large one of two', { communities: ['large:1:2'] }],
    ['a route target of one number', { communities: ['rt:1'] }],
    ['an extended one of seven octets', { communities: ['ext:0002fc00000064'] }],
    ['a MED over 32 bits', { med: 4294967296 }],
    ['eleven times in the path', { asPathPrepend: 11 }],
    ['an origin that nobody has', { origin: 'egp' }],
    ['a weight without a unit', { linkBandwidth: { perEndpoint: '100' } }],
    ['a weight without a number', { linkBandwidth: {} }],
  ]),
  ...cases('L2Advertisement', [
    ['In without values', { nodeSelectors: [{ matchExpressions: [{ key: 'a', operator: 'In' }] }] }],
    ['Exists with values', { nodeSelectors: [{ matchExpressions: [{ key: 'a', operator: 'Exists', values: ['b'] }] }] }],
    ['weight 0', { preferredNodeSelectors: [{ weight: 0, preference: {} }] }],
  ]),
  ...cases('BFDProfile', [
    ['an interval too short', { receiveInterval: 5 }],
    ['an unknown kind of authentication', { auth: { type: 'SHA256', passwordSecret: { name: 's' } } }],
    ['authentication without a key', { auth: { type: 'KeyedMD5' } }],
    ['a number of the key over 8 bits', { auth: { type: 'KeyedMD5', keyID: 256, passwordSecret: { name: 's' } } }],
  ]),
];

/** Refused at the door; the parser only leaves the entry out, for objects that are older than the rule. */
export const INVALID_ENTRIES: readonly ObjectCase[] = [
  ...cases('Community', [
    ['a value that is none', { communities: [{ name: 'a', value: 'x' }] }],
    ['a number over 16 bits', { communities: [{ name: 'a', value: '65536:1' }] }],
    ['two large numbers', { communities: [{ name: 'a', value: 'large:1:2' }] }],
  ]),
  ...cases('BGPAdvertisement', [['a pool twice', { ipAddressPools: ['a', 'a'] }]]),
];
