import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Need } from '../../support/need.ts';

const SYSTEM = {
  zebra: '/usr/lib/frr/zebra',
  bfdd: '/usr/lib/frr/bfdd',
  bgpd: '/usr/lib/frr/bgpd',
  vtysh: 'vtysh',
  bird: 'bird',
  birdc: 'birdc',
  gobgpd: 'gobgpd',
  gobgp: 'gobgp',
  exabgp: 'exabgp',
  openbgpd: '/usr/sbin/bgpd',
  bgpctl: 'bgpctl',
} as const;

export type Programs = Readonly<Record<keyof typeof SYSTEM, string>>;

function newerBin(): string {
  const cache = process.env['HERALDLB_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'heraldlb');
  return join(cache, 'peers/bin');
}

/** The system's own, or those that `newer/build.sh` has brought. */
export function programs(newer = false): Programs {
  if (!newer) return SYSTEM;
  const bin = newerBin();
  return Object.fromEntries(Object.keys(SYSTEM).map((name) => [name, join(bin, name)])) as Programs;
}

export function needPrograms(newer: boolean, ...names: readonly (keyof typeof SYSTEM)[]): Need[] {
  return names.map((name): Need => {
    const path = programs(newer)[name];
    return path.startsWith('/') ? `file:${path}` : `command:${path}`;
  });
}
