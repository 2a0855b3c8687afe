import { type Ineligible, ineligibleText } from '../src/announce/eligibility.ts';
import { type ClaimPlan, type NodePlanResult, type Verdict, candidaciesOf } from '../src/announce/plan.ts';
import type { ServiceKey } from '../src/cluster/service.ts';
import type { ClaimPhase } from '../src/layer2/announcerState.ts';
import type { Ip } from '../src/net/ip.ts';
import { Column } from '../src/rows/columns.ts';
import { SharedMap } from '../src/rows/sharedMap.ts';
import { Texts } from '../src/rows/texts.ts';
import { peerNameOf } from './peerName.ts';
import { type HeardReport, type WireProblem, wireProblemText } from './report.ts';

export interface Notice extends Told {
  readonly service: ServiceKey;
}

interface Told {
  readonly type: 'Normal' | 'Warning';
  /** MetalLB's names, which people's alerts know. */
  readonly reason: 'nodeAssigned' | 'announceFailed';
  readonly message: string;
}

/** What an operator has to mend; that another node is the owner, for instance, is nothing to be told. */
const LOUD = new Set<Ineligible['reason']>(['AddressOutsidePools', 'ConflictingAdvertisements', 'SharedAddressWithServiceSelector']);

interface Wire {
  readonly claims: HeardReport['claims'];
  readonly problems: ReadonlyMap<Ip, WireProblem>;
}

const PROTOCOLS = ['bgp', 'layer2', 'any'] as const;
type Protocol = (typeof PROTOCOLS)[number];
type Standing = { readonly is: 'quiet' } | { readonly is: 'announced' } | { readonly is: 'failed'; readonly why: string };

type Said = Readonly<Record<Protocol, Standing>>;

/** Tells transitions only: a Service that stays as it is gives no event, however often it is planned. */
export class Notices {
  readonly #node: string;
  readonly #names: Texts;
  /** What was last said of each Service. */
  readonly #said: SharedMap<ServiceKey, Said>;
  /** Where nothing failed there are few that differ. */
  readonly #shared = new Map<string, Said>();
  #verdicts: NodePlanResult['verdicts'] | undefined;
  /** Thousands are told the same. */
  readonly #announced: Readonly<Record<Protocol, Told>>;

  /** @param names of Services, among which the verdicts have their places */
  constructor(node: string, names = new Texts()) {
    this.#node = node;
    this.#names = names;
    this.#said = new SharedMap(names);
    const announced = (protocol: Protocol): Told => ({
      type: 'Normal',
      reason: 'nodeAssigned',
      message: `announcing ${this.#where(protocol)}`,
    });
    this.#announced = { bgp: announced('bgp'), layer2: announced('layer2'), any: announced('any') };
  }

  /** @param report made under this very plan @param tell called for each, since there may be a hundred thousand */
  update({ plan, verdicts, speaksForAll }: NodePlanResult, report: HeardReport, tell: (notice: Notice) => void): void {
    const claims = claimsByService(candidaciesOf(plan), report.claims);
    const ofLayer2 = { claims: report.claims, problems: problemsByIp(report) };
    const established = new Set(report.peers.filter(({ state }) => state === 'Established').map(({ name }) => peerNameOf(name)));
    const isSame = this.#verdicts === verdicts;
    this.#verdicts = verdicts;
    const seen = new Column();
    for (const verdict of verdicts) {
      const { place = this.#placeOf(verdict.service), bgp, layer2 } = verdict;
      if (!isSame) seen.set(place, 1);
      const before = this.#said.at(place) ?? NOTHING;
      const said: Said = {
        bgp: this.#bgp(bgp, established, before.bgp),
        layer2: this.#layer2(layer2, claims.size === 0 ? NO_IPS : (claims.get(verdict.service) ?? NO_IPS), ofLayer2),
        any: speaksForAll ? unselected(bgp, layer2) : QUIET,
      };
      const changed = PROTOCOLS.filter((protocol) => !sameStanding(before[protocol], said[protocol]));
      if (changed.length === 0) continue;
      const { service } = verdict;
      this.#said.set(service, this.#share(said));
      for (const protocol of changed) {
        const standing = said[protocol];
        if (standing.is === 'quiet') continue;
        const { type, reason, message } = this.#told(protocol, standing);
        tell({ service, type, reason, message });
      }
    }
    if (!isSame) this.#forget(seen);
  }

  #placeOf(service: ServiceKey): number {
    if (this.#said.get(service) === undefined) this.#said.set(service, NOTHING);
    return this.#names.find(service);
  }

  /** Who comes again is told of again. @param seen the places of those that are there */
  #forget(seen: Column): void {
    for (const place of this.#said.places()) if (seen.get(place) === 0) this.#said.delete(this.#names.text(place) as ServiceKey);
  }

  #share(said: Said): Said {
    const parts = PROTOCOLS.map((protocol) => said[protocol].is);
    if (parts.includes('failed')) return said;
    const key = parts.join();
    const known = this.#shared.get(key) ?? said;
    this.#shared.set(key, known);
    return known;
  }

  #bgp(verdict: Verdict, established: ReadonlySet<string>, before: Standing): Standing {
    if (!verdict.announced) return ineligible(verdict.ineligible);
    // A session that flaps is told on the NodeState, not on every Service that is announced over it.
    const isUp = before.is === 'announced' || verdict.peers?.some((peer) => established.has(peer)) === true;
    return isUp ? ANNOUNCED : QUIET;
  }

  #layer2(verdict: Verdict, ips: readonly Ip[], { claims, problems }: Wire): Standing {
    // Who owns an address is found on the wire: the plan's word is what it would be by Kubernetes alone.
    if (!verdict.announced && ips.length === 0) return ineligible(verdict.ineligible);
    const phaseOf = (ip: Ip): ClaimPhase | undefined => claims.get(ip)?.phase;
    const stuck = ips.find((ip) => phaseOf(ip) === 'refused' || phaseOf(ip) === 'waiting');
    const problem = stuck === undefined ? undefined : problems.get(stuck);
    if (problem !== undefined) return { is: 'failed', why: wireProblemText(problem) };
    return ips.length > 0 && ips.every((ip) => phaseOf(ip) === 'claimed') ? ANNOUNCED : QUIET;
  }

  #told(protocol: Protocol, standing: Exclude<Standing, { is: 'quiet' }>): Told {
    if (standing.is === 'announced') return this.#announced[protocol];
    const where = protocol === 'any' ? 'not announced by any node' : `not announcing ${this.#where(protocol)}`;
    return { type: 'Warning', reason: 'announceFailed', message: `${where}: ${standing.why}` };
  }

  #where(protocol: Protocol): string {
    return `from node "${this.#node}" with protocol "${protocol}"`;
  }
}

const QUIET: Standing = { is: 'quiet' };
const ANNOUNCED: Standing = { is: 'announced' };
const NOTHING: Said = { bgp: QUIET, layer2: QUIET, any: QUIET };

function sameStanding(a: Standing, b: Standing): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b);
}

/** The address is there and nobody was ever asked to announce it: the same on every node, so only one of them says it. */
function unselected(bgp: Verdict, layer2: Verdict): Standing {
  return forgotten(bgp) && forgotten(layer2) ? { is: 'failed', why: ineligibleText({ reason: 'NoMatchingAdvertisement' }) } : QUIET;
}

function forgotten(verdict: Verdict): boolean {
  return !verdict.announced && verdict.ineligible.reason === 'NoMatchingAdvertisement';
}

function ineligible(why: Ineligible): Standing {
  return LOUD.has(why.reason) ? { is: 'failed', why: ineligibleText(why) } : QUIET;
}

const NO_IPS: readonly Ip[] = [];

function claimsByService(plans: readonly ClaimPlan[], claims: HeardReport['claims']): Map<ServiceKey, readonly Ip[]> {
  const found = new Map<ServiceKey, readonly Ip[]>();
  for (const { ip, services } of plans) {
    if (!claims.has(ip)) continue;
    for (const service of services) found.set(service, [...(found.get(service) ?? NO_IPS), ip]);
  }
  return found;
}

function problemsByIp({ problems }: HeardReport): Map<Ip, WireProblem> {
  return new Map(problems.flatMap((problem): [Ip, WireProblem][] => ('ip' in problem ? [[problem.ip, problem]] : [])));
}
