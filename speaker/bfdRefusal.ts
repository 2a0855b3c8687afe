import type { BfdDrop } from '../src/bfd/contract.ts';
import type { BfdFault } from '../src/wire/bfd.ts';

/** Why a BFD packet changed nothing. Stable codes: the drop counter carries them as labels. */
export type BfdRefusal =
  | BfdFault['reason']
  | BfdDrop
  /** No session has this discriminator, or this address before there is one. */
  | 'BfdNoSession'
  /** It came over more hops than it may (RFC 5881 §5, RFC 5883 §5). */
  | 'BfdHopLimit'
  /** More echo packets than the peer was allowed. */
  | 'BfdEchoTooOften'
  /** An echo packet that the kernel did not take back. */
  | 'BfdEchoUnsent';

/** The keys are not the same. A number of the past says nothing of the key: it may be played again, or be of one that has begun anew. */
export function isDisbelief(refusal: BfdRefusal): boolean {
  return refusal.startsWith('BfdAuth') && refusal !== 'BfdAuthSequence';
}
