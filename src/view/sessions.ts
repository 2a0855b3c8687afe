import { nodeSessions } from '../announce/peerPlans.ts';
import type { PeerPlan, PeerSession } from '../announce/plan.ts';
import { type Cause, explainCause, nodeProblemCause, sessionCause } from './cause.ts';
import type { NodeProblem, NodeStateView, SessionReport } from './nodeState.ts';
import { sessionTrouble } from './sessionTrouble.ts';
import { type Situation, speakerRuns } from './situation.ts';

type Planned = Pick<PeerPlan, 'name' | 'session'>;

/** One BGP session that a node is to have: the plan and what the speaker says of it. */
export interface SessionView {
  readonly node: string;
  /** BGPPeer name. */
  readonly peer: string;
  readonly router?: string;
  readonly asn?: string;
  /** `Missing`: the speaker reports none. */
  readonly state: SessionReport['state'] | 'Missing';
  readonly since?: string;
  /** Prefixes that are announced on it. */
  readonly routes: number;
  /** Prefixes that are to be announced on it, where that is known. */
  readonly planned?: number;
  readonly lastError?: string;
  readonly lastErrorAt?: string;
  readonly bfd?: string;
  readonly up: boolean;
  /** What is wrong with it; it may be up all the same. */
  readonly cause?: Cause;
}

/** By node and then by peer; a BGPPeer that is a range has as many as there are routers. */
export function sessionsOf(situation: Situation): SessionView[] {
  return situation.nodes.flatMap((node) =>
    nodeSessions(situation.config, node).flatMap((peer) => peerSessions(situation, node.name, peer)),
  );
}

function peerSessions(situation: Situation, node: string, peer: Planned): SessionView[] {
  const state = situation.states.get(node);
  const reports = (state?.sessions ?? []).filter((report) => peerOf(report) === peer.name);
  const runs = speakerRuns(situation, node);
  const planned = situation.planned?.(node, peer.name);
  const found =
    reports.length === 0
      ? [missing(node, peer, state, runs)]
      : reports.map((report) => sessionView(situation, node, peer, report, state, runs));
  return planned === undefined ? found : found.map((session) => ({ ...session, planned }));
}

/** Of several sessions of one BGPPeer each has its router in its name. */
function peerOf({ peer }: SessionReport): string {
  return peer.split('@')[0] ?? peer;
}

function missing(node: string, peer: Planned, state: NodeStateView | undefined, runs: boolean): SessionView {
  return {
    node,
    peer: peer.name,
    ...(peer.session.address === undefined ? {} : { router: peer.session.address }),
    state: 'Missing',
    routes: 0,
    up: false,
    cause: runs ? whyMissing(node, peer, state) : explainCause({ reason: 'SpeakerNotRunning', node }, node),
  };
}

function whyMissing(node: string, { name, session }: Planned, state: NodeStateView | undefined): Cause {
  const problem = problemOf(state, name);
  if (problem !== undefined) return nodeProblemCause(problem, node);
  if (session.listenRange !== undefined) return sessionCause(sessionTrouble(undefined, factsOf(session)), placeOf(name, node));
  return explainCause({ reason: 'NotOnTheWire', node, what: `a session with ${name}` }, placeOf(name, node));
}

function sessionView(
  situation: Situation,
  node: string,
  peer: Planned,
  report: SessionReport,
  state: NodeStateView | undefined,
  runs: boolean,
): SessionView {
  const { address, asn, since, routes = 0, lastError, lastErrorAt } = report;
  const guard = guardOf(peer.name, report, state);
  const bfd = guard?.state;
  const up = runs && report.state === 'Established';
  const cause = runs
    ? causeOf(situation, node, peer, { ...report, guard }, state)
    : explainCause({ reason: 'SpeakerNotRunning', node }, node);
  return {
    node,
    peer: peer.name,
    ...(address === undefined ? {} : { router: address }),
    ...(asn === undefined ? {} : { asn }),
    state: report.state,
    since,
    routes,
    ...(lastError === undefined ? {} : { lastError }),
    ...(lastErrorAt === undefined ? {} : { lastErrorAt }),
    ...(bfd === undefined ? {} : { bfd }),
    up,
    ...(cause === undefined ? {} : { cause }),
  };
}

type Guard = NodeStateView['guards'][number];

function guardOf(peer: string, { address }: SessionReport, state: NodeStateView | undefined): Guard | undefined {
  const guards = (state?.guards ?? []).filter(({ peers }) => peers.some((name) => name.split('@')[0] === peer));
  return guards.find((guard) => guard.address === address) ?? guards[0];
}

function whyDown(guard: Guard | undefined): string {
  return guard?.lastDown === undefined ? '' : ` (${guard.lastDown})`;
}

function bfdMessage(guard: Guard | undefined): string {
  return `BFD is ${guard?.state ?? 'absent'}${whyDown(guard)}: it does not guard the session`;
}

type Reported = SessionReport & { readonly guard: Guard | undefined };

function causeOf(
  situation: Situation,
  node: string,
  { name, session }: Planned,
  report: Reported,
  state: NodeStateView | undefined,
): Cause | undefined {
  const place = placeOf(name, node);
  const problem = problemOf(state, name);
  if (problem !== undefined) return nodeProblemCause(problem, node);
  if (report.state === 'Established') {
    if (session.bfd === undefined || report.guard?.state === 'Up') return undefined;
    return sessionCause({ reason: 'BfdNotGuarding', message: bfdMessage(report.guard) }, place);
  }
  const deaf = waits(session) ? state?.problems.find(isDeaf) : undefined;
  return deaf === undefined ? downCause(situation, place, session, report) : nodeProblemCause(deaf, node);
}

function downCause({ nodes }: Situation, place: string, session: PeerSession, report: Reported): Cause {
  const router = report.address ?? session.address;
  const isNode = nodes.find(({ internalIPs }) => internalIPs.some((ip) => ip === router));
  const { reason, message } = sessionTrouble(report.lastError, factsOf(session));
  const why = reason === 'BfdDown' ? whyDown(report.guard) : '';
  const whose = isNode === undefined ? '' : `; ${router} is the address of node ${isNode.name}`;
  return sessionCause({ reason, message: `${message}${why}${whose}` }, place);
}

function problemOf(state: NodeStateView | undefined, peer: string): NodeProblem | undefined {
  return state?.problems.find(({ object }) => object === `BGPPeer/${peer}`);
}

/** Nobody can connect to the speaker. */
function isDeaf({ reason, object }: NodeProblem): boolean {
  return reason === 'CannotListen' || (reason === 'CapabilityMissing' && object === 'NET_BIND_SERVICE');
}

function placeOf(peer: string, node: string): string {
  return `BGPPeer/${peer} on ${node}`;
}

function waits({ passive, listenRange }: PeerSession): boolean {
  return passive === true || listenRange !== undefined;
}

export function factsOf(session: PeerSession): Parameters<typeof sessionTrouble>[1] {
  const { password, sourceAddress, holdTimeMs, localAsn, myAsn, peerAsn } = session;
  const source = sourceAddress === undefined ? {} : { source: sourceAddress };
  return { hasKey: password !== undefined, waits: waits(session), ...source, holdTimeMs, myAsn: localAsn ?? myAsn, peerAsn };
}
