import { BFD_DIAG, type BfdState } from '../wire/bfd.ts';

/*
 * RFC 5880 §6.2: a three-way handshake up, and two ways down.
 *
 *             peer says Down            peer says Init, Up
 *     Down  -------------------> Init ---------------------> Up
 *      |  ^                       |                          |
 *      |  +--- peer says AdminDown, detection time ----------+  peer says Down, AdminDown; detection time
 *      +------ peer says Init --------------------------------> Up
 *
 * AdminDown is entered and left by hand only.
 */
const NEXT: Readonly<Record<Exclude<BfdState, 'AdminDown'>, Partial<Record<BfdState, BfdState>>>> = {
  Down: { Down: 'Init', Init: 'Up' },
  Init: { AdminDown: 'Down', Init: 'Up', Up: 'Up' },
  Up: { AdminDown: 'Down', Down: 'Down' },
};

export interface Transition {
  readonly state: BfdState;
  readonly diag: number;
}

/**
 * RFC 5880 §6.8.6: what a packet with the state `remote` makes of ours. `diag` is kept until the session is Up again, so that
 * the peer learns why it went down whenever it can hear us again.
 * @returns undefined when nothing changes
 */
export function transitionOf(local: BfdState, remote: BfdState, diag: number): Transition | undefined {
  const state = local === 'AdminDown' ? undefined : NEXT[local][remote];
  if (state === undefined) return undefined;
  if (state === 'Down') return { state, diag: BFD_DIAG.neighborSignaledDown };
  return { state, diag: state === 'Up' ? BFD_DIAG.none : diag };
}
