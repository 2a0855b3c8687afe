import type { z } from 'zod';
import { record, text } from '../cluster/json.ts';
import type { ObjectRef, Problem, ProblemReason } from './problem.ts';

/** A custom resource after its schema: what is known of it by name, and its spec if that is of the right shape. */
export interface ConfigObject<Spec> {
  readonly ref: ObjectRef;
  readonly labels: Readonly<Record<string, string>>;
  /** RFC 3339; orders objects that contradict each other: the older one stays. */
  readonly creationTimestamp: string;
  readonly spec: Spec | undefined;
  readonly problems: readonly Problem[];
}

export type Fault = Pick<Problem, 'reason' | 'path' | 'message' | 'severity'>;

export function fault(reason: ProblemReason, path: string, message: string, severity: Problem['severity'] = 'error'): Fault {
  return { reason, path, message, severity };
}

/** What no object can be called. */
const NO_NAME = '?';

/** Reads one raw object against its schema. Never throws; an object of no shape at all is named `?`. */
export function readObject<Schema extends z.ZodType>(kind: string, schema: Schema, raw: unknown): ConfigObject<z.output<Schema>> {
  const metadata = record(record(raw)?.['metadata']) ?? {};
  const namespace = text(metadata['namespace']);
  const uid = text(metadata['uid']);
  const ref: ObjectRef = {
    kind,
    name: text(metadata['name']) || NO_NAME,
    ...(namespace === undefined ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
  };
  const labels = Object.entries(record(metadata['labels']) ?? {}).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  const base = { ref, labels: Object.fromEntries(labels), creationTimestamp: text(metadata['creationTimestamp']) ?? '' };
  if (record(raw) === undefined)
    return { ...base, spec: undefined, problems: [{ object: ref, ...fault('InvalidField', '', 'is no object') }] };
  if (ref.name === NO_NAME)
    return { ...base, spec: undefined, problems: [{ object: ref, ...fault('InvalidField', 'metadata.name', 'is missing') }] };
  const parsed = schema.safeParse(withoutNulls(record(raw)?.['spec'] ?? {}));
  if (parsed.success) return { ...base, spec: parsed.data, problems: [] };
  const problems = parsed.error.issues.map((issue) => ({
    object: ref,
    ...fault(
      'InvalidField',
      pathText(['spec', ...issue.path]),
      `${issue.message}${issue.path.includes('password') ? '' : shown(valueAt(raw, issue.path))}`,
    ),
  }));
  return { ...base, spec: undefined, problems };
}

/** Kubernetes reads an explicit null as an absent field. */
function withoutNulls(value: unknown, depth = 0): unknown {
  if (depth > 16) return value;
  if (Array.isArray(value)) return value.map((entry) => withoutNulls(entry, depth + 1));
  const object = record(value);
  if (object === undefined) return value;
  return Object.fromEntries(
    Object.entries(object).flatMap(([key, entry]) => (entry === null ? [] : [[key, withoutNulls(entry, depth + 1)]])),
  );
}

/** As Kubernetes writes field paths: `spec.addresses[1]`. */
export function pathText(path: readonly PropertyKey[]): string {
  return path.map((part, position) => (typeof part === 'number' ? `[${part}]` : `${position === 0 ? '' : '.'}${String(part)}`)).join('');
}

function valueAt(raw: unknown, path: readonly PropertyKey[]): unknown {
  let value: unknown = record(raw)?.['spec'];
  for (const part of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[part];
  }
  return value;
}

/** The offending value, short enough for a condition; nothing for what is absent. */
function shown(value: unknown): string {
  if (value === undefined || (typeof value === 'object' && value !== null)) return '';
  const written = JSON.stringify(value) ?? typeof value;
  return `, is ${written.length > 64 ? `${written.slice(0, 61)}...` : written}`;
}
