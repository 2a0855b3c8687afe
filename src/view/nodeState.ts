import type { DrainReason, OwnDrain } from '../announce/drain.ts';
import type { NodeStateStatus } from '../api/nodeState.ts';
import { type Raw, integer, items, record, text } from '../cluster/json.ts';

type Listed<K extends 'bgp' | 'bfd' | 'claims' | 'problems' | 'passedOver'> = NonNullable<NodeStateStatus[K]>;

export type SessionReport = Listed<'bgp'>[number];
export type GuardReport = Listed<'bfd'>[number];
export type ClaimReport = Listed<'claims'>[number];
export type PassedOver = Listed<'passedOver'>[number];
export type NodeProblem = Listed<'problems'>[number];

export interface DrainView {
  /** `Draining` or `Drained`. */
  readonly phase: string;
  /** What began it. */
  readonly reason: string;
  readonly since: string;
}

/** The speaker's own summary. */
export interface ReadyView {
  readonly status: boolean;
  readonly reason: string;
  readonly message: string;
}

/** What a node's speaker last said of itself. */
export interface NodeStateView {
  readonly node: string;
  readonly version: string;
  readonly startedAt: string;
  readonly ready: ReadyView;
  /** Prefixes that it announces. */
  readonly routes: number;
  /** Addresses that it answers for; `claims` has those that there was room for. */
  readonly vips: number;
  readonly sessions: readonly SessionReport[];
  readonly guards: readonly GuardReport[];
  readonly claims: readonly ClaimReport[];
  readonly problems: readonly NodeProblem[];
  /** What others announce before this node, where one can. */
  readonly passedOver: readonly PassedOver[];
  /** How far the drain of the node has come; absent: it is in service. */
  readonly drain?: DrainView;
}

/** A NodeState; undefined for what is no Kubernetes object. Entries that lack what they are named by are left out. */
export function projectNodeState(object: unknown): NodeStateView | undefined {
  const node = text(record(record(object)?.['metadata'])?.['name']);
  if (node === undefined || node === '') return undefined;
  const status = record(record(object)?.['status']) ?? {};
  const drain = drainOf(status['drain']);
  return {
    node,
    version: text(status['version']) ?? '',
    startedAt: text(status['startedAt']) ?? '',
    ready: readyOf(status),
    routes: counted(status, 'routes'),
    vips: counted(status, 'vips'),
    sessions: entries(status['bgp'], 'peer', 'state') as readonly SessionReport[],
    guards: (entries(status['bfd'], 'session', 'state') as readonly GuardReport[]).filter(({ peers }) => Array.isArray(peers)),
    claims: (entries(status['claims'], 'ip') as readonly ClaimReport[]).filter(({ services }) => Array.isArray(services)),
    problems: entries(status['problems'], 'reason', 'message') as readonly NodeProblem[],
    passedOver: entries(status['passedOver'], 'reason', 'from', 'to') as readonly PassedOver[],
    ...(drain === undefined ? {} : { drain }),
  };
}

function counted(status: Raw, field: 'routes' | 'vips'): number {
  return integer(record(status['summary'])?.[field]) ?? 0;
}

/** Our own speakers write it after the schema, and the API server checks it: only what another hand broke is left out. */
function entries(list: unknown, ...needed: readonly string[]): readonly unknown[] {
  return items(list).filter((entry) => needed.every((field) => text(record(entry)?.[field]) !== undefined));
}

function drainOf(value: unknown): DrainView | undefined {
  const drain = record(value);
  const phase = text(drain?.['phase']) ?? '';
  return phase === '' ? undefined : { phase, reason: text(drain?.['reason']) ?? '', since: text(drain?.['since']) ?? '' };
}

function readyOf(status: Raw): ReadyView {
  const ready = items(status['conditions'])
    .map(record)
    .find((condition) => condition?.['type'] === 'Ready');
  return { status: ready?.['status'] === 'True', reason: text(ready?.['reason']) ?? '', message: text(ready?.['message']) ?? '' };
}

/** Of the nodes that are taken out of service: how far that has come, as their planners are told it. */
export function drainsOf(states: readonly NodeStateView[]): Map<string, OwnDrain> {
  return new Map(
    states.flatMap(({ node, drain }): [string, OwnDrain][] => {
      if (drain === undefined) return [];
      return [[node, { reason: { reason: drain.reason as DrainReason['reason'] }, withdraw: drain.phase === 'Drained' }]];
    }),
  );
}

export function drainText({ phase, reason }: Pick<DrainView, 'phase' | 'reason'>): string {
  return reason === '' ? phase : `${phase} (${reason})`;
}
