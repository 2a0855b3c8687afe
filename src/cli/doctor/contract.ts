import type { NodeStateStatus } from '../../api/nodeState.ts';
import type { NodeView } from '../../cluster/node.ts';
import type { Config } from '../../config/config.ts';
import type { Problem, ProblemReason } from '../../config/problem.ts';
import type { Ip } from '../../net/ip.ts';
import type { SessionReason } from '../../view/sessionTrouble.ts';

/** What is wrong, or may be. What the running programs say, too, has the same code here. */
export type DoctorReason = OwnReason | WireReason | SessionReason | ProblemReason | 'PoolOutsideSubnets';

/** Codes that speakers give, too. */
export type WireReason =
  | 'AddressInUse'
  | 'CannotListen'
  | 'CannotReceiveBfd'
  | 'CannotSetKey'
  | 'CapabilityMissing'
  | 'NoMeshPort'
  | 'NoTcpAo'
  | 'NoUsableInterface';

export type OwnReason =
  | 'AddonMissing'
  | 'ApiRefused'
  | 'ApiUnreachable'
  | 'ClockSkew'
  | 'CrdMissing'
  | 'GatewaySilent'
  | 'MetricsPortTaken'
  | 'MtuTooSmall'
  | 'NodeMissing'
  | 'OtherLoadBalancer'
  | 'PeerSilent'
  | 'PoolHasNodeAddress'
  | 'RightMissing'
  | 'RpFilterStrict'
  | 'StrictArpOff';

export type Level = 'PASS' | 'WARN' | 'FAIL';

/** One line of the table. */
export interface Finding {
  readonly level: Level;
  /** What was looked at: `port 179`. */
  readonly check: string;
  /** Absent when nothing is wrong. */
  readonly reason?: DoctorReason;
  readonly message: string;
}

/** Who has a port. */
export interface Listener {
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
  readonly pid?: number;
  /** Absent where its process cannot be seen: it is of another PID namespace, or of another user. */
  readonly program?: string;
  readonly isOurs: boolean;
}

export interface Nic {
  readonly name: string;
  readonly up: boolean;
  readonly carrier: boolean;
  readonly loopback: boolean;
  /** Can carry ARP: Ethernet, broadcast. */
  readonly arp: boolean;
  /** Of which bridge or bond it is a port. A member of a VRF is none. */
  readonly portOf?: string;
  readonly mtu: number;
  readonly addresses: readonly { readonly ip: Ip; readonly prefixLength: number }[];
}

/** Of this machine, or of the namespace that the command runs in. */
export interface NodeFacts {
  /** CapEff. */
  readonly capabilities: bigint;
  readonly listeners: readonly Listener[];
  /** A speaker answers on its port: what listens here and cannot be seen is its. */
  readonly speakerRuns: boolean;
  readonly nics: readonly Nic[];
  readonly gateways: readonly Ip[];
  /** `net.ipv4.conf.all.arp_ignore`; absent where there is none. */
  readonly sysctls: Readonly<Record<string, number>>;
  /** Errors of the kernel, by what was tried; absent: it worked. */
  readonly addonError?: string;
  readonly md5Error?: string;
  readonly aoError?: string;
}

export interface Right {
  readonly account: string;
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly name?: string;
  readonly namespace?: string;
}

export interface OtherSystem {
  readonly system: 'MetalLB' | 'kube-vip' | 'Cilium' | 'PureLB' | 'ServiceLB' | 'OpenELB';
  /** Serves this class only. */
  readonly loadBalancerClass?: string;
  /** What shows that it is there. */
  readonly evidence: string;
}

export interface ClusterFacts {
  readonly server: string;
  /** HTTP status of /version, or why there was none. */
  readonly answer: { readonly status: number } | { readonly error: string };
  /** Its clock less ours. */
  readonly skewMs?: number;
  /** Plurals that are served in our group and version; absent: not known. */
  readonly served?: readonly string[];
  /** By plural: fields of this version that the definition in the cluster does not have. */
  readonly outdated?: Readonly<Record<string, readonly string[]>>;
  readonly missingRights?: readonly Right[];
  readonly others?: readonly OtherSystem[];
  readonly node?: NodeView;
  readonly nodeState?: NodeStateStatus;
}

export type Reach = 'open' | 'refused' | 'timeout' | 'noRoute';

export interface WireFacts {
  /** By address; absent: not asked. */
  readonly echoes: ReadonlyMap<Ip, 'reply' | 'timeout'>;
  /** By BGPPeer. */
  readonly peers: ReadonlyMap<string, { readonly address: Ip; readonly port: number; readonly reach: Reach }>;
  /** MACs that answered for a VIP; ours are not among them. */
  readonly answers: ReadonlyMap<Ip, readonly string[]>;
}

export interface Facts {
  readonly nodeName: string;
  readonly node: NodeFacts;
  /** Of the speaker, or as it will be started. */
  readonly excludeInterfaces: RegExp;
  readonly loadBalancerClass?: string;
  readonly cluster?: ClusterFacts;
  readonly config?: Config;
  readonly problems?: readonly Problem[];
  readonly wire?: WireFacts;
}
