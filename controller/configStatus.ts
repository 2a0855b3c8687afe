import { type Condition, conditionsFor, problemText } from '../src/config/conditions.ts';
import type { Problem } from '../src/config/problem.ts';
import type { KubeObject } from '../src/host/kube/objects.ts';
import { ESTABLISHED, type Word } from '../src/view/announced.ts';
import type { Notice } from './serviceStatus.ts';

export interface ConfigConditions {
  readonly conditions: readonly Condition[];
  /** What is new among the problems, for events. */
  readonly notices: readonly Notice[];
}

/**
 * @param now RFC 3339, whole seconds
 * @param established what is to be said of the sessions of a BGPPeer; null: nothing, undefined: what is said already
 */
export function configConditions(
  object: KubeObject,
  problems: readonly Problem[],
  now: string,
  established?: Word | null,
): ConfigConditions {
  const before = conditionsOf(object);
  const own = conditionsFor(problems, before, object.metadata.generation ?? 0, now);
  const conditions = [...own, ...sessionsOf(object, before, now, established)];
  const said = before.map(({ message }) => message).join('; ');
  const news = problems.filter((problem) => !said.includes(problemText(problem)));
  return { conditions, notices: news.map((problem) => ({ type: 'Warning', reason: problem.reason, message: problemText(problem) })) };
}

function sessionsOf(object: KubeObject, before: readonly Condition[], now: string, word: Word | null | undefined): Condition[] {
  if (word === null) return [];
  const earlier = before.find(({ type }) => type === ESTABLISHED);
  if (word === undefined) return earlier === undefined ? [] : [earlier];
  const lastTransitionTime = earlier?.status === word.status ? earlier.lastTransitionTime : now;
  return [{ type: ESTABLISHED, ...word, observedGeneration: object.metadata.generation ?? 0, lastTransitionTime }];
}

export function statusOf(object: KubeObject): Readonly<Record<string, unknown>> {
  const status = object['status'];
  return typeof status === 'object' && status !== null ? (status as Record<string, unknown>) : {};
}

/** As they were written; anything else in that place counts as nothing. */
export function conditionsOf(object: KubeObject | undefined): readonly Condition[] {
  const conditions = object === undefined ? undefined : statusOf(object)['conditions'];
  if (!Array.isArray(conditions)) return [];
  return conditions.filter((entry): entry is Condition => typeof entry === 'object' && entry !== null && 'message' in entry);
}
