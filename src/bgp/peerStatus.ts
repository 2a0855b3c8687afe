import type { PeerState } from './draft.ts';
import { offeredFamilies } from './offer.ts';
import type { PeerStatus } from './peerContract.ts';
import type { FsmStateName } from './session.ts';

const RANK: Readonly<Record<FsmStateName, number>> = { Idle: 0, Active: 1, Connect: 2, OpenSent: 3, OpenConfirm: 4, Established: 5 };

/** The neighbour as one thing: the further of its two connections counts. */
export function peerStatus(state: PeerState): PeerStatus {
  const link = RANK[state.out.fsm.name] >= RANK[state.in.fsm.name] ? state.out : state.in;
  const { name } = link.fsm;
  const negotiated = name === 'Established' ? link.wire?.negotiated : undefined;
  const local = link.wire?.local;
  return {
    state: name,
    since: state.since,
    ...(negotiated !== undefined && {
      peerAsn: negotiated.peerAsn,
      peerRouterId: negotiated.peerRouterId,
      holdTimeMs: negotiated.holdTimeMs,
      keepaliveTimeMs: negotiated.keepaliveTimeMs,
      families: negotiated.families,
    }),
    ...(negotiated !== undefined && local !== undefined && { local }),
    ...(state.lastError !== undefined && { lastError: state.lastError }),
    unannounced: negotiated === undefined ? [] : unannounced(state, negotiated.families),
  };
}

function unannounced(state: PeerState, families: readonly ('ipv4' | 'ipv6')[]): ('ipv4' | 'ipv6')[] {
  const sendable = state.rib.session?.families ?? [];
  return offeredFamilies(state.config).filter((family) => families.includes(family) && !sendable.includes(family));
}

export function sameStatus(a: PeerStatus, b: PeerStatus): boolean {
  const same = a.state === b.state && a.since === b.since && a.lastError === b.lastError && a.local === b.local;
  return same && String(a.unannounced) === String(b.unannounced);
}
