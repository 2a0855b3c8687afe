import type { NodeView } from '../cluster/node.ts';
import type { ServiceKey } from '../cluster/service.ts';
import type { Peer } from '../config/config.ts';
import type { Ip } from '../net/ip.ts';
import { ipFamily } from '../net/ip.ts';
import { RankCache } from '../layer2/elector.ts';
import { ClaimPlanner } from './claims.ts';
import { drainText } from './drain.ts';
import { peersOf, planPeer } from './peerPlans.ts';
import type { Layer2Plan, MeshPeer, NodePlan, NodePlanResult, ServiceVerdict } from './plan.ts';
import { RoutePlanner } from './routes.ts';
import { coversNode } from './scope.ts';
import { type AnnounceChanges, type AnnounceContext, type AnnounceSnapshot, type IndexUpdate, SnapshotIndex } from './snapshot.ts';
import { changeSorted } from './sorted.ts';
import type { Sources } from './sources.ts';
import { UNMATCHED, Verdicts } from './verdicts.ts';

/** A plan, and what only the way to it shows. */
export interface PlannedNode extends PlannedChanges {
  /** Sorted by Service. */
  readonly verdicts: readonly ServiceVerdict[];
}

export interface PlannedChanges extends NodePlanResult {
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
  readonly sources: Sources | undefined;
  index: SnapshotIndex | undefined;
  planners: Planners | undefined;
  /** Of those who give whole snapshots. */
  list: readonly ServiceVerdict[] = [];
  /** Of those who tell what changed. */
  verdicts: Verdicts | undefined;
  /** Addresses of Services without endpoints: nobody has announced them yet. */
  readonly unserved = new Set<Ip>();

  /** @param sources see there; absent: Services and slices are kept here. */
  constructor(sources?: Sources) {
    this.sources = sources;
  }
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
  const task = { nodeName, generation, memory, isFirst, speakers: snapshot.speakers };
  const { plan, planners, judged, isWhole } = planUpdated(index, index.update(snapshot), task);
  memory.list = updateVerdicts(isWhole ? [] : memory.list, judged ?? new Set(index.keys()), index, planners);
  return { ...plan, verdicts: memory.list };
}

/** The same for those who know what changed since the last plan of this memory; at the first one everything did. */
export function planChanges(
  context: AnnounceContext,
  changes: AnnounceChanges,
  nodeName: string,
  generation: number,
  memory: PlanMemory,
): PlannedChanges {
  const isFirst = memory.index === undefined;
  const index = (memory.index ??= new SnapshotIndex(context.config, memory.sources));
  const task = { nodeName, generation, memory, isFirst, speakers: context.speakers };
  const { plan, planners, judged } = planUpdated(index, index.change(context, changes), task);
  if (memory.verdicts === undefined || judged === undefined || judged.size > 0) memory.verdicts = new Verdicts(index, planners);
  return { ...plan, verdicts: memory.verdicts };
}

interface Task {
  readonly nodeName: string;
  readonly generation: number;
  readonly memory: PlanMemory;
  readonly isFirst: boolean;
  readonly speakers: ServiceKey | undefined;
}

interface Updated {
  readonly plan: Omit<PlannedChanges, 'verdicts'>;
  readonly planners: Planners;
  /** Services whose verdict may be another one; undefined: of all. */
  readonly judged: ReadonlySet<ServiceKey> | undefined;
  readonly isWhole: boolean;
}

/** Services that are planned together where all are: what is noted of each meanwhile is little then. */
const TOGETHER = 2048;

function planUpdated(index: SnapshotIndex, update: IndexUpdate, { nodeName, generation, memory, isFirst, speakers }: Task): Updated {
  const { everything, dirty, goneAddresses } = update;
  for (const ip of goneAddresses) memory.ranks.forget(ip);
  const known = everything || memory.planners?.nodeName !== nodeName ? undefined : memory.planners;
  const planners = known ?? makePlanners(index, nodeName, memory.ranks);
  followSpeakers(planners, index, speakers, dirty);
  const judged = known === undefined ? planAll(index, planners) : planSome(planners, update);
  planners.routes.settle();
  memory.planners = planners;
  const begun = isFirst ? beginAll(index, memory) : begin(index, memory, update, known === undefined ? index.keys() : dirty);
  const plan = {
    plan: planOf(planners, index, generation),
    speaksForAll: speakerForAll(index.nodes) === nodeName,
    problems: [],
    fresh: begun.size === 0 ? [] : planners.claims.candidacies().flatMap(({ ip }) => (begun.has(ip) ? [ip] : [])),
  };
  return { plan, planners, judged, isWhole: known === undefined };
}

/** By planners that know nothing yet. */
function planAll(index: SnapshotIndex, { routes, claims }: Planners): undefined {
  if (claims.isIdle) {
    for (const keys of batchesOf(index.keys(), TOGETHER)) routes.update(keys, new Map());
    return undefined;
  }
  const keys = new Set(index.keys());
  routes.update(keys, new Map());
  claims.update(keys);
  return undefined;
}

function planSome({ routes, claims }: Planners, { dirty, former }: IndexUpdate): ReadonlySet<ServiceKey> {
  const concerned = routes.update(dirty, former);
  const elected = claims.update(dirty);
  return elected === dirty ? concerned : new Set([...concerned, ...elected]);
}

function* batchesOf<T>(all: Iterable<T>, size: number): Iterable<ReadonlySet<T>> {
  let batch = new Set<T>();
  for (const each of all) {
    batch.add(each);
    if (batch.size < size) continue;
    yield batch;
    batch = new Set();
  }
  if (batch.size > 0) yield batch;
}

/** @returns addresses that somebody can announce now for the first time: a Service may have had its own for long before it had endpoints */
function begin(index: SnapshotIndex, { unserved }: PlanMemory, update: IndexUpdate, planned: Iterable<ServiceKey>): ReadonlySet<Ip> {
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

/** What was there before this process may have been announced by another one. */
function beginAll(index: SnapshotIndex, { unserved }: PlanMemory): ReadonlySet<Ip> {
  const isServed = (key: ServiceKey): boolean => index.serving(key).anywhere;
  for (const { ingress } of index.all()) for (const ip of ingress) if (!index.sharers(ip).some(isServed)) unserved.add(ip);
  return new Set();
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
    return { service: key, addresses: service.ingress, bgp: routes.verdict(key) ?? UNMATCHED, layer2: claims.verdict(key) ?? UNMATCHED };
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
