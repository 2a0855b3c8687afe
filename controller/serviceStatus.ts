import type { ConditionView, ServiceView } from '../src/cluster/service.ts';
import type { EventType } from '../src/host/kube/events.ts';
import type { Assignment } from '../src/ipam/allocator.ts';
import { reasonText } from '../src/ipam/reasonText.ts';
import { ALLOCATED_FROM_POOL, deprecatedAnnotations } from '../src/ipam/request.ts';
import type { Ip } from '../src/net/ip.ts';

export const ALLOCATED = 'heraldlb.io/Allocated';

export interface Notice {
  readonly type: EventType;
  readonly reason: string;
  readonly message: string;
}

/** What one write to a Service's status does, and what is to be told about it once it is done. */
export interface ServiceChange {
  /** A strategic merge patch: other programs' conditions stay. */
  readonly patch: {
    readonly metadata?: { readonly annotations: Readonly<Record<string, string | null>> };
    readonly status?: Readonly<Record<string, unknown>>;
  };
  readonly notices: readonly Notice[];
}

/**
 * The difference between what a Service's status says and what it is to say.
 * @param now RFC 3339
 * @returns undefined when there is none
 */
export function serviceChange(service: ServiceView, assignment: Assignment, now: string): ServiceChange | undefined {
  const ingress = sameList(service.ingress, assignment.ingress) ? undefined : { ingress: ingressOf(assignment.ingress) };
  const pool = assignment.pool;
  const annotations = service.annotations[ALLOCATED_FROM_POOL] === pool ? undefined : { [ALLOCATED_FROM_POOL]: pool ?? null };
  const before = service.conditions.find(({ type }) => type === ALLOCATED);
  const condition = conditionChange(service, assignment, before, now);
  if (ingress === undefined && annotations === undefined && condition === undefined) return undefined;
  const status = {
    ...(ingress === undefined ? {} : { loadBalancer: ingress }),
    ...(condition === undefined ? {} : { conditions: [condition] }),
  };
  return {
    patch: {
      ...(annotations === undefined ? {} : { metadata: { annotations } }),
      ...(ingress === undefined && condition === undefined ? {} : { status }),
    },
    notices: notices(service, assignment, before, condition !== undefined),
  };
}

function ingressOf(addresses: readonly Ip[]): readonly { readonly ip: Ip; readonly ipMode: 'VIP' }[] | null {
  return addresses.length === 0 ? null : addresses.map((ip) => ({ ip, ipMode: 'VIP' as const }));
}

type ConditionPatch = ConditionView | { readonly type: string; readonly $patch: 'delete' };

function conditionChange(
  service: ServiceView,
  assignment: Assignment,
  before: ConditionView | undefined,
  now: string,
): ConditionPatch | undefined {
  if (service.type !== 'LoadBalancer') return before === undefined ? undefined : { type: ALLOCATED, $patch: 'delete' };
  // Nothing was asked of a Service that goes away before it had anything.
  if (service.deleting && before === undefined) return undefined;
  const { refusal, ingress } = assignment;
  const status = refusal === undefined && ingress.length > 0 ? 'True' : 'False';
  const reason = refusal?.reason ?? (ingress.length > 0 ? 'Allocated' : 'Deleting');
  const message = messageOf(assignment);
  if (before !== undefined && before.status === status && before.reason === reason && before.message === message) return undefined;
  const lastTransitionTime = before?.status === status ? before.lastTransitionTime : now;
  const observed = service.generation > 0 ? { observedGeneration: service.generation } : {};
  return { type: ALLOCATED, status, reason, message, lastTransitionTime, ...observed };
}

function messageOf({ ingress, pool, refusal, missing }: Assignment): string {
  const parts: string[] = [];
  if (refusal !== undefined) parts.push(reasonText(refusal));
  if (ingress.length > 0) {
    const from = pool === undefined ? '' : ` from IPAddressPool "${pool}"`;
    parts.push(`${refusal === undefined ? 'Assigned' : 'It keeps'} ${ingress.join(' and ')}${from}.`);
  }
  if (missing !== undefined) parts.push(reasonText(missing));
  return parts.join(' ');
}

/** The names of MetalLB's events where they mean the same. Only what changed is told. */
function notices(service: ServiceView, assignment: Assignment, before: ConditionView | undefined, isNews: boolean): Notice[] {
  const name = `"${service.key}"`;
  const list: Notice[] = [];
  const say = (type: EventType, reason: string, message: string): number => list.push({ type, reason, message });
  if (before === undefined && service.type === 'LoadBalancer') {
    for (const key of deprecatedAnnotations(service)) say('Warning', 'deprecatedAnnotation', `Service uses deprecated annotation ${key}`);
  }
  const [released] = assignment.released;
  if (released !== undefined && service.type === 'LoadBalancer') {
    const why = reasonText(released.refusal);
    say('Normal', 'ClearAssignment', `current IP for ${name} not allowed by config, will attempt for new IP assignment: ${why}`);
  }
  const added = assignment.ingress.filter((address) => !service.ingress.includes(address));
  if (added.length > 0) {
    const isAdditional = added.length < assignment.ingress.length && released === undefined;
    say('Normal', 'IPAllocated', isAdditional ? `Assigned additional IP "${added.join()}"` : `Assigned IP ${quoted(assignment.ingress)}`);
  }
  if (!isNews) return list;
  const { refusal, missing } = assignment;
  if (refusal?.reason === 'InvalidRequest')
    say('Warning', 'LoadBalancerFailed', `invalid requested loadbalancer IPs: ${reasonText(refusal)}`);
  else if (refusal !== undefined) say('Warning', 'AllocationFailed', `Failed to allocate IP for ${name}: ${reasonText(refusal)}`);
  if (missing !== undefined)
    say('Normal', 'AdditionalAssignFailed', `cannot assign additional IP in PreferDualStack: ${reasonText(missing)}`);
  return list;
}

function quoted(addresses: readonly Ip[]): string {
  return `[${addresses.map((address) => `"${address}"`).join(' ')}]`;
}

function sameList(a: readonly Ip[], b: readonly Ip[]): boolean {
  return a.length === b.length && a.every((address, index) => address === b[index]);
}
