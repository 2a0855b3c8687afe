import * as z from 'zod';
import { configStatus, crdMeta, duration, int32, selectorList, uint32 } from './fields.ts';
import type { Kind } from './kind.ts';

/** Here as in every text of this kind, an empty one means that the field is absent: MetalLB's own types write it so. */
function address(description: string): z.ZodString {
  const schema = z.string().max(45).describe(description);
  crdMeta.add(schema, { cel: [{ rule: "self == '' || isIP(self)", message: 'must be an IPv4 or IPv6 address' }] });
  return schema;
}

const routerId = z
  .string()
  .max(15)
  .describe('BGP Identifier (RFC 6286), in the form of an IPv4 address. Default: the first IPv4 InternalIP of the node.');
crdMeta.add(routerId, {
  cel: [{ rule: "self == '' || (isIP(self) && ip(self).family() == 4 && self != '0.0.0.0')", message: 'must be a non-zero IPv4 address' }],
});

/** In CEL: the field is there and says something. */
function set(field: string, empty = "''"): string {
  return `(has(self.${field}) && self.${field} != ${empty})`;
}

const HOLD = 'duration(self.holdTime)';
const KEEPALIVE = 'duration(self.keepaliveTime)';
const CONNECT = 'duration(self.connectTime)';

/** CEL has no negative look at an optional that is absent; every rule says `has` first. */
const rules = [
  {
    rule: `${set('peerASN', '0')} != ${set('dynamicASN')}`,
    message: 'exactly one of peerASN and dynamicASN must be set',
    fieldPath: '.peerASN',
  },
  {
    rule: `[${set('peerAddress')}, ${set('interface')}, ${set('listenRange')}, has(self.autoDiscovery)].exists_one(given, given)`,
    message: 'exactly one of peerAddress, interface, listenRange and autoDiscovery must be set',
    fieldPath: '.peerAddress',
  },
  {
    rule: '!has(self.ttlSecurityHops) || !has(self.ebgpMultiHop) || !self.ebgpMultiHop',
    message: 'ttlSecurityHops and ebgpMultiHop exclude each other',
    fieldPath: '.ttlSecurityHops',
  },
  {
    rule: `!has(self.tcpAO) || ${set('password')} || (has(self.passwordSecret) && has(self.passwordSecret.name) && self.passwordSecret.name != '')`,
    message: 'tcpAO needs its key in password or passwordSecret',
    fieldPath: '.tcpAO',
  },
  {
    rule: `!has(self.localRole) || ((!has(self.peerASN) || self.peerASN != self.myASN) && (!has(self.dynamicASN) || self.dynamicASN != 'internal'))`,
    message: 'localRole is for eBGP (RFC 9234 section 4.1)',
    fieldPath: '.localRole',
  },
  {
    rule: `!has(self.delayOpenTime) || duration(self.delayOpenTime) <= duration('65535s')`,
    message: 'delayOpenTime must be at most 65535s',
    fieldPath: '.delayOpenTime',
  },
  {
    rule: `!has(self.gracefulRestartTime) || (duration(self.gracefulRestartTime) >= duration('1s') && duration(self.gracefulRestartTime) <= duration('4095s'))`,
    message: 'gracefulRestartTime must be between 1s and 4095s (RFC 4724 section 3)',
    fieldPath: '.gracefulRestartTime',
  },
  {
    rule: `!has(self.longLivedStaleTime) || duration(self.longLivedStaleTime) <= duration('16777215s')`,
    message: 'longLivedStaleTime must be at most 16777215s (RFC 9494 section 3)',
    fieldPath: '.longLivedStaleTime',
  },
  {
    rule: `!${set('password')} || !has(self.passwordSecret) || !has(self.passwordSecret.name) || self.passwordSecret.name == ''`,
    message: 'password and passwordSecret exclude each other',
    fieldPath: '.password',
  },
  {
    rule: '!has(self.ebgpMultiHop) || !self.ebgpMultiHop || !has(self.peerASN) || self.peerASN != self.myASN',
    message: 'ebgpMultiHop is for eBGP: peerASN equals myASN',
    fieldPath: '.ebgpMultiHop',
  },
  {
    rule: `!has(self.holdTime) || ${HOLD} == duration('0s') || (${HOLD} >= duration('3s') && ${HOLD} <= duration('65535s'))`,
    message: 'holdTime must be 0 or between 3s and 65535s (RFC 4271 section 4.2)',
    fieldPath: '.holdTime',
  },
  {
    rule: `!has(self.holdTime) || !has(self.keepaliveTime) || ${KEEPALIVE} <= ${HOLD}`,
    message: 'keepaliveTime must not be longer than holdTime',
    fieldPath: '.keepaliveTime',
  },
  {
    rule: `has(self.holdTime) || !has(self.keepaliveTime) || ${KEEPALIVE} == duration('0s') || (${KEEPALIVE} >= duration('1s') && ${KEEPALIVE} <= duration('21845s'))`,
    message: 'keepaliveTime alone must be 0 or between 1s and 21845s: the hold time is three times as long',
    fieldPath: '.keepaliveTime',
  },
  {
    rule: `!has(self.connectTime) || (${CONNECT} >= duration('1s') && ${CONNECT} <= duration('65535s') && ${CONNECT}.getMilliseconds() % 1000 == 0)`,
    message: 'connectTime must be whole seconds between 1s and 65535s',
    fieldPath: '.connectTime',
  },
  {
    rule: 'has(self.enableGracefulRestart) == has(oldSelf.enableGracefulRestart) && (!has(self.enableGracefulRestart) || self.enableGracefulRestart == oldSelf.enableGracefulRestart)',
    message: 'enableGracefulRestart cannot be changed',
    fieldPath: '.enableGracefulRestart',
  },
] as const;

const listenRange = z
  .string()
  .max(49)
  .describe('Never dial: every router of this prefix may connect, and has a session of its own, named after the peer and its address.');
crdMeta.add(listenRange, { cel: [{ rule: "self == '' || isCIDR(self)", message: 'must be an IPv4 or IPv6 prefix' }] });

const families = z
  .array(z.enum(['ipv4', 'ipv6']))
  .min(1)
  .max(2)
  .describe('The routes that this session carries, and the families it offers. Default: that of its own address.');
crdMeta.add(families, { listType: 'set' });

/** What MetalLB's BGPPeer has not. */
const own = {
  passive: z.boolean().optional().describe('Never dial: wait for the connection of the router.'),
  listenRange: listenRange.optional(),
  autoDiscovery: z
    .object({
      mode: z.enum(['DefaultGateway']).describe('Where the router is found.'),
      addressFamily: z.enum(['ipv4', 'ipv6']).default('ipv4').describe("Of the node's default route."),
    })
    .optional()
    .describe("The router is the node's default gateway; it is followed when that changes."),
  addressFamilies: families.optional(),
  ttlSecurityHops: int32(1, 254)
    .optional()
    .describe('GTSM (RFC 5082): take packets only from a router that is at most so many hops away; 1 is the same link.'),
  tcpAO: z
    .object({
      sendID: int32(0, 255).describe('Number of the key in what we send.'),
      receiveID: int32(0, 255).describe('Number of the key in what the router sends.'),
      algorithm: z.enum(['hmac-sha1-96', 'aes-128-cmac-96']).default('hmac-sha1-96'),
    })
    .optional()
    .describe('TCP-AO (RFC 5925) in the place of TCP MD5; the key is that of password or passwordSecret. Needs Linux 6.7.'),
  delayOpenTime: duration('Wait so long for the OPEN of the router before sending ours (RFC 4271, DelayOpen).').optional(),
  localRole: z
    .enum(['provider', 'rs-server', 'rs-client', 'customer', 'peer'])
    .optional()
    .describe('Our role in this session (RFC 9234); none is offered when absent.'),
  addPaths: z.boolean().optional().describe('Offer to send several paths of one prefix (RFC 7911).'),
  extendedMessages: z.boolean().optional().describe('Offer messages of up to 65535 bytes (RFC 8654). Default true.'),
  gracefulRestartTime: duration('How long the router keeps our routes while the speaker is away. Default 120s.').optional(),
  longLivedStaleTime: duration('How much longer it keeps them as least preferred (RFC 9494).').optional(),
};

export const bgpPeerSpec = z.object({
  myASN: uint32(1).describe("The nodes' AS number."),
  peerASN: uint32().optional().describe("The router's AS number."),
  dynamicASN: z
    .enum(['internal', 'external', ''])
    .optional()
    .describe('Take whatever AS number the router has, if it is ours (internal) or another (external).'),
  localASN: uint32(1).optional().describe('Present this AS number to the router instead of myASN.'),
  peerAddress: address("The router's address.").optional(),
  interface: z.string().max(15).optional().describe('Unnumbered peering: find the router on this interface.'),
  sourceAddress: address('Connect from this address of the node.').optional(),
  peerPort: int32(1, 16384).default(179).describe("The router's TCP port."),
  holdTime: duration('Without a message for so long the session is dead. 0 switches the timer off.').optional(),
  keepaliveTime: duration('A KEEPALIVE is sent this often. Default: a third of holdTime.').optional(),
  connectTime: duration('Time between attempts to connect, in whole seconds.').optional(),
  routerID: routerId.optional(),
  nodeSelectors: selectorList('The nodes that have this session; all when absent. Any may match.'),
  password: z.string().max(80).optional().describe('TCP MD5 key (RFC 2385) in plain text; prefer passwordSecret.'),
  passwordSecret: z
    .object({ name: z.string().max(253).optional(), namespace: z.string().max(63).optional() })
    .optional()
    .describe('Secret of type kubernetes.io/basic-auth in the same namespace; its key `password` is the TCP MD5 key.'),
  bfdProfile: z.string().max(253).optional().describe('Guard the session by BFD with this BFDProfile.'),
  enableGracefulRestart: z.boolean().optional().describe('Ask the router to keep our routes while the speaker restarts (RFC 4724).'),
  ebgpMultiHop: z.boolean().optional().describe('The router is more than one hop away.'),
  vrf: z.string().max(15).optional().describe('Bind the session to this VRF device.'),
  disableMP: z.boolean().default(false).describe('Deprecated by MetalLB and without effect.'),
  dualStackAddressFamily: z.boolean().default(false).describe('Carry IPv4 and IPv6 routes on this session, whatever its own address.'),
  ...own,
});
crdMeta.add(bgpPeerSpec, { cel: rules });

export const bgpPeer: Kind<typeof bgpPeerSpec> = {
  kind: 'BGPPeer',
  plural: 'bgppeers',
  singular: 'bgppeer',
  shortNames: ['bgpp'],
  description: 'A router that nodes announce VIPs to.',
  spec: bgpPeerSpec,
  status: configStatus,
  columns: [
    { name: 'Accepted', type: 'string', jsonPath: ".status.conditions[?(@.type=='Accepted')].status" },
    { name: 'Address', type: 'string', jsonPath: '.spec.peerAddress' },
    { name: 'ASN', type: 'string', jsonPath: '.spec.peerASN' },
    { name: 'My ASN', type: 'string', jsonPath: '.spec.myASN' },
    { name: 'BFD Profile', type: 'string', jsonPath: '.spec.bfdProfile' },
    { name: 'Multi Hops', type: 'string', jsonPath: '.spec.ebgpMultiHop', priority: 1 },
    { name: 'Reason', type: 'string', jsonPath: ".status.conditions[?(@.type=='Accepted')].reason", priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  ],
};
