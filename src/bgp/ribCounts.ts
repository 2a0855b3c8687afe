import type { AdjRibOut, RibSession } from './adjRibOut.ts';
import { envelopeKey } from './encodedRoutes.ts';
import type { PackedSet } from './session.ts';
import { hasRoom } from './updatePacker.ts';

/** Prefixes that the peer has been told of and not been told to forget; exact when drained. */
export function announcedCount({ session, desired, queue }: AdjRibOut): number {
  let count = 0;
  for (const set of session === undefined ? [] : (desired ?? [])) if (isSendable(session, set)) count += set.nlri.count;
  for (const item of queue) if (item.kind === 'announce') count -= item.nlri.count - item.prefixesDone;
  return Math.max(0, count);
}

/** Prefixes that are withdrawn since their attributes alone fill a message (RFC 4271 §9.2), as far as they were to be told. */
export function oversizedCount({ session, desired }: AdjRibOut): number {
  let count = 0;
  for (const set of session === undefined ? [] : (desired ?? []))
    if (session?.families.includes(set.nlri.family) === true && !isSendable(session, set)) count += set.nlri.count;
  return count;
}

function isSendable(session: RibSession | undefined, { attributes, nlri }: PackedSet): boolean {
  if (session?.families.includes(nlri.family) !== true) return false;
  const envelope = session.envelopes.get(envelopeKey(attributes, nlri.family));
  return envelope === undefined || hasRoom(envelope, nlri.family, session);
}
