import type { IneligibleReason } from '../announce/eligibility.ts';
import type { ProblemReason } from '../config/problem.ts';
import type { RefusalReason } from '../ipam/refusal.ts';
import type { ExplainReason } from './explainReason.ts';
import type { SessionReason } from './sessionTrouble.ts';

/** Where a reason code comes from, and so which part of docs/troubleshoot.md has it. */
export type Room = 'ipam' | 'announce' | 'config' | 'wire' | 'session' | 'explain';

const IPAM: Readonly<Record<RefusalReason, string>> = {
  NoPools: 'create an IPAddressPool in the namespace of HeraldLB, or mend what its condition Accepted says',
  NoPoolMatches: "change the pool's serviceAllocation or autoAssign, or name a pool with the annotation heraldlb.io/address-pool",
  PoolExhausted: 'add addresses to the pool, delete Services, or let Services share an address',
  QuotaExceeded: "raise the pool's quota.perNamespace, or delete Services of the namespace",
  UnknownPool: 'correct the annotation address-pool, or create the pool: in the namespace of HeraldLB, others are not read',
  PoolNotForService: "change the pool's serviceAllocation, or choose another pool",
  InvalidRequest: 'correct the field that the message names',
  AddressOutsidePools: 'ask for an address of a pool, or extend a pool',
  AddressNotInRequestedPool: 'drop one of the two requests, address or pool',
  AddressAvoided: 'ask for another address, or switch avoidBuggyIPs off',
  AddressExcluded: "ask for another address, or take it out of the pool's excludedAddresses",
  ClaimedByOther: 'ask for another address, or edit the AddressClaim',
  AddressInUse: 'let both Services share it with the annotation allow-shared-ip, or ask for another address',
  AddressReserved: "put the address into the pool's excludedAddresses and ask for another one",
  PortInUse: 'change the port, or take an address of its own',
  SharingKeyConflict: 'make the sharing keys and externalTrafficPolicy of the Services equal',
  FamilyMismatch: 'ask for one address of each family in spec.ipFamilies',
  FamilyUnavailable: 'add addresses of that family to a pool, or set ipFamilyPolicy: SingleStack',
  NoClusterIP: 'give the Service a cluster IP: remove clusterIP: None',
  DualStackNeedsTwoClusterIPs: 'use ipFamilyPolicy: PreferDualStack, or make the cluster dual stack',
  OtherAddressRequested: 'nothing: the Service gets the address that it asks for',
  FamilyNotWanted: 'nothing: the Service has no need of that address',
  NotLoadBalancer: 'set spec.type: LoadBalancer',
};

const ANNOUNCE: Readonly<Record<IneligibleReason | 'NodeDraining', string>> = {
  NoAddress: 'see why the Service has no address',
  AddressOutsidePools: 'put the address back into a pool, or let the controller give another one',
  NoMatchingAdvertisement:
    'create an L2Advertisement or BGPAdvertisement, in the namespace of HeraldLB, whose ipAddressPools and serviceSelectors take this Service',
  NodeNotSelected: 'compare nodeSelectors of the advertisement with `kubectl get nodes --show-labels`',
  NoPeers: 'compare peers of the BGPAdvertisement with the BGPPeers, and their nodeSelectors with the labels of the nodes',
  NoEndpoints: 'are the Pods ready, and does the selector of the Service match them?',
  NoLocalEndpoints: 'run a Pod on a node that may announce, or use externalTrafficPolicy: Cluster',
  NodeExcluded: 'remove the label node.kubernetes.io/exclude-from-external-load-balancers from a node that shall announce',
  NodeNetworkUnavailable: 'look at the CNI of the node',
  NodeUnknown: "the speaker's --node-name must be the name of the Node",
  NodeDraining: 'nothing: other nodes announce it; `heraldlb undrain NODE` or `kubectl uncordon NODE` brings the node back',
  NodeNotReady: 'look at the kubelet of the node',
  ConflictingAdvertisements: 'make localPref, med, asPathPrepend and origin of these advertisements equal, or keep them apart',
  SharedAddressWithServiceSelector: 'select by pool in the L2Advertisement, not by Service labels',
  NotOwner: 'nothing: in layer 2 one node alone answers for an address',
};

const CONFIG: Readonly<Record<ProblemReason, string>> = {
  InvalidField: 'correct the field',
  InvalidAddressBlock: 'write a CIDR or a range, such as 198.51.100.0/26 or 10.0.0.10-10.0.0.20',
  OverlappingPools: 'take the block out of one of the two',
  DuplicateEntry: 'remove one of the two',
  UnknownReference: 'create what is named, or correct the name',
  AggregationShorterThanPool: 'use a longer aggregationLength, or a larger block in the pool',
  ConflictingLocalPref: 'make localPref equal, or select other pools or peers',
  ConflictingFields: 'keep one of the two fields',
  InvalidTimer: 'choose a time that BGP allows',
  InvalidCommunity: 'write 65000:100, large:64512:1:2, or the name of an alias in a Community',
  InvalidSecret: 'make a Secret of type kubernetes.io/basic-auth with the key password',
  UnusableAddresses: 'take these addresses out of the pool',
  SelectsNothing: 'compare the names and selectors with the names and labels of the pools',
  NotYetEffective: 'nothing: the message says what happens instead',
  CrdOutdated: 'kubectl apply -k manifests/crds of the version that runs, then write the objects again',
  UnknownField: 'correct the spelling of the field',
};

/** The codes of WireProblem in speaker/report.ts; a test compares. */
const WIRE: Readonly<Record<string, string>> = {
  AddressInUse: 'find the machine by its MAC and take the address from it, or out of the pool',
  AddressOfNode: 'take the address out of the pool, and give the Service another one',
  NoUsableInterface: 'compare interfaces of the L2Advertisement with `ip -br link` on the node',
  NoNextHop: 'give the interface to the router an address of that family',
  AttributesTooLong: 'take communities out of the BGPAdvertisements that meet in these routes',
  UnsupportedPeer: 'give the BGPPeer a peerAddress or an interface',
  RouterTooFar: 'switch GTSM on at the router, or set ttlSecurityHops to the hops that are between',
  SameRouter: 'give each BGPPeer a sourceAddress of its own, or make one of the two',
  KeyConflict: 'give both BGPPeers the same password',
  PasswordTooLong: 'use a password of at most 80 bytes on both sides',
  NoKey: 'name the Secret with the key in passwordSecret',
  NoTcpAo: 'use Linux 6.7 or later, or TCP MD5 on both sides',
  CannotSetKey: 'look at net.core.optmem_max, and whether the kernel has TCP MD5',
  TooManyRouters: 'use a longer prefix, or a second BGPPeer',
  NoRouter: 'switch Router Advertisements on at the router',
  NoDefaultGateway: 'look at `ip route show default` on the node',
  NoDevice: 'look at `ip -br link` on the node',
  CapabilityMissing: 'add it to securityContext.capabilities of the speaker, and let the Pod security level of its namespace allow it',
  CannotListen: 'free the port, or start the speaker with --bgp-listen-port 0',
  CannotOpenInterface: 'nothing, if the interface just went down; else look into the log of the speaker',
  CannotReceiveBfd: 'end the other BFD daemon on the node, or take bfdProfile from the BGPPeer',
  CannotSendBfd: 'look at `ip route get ROUTER` on the node',
  RouterHasOldKey: 'give the router the key of the Secret, or take the change of the BFDProfile or its Secret back',
  NoMeshPort: 'end the other program that `ss -ulpn sport = :7483` shows on the node, or give all speakers another --mesh-port',
  NoCommonFamily: 'give all nodes that answer for VIPs an InternalIP of one family',
  LivenessUnknown: 'let UDP port 7483 through between the nodes, and look whether a speaker runs on that one',
};

const SESSION: Readonly<Record<SessionReason, string>> = {
  ConnectionRefused:
    'configure this node as a neighbour on the router, and peerPort in the BGPPeer; or does a firewall refuse in its place?',
  NoAnswer: 'look for a firewall on the way, a password on the router, and ebgpMultiHop',
  KeyNotAccepted: 'give the BGPPeer and the router the same password',
  NoRouteToRouter: 'look at `ip route get ROUTER` on the node',
  SourceNotLocal: 'correct sourceAddress in the BGPPeer, or give it to those nodes alone that have the address (nodeSelectors)',
  BadPeerAs: "compare myASN and peerASN of the BGPPeer with the router's configuration",
  BadRouterId: 'set routerID in the BGPPeer, or give the nodes different addresses',
  UnacceptableHoldTime: 'set a longer holdTime in the BGPPeer, or a shorter minimum on the router',
  UnsupportedCapability: 'activate the same address families on both sides',
  OpenRefused: 'look into the log of the router',
  HoldTimerExpired: 'look for loss, a full link, or a path MTU that swallows large packets',
  PrefixLimit: 'raise the prefix limit on the router, or aggregate',
  RejectedByRouter: "is there another BGP speaker on the node, such as the CNI's?",
  EndedByRouter: 'the text says why; look into the log of the router',
  BfdDown: 'look at the path to the router, and at its BFD session',
  BfdNotGuarding: 'let UDP 3784 (several hops: 4784) through, and switch BFD on at the router',
  ProtocolError: 'look into the logs of both sides',
  ConnectionLost: 'is this node a neighbour on the router? Look into its log',
  NoOpen: 'does BGP run on that port of the router? Look whether it is stuck, and for a path MTU that swallows large packets',
  NotConnected: 'let the router dial this node, or take passive from the BGPPeer',
  Connecting: 'wait some seconds and ask again',
};

const EXPLAIN: Readonly<Record<ExplainReason, string>> = {
  ServiceNotFound: 'look at `kubectl get services -A`',
  OtherType: 'set spec.type: LoadBalancer',
  OtherClass: 'change spec.loadBalancerClass, or start HeraldLB with --lb-class',
  ServiceDeleting: 'wait, or look at the finalizers of the Service',
  ControllerNotRunning: 'look at `kubectl get pods -n heraldlb-system` and the log of the controller',
  NotYetAllocated: 'wait a moment, then look into the log of the controller',
  NoNodes: 'look at `kubectl get nodes`',
  SpeakerNotRunning: 'look at `kubectl get pods -n heraldlb-system -o wide` and the log of the speaker',
  NotOnTheWire: 'wait some seconds, then look into the log of the speaker on that node',
  PoolOutsideSubnets:
    'nothing where other nodes are in the subnet or a router has a route; else announce the pool by BGP, or take addresses of the subnet',
  FamilyNotCarried: 'set dualStackAddressFamily or families in the BGPPeer, or add a peer of that family',
};

const STEPS: Readonly<Record<Room, Readonly<Record<string, string>>>> = {
  ipam: IPAM,
  announce: ANNOUNCE,
  config: CONFIG,
  wire: WIRE,
  session: SESSION,
  explain: EXPLAIN,
};

/** What to do about it, in a few words; the page has the rest. */
export function nextStep(room: Room, reason: string): string {
  const steps = STEPS[room];
  return Object.hasOwn(steps, reason) ? (steps[reason] ?? '') : 'see the page';
}

/** Of a code that nobody says the room of: what is seen from outside counts before what is only configured. */
export function roomOf(reason: string): Room {
  return (['wire', 'session', 'config', 'announce', 'ipam'] as const).find((room) => Object.hasOwn(STEPS[room], reason)) ?? 'explain';
}
