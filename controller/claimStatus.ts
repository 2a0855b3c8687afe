import type { Condition } from '../src/config/conditions.ts';
import type { Problem } from '../src/config/problem.ts';
import type { KubeObject } from '../src/host/kube/objects.ts';
import type { BoundReason, ClaimState } from '../src/ipam/claimPlan.ts';
import { configConditions, statusOf } from './configStatus.ts';
import type { Notice } from './serviceStatus.ts';

const BOUND = 'Bound';
/** What nobody need be told of. */
const QUIET: ReadonlySet<BoundReason> = new Set(['Bound', 'ServiceMissing', 'NoService']);

export interface ClaimStatus {
  /** For a merge patch: null takes a field out. */
  readonly status: Readonly<Record<string, unknown>>;
  readonly notices: readonly Notice[];
}

/**
 * @param state absent where the claim is not usable
 * @param now RFC 3339, whole seconds
 */
export function claimStatus(object: KubeObject, problems: readonly Problem[], state: ClaimState | undefined, now: string): ClaimStatus {
  const before = statusOf(object);
  const { conditions, notices } = configConditions(object, problems, now);
  if (state === undefined) return { status: { ...before, conditions }, notices };
  const { reason, message, boundTo, since, releasedAt } = state;
  const earlier = boundOf(before);
  const status = reason === 'Bound' ? 'True' : 'False';
  const bound: Condition = {
    type: BOUND,
    status,
    reason,
    message,
    observedGeneration: object.metadata.generation ?? 0,
    lastTransitionTime: earlier?.status === status ? earlier.lastTransitionTime : now,
  };
  const isNews = earlier?.reason !== reason && !QUIET.has(reason);
  return {
    status: {
      conditions: [...conditions, bound],
      ...present(before, 'boundTo', boundTo),
      ...present(before, 'since', since),
      ...present(before, 'releasedAt', releasedAt),
    },
    notices: isNews ? [...notices, { type: 'Warning', reason, message }] : notices,
  };
}

function present(before: Readonly<Record<string, unknown>>, name: string, value: string | undefined): Record<string, string | null> {
  if (value !== undefined) return { [name]: value };
  return before[name] === undefined ? {} : { [name]: null };
}

function boundOf(status: Readonly<Record<string, unknown>>): Condition | undefined {
  const conditions = status['conditions'];
  return Array.isArray(conditions) ? (conditions as Condition[]).find(({ type }) => type === BOUND) : undefined;
}

export function boundReason(object: KubeObject): string | undefined {
  return boundOf(statusOf(object))?.reason;
}

/** @param releasedAt RFC 3339 @returns milliseconds since 1970; undefined while the ttl does not run */
export function expiryOf(ttlMs: number | undefined, releasedAt: string | undefined): number | undefined {
  if (ttlMs === undefined || releasedAt === undefined) return undefined;
  const releasedMs = Date.parse(releasedAt);
  return Number.isNaN(releasedMs) ? undefined : releasedMs + ttlMs;
}

/** RFC 3339 with whole seconds. */
export function nowText(): string {
  return new Date().toISOString().replace(/\.\d+Z$/, 'Z');
}
