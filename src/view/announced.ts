import type { Cause } from './cause.ts';
import type { SessionView } from './sessions.ts';
import type { Judgement, Reach } from './verdict.ts';

/** The condition of a Service that says whether its addresses are on the wire. */
export const ANNOUNCED = 'heraldlb.io/Announced';

/** What a condition says, without its times. */
export interface Word {
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
}

/**
 * True: clients reach it, though perhaps not in all the ways that they should, and then the reason says why not. Unknown: whoever could tell
 * does not run. The reason is what `heraldlb explain` names first.
 * @returns undefined while there is nothing to tell yet
 */
export function announcedWord({ state, causes, reaches }: Judgement): Word | undefined {
  const [first] = causes;
  if (first?.reason === 'NotYetAllocated') return undefined;
  if (state === 'announced') return { status: 'True', reason: 'Announced', message: reachText(reaches) };
  if (first === undefined) return undefined;
  if (state === 'degraded') return { status: 'True', reason: first.reason, message: clipped(`${reachText(reaches)} ${causeText(first)}`) };
  const isUnknown = NOBODY_KNOWS.has(first.reason);
  return { status: isUnknown ? 'Unknown' : 'False', reason: first.reason, message: clipped(causeText(first)) };
}

const NOBODY_KNOWS: ReadonlySet<string> = new Set(['SpeakerNotRunning', 'ControllerNotRunning', 'CrdMissing', 'RightMissing']);

/** Counts and no names: an address that moves to another node is no news here. */
function reachText(reaches: readonly Reach[]): string {
  const nodes = Math.max(0, ...reaches.map(({ bgp }) => bgp.up.length));
  const sessions = Math.max(0, ...reaches.map(({ bgp }) => bgp.sessions));
  const isOwned = reaches.some(({ layer2 }) => layer2.holders.some(({ onWire }) => onWire));
  const ways = [
    ...(nodes > 0 ? [`by BGP from ${counted(nodes, 'node')} over ${counted(sessions, 'session')}`] : []),
    ...(isOwned ? ['in layer 2 by its owner'] : []),
  ];
  return ways.length === 0 ? 'Announced.' : `Announced ${ways.join(' and ')}.`;
}

function counted(count: number, one: string): string {
  return `${count} ${one}${count === 1 ? '' : 's'}`;
}

function causeText({ message, object, next }: Cause): string {
  return `${message.replace(/\.$/, '')}${object === undefined ? '' : ` [${object}]`}. Next: ${next}`;
}

const MAX_MESSAGE = 1024;

function clipped(text: string): string {
  return text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE - 1)}…` : text;
}

/** The condition of a BGPPeer. */
export const ESTABLISHED = 'Established';

/** @param sessions of one BGPPeer; undefined where no node is to have one */
export function establishedWord(sessions: readonly SessionView[]): Word | undefined {
  if (sessions.length === 0) return undefined;
  const up = sessions.filter((session) => session.up).length;
  const counts = new Map<string, { readonly cause: Cause; count: number }>();
  for (const { cause } of sessions) {
    if (cause === undefined) continue;
    const known = counts.get(cause.reason) ?? { cause, count: 0 };
    known.count += 1;
    counts.set(cause.reason, known);
  }
  const text = `${up} of ${counted(sessions.length, 'session')} ${up === 1 ? 'is' : 'are'} up`;
  const [most] = [...counts.values()].toSorted((a, b) => b.count - a.count);
  if (most === undefined) return { status: 'True', reason: 'Established', message: text };
  const { cause, count } = most;
  const isUnknown = cause.reason === 'SpeakerNotRunning' && count === sessions.length;
  const status = up === sessions.length ? 'True' : isUnknown ? 'Unknown' : 'False';
  return { status, reason: cause.reason, message: clipped(`${text}; on ${counted(count, 'node')}: ${cause.message}. Next: ${cause.next}`) };
}
