import { type Condition, conditionsFor, problemText } from '../src/config/conditions.ts';
import type { Problem } from '../src/config/problem.ts';
import type { KubeObject } from '../src/host/kube/objects.ts';
import type { Notice } from './serviceStatus.ts';

export interface ConfigConditions {
  readonly conditions: readonly Condition[];
  /** What is new among the problems, for events. */
  readonly notices: readonly Notice[];
}

/** @param now RFC 3339, whole seconds */
export function configConditions(object: KubeObject, problems: readonly Problem[], now: string): ConfigConditions {
  const before = conditionsOf(object);
  const conditions = conditionsFor(problems, before, object.metadata.generation ?? 0, now);
  const said = before.map(({ message }) => message).join('; ');
  const news = problems.filter((problem) => !said.includes(problemText(problem)));
  return { conditions, notices: news.map((problem) => ({ type: 'Warning', reason: problem.reason, message: problemText(problem) })) };
}

export function statusOf(object: KubeObject): Readonly<Record<string, unknown>> {
  const status = object['status'];
  return typeof status === 'object' && status !== null ? (status as Record<string, unknown>) : {};
}

/** As they were written; anything else in that place counts as nothing. */
function conditionsOf(object: KubeObject): readonly Condition[] {
  const conditions = statusOf(object)['conditions'];
  if (!Array.isArray(conditions)) return [];
  return conditions.filter((entry): entry is Condition => typeof entry === 'object' && entry !== null && 'message' in entry);
}
