import type { NodeStateStatus } from '../api/nodeState.ts';
import { items, record, text } from '../cluster/json.ts';

type Listed<K extends 'bgp' | 'bfd' | 'claims' | 'problems'> = NonNullable<NodeStateStatus[K]>;

export type SessionReport = Listed<'bgp'>[number];
export type GuardReport = Listed<'bfd'>[number];
export type ClaimReport = Listed<'claims'>[number];
export type NodeProblem = Listed<'problems'>[number];

export interface DrainView {
  /** `Draining` or `Drained`. */
  readonly phase: string;
  /** What began it. */
  readonly reason: string;
}

/** What a node's speaker last said of itself. */
export interface NodeStateView {
  readonly node: string;
  readonly version: string;
  readonly startedAt: string;
  readonly sessions: readonly SessionReport[];
  readonly guards: readonly GuardReport[];
  readonly claims: readonly ClaimReport[];
  readonly problems: readonly NodeProblem[];
  /** How far the drain of the node has come; absent: it is in service. */
  readonly drain?: DrainView;
}

/** A NodeState; undefined for what is no Kubernetes object. Entries that lack what they are named by are left out. */
export function projectNodeState(object: unknown): NodeStateView | undefined {
  const node = text(record(record(object)?.['metadata'])?.['name']);
  if (node === undefined) return undefined;
  const status = record(record(object)?.['status']) ?? {};
  const drain = drainOf(status['drain']);
  return {
    node,
    version: text(status['version']) ?? '',
    startedAt: text(status['startedAt']) ?? '',
    sessions: entries(status['bgp'], 'peer', 'state') as readonly SessionReport[],
    guards: (entries(status['bfd'], 'session', 'state') as readonly GuardReport[]).filter(({ peers }) => Array.isArray(peers)),
    claims: (entries(status['claims'], 'ip') as readonly ClaimReport[]).filter(({ services }) => Array.isArray(services)),
    problems: entries(status['problems'], 'reason', 'message') as readonly NodeProblem[],
    ...(drain === undefined ? {} : { drain }),
  };
}

/** Our own speakers write it after the schema, and the API server checks it: only what another hand broke is left out. */
function entries(list: unknown, ...needed: readonly string[]): readonly unknown[] {
  return items(list).filter((entry) => needed.every((field) => text(record(entry)?.[field]) !== undefined));
}

function drainOf(value: unknown): DrainView | undefined {
  const drain = record(value);
  const phase = text(drain?.['phase']) ?? '';
  return phase === '' ? undefined : { phase, reason: text(drain?.['reason']) ?? '' };
}

export function drainText({ phase, reason }: DrainView): string {
  return reason === '' ? phase : `${phase} (${reason})`;
}
