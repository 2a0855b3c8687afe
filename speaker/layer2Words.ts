import type { Claim, WantedClaim } from '../src/layer2/announcerState.ts';
import { type Ip, ipFamily } from '../src/net/ip.ts';
import type { Mac } from '../src/net/mac.ts';
import { wallNow } from './clock.ts';
import type { Interfaces } from './interfaces.ts';
import type { ClaimReport, WireProblem } from './report.ts';
import { SharedLists } from './sharedLists.ts';
import type { SpeakerMacs } from './speakerMacs.ts';

const NO_NAMES: readonly string[] = [];

/** What each claim is, for the report: of thousands, many times while they are taken. */
export class ClaimReports {
  readonly #interfaces: Interfaces;

  constructor(interfaces: Interfaces) {
    this.#interfaces = interfaces;
  }

  /** Lists that are alike are one list, which also arrives as one. @param since when it came into its phase */
  of(claims: Iterable<Claim>, since: (ip: Ip) => string | undefined): ClaimReport[] {
    const now = wallNow();
    const lists = new SharedLists();
    const known = new Map<string, readonly string[]>();
    const reports: ClaimReport[] = [];
    for (const { ip, phase, wanted } of claims) {
      let names = NO_NAMES;
      if (phase === 'claimed') {
        const key = `${ipFamily(ip)} ${wanted.interfaces?.join() ?? '*'}`;
        names = known.get(key) ?? lists.of(this.#namesFor(wanted));
        known.set(key, names);
      }
      reports.push({ ip, phase, interfaces: names, since: since(ip) ?? now });
    }
    return reports;
  }

  #namesFor({ ip, interfaces }: WantedClaim): string[] {
    const fit = this.#interfaces.fitFor(interfaces === undefined ? { ip } : { ip, interfaces });
    return fit.map(({ name }) => name).toSorted();
  }
}

/** @param occupants who else was seen to have an address @param speakers who knows the MACs of nodes */
export function claimProblems(
  claims: Iterable<Claim>,
  occupants: ReadonlyMap<Ip, { readonly mac: Mac; readonly interface: string }>,
  speakers: Pick<SpeakerMacs, 'nodeOf'>,
): WireProblem[] {
  const stranded: WireProblem[] = [];
  for (const { ip, phase, wanted } of claims)
    if (phase === 'waiting') stranded.push({ reason: 'NoUsableInterface', ip, interfaces: wanted.interfaces ?? [] });
  const occupied = [...occupants].map(([ip, occupant]): WireProblem => {
    const node = speakers.nodeOf(occupant.mac);
    return { reason: 'AddressInUse', ip, ...occupant, ...(node === undefined ? {} : { node }) };
  });
  return [...stranded, ...occupied];
}
