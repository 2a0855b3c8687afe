import { type AddressClaim, readClaim } from '../config/addressClaims.ts';
import {
  type AdmissionRequest,
  type AdmissionVerdict,
  type AdmissionWorld,
  NOTHING_SAID,
  basisOf,
  dated,
  denied,
  isSameToUs,
  problemLine,
  takenBetween,
  unknownBefore,
} from './admission.ts';
import { claimDoubts } from './claimDoubts.ts';
import { Desk } from './desk.ts';
import { reasonText } from './reasonText.ts';

/** One write of an AddressClaim. */
export type ClaimRequest = Omit<AdmissionRequest, 'kind'>;

/**
 * A claim says what its author wants, so it is refused only where it cannot be read. What keeps it from having an effect at once, and
 * whom it moves, are warnings.
 */
export function reviewClaim({ operation, object, oldObject }: ClaimRequest, world: AdmissionWorld): AdmissionVerdict {
  if (operation === 'DELETE' || (operation === 'UPDATE' && isSameToUs(object, oldObject))) return NOTHING_SAID;
  const { claim, problems } = readClaim(dated(object));
  const fresh = unknownBefore(oldObject === undefined ? [] : readClaim(oldObject).problems, problems);
  const denials = denied('InvalidObject', fresh);
  // The controller's own claims follow what is so already, and there may be as many as Services.
  if (claim === undefined || claim.managed || denials.length > 0) return { ...NOTHING_SAID, denials };
  const before = basisOf(world);
  const others = [...(world.claims ?? [])].filter(({ name }) => name !== claim.name);
  const after = { ...before, claims: [...others, claim] };
  const lines = [...fresh.map(problemLine), ...claimDoubts(new Desk(after), claim).map(reasonText), ...heldBy(claim, world)];
  return { denials, warnings: lines, taken: takenBetween(before, after, world.services) };
}

/** A claim takes nothing from a Service that has an address otherwise: it waits. */
function heldBy({ addresses, service, boundTo }: AddressClaim, { services }: AdmissionWorld): string[] {
  return addresses.flatMap((address) => {
    const by = services.filter(({ ingress }) => ingress.includes(address)).map(({ key }) => key);
    // Who shares it makes room, and who has it by this very claim hands it on.
    const isOpen = by.length === 0 || by.some((key) => key === service || key === boundTo);
    return isOpen ? [] : [reasonText({ reason: 'AddressInUse', address, by })];
  });
}
