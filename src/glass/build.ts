import { coversNode } from '../announce/scope.ts';
import type { ServiceView } from '../cluster/service.ts';
import { type AnnounceSnapshot, type IndexedSnapshot, SnapshotIndex } from '../announce/snapshot.ts';
import { EXCLUDE_LABEL, type NodeView } from '../cluster/node.ts';
import type { Config } from '../config/config.ts';
import type { Problem } from '../config/problem.ts';
import { share } from './diff.ts';
import { History } from './history.ts';
import type { NodeReport } from './nodeReport.ts';
import { advertisementRows, peerRows, poolRows } from './objects.ts';
import {
  type Finding,
  configFindings,
  nodeFindings,
  poolFindings,
  problemRows,
  reportFindings,
  serviceFindings,
  sessionFindings,
  vipFindings,
} from './problem.ts';
import { Reach } from './reach.ts';
import type { Head, Move, NodeRow, SessionRow, SetRow, Snapshot, Usage, VipRow } from './view.ts';
import { NodeSets, vipRows } from './vips.ts';

/** All that a snapshot is made of. */
export interface GlassInput extends AnnounceSnapshot {
  readonly services: readonly ServiceView[];
  readonly head: Head;
  /** RFC 3339. */
  readonly now: string;
  readonly problems: readonly Problem[];
  /** By pool: what its status says. */
  readonly usage: ReadonlyMap<string, { readonly ipv4: Usage; readonly ipv6: Usage }>;
  readonly reports: readonly NodeReport[];
  /** BGPPeers whose key is in a Secret, which nobody reads here. */
  readonly keyed: ReadonlySet<string>;
}

/** Keeps the index and the history from one snapshot to the next. */
export class Glass {
  readonly #history = new History();
  #index: SnapshotIndex | undefined;
  #latest: Snapshot | undefined;
  #reach: { readonly config: Config; readonly nodes: readonly NodeView[]; readonly reach: Reach } | undefined;

  latest(): Snapshot | undefined {
    return this.#latest;
  }

  /** Newest first. */
  moves(address: string): readonly Move[] {
    return this.#history.of(address);
  }

  update(input: GlassInput): Snapshot {
    const index = (this.#index ??= new SnapshotIndex(input.config));
    index.update(input);
    const sessions = sessionRows(input.reports);
    const sets = new NodeSets();
    const found = vipRows({ index, services: input.services, reports: input.reports, sessions, sets, reach: this.#reachOf(index) });
    const vips = this.#history.record(found, (id) => sets.nodes(id), input.now);
    const nodes = nodeRows(input, sessions, vips, sets.rows());
    const pools = poolRows(input.config.pools, input.usage);
    const findings = [
      ...headFindings(input.head),
      ...configFindings(input.problems),
      ...serviceFindings(input.services),
      ...vipFindings(vips),
      ...reportFindings(input.reports),
      ...sessionFindings(sessions, new Set(nodes.filter(({ ready }) => !ready).map(({ id }) => id))),
      ...nodeFindings(nodes),
      ...poolFindings(pools),
    ];
    const made: Snapshot = {
      head: input.head,
      problems: problemRows(findings),
      pools,
      vips,
      nodes,
      sessions,
      peers: peerRows(input.config.peers, sessions, input.keyed),
      advertisements: advertisementRows(
        input.config,
        (advertisement) => input.nodes.filter((node) => coversNode(advertisement, node)).length,
      ),
      sets: sets.rows(),
    };
    this.#latest = share(this.#latest, made);
    return this.#latest;
  }

  #reachOf({ config, nodes }: IndexedSnapshot): Reach {
    if (this.#reach?.config !== config || this.#reach.nodes !== nodes) this.#reach = { config, nodes, reach: new Reach(config, nodes) };
    return this.#reach.reach;
  }
}

function sessionRows(reports: readonly NodeReport[]): SessionRow[] {
  const rows = reports.flatMap(({ name: node, sessions }) =>
    sessions.map(({ peer, ...session }): SessionRow => ({ id: `${node} ${peer}`, node, ...session, peer: peer.split('@')[0] ?? peer })),
  );
  return rows.sort((a, b) => (a.id < b.id ? -1 : 1));
}

function nodeRows(
  { nodes, reports }: GlassInput,
  sessions: readonly SessionRow[],
  vips: readonly VipRow[],
  sets: readonly SetRow[],
): NodeRow[] {
  const reported = new Map(reports.map((report) => [report.name, report]));
  const owned = tally(vips.flatMap(({ owners }) => owners.map(({ node }) => node)));
  const members = new Map(sets.map(({ id, nodes: names }) => [id, names]));
  const weights = tally(vips.map(({ bgp }) => bgp));
  const routed = new Map<string, number>();
  for (const [set, count] of weights) for (const node of members.get(set) ?? []) routed.set(node, (routed.get(node) ?? 0) + count);
  const all = tally(sessions.map(({ node }) => node));
  const up = tally(sessions.filter(({ state }) => state === 'Established').map(({ node }) => node));
  return nodes
    .map((node): NodeRow => {
      const report = reported.get(node.name);
      return {
        id: node.name,
        addresses: node.internalIPs,
        ready: node.ready,
        cordoned: node.unschedulable,
        excluded: Object.hasOwn(node.labels, EXCLUDE_LABEL) || node.networkUnavailable,
        ...(report === undefined ? {} : { speaker: report.speaker }),
        ...(report?.drain === undefined ? {} : { drain: report.drain }),
        owned: owned.get(node.name) ?? 0,
        routed: routed.get(node.name) ?? 0,
        sessionsUp: up.get(node.name) ?? 0,
        sessions: all.get(node.name) ?? 0,
        problems: report?.problems.length ?? 0,
      };
    })
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

function tally(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

function headFindings({ leader, missing, namespace }: Head): Finding[] {
  const unread = missing.map((message, position): Finding => ({
    severity: 'warning',
    reason: 'NotRead',
    kind: 'Controller',
    name: `list ${position + 1}`,
    message,
  }));
  if (leader !== undefined) return unread;
  const message = 'no controller holds the lease: nothing is assigned until one does';
  return [...unread, { severity: 'error', reason: 'NoLeader', kind: 'Lease', name: `${namespace}/heraldlb-controller`, message }];
}
