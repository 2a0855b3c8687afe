import type { z } from 'zod';
import { type Raw, labels, record, text } from '../cluster/json.ts';
import { type Fault, fault, isError, pathText, shown } from './fault.ts';
import { inspect } from './inspect.ts';
import type { ObjectRef } from './problem.ts';

/** A custom resource after its schema: what is known of it by name, and its spec if that is of the right shape. */
export interface ConfigObject<Spec> {
  readonly ref: ObjectRef;
  readonly labels: Readonly<Record<string, string>>;
  /** RFC 3339; orders objects that contradict each other: the older one stays. */
  readonly creationTimestamp: string;
  readonly spec: Spec | undefined;
  readonly faults: readonly Fault[];
}

/** What no object can be called. */
const NO_NAME = '?';

/**
 * Reads one raw object against its schema. Never throws; an object of no shape at all is named `?`.
 * @param known the schema that names all fields, where `schema` is a laxer one
 */
export function readObject<Schema extends z.ZodType>(
  kind: string,
  schema: Schema,
  raw: unknown,
  known: z.ZodType = schema,
): ConfigObject<z.output<Schema>> {
  const metadata = record(record(raw)?.['metadata']) ?? {};
  const base = {
    ref: refOf(kind, metadata),
    labels: labels(metadata['labels']),
    creationTimestamp: text(metadata['creationTimestamp']) ?? '',
  };
  if (record(raw) === undefined) return { ...base, spec: undefined, faults: [fault('InvalidField', '', 'is no object')] };
  if (base.ref.name === NO_NAME) return { ...base, spec: undefined, faults: [fault('InvalidField', 'metadata.name', 'is missing')] };
  const spec = withoutNulls(record(raw)?.['spec'] ?? {});
  const faults = inspect(known, spec);
  const parsed = schema.safeParse(spec);
  if (parsed.success) return { ...base, spec: faults.some(isError) ? undefined : parsed.data, faults };
  return { ...base, spec: undefined, faults: [...schemaFaults(parsed.error, spec), ...faults] };
}

/** @param spec what was read, for the value in the message @param at the path of `spec` in its object */
export function schemaFaults(error: z.ZodError, spec: unknown, at: readonly PropertyKey[] = ['spec']): Fault[] {
  return error.issues.map((issue) =>
    fault(
      'InvalidField',
      pathText([...at, ...issue.path]),
      `${issue.message}${issue.path.includes('password') ? '' : shown(valueAt(spec, issue.path))}`,
    ),
  );
}

function refOf(kind: string, metadata: Raw): ObjectRef {
  const name = text(metadata['name']);
  const namespace = text(metadata['namespace']);
  const uid = text(metadata['uid']);
  return {
    kind,
    name: name === undefined || name === '' ? NO_NAME : name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
  };
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

function valueAt(spec: unknown, path: readonly PropertyKey[]): unknown {
  let value = spec;
  for (const part of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[part];
  }
  return value;
}
