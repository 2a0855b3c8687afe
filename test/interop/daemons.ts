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

function row(name: string, start: StartPeer, newer: boolean, ...names: readonly (keyof Programs)[]): Daemon {
  return { name, start: (options) => start({ newer, ...options }), needs: needPrograms(newer, ...names) };
}

function rows(newer: boolean): readonly [Daemon, Daemon, Daemon, Daemon, Daemon] {
  return [
    row('FRR', startFrrPeer, newer, 'bgpd', 'zebra', 'vtysh'),
    row('BIRD', startBirdPeer, newer, 'bird', 'birdc'),
    row('GoBGP', startGobgpPeer, newer, 'gobgpd', 'gobgp'),
    row('ExaBGP', startExabgpPeer, newer, 'exabgp'),
    row('OpenBGPD', startOpenbgpdPeer, newer, 'openbgpd', 'bgpctl'),
  ];
}

export const DAEMONS = rows(NEWER);
export const [FRR, BIRD, GOBGP, EXABGP, OPENBGPD] = DAEMONS;
export const NEWER_DAEMONS = rows(true);
