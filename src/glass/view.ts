import type { Family } from '../net/ip.ts';

/**
 * What the looking glass shows: plain JSON, made from what the controller watches, without anything secret. Every row has an `id`
 * that is unique in its section, so that two snapshots can be compared row by row.
 */
export interface Snapshot {
  readonly head: Head;
  readonly problems: readonly ProblemRow[];
  readonly pools: readonly PoolRow[];
  readonly vips: readonly VipRow[];
  readonly nodes: readonly NodeRow[];
  readonly sessions: readonly SessionRow[];
  readonly peers: readonly PeerRow[];
  readonly advertisements: readonly AdvertisementRow[];
  /** Sets of nodes that VIPs refer to: most VIPs are announced from the same few sets. */
  readonly sets: readonly SetRow[];
}

export const SECTIONS = ['problems', 'pools', 'vips', 'nodes', 'sessions', 'peers', 'advertisements', 'sets'] as const;
export type Section = (typeof SECTIONS)[number];

/** The facts that are one of a kind. Times are RFC 3339 here as everywhere in a snapshot. */
export interface Head {
  readonly namespace: string;
  /** Holder of the lease; absent while there is none, or none is known. */
  readonly leader?: string;
  /** The controller that serves the page. */
  readonly servedBy: string;
  readonly version: string;
  /** Since when moves are remembered. */
  readonly watchingSince: string;
  /** What is not read yet, one sentence each: until then the page is not the whole truth. */
  readonly missing: readonly string[];
  /** Whether there is a login, and so a way out. */
  readonly login: boolean;
  /** What goes in front of `#code` in a link to the documentation. */
  readonly docs: string;
}

export type Severity = 'error' | 'warning' | 'info';

export interface ProblemRow {
  readonly id: string;
  readonly severity: Severity;
  readonly reason: string;
  /** Of the section in docs/troubleshoot.md. */
  readonly anchor: string;
  readonly kind: string;
  /** `namespace/name` for a Service, else the name. */
  readonly name: string;
  readonly message: string;
  /** Where it was seen, if it is a matter of nodes; sorted. */
  readonly nodes: readonly string[];
}

export interface Usage {
  readonly used: number;
  /** At most 2^53-1. */
  readonly free: number;
}

export interface PoolRow {
  readonly id: string;
  readonly blocks: readonly string[];
  readonly usage: Readonly<Partial<Record<Family, Usage>>>;
  readonly autoAssign: boolean;
  readonly disabled: boolean;
}

export interface VipService {
  /** `namespace/name`. */
  readonly name: string;
  /** `80/TCP`. */
  readonly ports: readonly string[];
  readonly policy: 'Cluster' | 'Local';
}

export interface Owner {
  readonly node: string;
  readonly since: string;
  readonly interfaces: readonly string[];
}

/** `announced`: some node does. `partly`: some node that is to announce it has no session. `silent`: nobody does. */
export type VipState = 'announced' | 'partly' | 'contested' | 'silent';

export interface VipRow {
  /** The address. */
  readonly id: string;
  readonly family: Family;
  /** Absent: in no valid pool. */
  readonly pool?: string;
  readonly services: readonly VipService[];
  readonly state: VipState;
  /** Who answers ARP or NDP for it, by their own word. */
  readonly owners: readonly Owner[];
  /** Nodes that are to announce it by BGP and have a session: id of a set; `` for none. */
  readonly bgp: string;
  /** Nodes that are to, and have none. */
  readonly waiting: string;
  /** BGPPeers that it is announced to. */
  readonly peers: readonly string[];
  /** What is wrong with it: what `heraldlb explain` names first for its Service. */
  readonly why?: Why;
  /** When it was assigned, moved or seen first. */
  readonly since: string;
  /** How many moves are remembered. */
  readonly moves: number;
}

export interface Why {
  readonly reason: string;
  readonly anchor: string;
  readonly message: string;
  /** What to do. */
  readonly next: string;
}

export interface NodeRow {
  readonly id: string;
  readonly addresses: readonly string[];
  /** As the cluster says. */
  readonly ready: boolean;
  readonly cordoned: boolean;
  /** Labelled to take no load-balancer traffic, or its network is unavailable. */
  readonly excluded: boolean;
  /** What its speaker says; absent where there is no word of one. */
  readonly speaker?: Speaker;
  readonly drain?: Drain;
  /** VIPs that it answers ARP or NDP for. */
  readonly owned: number;
  /** VIPs that it announces by BGP. */
  readonly routed: number;
  readonly sessionsUp: number;
  readonly sessions: number;
  readonly problems: number;
}

export interface Speaker {
  readonly version: string;
  readonly startedAt: string;
  readonly ready: boolean;
  readonly reason: string;
  readonly message: string;
  /** Prefixes that it announces. */
  readonly routes: number;
}

export interface Drain {
  readonly phase: string;
  readonly reason: string;
  readonly since: string;
}

export interface SessionRow {
  /** `node peer`. */
  readonly id: string;
  readonly node: string;
  /** BGPPeer; where one has many routers, those are told apart by `address`. */
  readonly peer: string;
  readonly address: string;
  readonly asn: string;
  readonly state: string;
  readonly since: string;
  readonly families: readonly string[];
  readonly routes: number;
  readonly lastError?: string;
  readonly lastErrorAt?: string;
  readonly bfd?: BfdRow;
}

export interface BfdRow {
  readonly state: string;
  readonly since: string;
  readonly profile: string;
  readonly detectionMs?: number;
  readonly lastDown?: string;
  readonly lastDownAt?: string;
}

export interface PeerRow {
  readonly id: string;
  /** An address, an interface, a range or a gateway. */
  readonly router: string;
  readonly myAsn: number;
  readonly asn: string;
  readonly holdTimeMs: number;
  /** How the session is protected; never by what key. */
  readonly protection: 'none' | 'TCP MD5' | 'TCP-AO';
  readonly bfdProfile?: string;
  readonly up: number;
  readonly sessions: number;
}

export interface AdvertisementRow {
  /** `BGP name` or `layer 2 name`. */
  readonly id: string;
  readonly protocol: 'BGP' | 'layer 2';
  readonly name: string;
  /** Empty: all. */
  readonly pools: readonly string[];
  /** How many nodes it selects. */
  readonly nodes: number;
  readonly peers: readonly string[];
  readonly interfaces: readonly string[];
}

export interface SetRow {
  readonly id: string;
  readonly nodes: readonly string[];
}

/** What happened to a VIP. */
export type Move =
  /** It was so when this controller began to look. */
  | { readonly what: 'found'; readonly at: string; readonly services: readonly string[]; readonly nodes: readonly string[] }
  | { readonly what: 'assigned'; readonly at: string; readonly services: readonly string[] }
  | { readonly what: 'released'; readonly at: string; readonly services: readonly string[] }
  /** Layer 2. Empty: nobody. */
  | { readonly what: 'owner'; readonly at: string; readonly from: readonly string[]; readonly to: readonly string[] }
  /** BGP. */
  | { readonly what: 'nodes'; readonly at: string; readonly joined: readonly string[]; readonly left: readonly string[] };

export interface VipHistory {
  readonly address: string;
  /** Newest first. */
  readonly moves: readonly Move[];
}
