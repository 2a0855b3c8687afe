import { problemText } from '../config/conditions.ts';
import type { Problem } from '../config/problem.ts';
import type { ServiceView } from '../cluster/service.ts';
import type { NodeReport } from './nodeReport.ts';
import type { NodeRow, PoolRow, ProblemRow, SessionRow, Severity, VipRow } from './view.ts';

/** What is seen only when the whole is looked at: no single object has it in its status. */
export type GlassReason =
  /** A BGP session that is to be there is not established. */
  | 'SessionDown'
  /** BFD has lost a router whose BGP session is still there. */
  | 'BfdDown'
  /** A node of the cluster from which no speaker has ever reported. */
  | 'NoSpeaker'
  | 'NodeDown'
  | 'NodeDrains'
  /** Nobody answers for a VIP, and somebody could. */
  | 'NoOwner'
  /** Two nodes say that they answer for a VIP. */
  | 'TwoOwners'
  /** A node is to announce a VIP by BGP and has no session to do it on. */
  | 'NoSession'
  | 'PoolNearlyFull'
  | 'NoLeader'
  | 'NotRead';

/** Some codes mean one thing for a Service and another for a node: the page has a section for each, the Service's first. */
const SECOND: ReadonlySet<string> = new Set(['AddressInUse', 'AddressOutsidePools']);

/** Of the section in docs/troubleshoot.md. @param who says so: the controller of a Service, or a speaker */
export function anchorOf(reason: string, who: 'controller' | 'speaker' = 'controller'): string {
  if (reason === 'Deleting') return 'why-a-service-has-no-address';
  return `${reason.toLowerCase()}${who === 'speaker' && SECOND.has(reason) ? '-1' : ''}`;
}

export interface Finding {
  readonly severity: Severity;
  readonly reason: string;
  readonly kind: string;
  readonly name: string;
  readonly message: string;
  readonly node?: string;
  /** Where it is not the code's own first section. */
  readonly anchor?: string;
}

/** The same thing seen on many nodes is one problem. */
export function problemRows(findings: readonly Finding[]): ProblemRow[] {
  const rows = new Map<string, ProblemRow & { readonly nodes: string[] }>();
  for (const { severity, reason, kind, name, message, node, anchor = anchorOf(reason) } of findings) {
    // What differs from node to node in the message is not what makes it another problem.
    const id = `${reason} ${kind}/${name}${node === undefined || kind !== '' ? '' : ` ${message}`}`;
    const row = rows.get(id) ?? { id, severity, reason, anchor, kind, name, message, nodes: [] };
    if (node !== undefined && !row.nodes.includes(node)) row.nodes.push(node);
    rows.set(id, row);
  }
  for (const { nodes } of rows.values()) nodes.sort();
  return [...rows.values()].sort((a, b) => rank(a) - rank(b) || b.nodes.length - a.nodes.length || (a.id < b.id ? -1 : 1));
}

const RANK: Readonly<Record<Severity, number>> = { error: 0, warning: 1, info: 2 };

function rank({ severity }: ProblemRow): number {
  return RANK[severity];
}

export function configFindings(problems: readonly Problem[]): Finding[] {
  return problems.map((problem) => ({
    severity: problem.severity,
    reason: problem.reason,
    kind: problem.object.kind,
    name: problem.object.name,
    message: problemText(problem),
  }));
}

const ALLOCATED = 'heraldlb.io/Allocated';

/** Services without what they ask for. */
export function serviceFindings(services: Iterable<ServiceView>): Finding[] {
  const found: Finding[] = [];
  for (const { key, type, deleting, conditions } of services) {
    const condition = type === 'LoadBalancer' && !deleting ? conditions.find((each) => each.type === ALLOCATED) : undefined;
    if (condition?.status !== 'False') continue;
    found.push({ severity: 'error', reason: condition.reason, kind: 'Service', name: key, message: condition.message });
  }
  return found;
}

export function reportFindings(reports: Iterable<NodeReport>): Finding[] {
  return [...reports].flatMap(({ name: node, problems }) =>
    problems.map(({ reason, object, message }): Finding => {
      const [kind = '', name] = object.split('/', 2);
      const named = name === undefined ? { kind: '', name: kind } : { kind, name };
      return { severity: 'error', reason, anchor: anchorOf(reason, 'speaker'), ...named, message, node };
    }),
  );
}

export function sessionFindings(sessions: readonly SessionRow[], down: ReadonlySet<string>): Finding[] {
  return sessions.flatMap(({ node, peer, address, state, lastError, bfd }): Finding[] => {
    const about = { kind: 'BGPPeer', name: peer, node };
    // The node's own death says it all.
    if (down.has(node)) return [];
    if (state !== 'Established') {
      const message = `the session with ${address} is in state ${state}${lastError === undefined ? '' : `: ${lastError}`}`;
      return [{ severity: 'error', reason: 'SessionDown', ...about, message }];
    }
    if (bfd === undefined || bfd.state === 'Up' || bfd.state === '') return [];
    const message = `BFD with ${address} is ${bfd.state}${bfd.lastDown === undefined ? '' : `: ${bfd.lastDown}`}`;
    return [{ severity: 'warning', reason: 'BfdDown', ...about, message }];
  });
}

export function nodeFindings(nodes: readonly NodeRow[]): Finding[] {
  return nodes.flatMap(({ id, ready, speaker, drain, excluded }): Finding[] => {
    const about = { kind: 'Node', name: id };
    if (!ready) return [{ severity: 'error', reason: 'NodeDown', ...about, message: 'the cluster calls the node not Ready' }];
    if (speaker === undefined && !excluded)
      return [{ severity: 'warning', reason: 'NoSpeaker', ...about, message: 'no speaker has reported from this node' }];
    if (drain === undefined) return [];
    const why = drain.reason === '' ? '' : ` (${drain.reason})`;
    return [{ severity: 'info', reason: 'NodeDrains', ...about, message: `the node hands over what it announces: ${drain.phase}${why}` }];
  });
}

export function vipFindings(vips: readonly VipRow[]): Finding[] {
  return vips.flatMap(({ id, state, owners, why, services }): Finding[] => {
    const about = { kind: 'VIP', name: id };
    if (state === 'contested') {
      const message = `${owners.map(({ node }) => node).join(' and ')} both say that they answer for it`;
      return [{ severity: 'warning', reason: 'TwoOwners', ...about, message }];
    }
    if (state !== 'silent' || why === undefined) return [];
    // A Service without endpoints is the ordinary state of one that is scaled to zero.
    const severity = why.reason === 'NoEndpoints' || why.reason === 'NoLocalEndpoints' ? 'warning' : 'error';
    const of = services.map(({ name }) => name).join(', ');
    return [{ severity, reason: why.reason, anchor: why.anchor, ...about, message: `no node announces it for ${of}: ${why.message}` }];
  });
}

/** Of a hundred. */
const NEARLY_FULL = 90;

export function poolFindings(pools: readonly PoolRow[]): Finding[] {
  return pools.flatMap(({ id, usage, disabled }) =>
    (['ipv4', 'ipv6'] as const).flatMap((family): Finding[] => {
      const { used = 0, free = 0 } = usage[family] ?? {};
      if (disabled || used + free === 0 || used * 100 < (used + free) * NEARLY_FULL) return [];
      const what = family === 'ipv4' ? 'IPv4' : 'IPv6';
      const message = `${used} of its ${used + free} ${what} addresses are in use`;
      return [{ severity: 'warning', reason: 'PoolNearlyFull', kind: 'IPAddressPool', name: id, message }];
    }),
  );
}
