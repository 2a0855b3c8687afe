import { z } from 'zod';
import { configStatus, crdMeta, duration, int32, objectName, selectorList, uint32 } from './fields.ts';
import type { Kind } from './kind.ts';

function address(description: string): z.ZodString {
  const schema = z.string().min(2).max(45).describe(description);
  crdMeta.add(schema, { cel: [{ rule: 'isIP(self)', message: 'must be an IPv4 or IPv6 address' }] });
  return schema;
}

const routerId = z
  .string()
  .max(15)
  .describe('BGP Identifier (RFC 6286), in the form of an IPv4 address. Default: the first IPv4 InternalIP of the node.');
crdMeta.add(routerId, {
  cel: [{ rule: 'isIP(self) && ip(self).family() == 4 && !ip(self).isUnspecified()', message: 'must be a non-zero IPv4 address' }],
});

/** CEL has no negative look at an optional that is absent; every rule says `has` first. */
const rules = [
  {
    rule: 'has(self.peerASN) != has(self.dynamicASN)',
    message: 'exactly one of peerASN and dynamicASN must be set',
    fieldPath: '.peerASN',
  },
  {
    rule: 'has(self.peerAddress) != has(self.interface)',
    message: 'exactly one of peerAddress and interface must be set',
    fieldPath: '.peerAddress',
  },
  {
    rule: '!has(self.password) || !has(self.passwordSecret)',
    message: 'password and passwordSecret exclude each other',
    fieldPath: '.password',
  },
  {
    rule: '!has(self.ebgpMultiHop) || !self.ebgpMultiHop || !has(self.peerASN) || self.peerASN != self.myASN',
    message: 'ebgpMultiHop is for eBGP: peerASN equals myASN',
    fieldPath: '.ebgpMultiHop',
  },
  {
    rule: "!has(self.holdTime) || duration(self.holdTime) == duration('0s') || duration(self.holdTime) >= duration('3s')",
    message: 'holdTime must be 0 or at least 3s (RFC 4271 section 4.2)',
    fieldPath: '.holdTime',
  },
  {
    rule: '!has(self.holdTime) || !has(self.keepaliveTime) || duration(self.keepaliveTime) <= duration(self.holdTime)',
    message: 'keepaliveTime must not be longer than holdTime',
    fieldPath: '.keepaliveTime',
  },
  {
    rule: "!has(self.connectTime) || (duration(self.connectTime) >= duration('1s') && duration(self.connectTime) <= duration('65535s'))",
    message: 'connectTime must be between 1s and 65535s',
    fieldPath: '.connectTime',
  },
  {
    rule: 'has(self.enableGracefulRestart) == has(oldSelf.enableGracefulRestart) && (!has(self.enableGracefulRestart) || self.enableGracefulRestart == oldSelf.enableGracefulRestart)',
    message: 'enableGracefulRestart cannot be changed',
    fieldPath: '.enableGracefulRestart',
  },
] as const;

export const bgpPeerSpec = z.object({
  myASN: uint32(1).describe("The nodes' AS number."),
  peerASN: uint32(1).optional().describe("The router's AS number."),
  dynamicASN: z
    .enum(['internal', 'external'])
    .optional()
    .describe('Take whatever AS number the router has, if it is ours (internal) or another (external).'),
  localASN: uint32(1).optional().describe('Present this AS number to the router instead of myASN.'),
  peerAddress: address("The router's address.").optional(),
  interface: z.string().min(1).max(15).optional().describe('Unnumbered peering: find the router on this interface.'),
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
  bfdProfile: objectName().optional().describe('Guard the session by BFD with this BFDProfile.'),
  enableGracefulRestart: z.boolean().optional().describe('Ask the router to keep our routes while the speaker restarts (RFC 4724).'),
  ebgpMultiHop: z.boolean().optional().describe('The router is more than one hop away.'),
  vrf: z.string().max(15).optional().describe('Bind the session to this VRF device.'),
  disableMP: z.boolean().default(false).describe('Deprecated by MetalLB and without effect.'),
  dualStackAddressFamily: z.boolean().default(false).describe('Carry IPv4 and IPv6 routes on this session, whatever its own address.'),
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
