import { drainText } from '../src/announce/drain.ts';
import type { DrainStatus } from '../src/announce/drainPhase.ts';
import { prefixCount } from '../src/announce/packedSet.ts';
import { type NodePlanResult, candidaciesOf } from '../src/announce/plan.ts';
import type { NodeStateStatus } from '../src/api/nodeState.ts';
import { problemText } from '../src/config/conditions.ts';
import type { Problem } from '../src/config/problem.ts';
import { REACH } from '../src/layer2/reach.ts';
import type { Word } from '../src/view/announced.ts';
import { sessionTrouble } from '../src/view/sessionTrouble.ts';
import { factsOf } from '../src/view/sessions.ts';
import type { Ip } from '../src/net/ip.ts';
import { wallTime } from './clock.ts';
import { peerNameOf } from './peerName.ts';
import {
  type BfdReport,
  type ClaimState,
  type HeardReport,
  type PeerReport,
  type WireProblem,
  wireProblemObject,
  wireProblemText,
} from './report.ts';

export interface NodeStatusInput {
  readonly result: NodePlanResult;
  readonly report: HeardReport;
  readonly problems: readonly Problem[];
  readonly version: string;
  readonly startedAt: string;
  /** RFC 3339 with whole seconds. */
  readonly now: string;
  /** The conditions that were written last; their times are kept while nothing changes. */
  readonly before: NodeStateStatus['conditions'];
  /** The claims that were written last: what is as it was is not made again. */
  readonly claimsBefore?: readonly ClaimStatus[] | undefined;
  /** Absent: the node is in service. */
  readonly drain?: DrainStatus | undefined;
}

/**
 * The whole object, with what the server notes of it: etcd takes 1.5 MB in one request, and a NodeState that it refuses would tell nothing at all. 10,000
 * addresses fit where names are not very long; `summary` counts all.
 */
const MAX_BYTES = 1_500_000;
/** Of a claim, besides its names. */
const CLAIM_BYTES = 69;
/** The limits of the schema, for the same reason. */
const MAX = { sessions: 1024, claims: 10_000, servicesPerClaim: 256, problems: 256, text: 1024, name: 512, peersPerGuard: 64 };

/** The status of this node's NodeState. */
export function nodeStatus(input: NodeStatusInput): NodeStateStatus {
  const { result, report, version, startedAt } = input;
  const { peers } = report;
  const up = peers.filter(({ state }) => state === 'Established').length;
  const claims = claimsOf(result, report, input.claimsBefore ?? []);
  const problems = problemsOf(input);
  const status = {
    version,
    startedAt,
    summary: { peers: `${up}/${peers.length}`, vips: claims.length, routes: routesOf(result), problems: problems.length },
    bgp: peers.slice(0, MAX.sessions).map(sessionOf),
    bfd: report.bfd.slice(0, MAX.sessions).map(guardOf),
    problems: problems.slice(0, MAX.problems),
    ...passedOver(report),
    ...(input.drain === undefined ? {} : { drain: drainOf(input.drain) }),
    conditions: [ready(input, problems)],
  };
  // Of lists by name the server notes each entry, which is about as long.
  return { ...status, claims: fittingClaims(claims, 2 * JSON.stringify(status).length) };
}

/** The first of them, as many as there is room for beside so many bytes. */
export function fittingClaims(claims: readonly ClaimStatus[], besideBytes: number): ClaimStatus[] {
  let [count, left] = [0, MAX_BYTES - besideBytes];
  for (const claim of claims) {
    left -= bytesOf(claim);
    if (left < 0 || count === MAX.claims) break;
    count += 1;
  }
  return count === claims.length ? (claims as ClaimStatus[]) : claims.slice(0, count);
}

function bytesOf({ ip, services, interfaces = [] }: ClaimStatus): number {
  return [...services, ...interfaces].reduce((sum, name) => sum + name.length + 3, CLAIM_BYTES + ip.length);
}

type ClaimStatus = NonNullable<NodeStateStatus['claims']>[number];

/** Of thousands nothing is looked up by Service: they come in the order of the plan, and then those that are still held without it. */
function claimsOf({ plan }: NodePlanResult, { claims }: HeardReport, before: readonly ClaimStatus[]): readonly ClaimStatus[] {
  const held = new ClaimList(before);
  let planned = 0;
  for (const { ip, services } of candidaciesOf(plan)) {
    const state = claims.get(ip);
    if (state === undefined) continue;
    planned += 1;
    if (state.phase === 'claimed') held.add(ip, state, services);
  }
  if (planned === claims.size) return held.all();
  const known = new Set(candidaciesOf(plan).map(({ ip }) => ip));
  for (const [ip, state] of claims) if (state.phase === 'claimed' && !known.has(ip)) held.add(ip, state, NO_SERVICES);
  return held.all();
}

const NO_SERVICES: readonly string[] = [];

/** Makes anew what is not as it was before; mostly that is nothing, and then the list is the one before. */
class ClaimList {
  readonly #before: readonly ClaimStatus[];
  #made: ClaimStatus[] | undefined;
  #count = 0;

  constructor(before: readonly ClaimStatus[]) {
    this.#before = before;
  }

  add(ip: Ip, { interfaces, since }: ClaimState, services: readonly string[]): void {
    const old = this.#before[this.#count];
    const isSame = old?.ip === ip && old.since === since && old.services === services && sameList(old.interfaces, interfaces);
    if (!isSame) this.#made ??= this.#before.slice(0, this.#count);
    this.#made?.push(isSame ? old : { ip, services: atMost(services, MAX.servicesPerClaim), interfaces: interfaces as string[], since });
    this.#count += 1;
  }

  all(): readonly ClaimStatus[] {
    return this.#made ?? (this.#count === this.#before.length ? this.#before : this.#before.slice(0, this.#count));
  }
}

function sameList(a: readonly string[] | undefined, b: readonly string[]): boolean {
  return a === b || (a?.length === b.length && a.every((each, at) => each === b[at]));
}

/** What this node could announce, and leaves to those that can do it better. */
function passedOver({ passedOver: ranges = [] }: HeardReport): Pick<NodeStateStatus, 'passedOver'> {
  if (ranges.length === 0) return {};
  return {
    passedOver: ranges.map(({ reach, from, to }) => ({
      reason: reach === REACH.none ? 'NoUsableInterface' : 'PoolOutsideSubnets',
      from,
      to,
    })),
  };
}

/** What is short enough is not copied: there may be thousands. */
function atMost(list: readonly string[], most: number): string[] {
  return list.length > most ? list.slice(0, most) : (list as string[]);
}

/** Distinct prefixes: a prefix that goes to two routers is one. */
function routesOf({ plan }: NodePlanResult): number {
  const [table, ...others] = new Set(plan.peers.map(({ routes }) => routes));
  // Of one table the sets have no prefix in common, and nearly always there is one.
  if (table === undefined || others.length === 0) return (table ?? []).reduce((sum, set) => sum + prefixCount(set), 0);
  return new Set([table, ...others].flatMap((routes) => routes.flatMap((set) => set.prefixes))).size;
}

/** Prefixes and addresses that are announced from here. */
export function announcedCount(result: NodePlanResult, { claims }: HeardReport): number {
  // What the plan wants not any more and what is still answered for both count.
  const ips = new Set(result.plan.claims.map(({ ip }) => ip));
  for (const [ip, { phase }] of claims) if (phase === 'claimed') ips.add(ip);
  return routesOf(result) + ips.size;
}

function drainOf({ phase, reason, since, left }: DrainStatus): NonNullable<NodeStateStatus['drain']> {
  const why = drainText(reason);
  const message = left === undefined || left === 0 ? why : `${why}; no other node can announce what is left`;
  return {
    phase,
    reason: reason.reason,
    message: message.slice(0, MAX.text),
    since: wallTime(since),
    ...(left === undefined ? {} : { left }),
  };
}

type Session = NonNullable<NodeStateStatus['bgp']>[number];

function sessionOf({ name, address, asn, state, since, families, desired, lastError }: PeerReport): Session {
  return {
    peer: name,
    address,
    ...(asn === undefined ? {} : { asn: String(asn) }),
    state,
    since,
    families: [...families],
    routes: state === 'Established' ? desired : 0,
    ...(lastError === undefined ? {} : { lastError: lastError.text.slice(0, MAX.text), lastErrorAt: lastError.at }),
  };
}

type Guard = NonNullable<NodeStateStatus['bfd']>[number];

function guardOf({ session, address, peers, profile, state, since, transmitMs, detectionMs, lastDown }: BfdReport): Guard {
  return {
    session: session.slice(0, MAX.name),
    address,
    peers: peers.slice(0, MAX.peersPerGuard),
    profile,
    state,
    since,
    transmitIntervalMs: Math.round(transmitMs),
    ...(detectionMs === undefined ? {} : { detectionTimeMs: Math.round(detectionMs) }),
    ...(lastDown === undefined ? {} : { lastDown: lastDown.reason.slice(0, MAX.text), lastDownAt: lastDown.at }),
  };
}

type NodeProblem = NonNullable<NodeStateStatus['problems']>[number];

function problemsOf({ result, report, problems }: NodeStatusInput): NodeProblem[] {
  const onWire = [...report.problems, ...unheard(result)].map((problem): NodeProblem => {
    const object = wireProblemObject(problem);
    return { reason: problem.reason, message: wireProblemText(problem), ...(object === undefined ? {} : { object }) };
  });
  const inConfig = problems.map((problem) => ({
    reason: problem.reason,
    object: `${problem.object.kind}/${problem.object.name}`,
    message: problemText(problem),
  }));
  return [...inConfig, ...onWire];
}

/** The plan alone tells: nobody tries to hear them. */
function unheard({ plan }: NodePlanResult): WireProblem[] {
  return (plan.layer2?.beyond?.nodes ?? []).map((node) => ({ reason: 'NoCommonFamily', node }));
}

function ready(input: NodeStatusInput, problems: readonly NodeProblem[]) {
  const { before, now } = input;
  const found = verdict(input, problems);
  const earlier = before?.find(({ type, status }) => type === 'Ready' && status === found.status);
  return { type: 'Ready', ...found, lastTransitionTime: earlier?.lastTransitionTime ?? now };
}

function verdict({ result, report }: NodeStatusInput, problems: readonly NodeProblem[]): Word {
  const [first] = problems;
  if (first !== undefined) return { status: 'False', reason: first.reason, message: first.message };
  const [down, ...others] = report.peers.filter(({ state }) => state !== 'Established');
  if (down !== undefined) {
    const planned = result.plan.peers.find(({ name }) => name === peerNameOf(down.name));
    const trouble = planned === undefined ? undefined : sessionTrouble(down.lastError?.text, factsOf(planned.session));
    const also = others.length === 0 ? '' : `; ${others.length} more BGP sessions are not established`;
    return {
      status: 'False',
      reason: trouble?.reason ?? 'NotConnected',
      message: `${down.name}: ${trouble?.message ?? 'the session is not up'}${also}`,
    };
  }
  return { status: 'True', reason: 'Announcing', message: 'everything that is planned is announced' };
}
