import type { MeshPeer } from '../src/announce/plan.ts';
import type { Standing } from '../src/layer2/election.ts';
import { MESH_DIAG, type MeshPace, diagOf } from '../src/layer2/liveness.ts';
import { ipFamily } from '../src/net/ip.ts';
import type { BfdTarget } from './bfdTargets.ts';

/** RFC 5082: nobody beyond the link can make such a packet. With a signature it may come from farther away. */
export const GTSM_TTL = 255;
/**
 * So long a speaker that is lost is called for at the pace that it had: two parts of a segment that are joined again are to find each other
 * at once. Longer cuts end with packets once a second.
 */
export const CALL_MS = 60_000;

/** What a speaker tells all others of its node. */
export interface SaidOfNode {
  readonly standing: Standing;
  /** It hears nobody, though several were. */
  readonly isAlone: boolean;
  /** What it cannot announce. */
  readonly note: Uint8Array | undefined;
}

export interface MeshTerms extends MeshPace {
  readonly port: number;
  readonly auth: BfdTarget['auth'] | undefined;
  readonly said: SaidOfNode;
}

/** The session with another speaker. */
export function meshTarget({ node, address, source }: MeshPeer, { port, intervalMs, multiplier, auth, said }: MeshTerms): BfdTarget {
  const upDiag = diagOf(said.standing);
  return {
    key: `mesh/${node}`,
    remote: address,
    source,
    family: ipFamily(address),
    peers: [],
    profile: {
      name: 'mesh',
      receiveIntervalMs: intervalMs,
      transmitIntervalMs: intervalMs,
      detectMultiplier: multiplier,
      echoIntervalMs: 0,
      echoMode: false,
      passiveMode: false,
      minimumTtl: GTSM_TTL,
    },
    multihop: false,
    port,
    ...(auth === undefined ? {} : { auth }),
    call: { everyMs: intervalMs, forMs: CALL_MS },
    ...(upDiag === undefined ? {} : { upDiag }),
    ...(said.note === undefined ? {} : { note: said.note }),
    ...(said.isAlone ? { downDiag: MESH_DIAG.reverseConcatenatedPathDown } : {}),
  };
}
