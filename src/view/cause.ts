import { type Ineligible, ineligibleText } from '../announce/eligibility.ts';
import { problemText } from '../config/conditions.ts';
import type { Problem } from '../config/problem.ts';
import { type ExplainFacts, explainText } from './explainReason.ts';
import { type Room, nextStep } from './nextStep.ts';
import type { NodeProblem } from './nodeState.ts';
import type { SessionTrouble } from './sessionTrouble.ts';

/** One thing that is not as it should be, as people and programs are told of it. */
export interface Cause {
  readonly reason: string;
  /** One sentence. */
  readonly message: string;
  /** What it is about: `BGPPeer/tor on node1, node2`, `default/web`. */
  readonly object?: string;
  /** What to do. */
  readonly next: string;
  readonly docs: string;
}

export function makeCause(room: Room, reason: string, message: string, object?: string): Cause {
  const docs = docsOf(room, reason);
  return { reason, message, ...(object === undefined ? {} : { object }), next: nextStep(room, reason), docs };
}

/** Codes that have an earlier section of the same name on the page. */
const SECOND: Readonly<Partial<Record<Room, readonly string[]>>> = { announce: ['AddressOutsidePools'], wire: ['AddressInUse'] };

export function docsOf(room: Room, reason: string): string {
  return `docs/troubleshoot.md#${reason.toLowerCase()}${SECOND[room]?.includes(reason) === true ? '-1' : ''}`;
}

export function ineligibleCause(ineligible: Ineligible, object?: string): Cause {
  return makeCause('announce', ineligible.reason, ineligibleText(ineligible), object);
}

export function problemCause(problem: Problem): Cause {
  const { kind, name } = problem.object;
  return makeCause('config', problem.reason, problemText(problem), `${kind}/${name}`);
}

export function explainCause(facts: ExplainFacts, object?: string): Cause {
  return makeCause('explain', facts.reason, explainText(facts), object);
}

export function sessionCause({ reason, message }: SessionTrouble, object?: string): Cause {
  return makeCause('session', reason, message, object);
}

const SECRET_REASONS: ReadonlySet<string> = new Set(['UnknownReference', 'InvalidSecret']);

/** What a speaker says of its node: of the wire, or of Secrets, which only speakers read. */
export function nodeProblemCause({ reason, message, object }: NodeProblem, node: string): Cause {
  const room = SECRET_REASONS.has(reason) ? 'config' : 'wire';
  return makeCause(room, reason, message, object === undefined ? node : `${object} on ${node}`);
}

const NAMES_IN_TEXT = 5;

/** `a, b and 3 more`. */
export function some(names: readonly string[], most = NAMES_IN_TEXT): string {
  const shown = names.slice(0, most).join(', ');
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}

/** A cause, and the nodes or Services where it is seen. */
export interface Group {
  readonly cause: Cause;
  readonly places: readonly string[];
}

/** One cause for all that have the same reason and message, those that are many first. */
export function gathered(causes: readonly Group[]): Cause[] {
  const groups = new Map<string, { readonly cause: Cause; readonly places: Set<string> }>();
  for (const { cause, places } of causes) {
    const key = `${cause.reason} ${cause.message} ${cause.object ?? ''}`;
    const group = groups.get(key) ?? { cause, places: new Set() };
    for (const place of places) group.places.add(place);
    groups.set(key, group);
  }
  return [...groups.values()]
    .toSorted((a, b) => b.places.size - a.places.size)
    .map(({ cause, places }) => ({
      ...cause,
      object: cause.object === undefined ? some([...places]) : `${cause.object} on ${some([...places])}`,
    }));
}
