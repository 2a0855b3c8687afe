import type { Need } from '../support/need.ts';
import { startBirdPeer } from './peers/bird.ts';
import { startExabgpPeer } from './peers/exabgp.ts';
import { startFrrPeer } from './peers/frr.ts';
import { startGobgpPeer } from './peers/gobgp.ts';
import { startOpenbgpdPeer } from './peers/openbgpd.ts';
import type { StartPeer } from './peers/peer.ts';

/** A row of the interop matrix. */
export interface Daemon {
  readonly name: string;
  readonly start: StartPeer;
  readonly needs: readonly Need[];
}

export const FRR: Daemon = { name: 'FRR', start: startFrrPeer, needs: ['file:/usr/lib/frr/bgpd', 'command:vtysh'] };
export const BIRD: Daemon = { name: 'BIRD', start: startBirdPeer, needs: ['command:bird', 'command:birdc'] };
export const GOBGP: Daemon = { name: 'GoBGP', start: startGobgpPeer, needs: ['command:gobgpd', 'command:gobgp'] };
export const EXABGP: Daemon = { name: 'ExaBGP', start: startExabgpPeer, needs: ['command:exabgp'] };
export const OPENBGPD: Daemon = { name: 'OpenBGPD', start: startOpenbgpdPeer, needs: ['file:/usr/sbin/bgpd', 'command:bgpctl'] };

export const DAEMONS: readonly Daemon[] = [FRR, BIRD, GOBGP, EXABGP, OPENBGPD];
