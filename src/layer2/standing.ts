import { type Instant, type Machine, after, earliest, isDue } from '../machine.ts';
import type { Liveness } from './liveness.ts';

/** When a node that comes (back) takes VIPs from those that have them. */
export type Failback = { readonly kind: 'immediate' } | { readonly kind: 'delayed'; readonly delayMs: number } | { readonly kind: 'never' };

export interface StandingConfig {
  readonly failback: Failback;
  /** So long a speaker that has just begun waits for the others to be heard. */
  readonly joinMs: number;
}

/** Who lives answers the first packet; before it the kernel may have had to ask twice for its MAC, once a second. */
export const JOIN_MS = 2500;
const SETTLE_MS = 300;
const AT_ONCE_MS = 100;
export const FAILBACK_DELAY_MS = 30_000;

/** What one of the other speakers is at the moment. */
export interface PeerStanding {
  readonly node: string;
  readonly liveness: Liveness;
  readonly isUp: boolean;
  /** Its session was up once. */
  readonly wasUp: boolean;
  /** Something speaks there that cannot be judged: another key, or a session that was ended by configuration. */
  readonly isStrange: boolean;
  /** Kubernetes says that the node is there. */
  readonly ready: boolean;
}

/** `joining`: it listens first. `holding`: stable for some time before it takes anything. `leaving`: until the process ends. */
export type Phase = 'joining' | 'holding' | 'willing' | 'leaving';

export interface StandingState {
  readonly config: StandingConfig;
  readonly phase: Phase;
  /** When joining or holding ends; undefined while holding: not by time. */
  readonly until: Instant | undefined;
  /** Nobody is heard, though several were. */
  readonly isAlone: boolean;
  /** While joining: all that are there were heard. */
  readonly isMet: boolean;
}

export type StandingEvent =
  | { readonly kind: 'peers'; readonly peers: readonly PeerStanding[] }
  /** The process is about to end. */
  | { readonly kind: 'leave' };

export type StandingEffect = { readonly kind: 'phase'; readonly phase: Phase };

export function startStanding(now: Instant, config: StandingConfig): StandingState {
  return { config, phase: 'joining', until: after(now, config.joinMs), isAlone: false, isMet: false };
}

/** Whether this node may own what others can own too. Every speaker tells it of itself, so all see the same. */
export const standing: Machine<StandingState, StandingEvent, StandingEffect> = {
  step: (state, event, { now }) => {
    const next = event.kind === 'leave' ? { ...state, phase: 'leaving' as const, until: undefined } : meet(state, event.peers, now);
    return [next, next.phase === state.phase ? [] : [{ kind: 'phase', phase: next.phase }]];
  },
  deadline: ({ until }) => until,
};

function meet(state: StandingState, peers: readonly PeerStanding[], now: Instant): StandingState {
  if (state.phase === 'leaving') return state;
  if (state.phase === 'joining') return join(state, peers, now);
  const isDisowned = peers.some(({ liveness }) => liveness === 'disowning');
  if (isCutOff(peers)) return { ...state, phase: 'holding', until: undefined, isAlone: true };
  const others = peers.some(isWillingPeer);
  if (isDisowned || (state.isAlone && others)) return hold({ ...state, isAlone: false }, now);
  if (state.phase !== 'holding') return state;
  return isDue(state.until, now) || !others ? willing(state) : state;
}

/** One of two that are cut apart cannot know which it is, and both go on; of more, it is the one that hears nobody. */
function isCutOff(peers: readonly PeerStanding[]): boolean {
  const known = peers.filter(({ wasUp }) => wasUp);
  return known.length > 1 && known.every(({ liveness }) => liveness === 'dead');
}

function join(state: StandingState, peers: readonly PeerStanding[], now: Instant): StandingState {
  if (peers.length === 0) return willing(state);
  const isWaiting = peers.some(({ wasUp, ready, liveness }) => !wasUp && ready && liveness !== 'dead');
  if (!isDue(state.until, now)) {
    // Who was alone up to now says so in its first packet, and takes it back in its second.
    const settled = after(now, SETTLE_MS);
    if (isWaiting || state.isMet) return state;
    return { ...state, isMet: true, until: earliest(state.until, settled) };
  }
  if (isCutOff(peers)) return { ...state, phase: 'holding', until: undefined, isAlone: true };
  // Where nobody was at work before, nothing can be taken from anybody: all begin together.
  return peers.some(isWillingPeer) ? hold(state, now) : willing(state);
}

function willing(state: StandingState): StandingState {
  return { ...state, phase: 'willing', until: undefined, isAlone: false };
}

function isWillingPeer({ liveness, isUp }: PeerStanding): boolean {
  return (isUp && (liveness === 'willing' || liveness === 'draining')) || liveness === 'disowning';
}

function hold(state: StandingState, now: Instant): StandingState {
  const { failback } = state.config;
  if (failback.kind === 'immediate') return { ...state, phase: 'holding', until: after(now, AT_ONCE_MS) };
  return { ...state, phase: 'holding', until: failback.kind === 'never' ? undefined : after(now, failback.delayMs) };
}
