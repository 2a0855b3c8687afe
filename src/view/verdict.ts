import type { Ip } from '../net/ip.ts';
import type { Cause } from './cause.ts';
import type { Held } from './holders.ts';
import type { Spread } from './routed.ts';

/** `degraded`: it can be reached, but not in all the ways that it is to be. */
export type ServiceState = 'announced' | 'degraded' | 'notAnnounced';

/** What becomes of one address. */
export interface Reach {
  readonly address: Ip;
  readonly bgp: Spread;
  readonly layer2: Held;
}

export interface Judgement {
  readonly state: ServiceState;
  /** The first is the one that counts; where the state is `announced` they are words of warning. */
  readonly causes: readonly Cause[];
  /** Of addresses that some node is to announce. */
  readonly reaches: readonly Reach[];
}

export function isOnWire({ bgp, layer2 }: Reach): boolean {
  return bgp.up.length > 0 || layer2.holders.some(({ onWire }) => onWire);
}
