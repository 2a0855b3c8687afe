import type { Problem, ProblemReason } from './problem.ts';

/** A Problem of an object that the caller knows. */
export type Fault = Pick<Problem, 'reason' | 'path' | 'message' | 'severity'>;

export function fault(reason: ProblemReason, path: string, message: string, severity: Problem['severity'] = 'error'): Fault {
  return { reason, path, message, severity };
}

export function isError(found: Fault): boolean {
  return found.severity === 'error';
}

/** As Kubernetes writes field paths: `spec.addresses[1]`. */
export function pathText(path: readonly PropertyKey[]): string {
  return path.map((part, position) => (typeof part === 'number' ? `[${part}]` : `${position === 0 ? '' : '.'}${String(part)}`)).join('');
}

/** The offending value, short enough for a condition; nothing for what is absent. */
export function shown(value: unknown): string {
  if (value === undefined || (typeof value === 'object' && value !== null)) return '';
  const written = JSON.stringify(value) ?? typeof value;
  return `, is ${written.length > 64 ? `${written.slice(0, 61)}...` : written}`;
}
