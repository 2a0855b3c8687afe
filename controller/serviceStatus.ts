import type { ConditionView, ServiceView } from '../src/cluster/service.ts';
import type { EventType } from '../src/host/kube/events.ts';
import type { Assignment } from '../src/ipam/assignment.ts';
import { reasonText } from '../src/ipam/reasonText.ts';
import { ALLOCATED_FROM_POOL, deprecatedAnnotations } from '../src/ipam/request.ts';
import type { Ip } from '../src/net/ip.ts';
import { ANNOUNCED } from '../src/view/announced.ts';
import { ALLOCATED } from '../src/view/judgement.ts';

export interface Notice {
  readonly type: EventType;
  readonly reason: string;
  readonly message: string;
}

/** What one write to a Service's status does, and what is to be told about it once it is done. */
export interface ServiceChange {
  readonly patch: {
    readonly metadata?: { readonly annotations: Readonly<Record<string, string | null>> };
    readonly status?: Readonly<Record<string, unknown>>;
  };
  /**
   * How it is to be read. A merge patch names every condition there is and costs the API server less; a strategic one leaves those of
   * other programs as they are, which is all that can be done with what is not known.
   */
  readonly type: 'merge' | 'strategic';
  readonly notices: readonly Notice[];
}

/**
 * The difference between what a Service's status says and what it is to say.
 * @param now RFC 3339
 * @returns undefined when there is none
 */
export function serviceChange(service: ServiceView, assignment: Assignment, now: string): ServiceChange | undefined {
  const ingress = ingressChange(service, assignment);
  const pool = assignment.pool;
  const annotations = service.annotations[ALLOCATED_FROM_POOL] === pool ? undefined : { [ALLOCATED_FROM_POOL]: pool ?? null };
  const before = service.conditions.find(({ type }) => type === ALLOCATED);
  const condition = conditionChange(service, assignment, before, now);
  const changes = [...(condition === undefined ? [] : [condition]), ...leftovers(service)];
  if (ingress === undefined && annotations === undefined && changes.length === 0) return undefined;
  const type = changes.length > 0 && service.moreConditions === true ? 'strategic' : 'merge';
  return {
    patch: {
      ...(annotations === undefined ? {} : { metadata: { annotations } }),
      ...statusOf(ingress, type === 'merge' ? allConditions(service, changes) : changes),
    },
    type,
    notices: notices(service, assignment, before, condition !== undefined),
  };
}

function ingressChange(service: ServiceView, { ingress }: Assignment): { readonly ingress: ReturnType<typeof ingressOf> } | undefined {
  // What others wrote beside our addresses goes; where we have none to give it is not ours to judge.
  const isOurs = service.foreignIngress !== true || ingress.length === 0;
  return isOurs && sameList(service.ingress, ingress) ? undefined : { ingress: ingressOf(ingress) };
}

function statusOf(ingress: object | undefined, conditions: readonly ConditionPatch[] | null): Pick<ServiceChange['patch'], 'status'> {
  const isSame = conditions?.length === 0;
  if (ingress === undefined && isSame) return {};
  return { status: { ...(ingress === undefined ? {} : { loadBalancer: ingress }), ...(isSame ? {} : { conditions }) } };
}

/** What a merge patch has to say for `changes`: null takes the list away. */
function allConditions({ conditions }: ServiceView, changes: readonly ConditionPatch[]): readonly ConditionPatch[] | null {
  if (changes.length === 0) return changes;
  const others = conditions.filter(({ type }) => !changes.some((change) => change.type === type));
  const all = [...others, ...changes.filter((change) => !('$patch' in change))];
  return all.length === 0 ? null : all;
}

function ingressOf(addresses: readonly Ip[]): readonly { readonly ip: Ip; readonly ipMode: 'VIP' }[] | null {
  return addresses.length === 0 ? null : addresses.map((ip) => ({ ip, ipMode: 'VIP' as const }));
}

type Dispute = NonNullable<Assignment['disputed']>[number];

type ConditionPatch = ConditionView | { readonly type: string; readonly $patch: 'delete' };

/** A Service that is none of ours any more says nothing of the wire either. */
function leftovers({ type, conditions }: ServiceView): ConditionPatch[] {
  const isThere = type !== 'LoadBalancer' && conditions.some((condition) => condition.type === ANNOUNCED);
  return isThere ? [{ type: ANNOUNCED, $patch: 'delete' }] : [];
}

function conditionChange(
  service: ServiceView,
  assignment: Assignment,
  before: ConditionView | undefined,
  now: string,
): ConditionPatch | undefined {
  if (service.type !== 'LoadBalancer') return before === undefined ? undefined : { type: ALLOCATED, $patch: 'delete' };
  // Nothing was asked of a Service that goes away before it had anything.
  if (service.deleting && before === undefined) return undefined;
  const after = conditionOf(assignment);
  if (before !== undefined && Object.entries(after).every(([field, value]) => before[field as keyof ConditionView] === value))
    return undefined;
  const lastTransitionTime = before?.status === after.status ? before.lastTransitionTime : now;
  return { type: ALLOCATED, ...after, lastTransitionTime, ...(service.generation > 0 ? { observedGeneration: service.generation } : {}) };
}

function conditionOf(assignment: Assignment): Pick<ConditionView, 'status' | 'reason' | 'message'> {
  const message = messageOf(assignment);
  if (assignment.refusal !== undefined) return { status: 'False', reason: assignment.refusal.reason, message };
  if (assignment.ingress.length > 0) return { status: 'True', reason: 'Allocated', message };
  return { status: 'False', reason: 'Deleting', message };
}

function messageOf({ ingress, pool, pools, refusal, missing, disputed = [] }: Assignment): string {
  const parts: string[] = [];
  if (refusal !== undefined) parts.push(reasonText(refusal));
  if (ingress.length > 0) {
    const verb = refusal === undefined ? 'Assigned' : 'It keeps';
    parts.push(`${verb} ${ingress.join(' and ')}${fromText(pools ?? (pool === undefined ? [] : [pool]))}.`);
  }
  if (missing !== undefined) parts.push(reasonText(missing));
  return [...parts, ...disputed.map(disputeText)].join(' ');
}

function fromText(pools: readonly string[]): string {
  if (pools.length === 0) return '';
  return ` from ${pools.length === 1 ? 'IPAddressPool' : 'IPAddressPools'} ${pools.map((pool) => `"${pool}"`).join(' and ')}`;
}

function disputeText({ address, by }: Dispute): string {
  return `Address ${address} is used by ${by} as well.`;
}

/** The names of MetalLB's events where they mean the same. Only what changed is told. */
function notices(service: ServiceView, assignment: Assignment, before: ConditionView | undefined, isNews: boolean): Notice[] {
  if (service.type !== 'LoadBalancer') return [];
  const deprecated = before === undefined ? deprecatedAnnotations(service) : [];
  return [
    ...deprecated.map((key) => warning('deprecatedAnnotation', `Service uses deprecated annotation ${key}`)),
    ...moveNotices(service, assignment),
    ...(isNews ? refusalNotices(service, assignment) : []),
    ...(assignment.disputed ?? [])
      .map(disputeText)
      .filter((text) => before?.message.includes(text) !== true)
      .map((text) => warning('AddressConflict', text)),
  ];
}

function moveNotices(service: ServiceView, { ingress, released: [released] }: Assignment): Notice[] {
  const list: Notice[] = [];
  if (released !== undefined) {
    const why = `not allowed by config, will attempt for new IP assignment: ${reasonText(released.refusal)}`;
    list.push(normal('ClearAssignment', `current IP for "${service.key}" ${why}`));
  }
  const added = ingress.filter((address) => !service.ingress.includes(address));
  if (added.length > 0) {
    const isAdditional = added.length < ingress.length && released === undefined;
    list.push(normal('IPAllocated', isAdditional ? `Assigned additional IP "${added.join()}"` : `Assigned IP ${quoted(ingress)}`));
  }
  return list;
}

function refusalNotices({ key }: ServiceView, { refusal, missing }: Assignment): Notice[] {
  const list: Notice[] = [];
  if (refusal?.reason === 'InvalidRequest')
    list.push(warning('LoadBalancerFailed', `invalid requested loadbalancer IPs: ${reasonText(refusal)}`));
  else if (refusal !== undefined) list.push(warning('AllocationFailed', `Failed to allocate IP for "${key}": ${reasonText(refusal)}`));
  if (missing !== undefined)
    list.push(normal('AdditionalAssignFailed', `cannot assign additional IP in PreferDualStack: ${reasonText(missing)}`));
  return list;
}

function normal(reason: string, message: string): Notice {
  return { type: 'Normal', reason, message };
}

function warning(reason: string, message: string): Notice {
  return { type: 'Warning', reason, message };
}

function quoted(addresses: readonly Ip[]): string {
  return `[${addresses.map((address) => `"${address}"`).join(' ')}]`;
}

function sameList(a: readonly Ip[], b: readonly Ip[]): boolean {
  return a.length === b.length && a.every((address, index) => address === b[index]);
}
