import type { Speaker } from '../src/layer2/conflictState.ts';
import type { Ip } from '../src/net/ip.ts';

/** What only the election knows. */
export interface Layer2Surroundings {
  /** This process stood still, and does not know what is its own: it says nothing. */
  readonly isDoubtful: () => boolean;
  /** All nodes in the order by which a conflict about the address ends. */
  readonly orderOf: (ip: Ip) => readonly string[];
  /** What the speaker of that node is to this one. */
  readonly meeting: (node: string) => Pick<Speaker, 'isMet' | 'isLost' | 'doubt'>;
  /** An address is answered for, or not any more. */
  readonly phasesChanged: () => void;
}

/** Nobody else is there. */
export const NO_SURROUNDINGS: Layer2Surroundings = {
  isDoubtful: () => false,
  orderOf: () => [],
  meeting: () => ({ isMet: false }),
  phasesChanged: () => undefined,
};
