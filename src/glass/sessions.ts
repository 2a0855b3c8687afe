import type { NodeStateView, SessionReport } from '../view/nodeState.ts';
import type { BfdRow, SessionRow } from './view.ts';

/** Every session of every node, as its speaker reports it. */
export function sessionRows(states: readonly NodeStateView[]): SessionRow[] {
  const rows = states.flatMap(({ node, sessions, guards }) => sessions.map((session) => rowOf(node, session, guards)));
  return rows.sort((a, b) => (a.id < b.id ? -1 : 1));
}

function rowOf(node: string, session: SessionReport, guards: NodeStateView['guards']): SessionRow {
  const { peer, address = '', asn = '', state, since, families = [], routes = 0, lastError, lastErrorAt } = session;
  const guard = guards.find(({ peers }) => peers.includes(peer));
  return {
    id: `${node} ${peer}`,
    node,
    peer: peer.split('@')[0] ?? peer,
    address,
    asn,
    state,
    since,
    families,
    routes,
    ...(lastError === undefined ? {} : { lastError }),
    ...(lastErrorAt === undefined ? {} : { lastErrorAt }),
    ...(guard === undefined ? {} : { bfd: bfdOf(guard) }),
  };
}

function bfdOf({ state, since, profile, detectionTimeMs, lastDown, lastDownAt }: NodeStateView['guards'][number]): BfdRow {
  return {
    state,
    since,
    profile,
    ...(detectionTimeMs === undefined ? {} : { detectionMs: detectionTimeMs }),
    ...(lastDown === undefined ? {} : { lastDown }),
    ...(lastDownAt === undefined ? {} : { lastDownAt }),
  };
}
