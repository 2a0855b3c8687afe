import { type Instant, type Machine, after, isDue } from '../machine.ts';
import type { DrainReason, OwnDrain } from './drain.ts';

/*
 * The drain of this node, over time: routes are announced as about to go (RFC 8326), and after a wait those that other nodes announce are
 * withdrawn. What is left then is what nobody else can announce; the node is drained when nothing is left. Nothing of this needs a memory:
 * the Node says whether it drains. A process that begins on a draining node has announced nothing, so it begins at the end: to announce
 * first what it then withdraws would lead traffic to a node that has just booted for repair.
 */

export type DrainState =
  | { readonly phase: 'unknown' }
  | { readonly phase: 'active' }
  | { readonly phase: 'draining'; readonly reason: DrainReason; readonly since: Instant; readonly withdrawAt: Instant }
  | { readonly phase: 'withdrawn'; readonly reason: DrainReason; readonly since: Instant; readonly left?: number };

export type DrainEvent =
  /** What the Node says. */
  | { readonly type: 'node'; readonly reason?: DrainReason }
  /** How much is announced under the plan that is in force. */
  | { readonly type: 'left'; readonly count: number }
  | { readonly type: 'tick' };

export type DrainEffect =
  /** The plan is another one now. */
  { readonly type: 'replan' } | { readonly type: 'tell'; readonly news: DrainNews; readonly reason: DrainReason };

export type DrainNews = 'DrainStarted' | 'Drained' | 'DrainEnded';

export const UNKNOWN_DRAIN: DrainState = { phase: 'unknown' };

/** @param waitMs for routers to move the traffic, between the notice and the withdrawal */
export function drainMachine(waitMs: number): Machine<DrainState, DrainEvent, DrainEffect> {
  return {
    step: (state, event, { now }) => {
      if (event.type === 'node') return observe(state, event.reason, now, waitMs);
      if (event.type === 'left') return count(state, event.count, now);
      if (state.phase !== 'draining' || !isDue(state.withdrawAt, now)) return [state, []];
      return [{ phase: 'withdrawn', reason: state.reason, since: state.since }, [{ type: 'replan' }]];
    },
    deadline: (state) => (state.phase === 'draining' ? state.withdrawAt : undefined),
  };
}

type Next = ReturnType<Machine<DrainState, DrainEvent, DrainEffect>['step']>;

function observe(state: DrainState, reason: DrainReason | undefined, now: Instant, waitMs: number): Next {
  const drains = state.phase === 'draining' || state.phase === 'withdrawn';
  if (reason === undefined)
    return [{ phase: 'active' }, drains ? [{ type: 'replan' }, { type: 'tell', news: 'DrainEnded', reason: state.reason }] : []];
  if (state.phase === 'unknown') return [{ phase: 'withdrawn', reason, since: now, left: 0 }, [{ type: 'replan' }]];
  if (!drains) {
    const draining: DrainState = { phase: 'draining', reason, since: now, withdrawAt: after(now, waitMs) };
    return [draining, [{ type: 'replan' }, { type: 'tell', news: 'DrainStarted', reason }]];
  }
  if (JSON.stringify(state.reason) === JSON.stringify(reason)) return [state, []];
  return [{ ...state, reason }, [{ type: 'replan' }]];
}

/** `since` is of the phase that people see: up to now something was left, from now on nothing is, or the other way round. */
function count(state: DrainState, left: number, now: Instant): Next {
  if (state.phase !== 'withdrawn' || state.left === left) return [state, []];
  const [was, is] = [state.left === 0, left === 0];
  const next: DrainState = { ...state, left, since: was === is ? state.since : now };
  return [next, is ? [{ type: 'tell', news: 'Drained', reason: state.reason }] : []];
}

/** What the plan has to know; undefined: the node is in service. */
export function ownDrain(state: DrainState): OwnDrain | undefined {
  if (state.phase !== 'draining' && state.phase !== 'withdrawn') return undefined;
  return { reason: state.reason, withdraw: state.phase === 'withdrawn' };
}

export interface DrainStatus {
  readonly phase: 'Draining' | 'Drained';
  readonly reason: DrainReason;
  readonly since: Instant;
  /** Announced still because no other node can; absent while the routers are being given notice. */
  readonly left?: number;
}

/** What people are told; undefined: the node is in service. */
export function drainStatus(state: DrainState): DrainStatus | undefined {
  if (state.phase !== 'draining' && state.phase !== 'withdrawn') return undefined;
  const { reason, since } = state;
  if (state.phase === 'draining' || state.left === undefined) return { phase: 'Draining', reason, since };
  return { phase: state.left === 0 ? 'Drained' : 'Draining', reason, since, left: state.left };
}
