import type { ServiceKey } from '../cluster/service.ts';
import type { Ip } from '../net/ip.ts';
import type { ClaimPlanner } from './claims.ts';
import type { ServiceVerdict, Verdict } from './plan.ts';
import type { RoutePlanner } from './routes.ts';
import type { IndexedSnapshot } from './snapshot.ts';

/** No advertisement speaks of it. */
export const UNMATCHED: Verdict = { announced: false, ineligible: { reason: 'NoMatchingAdvertisement' } };

interface Planners {
  readonly routes: RoutePlanner;
  readonly claims: ClaimPlanner;
}

/** Why Services are announced or not, made for who looks: the planners know it, in few bytes each. What it says is what they know by then. */
export class Verdicts implements Iterable<ServiceVerdict> {
  readonly #index: IndexedSnapshot;
  readonly #planners: Planners;

  constructor(index: IndexedSnapshot, planners: Planners) {
    this.#index = index;
    this.#planners = planners;
  }

  /** In no particular order. */
  *[Symbol.iterator](): Iterator<ServiceVerdict> {
    for (const place of this.#planners.routes.places()) yield new PlacedVerdict(this.#index, this.#planners, place);
  }
}

/** Most of those who look want to know no more than whether a Service is announced. */
class PlacedVerdict implements ServiceVerdict {
  readonly place: number;
  readonly #index: IndexedSnapshot;
  readonly #planners: Planners;

  constructor(index: IndexedSnapshot, planners: Planners, place: number) {
    this.#index = index;
    this.#planners = planners;
    this.place = place;
  }

  get service(): ServiceKey {
    return this.#index.names.text(this.place) as ServiceKey;
  }

  get addresses(): readonly Ip[] {
    return this.#index.service(this.service)?.ingress ?? [];
  }

  get bgp(): Verdict {
    return this.#planners.routes.verdictAt(this.place) ?? UNMATCHED;
  }

  get layer2(): Verdict {
    const { claims } = this.#planners;
    if (!claims.isIdle) return claims.verdict(this.service) ?? UNMATCHED;
    const { bgp } = this;
    return !bgp.announced && isOfAddress(bgp) ? bgp : UNMATCHED;
  }
}

/** Whatever the protocol. */
function isOfAddress({ ineligible }: Extract<Verdict, { readonly announced: false }>): boolean {
  return ineligible.reason === 'NoAddress' || ineligible.reason === 'AddressOutsidePools';
}
