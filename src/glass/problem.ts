import type { ServiceView } from '../cluster/service.ts';
import type { Cause } from '../view/cause.ts';
import { unreadCause } from '../view/unread.ts';
import type { Finding } from '../view/findings.ts';
import { isMeshProblem } from '../view/mesh.ts';
import { drainText } from '../view/nodeState.ts';
import type { Judgement } from '../view/verdict.ts';
import type { NodeRow, PoolRow, ProblemRow, Severity, VipRow, Why } from './view.ts';

/** What is seen on the page alone; all other reasons are those of `heraldlb explain` and `heraldlb status`. */
export type GlassReason =
  | 'NodeDrains'
  /** Two nodes say that they answer for a VIP. */
  | 'TwoOwners'
  | 'PoolNearlyFull';

export interface Seen {
  readonly severity: Severity;
  readonly reason: string;
  readonly anchor: string;
  readonly kind: string;
  readonly name: string;
  readonly message: string;
  readonly nodes: readonly string[];
}

/** A section of docs/troubleshoot.md. */
function anchorOf(cause: Cause): string {
  return cause.docs.split('#')[1] ?? '';
}

export function whyOf(cause: Cause): Why {
  return { reason: cause.reason, anchor: anchorOf(cause), message: cause.message, next: cause.next };
}

/** The same thing seen on many nodes is one problem. */
export function problemRows(seen: readonly Seen[]): ProblemRow[] {
  const rows = new Map<string, Omit<ProblemRow, 'nodes'> & { readonly nodes: Set<string> }>();
  for (const { nodes, ...one } of seen) {
    // What differs from node to node in the message is not what makes it another problem.
    const id = `${one.reason} ${one.kind}/${one.name}${one.kind === '' ? ` ${one.message}` : ''}`;
    const row = rows.get(id) ?? { id, ...one, nodes: new Set<string>() };
    for (const node of nodes) row.nodes.add(node);
    rows.set(id, row);
  }
  return [...rows.values()]
    .map((row) => ({ ...row, nodes: [...row.nodes].sort() }))
    .sort(
      (a, b) => RANK[a.severity] - RANK[b.severity] || rankOf(a) - rankOf(b) || b.nodes.length - a.nodes.length || (a.id < b.id ? -1 : 1),
    );
}

/** What the controller cannot read is behind much else. */
const rankOf = ({ kind }: Pick<ProblemRow, 'kind'>): number => (kind === 'Controller' ? 0 : 1);

const RANK: Readonly<Record<Severity, number>> = { error: 0, warning: 1, info: 2 };

/** What `heraldlb status` tells. */
export function statusProblems(findings: readonly Finding[]): Seen[] {
  return findings.map(({ severity, cause, about: { kind, name } = { kind: '', name: '' }, nodes }) => ({
    severity,
    ...whyOf(cause),
    kind,
    name,
    nodes,
  }));
}

/** A Service without endpoints is the ordinary state of one that is scaled to zero. */
const ORDINARY: ReadonlySet<string> = new Set(['NoEndpoints', 'NoLocalEndpoints', 'NotYetAllocated', 'Connecting']);

/** What `heraldlb explain` names first for each Service, where no finding has told it already. */
export function serviceProblems(judged: readonly (readonly [ServiceView, Judgement])[], findings: readonly Finding[]): Seen[] {
  const told = new Set(findings.map(({ cause }) => `${cause.reason} ${cause.message}`));
  return judged.flatMap(([{ key, ingress }, { state, causes }]): Seen[] => {
    // What is told of the nodes is not told again of every Service.
    const first = causes.find((cause) => !isMeshProblem(cause));
    if (first === undefined || told.has(`${first.reason} ${first.message}`)) return [];
    const [vip] = ingress;
    const about = vip === undefined ? { kind: 'Service', name: key } : { kind: 'VIP', name: vip };
    const severity = state !== 'notAnnounced' || ORDINARY.has(first.reason) ? 'warning' : 'error';
    const { next: _, ...why } = whyOf(first);
    const message = vip === undefined || state !== 'notAnnounced' ? why.message : `no node announces it for ${key}: ${why.message}`;
    return [{ severity, ...why, ...about, message, nodes: [] }];
  });
}

function own(severity: Severity, reason: GlassReason, kind: string, name: string, message: string): Seen {
  return { severity, reason, anchor: reason.toLowerCase(), kind, name, message, nodes: [] };
}

/** @param unread what cannot be judged without: that goes before everything else */
export function unreadProblems(missing: readonly string[], unread: readonly Cause[] = []): Seen[] {
  return missing.map((message, position) => ({
    severity: unread.length > 0 ? 'error' : 'warning',
    ...whyOf(unreadCause(message)),
    kind: 'Controller',
    name: `list ${position + 1}`,
    nodes: [],
  }));
}

export function nodeProblems(nodes: readonly NodeRow[]): Seen[] {
  return nodes.flatMap(({ id, ready, drain }): Seen[] => {
    if (!ready) return [{ ...NOT_READY, name: id }];
    if (drain === undefined) return [];
    return [own('info', 'NodeDrains', 'Node', id, `the node hands over what it announces: ${drainText(drain)}`)];
  });
}

const NOT_READY = {
  severity: 'error',
  reason: 'NodeNotReady',
  anchor: 'nodenotready',
  kind: 'Node',
  message: 'the cluster calls the node not Ready',
  nodes: [],
} as const;

export function ownerProblems(vips: readonly VipRow[]): Seen[] {
  return vips
    .filter(({ state }) => state === 'contested')
    .map(({ id, owners }) =>
      own('warning', 'TwoOwners', 'VIP', id, `${owners.map(({ node }) => node).join(' and ')} both say that they answer for it`),
    );
}

/** Of a hundred. */
const NEARLY_FULL = 90;

export function poolProblems(pools: readonly PoolRow[]): Seen[] {
  return pools.flatMap(({ id, usage, disabled }) =>
    (['ipv4', 'ipv6'] as const).flatMap((family): Seen[] => {
      const { used = 0, free = 0 } = usage[family] ?? {};
      if (disabled || used + free === 0 || used * 100 < (used + free) * NEARLY_FULL) return [];
      const what = family === 'ipv4' ? 'IPv4' : 'IPv6';
      return [own('warning', 'PoolNearlyFull', 'IPAddressPool', id, `${used} of its ${used + free} ${what} addresses are in use`)];
    }),
  );
}
