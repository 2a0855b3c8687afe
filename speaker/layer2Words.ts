import type { Claim, WantedClaim } from '../src/layer2/announcerState.ts';
import { type Ip, ipFamily } from '../src/net/ip.ts';
import type { Mac } from '../src/net/mac.ts';
import { wallNow } from './clock.ts';
import type { Interfaces } from './interfaces.ts';
import type { ClaimNews, ClaimReport, ClaimState, WireProblem } from './report.ts';
import type { SpeakerMacs } from './speakerMacs.ts';

const NO_NAMES: readonly string[] = [];

/** What each claim is, for the report: of thousands, many times while they are taken. */
export class ClaimReports {
  readonly #interfaces: Interfaces;

  constructor(interfaces: Interfaces) {
    this.#interfaces = interfaces;
  }

  of(claims: Iterable<Claim>): ClaimReport[] {
    const known = new Map<string, ClaimState>();
    return Array.from(claims, (claim) => ({ ip: claim.ip, ...this.#stateOf(claim, known) }));
  }

  /** @param ips of which something may be new; undefined: of all */
  news(claims: ReadonlyMap<Ip, Claim>, ips: readonly Ip[] | undefined): ClaimNews {
    if (ips === undefined) return { isWhole: true, alike: this.#alike(claims.values()), gone: [] };
    const held: Claim[] = [];
    const gone: Ip[] = [];
    for (const ip of ips) {
      const claim = claims.get(ip);
      if (claim === undefined) gone.push(ip);
      else held.push(claim);
    }
    return { isWhole: false, alike: this.#alike(held), gone };
  }

  /** Thousands are alike, and one value stands for them. */
  #alike(claims: Iterable<Claim>): ClaimNews['alike'] {
    const known = new Map<string, ClaimState>();
    const alike = new Map<ClaimState, Ip[]>();
    for (const claim of claims) {
      const state = this.#stateOf(claim, known);
      const ips = alike.get(state);
      if (ips === undefined) alike.set(state, [claim.ip]);
      else ips.push(claim.ip);
    }
    return Array.from(alike, ([state, ips]) => ({ ...state, ips }));
  }

  /** @param known those that were found before */
  #stateOf({ ip, phase, wanted, noted }: Claim, known: Map<string, ClaimState>): ClaimState {
    const since = noted?.since ?? wallNow();
    const isClaimed = phase === 'claimed';
    const where = isClaimed ? `${ipFamily(ip)} ${wanted.interfaces?.join() ?? '*'}` : '';
    const key = `${phase} ${since} ${where}`;
    const state = known.get(key) ?? { phase, interfaces: isClaimed ? this.#namesFor(wanted) : NO_NAMES, since };
    known.set(key, state);
    return state;
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
