import type { PeerCounters, PeerStatus } from '../src/bgp/peerContract.ts';
import type { ClaimPhase } from '../src/layer2/announcerState.ts';
import type { ReachRange } from '../src/layer2/reach.ts';
import type { Ip } from '../src/net/ip.ts';
import type { Mac } from '../src/net/mac.ts';
import type { BfdState } from '../src/wire/bfd.ts';
import { peerNameOf } from './peerName.ts';

/**
 * What the wire looks like, as one value: the wire thread makes it, the worker tells Kubernetes. The latest wins. Times are RFC 3339,
 * since instants mean nothing in another thread.
 */
export interface Report<Claims = readonly ClaimReport[]> {
  /** Of the plan that is in force; undefined before the first. */
  readonly generation?: number;
  readonly peers: readonly PeerReport[];
  readonly bfd: readonly BfdReport[];
  readonly claims: Claims;
  readonly problems: readonly WireProblem[];
  /** What others are to announce before this node, where one can announce it better. */
  readonly passedOver?: readonly ReachRange[];
}

export interface PeerReport {
  readonly name: string;
  readonly address: Ip;
  /** The interface of a link-local address. */
  readonly interface?: string;
  readonly port: number;
  readonly state: PeerStatus['state'];
  readonly since: string;
  readonly asn?: number;
  readonly families: readonly string[];
  readonly lastError?: { readonly at: string; readonly text: string };
  readonly counters: PeerCounters;
  /** Prefixes that are to be announced on it. */
  readonly desired: number;
}

export interface BfdReport {
  /** The peer's address, with its interface or VRF and `multihop` where there are several sessions with it. */
  readonly session: string;
  readonly address: Ip;
  /** BGPPeer names that it guards. */
  readonly peers: readonly string[];
  readonly profile: string;
  readonly state: BfdState;
  readonly since: string;
  /** Why it last left Up, and why it does not come up where packets come. */
  readonly lastDown?: { readonly at: string; readonly reason: string };
  /** As negotiated; 0 while the peer wants no packets. */
  readonly transmitMs: number;
  /** Absent before the peer was heard. */
  readonly detectionMs?: number;
  readonly counters: BfdReportCounters;
}

export interface BfdReportCounters {
  readonly packetsSent: number;
  readonly packetsReceived: number;
  readonly echoesSent: number;
  readonly echoesReceived: number;
  readonly timesUp: number;
  readonly timesDown: number;
}

/** As it travels: of thousands of claims those alone that are not what they were. */
export type ReportNews = Report<ClaimNews>;
/** As the worker has it. */
export type HeardReport = Report<ReadonlyMap<Ip, ClaimState>>;

export interface ClaimNews {
  /** There is no other. */
  readonly isWhole: boolean;
  /** Those that are alike are told of together. */
  readonly alike: readonly (ClaimState & { readonly ips: readonly Ip[] })[];
  readonly gone: readonly Ip[];
}

export interface ClaimReport extends ClaimState {
  readonly ip: Ip;
}

export interface ClaimState {
  readonly phase: ClaimPhase;
  /** Where it is answered for. */
  readonly interfaces: readonly string[];
  /** When it entered this phase. */
  readonly since: string;
}

/** Those that the kernel may ask of a speaker. */
export type Capability = 'NET_RAW' | 'NET_ADMIN' | 'NET_BIND_SERVICE';

/** What keeps a plan from being carried out. Stable codes: NodeState, events and metrics use them. */
export type WireProblem =
  | { readonly reason: 'AddressInUse'; readonly ip: Ip; readonly mac: Mac; readonly interface: string; readonly node?: string }
  /** `owner`: a Node, or the default gateway. */
  | { readonly reason: 'AddressOfNode'; readonly ip: Ip; readonly owner: string }
  | { readonly reason: 'NoUsableInterface'; readonly ip: Ip; readonly interfaces: readonly string[] }
  | { readonly reason: 'NoNextHop'; readonly peer: string; readonly family: string }
  | { readonly reason: 'AttributesTooLong'; readonly peer: string; readonly prefixes: number; readonly limit: number }
  | { readonly reason: 'UnsupportedPeer'; readonly peer: string; readonly field: string }
  /** `what`: of what is impossible without it. */
  | { readonly reason: 'CapabilityMissing'; readonly capability: Capability; readonly what: string; readonly peer?: string }
  | { readonly reason: 'CannotListen'; readonly port: number; readonly error: string; readonly device?: string }
  | { readonly reason: 'RouterTooFar'; readonly peer: string; readonly ttl?: number; readonly least: number }
  | { readonly reason: 'SameRouter'; readonly peer: string; readonly other: string }
  | { readonly reason: 'KeyConflict'; readonly peer: string; readonly other: string }
  | { readonly reason: 'PasswordTooLong'; readonly peer: string; readonly bytes: number }
  | { readonly reason: 'NoKey'; readonly peer: string }
  | { readonly reason: 'NoTcpAo'; readonly peer: string }
  | { readonly reason: 'CannotSetKey'; readonly peer: string; readonly error: string }
  | { readonly reason: 'TooManyRouters'; readonly peer: string; readonly limit: number }
  | { readonly reason: 'NoRouter'; readonly peer: string; readonly interface: string }
  | { readonly reason: 'NoDefaultGateway'; readonly peer: string; readonly family: string; readonly vrf?: string; readonly error?: string }
  | { readonly reason: 'NoDevice'; readonly peer: string; readonly device: string }
  | { readonly reason: 'CannotReceiveBfd'; readonly port: number; readonly error: string }
  | { readonly reason: 'CannotSendBfd'; readonly peer: string; readonly error: string }
  | { readonly reason: 'RouterHasOldKey'; readonly peer: string }
  /** UDP of the mesh of speakers. */
  | { readonly reason: 'NoMeshPort'; readonly port: number; readonly error: string }
  /** The speaker of that node cannot be heard: no InternalIP of a family that this node has one of, too. */
  | { readonly reason: 'NoCommonFamily'; readonly node: string }
  /** The speaker of that node was never heard by BFD. */
  | { readonly reason: 'LivenessUnknown'; readonly node: string; readonly error?: string }
  | { readonly reason: 'CannotOpenInterface'; readonly interface: string; readonly error: string };

type Sentences = { readonly [R in WireProblem['reason']]: (facts: Extract<WireProblem, { reason: R }>) => string };

const SENTENCES: Sentences = {
  AddressInUse: ({ ip, mac, interface: name, node }) =>
    `${mac} on ${name} uses ${ip} too${node === undefined ? '' : `: that is node ${node} of this cluster, where somebody may have configured it`}`,
  AddressOfNode: ({ ip, owner }) => `${ip} is the address of ${owner}, and is not announced`,
  NoUsableInterface: ({ ip, interfaces }) =>
    interfaces.length === 0
      ? `no interface of the node can announce ${ip}`
      : `none of the interfaces ${interfaces.join(', ')} exists, is up and can announce ${ip}`,
  NoNextHop: ({ peer, family }) => `the connection to ${peer} has no ${family} address that could be the next hop`,
  AttributesTooLong: ({ peer, prefixes, limit }) =>
    `${prefixes === 1 ? 'a prefix is' : `${prefixes} prefixes are`} not announced to ${peer}: the communities alone fill a message of ${limit} bytes`,
  UnsupportedPeer: ({ peer, field }) => `BGPPeer ${peer} needs ${field}, which this version does not have`,
  CapabilityMissing: ({ capability, what }) => `the speaker has not the capability ${capability}: ${what}`,
  CannotListen: ({ port, error, device }) =>
    `no BGP connections are accepted${device === undefined ? '' : ` on ${device}`}: port ${port} cannot be had (${error})`,
  RouterTooFar: ({ peer, ttl, least }) =>
    `the router of ${peer} is too far away, or does not use GTSM: its packets come with a TTL ${ttl === undefined ? '' : `of ${ttl}, `}below ${least}`,
  SameRouter: ({ peer, other }) => `${peer} has the router of ${other}, and nothing that tells their connections apart`,
  KeyConflict: ({ peer, other }) => `${peer} and ${other} have one router and different keys: only that of ${other} is asked for`,
  PasswordTooLong: ({ peer, bytes }) => `the password of ${peer} has ${bytes} bytes, and at most 80 are possible`,
  NoKey: ({ peer }) => `${peer} is to use TCP-AO and has no password to be its key`,
  NoTcpAo: ({ peer }) => `${peer} is to use TCP-AO, which this node's kernel does not have: there is no session`,
  CannotSetKey: ({ peer, error }) => `connections from the router of ${peer} are refused: the kernel did not take their key (${error})`,
  TooManyRouters: ({ peer, limit }) => `more than ${limit} routers connect from the range of ${peer}: the others are refused`,
  NoRouter: ({ peer, interface: name }) => `no router has advertised itself on ${name}, where ${peer} is to have one`,
  NoDefaultGateway: ({ peer, family, vrf, error }) =>
    error === undefined
      ? `${peer} is to have the node's ${family} default gateway as its router, and ${vrf === undefined ? 'the node' : `VRF ${vrf}`} has no default route by a gateway`
      : `${peer} is to have the node's default gateway as its router, and the kernel does not tell the routes (${error})`,
  NoDevice: ({ peer, device }) => `${peer} is to use ${device}, and this node has no such interface`,
  CannotReceiveBfd: ({ port, error }) => `BFD guards nothing: port ${port} cannot be had (${error})`,
  CannotSendBfd: ({ peer, error }) => `BFD does not guard ${peer}: nothing can be sent there (${error})`,
  RouterHasOldKey: ({ peer }) => `BFD guards ${peer} as before: the router does not sign with the key of the BFDProfile yet`,
  NoMeshPort: ({ port, error }) =>
    `the speakers of other nodes cannot be heard: UDP port ${port} cannot be had (${error}), so Kubernetes alone tells who lives`,
  NoCommonFamily: ({ node }) =>
    `this node and ${node} have no InternalIP of one family: Kubernetes alone tells whether the speaker there lives`,
  LivenessUnknown: ({ node, error }) =>
    `the speaker of ${node} was never heard by BFD${error === undefined ? '' : `, and nothing can be sent there (${error})`}: Kubernetes alone tells whether it lives`,
  CannotOpenInterface: ({ interface: name, error }) => `interface ${name} cannot be opened (${error})`,
};

/** What the kernel said when a packet socket was asked for. */
export function cannotOpen(name: string, error: string): WireProblem {
  if (error === 'EPERM') return { reason: 'CapabilityMissing', capability: 'NET_RAW', what: `interface ${name} cannot be opened` };
  return { reason: 'CannotOpenInterface', interface: name, error };
}

/** One sentence for people. */
export function wireProblemText(problem: WireProblem): string {
  const sentence = SENTENCES[problem.reason] as (facts: WireProblem) => string;
  return sentence(problem);
}

/** The object it is about, as an operator would name it. */
export function wireProblemObject(problem: WireProblem): string | undefined {
  if ('ip' in problem) return problem.ip;
  if ('peer' in problem && problem.peer !== undefined) return `BGPPeer/${peerNameOf(problem.peer)}`;
  if ('capability' in problem) return problem.capability;
  if ('node' in problem) return `Node/${problem.node}`;
  return 'interface' in problem ? problem.interface : undefined;
}
