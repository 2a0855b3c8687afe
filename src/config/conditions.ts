import type { Problem } from './problem.ts';

/** metav1.Condition, as it is written to a status. */
export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly observedGeneration?: number;
  readonly lastTransitionTime: string;
  readonly reason: string;
  readonly message: string;
}

/** `spec.addresses[1]: sentence`. */
export function problemText(problem: Problem): string {
  return problem.path === '' ? problem.message : `${problem.path}: ${problem.message}`;
}

/**
 * `Accepted` says whether the object is in force as it is written; `Warning` is there only when something in it has no
 * effect. A transition time moves only when the status does.
 * @param now RFC 3339 with whole seconds
 */
export function conditionsFor(problems: readonly Problem[], before: readonly Condition[], generation: number, now: string): Condition[] {
  const errors = problems.filter((problem) => problem.severity === 'error');
  const warnings = problems.filter((problem) => problem.severity === 'warning');
  const [firstError] = errors;
  const accepted =
    firstError === undefined
      ? { status: 'True' as const, reason: 'Accepted', message: 'in force' }
      : { status: 'False' as const, reason: firstError.reason, message: texts(errors) };
  const conditions = [{ type: 'Accepted', ...accepted }];
  const [firstWarning] = warnings;
  const warning =
    firstWarning === undefined ? [] : [{ type: 'Warning', status: 'True' as const, reason: firstWarning.reason, message: texts(warnings) }];
  return [...conditions, ...warning].map((condition) => ({
    ...condition,
    observedGeneration: generation,
    lastTransitionTime:
      before.find((earlier) => earlier.type === condition.type && earlier.status === condition.status)?.lastTransitionTime ?? now,
  }));
}

const MAX_MESSAGE = 4096;

function texts(problems: readonly Problem[]): string {
  const all = problems.map(problemText).join('; ');
  return all.length > MAX_MESSAGE ? `${all.slice(0, MAX_MESSAGE - 1)}…` : all;
}
