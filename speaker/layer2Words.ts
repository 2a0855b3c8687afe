import type { WireClaim } from '../src/announce/plan.ts';
import type { AnnouncerEvent, Claim } from '../src/layer2/announcerState.ts';
import type { Ip } from '../src/net/ip.ts';
import type { Mac } from '../src/net/mac.ts';
import { wallNow } from './clock.ts';
import type { Interfaces } from './interfaces.ts';
import type { ClaimReport, WireProblem } from './report.ts';
import type { SharedLists } from './sharedLists.ts';

/** @param fresh to be asked for first @param parting what is another's, and still answered for without a word */
export function claimsEvent(claims: readonly WireClaim[], fresh: readonly Ip[], parting: readonly WireClaim[]): AnnouncerEvent {
  const probed = new Set(fresh);
  return {
    kind: 'claims',
    claims: [
      ...claims.map(({ ip, interfaces }) => ({ ip, probe: probed.has(ip), ...(interfaces === undefined ? {} : { interfaces }) })),
      ...parting.map((claim) => ({ ...claim, probe: false, quiet: true })),
    ],
  };
}

/** @param lists lists that are alike are one list, which also arrives as one @param since when it came into its phase */
export function reportOf({ ip, phase, wanted }: Claim, interfaces: Interfaces, lists: SharedLists, since: string | undefined): ClaimReport {
  const claim = wanted.interfaces === undefined ? { ip } : { ip, interfaces: wanted.interfaces };
  const names = phase === 'claimed' ? interfaces.fitFor(claim).map(({ name }) => name) : [];
  return { ip, phase, interfaces: lists.of(names.toSorted()), since: since ?? wallNow() };
}

/** @param occupants who else was seen to have an address */
export function claimProblems(
  claims: Iterable<Claim>,
  occupants: ReadonlyMap<Ip, { readonly mac: Mac; readonly interface: string }>,
): WireProblem[] {
  const stranded = [...claims]
    .filter(({ phase }) => phase === 'waiting')
    .map(({ ip, wanted }): WireProblem => ({ reason: 'NoUsableInterface', ip, interfaces: wanted.interfaces ?? [] }));
  const occupied = [...occupants].map(([ip, occupant]): WireProblem => ({ reason: 'AddressInUse', ip, ...occupant }));
  return [...stranded, ...occupied];
}
