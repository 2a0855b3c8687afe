import { type Ineligible, ineligibleText } from '../src/announce/eligibility.ts';
import { type ClaimPlan, type NodePlanResult, type Verdict, candidaciesOf } from '../src/announce/plan.ts';
import type { ServiceKey } from '../src/cluster/service.ts';
import type { Ip } from '../src/net/ip.ts';
import { peerNameOf } from './peerName.ts';
import { type ClaimReport, type Report, type WireProblem, wireProblemText } from './report.ts';

export interface Notice {
  readonly service: ServiceKey;
  readonly type: 'Normal' | 'Warning';
  /** MetalLB's names, which people's alerts know. */
  readonly reason: 'nodeAssigned' | 'announceFailed';
  readonly message: string;
}

/** What an operator has to mend; that another node is the owner, for instance, is nothing to be told. */
const LOUD = new Set<Ineligible['reason']>(['AddressOutsidePools', 'ConflictingAdvertisements', 'SharedAddressWithServiceSelector']);

type Standing = { readonly is: 'quiet' } | { readonly is: 'announced' } | { readonly is: 'failed'; readonly why: string };

/** Tells transitions only: a Service that stays as it is gives no event, however often it is planned. */
export class Notices {
  readonly #node: string;
  /** By protocol; who is quiet is in none. */
  readonly #standings = {
    bgp: new Map<ServiceKey, Standing>(),
    layer2: new Map<ServiceKey, Standing>(),
    any: new Map<ServiceKey, Standing>(),
  };
  #verdicts: NodePlanResult['verdicts'] = [];

  constructor(node: string) {
    this.#node = node;
  }

  /** @param report made under this very plan */
  update({ plan, verdicts, speaksForAll }: NodePlanResult, report: Report): Notice[] {
    const claims = claimsByService(candidaciesOf(plan), report.claims);
    const established = new Set(report.peers.filter(({ state }) => state === 'Established').map(({ name }) => peerNameOf(name)));
    const problems = new Map(report.problems.flatMap((problem): [Ip, WireProblem][] => ('ip' in problem ? [[problem.ip, problem]] : [])));
    const notices: Notice[] = [];
    for (const { service, bgp, layer2 } of verdicts) {
      const onBgp = this.#bgp(bgp, established, this.#standings.bgp.get(service));
      const onLayer2 = this.#layer2(layer2, claims.get(service) ?? [], problems);
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

  #layer2(verdict: Verdict, claims: readonly ClaimReport[], problems: ReadonlyMap<Ip, WireProblem>): Standing {
    // Who owns an address is found on the wire: the plan's word is what it would be by Kubernetes alone.
    if (!verdict.announced && claims.length === 0) return ineligible(verdict.ineligible);
    const stuck = claims.find(({ phase }) => phase === 'refused' || phase === 'waiting');
    const problem = stuck === undefined ? undefined : problems.get(stuck.ip);
    if (problem !== undefined) return { is: 'failed', why: wireProblemText(problem) };
    return claims.length > 0 && claims.every(({ phase }) => phase === 'claimed') ? ANNOUNCED : QUIET;
  }

  #notice(service: ServiceKey, protocol: 'bgp' | 'layer2' | 'any', before: Standing | undefined, after: Standing): Notice | undefined {
    if (after.is === 'quiet' || before === after || JSON.stringify(before) === JSON.stringify(after)) return undefined;
    if (protocol === 'any' && after.is === 'failed') {
      return { service, type: 'Warning', reason: 'announceFailed', message: `not announced by any node: ${after.why}` };
    }
    const where = `from node "${this.#node}" with protocol "${protocol}"`;
    if (after.is === 'announced') return { service, type: 'Normal', reason: 'nodeAssigned', message: `announcing ${where}` };
    return { service, type: 'Warning', reason: 'announceFailed', message: `not announcing ${where}: ${after.why}` };
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

function claimsByService(plans: readonly ClaimPlan[], reports: readonly ClaimReport[]): Map<ServiceKey, ClaimReport[]> {
  const byIp = new Map(reports.map((claim) => [claim.ip, claim]));
  const found = new Map<ServiceKey, ClaimReport[]>();
  for (const { ip, services } of plans) {
    const claim = byIp.get(ip);
    if (claim === undefined) continue;
    for (const service of services) {
      const list = found.get(service);
      if (list === undefined) found.set(service, [claim]);
      else list.push(claim);
    }
  }
  return found;
}
