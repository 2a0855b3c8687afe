import type { Prospect } from '../announce/prospects.ts';
import { isIneligible, servicePools } from '../announce/scope.ts';
import type { ConditionView, ServiceView } from '../cluster/service.ts';
import type { Problem } from '../config/problem.ts';
import { reasonText } from '../ipam/reasonText.ts';
import { type Cause, type Group, explainCause, gathered, makeCause, problemCause } from './cause.ts';
import { outdatedCause } from './definitions.ts';
import { Holders } from './holders.ts';
import { lastGood } from './lastGood.ts';
import { meshFindings } from './mesh.ts';
import { Routed, deafCause } from './routed.ts';
import { type SessionView, sessionsOf } from './sessions.ts';
import type { Situation } from './situation.ts';
import { whyNowhere } from './unannounced.ts';
import { type Judgement, type Reach, isOnWire } from './verdict.ts';

export const ALLOCATED = 'heraldlb.io/Allocated';

export function allocatedOf(service: ServiceView): ConditionView | undefined {
  return service.conditions.find(({ type }) => type === ALLOCATED);
}

/** Judges the Services of one situation, one or all. */
export class Judge {
  readonly sessions: readonly SessionView[];
  readonly #situation: Situation;
  readonly #routed: Routed;
  readonly #holders: Holders;
  readonly #gathered = new WeakMap<readonly Group[], readonly Cause[]>();
  readonly #errors: readonly Problem[];

  constructor(situation: Situation) {
    this.#situation = situation;
    this.sessions = sessionsOf(situation);
    this.#routed = new Routed(this.sessions);
    this.#holders = new Holders(situation);
    this.#errors = situation.problems.filter(({ severity }) => severity === 'error');
  }

  judge(service: ServiceView): Judgement {
    const { type, loadBalancerClass: own, ingress } = service;
    const handled = this.#situation.loadBalancerClass;
    if (type !== 'LoadBalancer') return dark([explainCause({ reason: 'OtherType', type })]);
    if (own !== handled) return dark([explainCause({ reason: 'OtherClass', class: own, handled })]);
    if (service.deleting) return dark([explainCause({ reason: 'ServiceDeleting' })]);
    return this.#inView(ingress.length === 0 ? dark(whyNoAddress(this.#situation, service)) : this.#onWire(service));
  }

  /** What cannot be read goes before what seems to be missing. */
  #inView(found: Judgement): Judgement {
    const { unread = [], outdated = [] } = this.#situation;
    if (found.state === 'announced' || unread.length + outdated.length === 0) return found;
    const before = found.state === 'notAnnounced' ? unread : [];
    return { ...found, causes: [...before, ...found.causes, ...outdated.map(outdatedCause)] };
  }

  #onWire(service: ServiceView): Judgement {
    const warnings = warningsOf(this.#situation, service);
    const prospect = this.#situation.prospects.of(service);
    const reaches = this.#reaches(service, prospect);
    if (reaches.length > 0) {
      const owners = reaches.flatMap(({ layer2 }) => layer2.holders.flatMap(({ node, onWire }) => (onWire ? [node] : [])));
      const found = this.#weigh(service, prospect, reaches);
      const kept = this.#keptOf(service, prospect);
      const causes = [...found.causes, ...kept, ...warnings, ...meshFindings(this.#situation, owners).map(({ cause }) => cause)];
      return { ...found, state: kept.length > 0 && found.state === 'announced' ? 'degraded' : found.state, causes };
    }
    const stale = lastGood(this.#situation, this.#errors, service, this.sessions);
    return stale ?? dark([...whyNowhere(this.#situation, service, prospect), ...warnings]);
  }

  #reaches(service: ServiceView, prospect: Prospect): Reach[] {
    return service.ingress.flatMap((address, position): Reach[] => {
      const layer2 = this.#holders.of(address, position, prospect);
      if (prospect.bgp.length === 0 && layer2.holders.length === 0) return [];
      return [{ address, bgp: this.#routed.of(prospect, position, address), layer2 }];
    });
  }

  #weigh({ ingress }: ServiceView, prospect: Prospect, reaches: readonly Reach[]): Judgement {
    const causes = this.#causes(reaches, prospect);
    const reached = reaches.filter(isOnWire).length;
    if (reached === 0) return { state: 'notAnnounced', causes, reaches };
    const isWhole = reached === ingress.length && causes.length === 0 && reaches.every(isWhollyOnWire);
    return { state: isWhole ? 'announced' : 'degraded', causes, reaches };
  }

  #causes(reaches: readonly Reach[], prospect: Prospect): readonly Cause[] {
    const [first, ...others] = reaches;
    const deaf = reaches.flatMap(({ address, bgp }) => deafCause(prospect, bgp, address));
    const held = reaches.flatMap(({ layer2 }) => layer2.causes);
    if (first === undefined || others.length + deaf.length + held.length > 0)
      return gathered([...reaches.flatMap(({ bgp }) => bgp.causes), ...deaf, ...held]);
    // What a thousand Services have in common is put together once.
    const known = this.#gathered.get(first.bgp.causes) ?? gathered(first.bgp.causes);
    this.#gathered.set(first.bgp.causes, known);
    return known;
  }

  /** An object that became bad goes on in its last good version, by which this one is announced. */
  #keptOf(service: ServiceView, { bgp, layer2 }: Prospect): Cause[] {
    if (this.#errors.length === 0) return [];
    const { config, prospects } = this.#situation;
    const pools = servicePools(prospects.index, service);
    const used = new Set([
      ...(isIneligible(pools) ? [] : pools.map(({ name }) => `IPAddressPool/${name}`)),
      ...(bgp.length === 0 ? [] : config.bgpAdvertisements.map(({ name }) => `BGPAdvertisement/${name}`)),
      ...(layer2.length === 0 ? [] : config.l2Advertisements.map(({ name }) => `L2Advertisement/${name}`)),
      ...bgp.flatMap(({ peers }) => peers.map((name) => `BGPPeer/${name}`)),
    ]);
    return this.#errors.filter(({ object: { kind, name } }) => used.has(`${kind}/${name}`)).map(problemCause);
  }
}

function dark(causes: readonly Cause[]): Judgement {
  return { state: 'notAnnounced', causes, reaches: [] };
}

function isWhollyOnWire({ bgp, layer2 }: Reach): boolean {
  return bgp.down.length === 0 && bgp.deaf.length === 0 && layer2.holders.every(({ onWire }) => onWire);
}

function whyNoAddress(situation: Situation, service: ServiceView): Cause[] {
  const { controller } = situation;
  const condition = allocatedOf(service);
  const planned = situation.assignment(service.key);
  const refusal = planned?.refusal;
  if (condition?.status === 'False' && isCurrent(condition, service)) {
    // What a controller said that has gone away may be true no more.
    if (controller.running || refusal?.reason === condition.reason)
      return [makeCause('ipam', condition.reason, condition.message), ...badPools(situation, condition.reason)];
  }
  if (controller.running) return [explainCause({ reason: 'NotYetAllocated', planned: plannedText(planned) })];
  const next =
    refusal === undefined ? [] : [makeCause('ipam', refusal.reason, reasonText(refusal)), ...badPools(situation, refusal.reason)];
  return [explainCause({ reason: 'ControllerNotRunning', leader: controller.leader }), ...next];
}

function isCurrent({ observedGeneration }: ConditionView, { generation }: ServiceView): boolean {
  return observedGeneration === undefined || observedGeneration >= generation;
}

function plannedText(planned: ReturnType<Situation['assignment']>): string {
  if (planned?.refusal !== undefined) return reasonText(planned.refusal);
  return planned === undefined || planned.ingress.length === 0 ? 'it has nothing to give' : `it is to get ${planned.ingress.join(' and ')}`;
}

const ABOUT_POOLS: ReadonlySet<string> = new Set([
  'NoPools',
  'NoPoolMatches',
  'PoolExhausted',
  'UnknownPool',
  'AddressOutsidePools',
  'FamilyUnavailable',
]);

function badPools({ problems }: Situation, reason: string): Cause[] {
  if (!ABOUT_POOLS.has(reason)) return [];
  return problems.filter(({ object, severity }) => object.kind === 'IPAddressPool' && severity === 'error').map(problemCause);
}

/** It has an address, and yet there is something to say about that. */
function warningsOf({ controller }: Situation, service: ServiceView): Cause[] {
  const condition = allocatedOf(service);
  const refused = condition?.status === 'False' ? [makeCause('ipam', condition.reason, condition.message)] : [];
  return controller.running ? refused : [...refused, explainCause({ reason: 'ControllerNotRunning', leader: controller.leader })];
}
