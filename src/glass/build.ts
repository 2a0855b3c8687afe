import { coversNode } from '../announce/scope.ts';
import { EXCLUDE_LABEL, type NodeView } from '../cluster/node.ts';
import type { ServiceView } from '../cluster/service.ts';
import { findingsOf } from '../view/findings.ts';
import type { Look } from '../view/lookout.ts';
import type { NodeStateView } from '../view/nodeState.ts';
import { isHandled } from '../view/situation.ts';
import { share } from './diff.ts';
import { History } from './history.ts';
import { advertisementRows, peerRows, poolRows } from './objects.ts';
import { nodeProblems, ownerProblems, poolProblems, problemRows, serviceProblems, statusProblems, unreadProblems } from './problem.ts';
import { sessionRows } from './sessions.ts';
import type { Head, Move, NodeRow, SessionRow, SetRow, Snapshot, Usage, VipRow } from './view.ts';
import { NodeSets, vipRows } from './vips.ts';

/** All that a snapshot is made of. */
export interface GlassInput {
  readonly head: Head;
  /** RFC 3339. */
  readonly now: string;
  readonly look: Look;
  readonly services: readonly ServiceView[];
  /** By pool: what its status says. */
  readonly usage: ReadonlyMap<string, { readonly ipv4: Usage; readonly ipv6: Usage }>;
  /** BGPPeers whose key is in a Secret, which nobody reads here. */
  readonly keyed: ReadonlySet<string>;
}

/** Keeps the history from one snapshot to the next. */
export class Glass {
  readonly #history = new History();
  #latest: Snapshot | undefined;

  latest(): Snapshot | undefined {
    return this.#latest;
  }

  /** Newest first. */
  moves(address: string): readonly Move[] {
    return this.#history.of(address);
  }

  update(input: GlassInput): Snapshot {
    const { look, head } = input;
    const { situation, judge } = look;
    const { config } = situation;
    const states = [...situation.states.values()];
    const handled = input.services.filter((service) => isHandled(situation, service) && !service.deleting);
    const judged = handled.map((service) => [service, judge.judge(service)] as const);
    const sessions = sessionRows(states);
    const sets = new NodeSets();
    const found = vipRows(judged, situation, sets);
    // What comes in late would be taken for moves.
    const isWhole = (situation.unread ?? []).length === 0;
    const vips = isWhole ? this.#history.record(found, (id) => sets.nodes(id), input.now) : found;
    const nodes = nodeRows(situation.nodes, situation.states, sessions, vips, sets.rows());
    const pools = poolRows(config.pools, input.usage);
    const findings = findingsOf(situation, judge.sessions);
    const made: Snapshot = {
      head,
      problems: problemRows([
        ...statusProblems(findings),
        ...serviceProblems(judged, findings),
        ...unreadProblems(head.missing, situation.unread),
        ...ownerProblems(vips),
        ...nodeProblems(nodes),
        ...poolProblems(pools),
      ]),
      pools,
      vips,
      nodes,
      sessions,
      peers: peerRows(config.peers, sessions, input.keyed),
      advertisements: advertisementRows(config, (one) => situation.nodes.filter((node) => coversNode(one, node)).length),
      sets: sets.rows(),
    };
    this.#latest = share(this.#latest, made);
    return this.#latest;
  }
}

function nodeRows(
  nodes: readonly NodeView[],
  states: ReadonlyMap<string, NodeStateView>,
  sessions: readonly SessionRow[],
  vips: readonly VipRow[],
  sets: readonly SetRow[],
): NodeRow[] {
  const owned = tally(vips.flatMap(({ owners }) => owners.map(({ node }) => node)));
  const members = new Map(sets.map(({ id, nodes: names }) => [id, names]));
  const weights = tally(vips.map(({ bgp }) => bgp));
  const routed = new Map<string, number>();
  for (const [set, count] of weights) for (const node of members.get(set) ?? []) routed.set(node, (routed.get(node) ?? 0) + count);
  const all = tally(sessions.map(({ node }) => node));
  const up = tally(sessions.filter(({ state }) => state === 'Established').map(({ node }) => node));
  return nodes.map((node): NodeRow => {
    const said = states.get(node.name);
    return {
      id: node.name,
      addresses: node.internalIPs,
      ready: node.ready,
      cordoned: node.unschedulable,
      excluded: Object.hasOwn(node.labels, EXCLUDE_LABEL) || node.networkUnavailable,
      ...(said === undefined ? {} : { speaker: speakerOf(said) }),
      ...(said?.drain === undefined ? {} : { drain: said.drain }),
      owned: owned.get(node.name) ?? 0,
      routed: routed.get(node.name) ?? 0,
      sessionsUp: up.get(node.name) ?? 0,
      sessions: all.get(node.name) ?? 0,
      problems: said?.problems.length ?? 0,
    };
  });
}

function speakerOf({ version, startedAt, ready, routes }: NodeStateView): NonNullable<NodeRow['speaker']> {
  return { version, startedAt, ready: ready.status, reason: ready.reason, message: ready.message, routes };
}

function tally(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}
