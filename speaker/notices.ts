import { type Ineligible, ineligibleText } from '../src/announce/eligibility.ts';
import { type ClaimPlan, type NodePlanResult, type Verdict, candidaciesOf } from '../src/announce/plan.ts';
import type { ServiceKey } from '../src/cluster/service.ts';
import type { ClaimPhase } from '../src/layer2/announcerState.ts';
import type { Ip } from '../src/net/ip.ts';
import { peerNameOf } from './peerName.ts';
import { type HeardReport, type WireProblem, wireProblemText } from './report.ts';

export interface Notice {
  readonly service: ServiceKey;
  readonly type: 'Normal' | 'Warning';
  /** MetalLB's names, which people's alerts know. */
  readonly reason: 'nodeAssigned' | 'announceFailed';
  readonly message: string;
}

/** What an operator has to mend; that another node is the owner, for instance, is nothing to be told. */
const LOUD = new Set<Ineligible['reason']>(['AddressOutsidePools', 'ConflictingAdvertisements', 'SharedAddressWithServiceSelector']);

type Protocol = 'bgp' | 'layer2' | 'any';

interface Wire {
  readonly claims: HeardReport['claims'];
  readonly problems: ReadonlyMap<Ip, WireProblem>;
}

type Standing = { readonly is: 'quiet' } | { readonly is: 'announced' } | { readonly is: 'failed'; readonly why: string };

/** Tells transitions only: a Service that stays as it is gives no event, however often it is planned. */
export class Notices {
  /** Thousands are told the same. */
  readonly #announced: Readonly<Record<Protocol, string>>;
  /** By protocol; who is quiet is in none. */
  readonly #standings = {
    bgp: new Map<ServiceKey, Standing>(),
    layer2: new Map<ServiceKey, Standing>(),
    any: new Map<ServiceKey, Standing>(),
  };
  #verdicts: NodePlanResult['verdicts'] = [];

  constructor(node: string) {
    const announced = (protocol: Protocol): string => `announcing from node "${node}" with protocol "${protocol}"`;
    this.#announced = { bgp: announced('bgp'), layer2: announced('layer2'), any: announced('any') };
  }

  /** @param report made under this very plan */
  update({ plan, verdicts, speaksForAll }: NodePlanResult, report: HeardReport): Notice[] {
    const claims = claimsByService(candidaciesOf(plan), report.claims);
    const ofLayer2 = { claims: report.claims, problems: problemsByIp(report) };
    const established = new Set(report.peers.filter(({ state }) => state === 'Established').map(({ name }) => peerNameOf(name)));
    const notices: Notice[] = [];
    for (const { service, bgp, layer2 } of verdicts) {
      const onBgp = this.#bgp(bgp, established, this.#standings.bgp.get(service));
      const onLayer2 = this.#layer2(layer2, claims.get(service) ?? NO_IPS, ofLayer2);
      const anywhere = speaksForAll ? unselected(bgp, layer2) : QUIET;
      for (const [protocol, standing] of [['bgp', onBgp] as const, ['layer2', onLayer2] as const, ['any', anywhere] as const]) {
        const notice = this.#notice(service, protocol, this.#standings[protocol].get(service), standing);
        if (notice !== undefined) notices.push(notice);
        if (standing.is === 'quiet') this.#standings[protocol].delete(service);
        else this.#standings[protocol].set(service, standing);
      }
    }
    this.#forgetOthers(verdicts);
    return notices;
  }

  #forgetOthers(verdicts: NodePlanResult['verdicts']): void {
    if (this.#verdicts === verdicts) return;
    this.#verdicts = verdicts;
    const known = new Set(verdicts.map(({ service }) => service));
    for (const standings of Object.values(this.#standings))
      for (const service of standings.keys()) if (!known.has(service)) standings.delete(service);
  }

  #bgp(verdict: Verdict, established: ReadonlySet<string>, before: Standing | undefined): Standing {
    if (!verdict.announced) return ineligible(verdict.ineligible);
    // A session that flaps is told on the NodeState, not on every Service that is announced over it.
    const isUp = before?.is === 'announced' || verdict.peers?.some((peer) => established.has(peer)) === true;
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

  #notice(service: ServiceKey, protocol: Protocol, before: Standing | undefined, after: Standing): Notice | undefined {
    if (after.is === 'quiet' || before === after || JSON.stringify(before) === JSON.stringify(after)) return undefined;
    if (protocol === 'any' && after.is === 'failed') {
      return { service, type: 'Warning', reason: 'announceFailed', message: `not announced by any node: ${after.why}` };
    }
    const announced = this.#announced[protocol];
    if (after.is === 'announced') return { service, type: 'Normal', reason: 'nodeAssigned', message: announced };
    return { service, type: 'Warning', reason: 'announceFailed', message: `not ${announced}: ${after.why}` };
  }
}

const QUIET: Standing = { is: 'quiet' };
const ANNOUNCED: Standing = { is: 'announced' };

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
