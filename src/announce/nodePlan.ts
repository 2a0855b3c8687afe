import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import type { NodeView } from '../cluster/node.ts';
import type { ServiceKey } from '../cluster/service.ts';
import type { Config, Peer, PeerExtras } from '../config/config.ts';
import type { Ip } from '../net/ip.ts';
import { ipFamily, ipFromBytes } from '../net/ip.ts';
import { RankCache } from '../layer2/elector.ts';
import { ClaimPlanner } from './claims.ts';
import { drainText } from './drain.ts';
import { familiesOf } from './peerFamilies.ts';
import type { Layer2Plan, MeshPeer, NodePlan, NodePlanResult, PeerPlan, PeerSession, RouteSet, ServiceVerdict, Verdict } from './plan.ts';
import { RoutePlanner, onlyFamilies } from './routes.ts';
import { coversNode } from './scope.ts';
import { type AnnounceChanges, type AnnounceContext, type AnnounceSnapshot, type IndexUpdate, SnapshotIndex } from './snapshot.ts';
import { changeSorted } from './sorted.ts';

/** A plan, and what only the way to it shows. */
export interface PlannedNode extends NodePlanResult {
  /** Addresses among the candidacies that no Service had at the plan before; none at the first plan of a memory. */
  readonly fresh: readonly Ip[];
}

interface Planners {
  readonly nodeName: string;
  readonly node: NodeView | undefined;
  readonly peers: readonly Peer[];
  readonly routes: RoutePlanner;
  readonly claims: ClaimPlanner;
  mesh: Pick<Layer2Plan, 'peers' | 'beyond'>;
}

/**
 * What is kept from one plan to the next. It holds nothing that could not be computed again, and makes a plan cost what changed
 * instead of what there is: keep one per process, and give it snapshots whose unchanged views are the same objects.
 */
export class PlanMemory {
  readonly ranks = new RankCache();
  index: SnapshotIndex | undefined;
  planners: Planners | undefined;
  verdicts: readonly ServiceVerdict[] = [];
  /** Addresses of Services without endpoints: nobody has announced them yet. */
  readonly unserved = new Set<Ip>();
}

/** Everything one node has to do, and why it does not do the rest. Equal snapshots give equal plans, in any order and after any other. */
export function planNode(
  snapshot: AnnounceSnapshot,
  nodeName: string,
  generation: number,
  memory: PlanMemory = new PlanMemory(),
): PlannedNode {
  const isFirst = memory.index === undefined;
  const index = (memory.index ??= new SnapshotIndex(snapshot.config));
  return planUpdated(index, index.update(snapshot), { nodeName, generation, memory, isFirst, speakers: snapshot.speakers });
}

/** The same for those who know what changed since the last plan of this memory; at the first one everything did. */
export function planChanges(
  context: AnnounceContext,
  changes: AnnounceChanges,
  nodeName: string,
  generation: number,
  memory: PlanMemory,
): PlannedNode {
  const isFirst = memory.index === undefined;
  const index = (memory.index ??= new SnapshotIndex(context.config));
  return planUpdated(index, index.change(context, changes), { nodeName, generation, memory, isFirst, speakers: context.speakers });
}

interface Task {
  readonly nodeName: string;
  readonly generation: number;
  readonly memory: PlanMemory;
  readonly isFirst: boolean;
  readonly speakers: ServiceKey | undefined;
}

function planUpdated(index: SnapshotIndex, update: IndexUpdate, { nodeName, generation, memory, isFirst, speakers }: Task): PlannedNode {
  const { everything, dirty, goneAddresses } = update;
  for (const ip of goneAddresses) memory.ranks.forget(ip);
  const known = everything || memory.planners?.nodeName !== nodeName ? undefined : memory.planners;
  const planners = known ?? makePlanners(index, nodeName, memory.ranks);
  followSpeakers(planners, index, speakers, dirty);
  const toPlan = known === undefined && !everything ? new Set(index.keys()) : dirty;
  const concerned = planners.routes.update(toPlan);
  const elected = planners.claims.update(toPlan);
  memory.planners = planners;
  const judged = elected === toPlan ? concerned : new Set([...concerned, ...elected]);
  memory.verdicts = updateVerdicts(known === undefined ? [] : memory.verdicts, judged, index, planners);
  const plan = planOf(planners, index, generation);
  const begun = begin(index, memory, update, toPlan);
  return {
    plan,
    verdicts: memory.verdicts,
    speaksForAll: speakerForAll(index.nodes) === nodeName,
    problems: [],
    fresh: isFirst || begun.size === 0 ? [] : planners.claims.candidacies().flatMap(({ ip }) => (begun.has(ip) ? [ip] : [])),
  };
}

/** @returns addresses that somebody can announce now for the first time: a Service may have had its own for long before it had endpoints */
function begin(index: SnapshotIndex, { unserved }: PlanMemory, update: IndexUpdate, planned: ReadonlySet<ServiceKey>): ReadonlySet<Ip> {
  for (const ip of update.newAddresses) unserved.add(ip);
  for (const ip of update.goneAddresses) unserved.delete(ip);
  const begun = new Set<Ip>();
  if (unserved.size === 0) return begun;
  for (const key of planned) {
    if (!index.serving(key).anywhere) continue;
    for (const ip of index.service(key)?.ingress ?? []) if (unserved.delete(ip)) begun.add(ip);
  }
  return begun;
}

/** Pods of speakers come and go without changing anything else. */
function followSpeakers(planners: Planners, index: SnapshotIndex, speakers: ServiceKey | undefined, dirty: ReadonlySet<ServiceKey>): void {
  if (speakers !== undefined && dirty.has(speakers)) planners.mesh = meshOf(index, planners.node);
}

function speakerForAll(nodes: readonly NodeView[]): string | undefined {
  return (nodes.find((candidate) => candidate.ready) ?? nodes[0])?.name;
}

function makePlanners(index: SnapshotIndex, nodeName: string, ranks: RankCache): Planners {
  const node = index.nodes.find((candidate) => candidate.name === nodeName);
  const peers = peersOf(index.config, node);
  return {
    nodeName,
    node,
    peers,
    routes: new RoutePlanner(index, node, peers),
    claims: new ClaimPlanner(index, node, ranks),
    mesh: meshOf(index, node),
  };
}

function planOf(planners: Planners, { config, drain }: SnapshotIndex, generation: number): NodePlan {
  const { nodeName, node, peers, routes } = planners;
  const planned = peers.map((peer) => planPeer(peer, nodeName, node, config, routes.routes(peer.name)));
  const plan = { generation, node: nodeName, peers: planned, claims: planners.claims.claims(), layer2: layer2Of(planners) };
  // What nobody else announces must outlive a restart of the speaker, so the routers are not told to forget it.
  if (drain === undefined || routes.isLast()) return plan;
  return { ...plan, farewell: `node ${nodeName} drained: ${drainText(drain.reason)}` };
}

function layer2Of({ claims, mesh }: Planners): Layer2Plan {
  const candidacies = claims.candidacies();
  return { candidacies, groups: candidacies.map((claim) => claims.group(claim)), contests: claims.contests(), ...mesh };
}

/**
 * Whoever an L2Advertisement selects, whatever else keeps it from owning anything at the moment: sessions are not to come and go
 * with endpoints and conditions, which the nodes do not see at the same time.
 */
function meshOf(index: SnapshotIndex, node: NodeView | undefined): Planners['mesh'] {
  const isMember = (each: NodeView): boolean => index.config.l2Advertisements.some((advertisement) => coversNode(advertisement, each));
  if (node === undefined || !isMember(node)) return { peers: [] };
  const peers: MeshPeer[] = [];
  const beyond: string[] = [];
  for (const each of index.nodes) {
    if (each.name === node.name || !isMember(each)) continue;
    const pair = pairOf(node, each);
    const ready = each.ready && index.hasSpeaker(each.name);
    if (pair !== undefined) peers.push({ node: each.name, ...pair, ready });
    else if (ready) beyond.push(each.name);
  }
  return { peers, ...(beyond.length === 0 ? {} : { beyond: { nodes: beyond, isReady: node.ready } }) };
}

/** The same two addresses on both sides. */
function pairOf(own: NodeView, other: NodeView): Pick<MeshPeer, 'address' | 'source'> | undefined {
  for (const family of ['ipv4', 'ipv6'] as const) {
    const [source, address] = [own, other].map(({ internalIPs }) => internalIPs.find((ip) => ipFamily(ip) === family));
    if (source !== undefined && address !== undefined) return { address, source };
  }
  return undefined;
}

const NOTHING: Verdict = { announced: false, ineligible: { reason: 'NoMatchingAdvertisement' } };

function updateVerdicts(
  before: readonly ServiceVerdict[],
  concerned: ReadonlySet<ServiceKey>,
  index: SnapshotIndex,
  { routes, claims }: Planners,
): readonly ServiceVerdict[] {
  if (concerned.size === 0) return before;
  const verdictOf = (key: ServiceKey): ServiceVerdict | undefined => {
    const service = index.service(key);
    if (service === undefined) return undefined;
    return { service: key, addresses: service.ingress, bgp: routes.verdict(key) ?? NOTHING, layer2: claims.verdict(key) ?? NOTHING };
  };
  // Nothing to be put in between: much, and needed only now.
  if (before.length === 0) return [...concerned].sort().flatMap((key) => verdictOf(key) ?? []);
  const gone = new Set<string>();
  const came = new Map<string, ServiceVerdict>();
  for (const key of concerned) {
    const verdict = verdictOf(key);
    if (verdict === undefined) gone.add(key);
    else came.set(key, verdict);
  }
  return changeSorted(before, ({ service }) => service, gone, came);
}

/**
 * The sessions stay up on a node that may announce nothing at the moment (excluded, network unavailable): it is the
 * routes that are withdrawn. A node that is not known has none.
 */
export function peersOf(config: Config, node: NodeView | undefined): Peer[] {
  if (node === undefined) return [];
  return config.peers.filter((peer) => coversNode(peer, node)).toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function planPeer(
  peer: Peer,
  nodeName: string,
  node: NodeView | undefined,
  config: Config,
  routes: readonly RouteSet[],
): PeerPlan<RouteSet> {
  const session = sessionOf(peer, nodeName, node, config);
  return { name: peer.name, session, routes: onlyFamilies(routes, session.families) };
}

/** The sessions that a node is to have, by the names of their BGPPeers. */
export function nodeSessions(config: Config, node: NodeView): Pick<PeerPlan, 'name' | 'session'>[] {
  return peersOf(config, node).map((peer) => ({ name: peer.name, session: sessionOf(peer, node.name, node, config) }));
}

function sessionOf(peer: Peer, nodeName: string, node: NodeView | undefined, config: Config): PeerSession {
  const families = familiesOf(peer);
  const bfd = config.bfdProfiles.find((profile) => profile.name === peer.bfdProfile);
  return {
    myAsn: peer.myAsn,
    peerAsn: peer.peerAsn,
    port: peer.port,
    holdTimeMs: peer.holdTimeMs,
    keepaliveTimeMs: peer.keepaliveTimeMs,
    routerId: peer.routerId ?? defaultRouterId(nodeName, node),
    families,
    ebgpMultiHop: peer.ebgpMultiHop,
    gracefulRestart: peer.gracefulRestart,
    ...optional('localAsn', peer.localAsn),
    ...optional('address', peer.address),
    ...optional('interface', peer.interface),
    ...optional('sourceAddress', peer.sourceAddress),
    ...optional('connectTimeMs', peer.connectTimeMs),
    ...optional('password', peer.password),
    ...optional('vrf', peer.vrf),
    ...extrasOf(peer),
    ...optional('bfd', bfd),
  };
}

function optional<K extends string, V>(key: K, value: V | undefined): { [key in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [key in K]?: V });
}

function extrasOf(peer: Peer): Omit<PeerExtras, 'families'> {
  const { passive, listenRange, defaultGateway, ttlSecurityHops, tcpAo, delayOpenMs, role } = peer;
  const { addPath, extendedMessages, restartTimeSeconds, longLivedStaleSeconds } = peer;
  return {
    ...optional('passive', passive),
    ...optional('listenRange', listenRange),
    ...optional('defaultGateway', defaultGateway),
    ...optional('ttlSecurityHops', ttlSecurityHops),
    ...optional('tcpAo', tcpAo),
    ...optional('delayOpenMs', delayOpenMs),
    ...optional('role', role),
    ...optional('addPath', addPath),
    ...optional('extendedMessages', extendedMessages),
    ...optional('restartTimeSeconds', restartTimeSeconds),
    ...optional('longLivedStaleSeconds', longLivedStaleSeconds),
  };
}

/** RFC 6286 §2.1 wants a non-zero value that is unique in the AS. */
function defaultRouterId(nodeName: string, node: NodeView | undefined): Ip {
  const own = node?.internalIPs.find((ip) => ipFamily(ip) === 'ipv4');
  if (own !== undefined) return own;
  const hash = sha256(utf8ToBytes(nodeName));
  // 10.0.0.0/8 looks like an address to people and tools, and is neither zero nor multicast.
  return ipFromBytes(Uint8Array.of(10, hash[0] ?? 0, hash[1] ?? 0, (hash[2] ?? 0) | 1));
}
