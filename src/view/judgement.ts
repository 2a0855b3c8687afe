import type { ConditionView, ServiceView } from '../cluster/service.ts';
import { reasonText } from '../ipam/reasonText.ts';
import { type Cause, explainCause, gathered, makeCause, problemCause } from './cause.ts';
import type { Cluster } from './cluster.ts';
import { meshCauses } from './mesh.ts';
import { type Placement, Placer } from './placements.ts';
import { type SessionView, sessionsOf } from './sessions.ts';
import { whyNowhere } from './unannounced.ts';

/** `degraded`: it can be reached, but not in all the ways that it is to be. */
export type ServiceState = 'announced' | 'degraded' | 'notAnnounced';

export interface Judgement {
  readonly state: ServiceState;
  /** The first is the one that counts; where the state is `announced` they are words of warning. */
  readonly causes: readonly Cause[];
  readonly placements: readonly Placement[];
}

export const ALLOCATED = 'heraldlb.io/Allocated';

export function allocatedOf(service: ServiceView): ConditionView | undefined {
  return service.conditions.find(({ type }) => type === ALLOCATED);
}

/** A Service that this installation handles, whatever becomes of it. */
export function isHandled({ world }: Pick<Cluster, 'world'>, service: ServiceView): boolean {
  return service.type === 'LoadBalancer' && service.loadBalancerClass === world.loadBalancerClass;
}

/** Judges the Services of one cluster, one or all. */
export class Judge {
  readonly sessions: readonly SessionView[];
  readonly #cluster: Cluster;
  readonly #placer: Placer;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.sessions = sessionsOf(cluster);
    this.#placer = new Placer(cluster, this.sessions);
  }

  judge(service: ServiceView): Judgement {
    const { type, loadBalancerClass: own, ingress } = service;
    const handled = this.#cluster.world.loadBalancerClass;
    if (type !== 'LoadBalancer') return dark([explainCause({ reason: 'OtherType', type })]);
    if (own !== handled) return dark([explainCause({ reason: 'OtherClass', class: own, handled })]);
    if (service.deleting) return dark([explainCause({ reason: 'ServiceDeleting' })]);
    if (ingress.length === 0) return dark(whyNoAddress(this.#cluster, service));
    const warnings = warningsOf(this.#cluster, service);
    const placements = this.#placer.placements(service);
    if (placements.length > 0) {
      const owners = placements.filter(({ protocol, onWire }) => protocol === 'layer2' && onWire).map(({ node }) => node);
      return weigh(service, placements, [...warnings, ...meshCauses(this.#cluster, owners)]);
    }
    const stale = lastGood(this.#cluster, service, this.sessions);
    return stale ?? dark([...whyNowhere(this.#cluster, service), ...warnings]);
  }
}

function dark(causes: readonly Cause[]): Judgement {
  return { state: 'notAnnounced', causes, placements: [] };
}

function weigh({ ingress }: ServiceView, placements: readonly Placement[], warnings: readonly Cause[]): Judgement {
  const causes = gathered(placements.flatMap((placement) => placement.causes.map((cause) => placed(cause, placement.node))));
  const reached = ingress.filter((address) => placements.some((placement) => placement.address === address && placement.onWire));
  if (reached.length === 0) return { state: 'notAnnounced', causes: [...causes, ...warnings], placements };
  const isWhole = reached.length === ingress.length && placements.every(({ onWire }) => onWire) && causes.length === 0;
  return { state: isWhole ? 'announced' : 'degraded', causes: [...causes, ...warnings], placements };
}

/** The object without the node, so that what several nodes have in common is told once. */
function placed(cause: Cause, node: string): { readonly cause: Cause; readonly place: string } {
  const { object, ...rest } = cause;
  const bare = object?.replace(new RegExp(` on ${escaped(node)}$`), '');
  return { cause: bare === undefined || bare === node ? rest : { ...rest, object: bare }, place: node };
}

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}

function whyNoAddress(cluster: Cluster, service: ServiceView): Cause[] {
  const { controller } = cluster;
  const condition = allocatedOf(service);
  const planned = cluster.addresses().assignments.get(service.key);
  const refusal = planned?.refusal;
  if (condition?.status === 'False' && isCurrent(condition, service)) {
    // What a controller said that has gone away may be true no more.
    if (controller.running || refusal?.reason === condition.reason)
      return [makeCause('ipam', condition.reason, condition.message), ...badPools(cluster, condition.reason)];
  }
  if (controller.running) return [explainCause({ reason: 'NotYetAllocated', planned: plannedText(planned) })];
  const next = refusal === undefined ? [] : [makeCause('ipam', refusal.reason, reasonText(refusal)), ...badPools(cluster, refusal.reason)];
  return [explainCause({ reason: 'ControllerNotRunning', leader: controller.leader }), ...next];
}

function isCurrent({ observedGeneration }: ConditionView, { generation }: ServiceView): boolean {
  return observedGeneration === undefined || observedGeneration >= generation;
}

function plannedText(
  planned: { readonly refusal?: Parameters<typeof reasonText>[0]; readonly ingress: readonly string[] } | undefined,
): string {
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

function badPools({ world }: Cluster, reason: string): Cause[] {
  if (!ABOUT_POOLS.has(reason)) return [];
  return world.problems.filter(({ object, severity }) => object.kind === 'IPAddressPool' && severity === 'error').map(problemCause);
}

/** It has an address, and yet there is something to say about that. */
function warningsOf({ controller }: Cluster, service: ServiceView): Cause[] {
  const condition = allocatedOf(service);
  const refused = condition?.status === 'False' ? [makeCause('ipam', condition.reason, condition.message)] : [];
  return controller.running ? refused : [...refused, explainCause({ reason: 'ControllerNotRunning', leader: controller.leader })];
}

/**
 * An object that became bad goes on in its last good version, which only the programs that run remember. That it is in force shows in what
 * the nodes announce although nothing that is written asks for it.
 */
function lastGood({ world, states }: Cluster, service: ServiceView, sessions: readonly SessionView[]): Judgement | undefined {
  const problems = world.problems.filter(({ severity }) => severity === 'error');
  if (problems.length === 0) return undefined;
  const claimed = [...states.values()].flatMap(({ node, claims }) =>
    claims
      .filter(({ ip, services }) => services.includes(service.key) && service.ingress.some((address) => address === ip))
      .map(({ ip, since }): Placement => ({
        node,
        protocol: 'layer2',
        address: ip as Placement['address'],
        onWire: true,
        since,
        causes: [],
      })),
  );
  const causes = problems.map(problemCause);
  if (claimed.length > 0) return { state: 'degraded', causes, placements: claimed };
  // Routes are only counted: more of them than what is written makes can only be those of such an object.
  const surplus = sessions.filter(({ up, routes, planned }) => up && routes > planned);
  if (surplus.length === 0) return undefined;
  const placements = surplus.flatMap(({ node, peer }) =>
    service.ingress.map((address): Placement => ({ node, protocol: 'bgp', address, onWire: true, peers: [peer], causes: [] })),
  );
  return { state: 'degraded', causes, placements };
}
