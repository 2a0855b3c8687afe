import type { Need } from '../support/need.ts';
import { startBirdPeer } from './peers/bird.ts';
import { startExabgpPeer } from './peers/exabgp.ts';
import { startFrrPeer } from './peers/frr.ts';
import { startGobgpPeer } from './peers/gobgp.ts';
import { startOpenbgpdPeer } from './peers/openbgpd.ts';
import type { StartPeer } from './peers/peer.ts';
import { type Programs, needPrograms } from './peers/programs.ts';

/** A row of the interop matrix. */
export interface Daemon {
  readonly name: string;
  readonly start: StartPeer;
  readonly needs: readonly Need[];
}

/** PEERS=newer has the whole matrix with what `newer/build.sh` has brought. */
export const NEWER = process.env['PEERS'] === 'newer';

function row(name: string, start: StartPeer, ...names: readonly (keyof Programs)[]): Daemon {
  return { name, start: (options) => start({ newer: NEWER, ...options }), needs: needPrograms(NEWER, ...names) };
}

export const FRR = row('FRR', startFrrPeer, 'bgpd', 'vtysh');
export const BIRD = row('BIRD', startBirdPeer, 'bird', 'birdc');
export const GOBGP = row('GoBGP', startGobgpPeer, 'gobgpd', 'gobgp');
export const EXABGP = row('ExaBGP', startExabgpPeer, 'exabgp');
export const OPENBGPD = row('OpenBGPD', startOpenbgpdPeer, 'openbgpd', 'bgpctl');

export const DAEMONS: readonly Daemon[] = [FRR, BIRD, GOBGP, EXABGP, OPENBGPD];
