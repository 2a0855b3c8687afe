import * as z from 'zod';
import { crdMeta } from '../api/fields.ts';
import { record } from '../cluster/json.ts';
import { type Fault, fault, pathText, shown } from './fault.ts';

type Path = readonly PropertyKey[];

/** A condition has room for so many; the rest of an object that is all wrong adds nothing. */
const MAX_FAULTS = 32;

/**
 * What a schema lets through in silence: fields it does not know, and entries that stand twice in a list which is a set.
 * @param spec raw, without nulls
 */
export function inspect(schema: z.ZodType, spec: unknown): Fault[] {
  const faults: Fault[] = [];
  walk(schema, spec, ['spec'], faults);
  return faults;
}

function walk(schema: z.ZodType, value: unknown, path: Path, faults: Fault[]): void {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault) walk(schema.unwrap() as z.ZodType, value, path, faults);
  else if (schema instanceof z.ZodObject) walkObject(schema, value, path, faults);
  else if (schema instanceof z.ZodArray) walkArray(schema, value, path, faults);
  else if (schema instanceof z.ZodRecord) walkRecord(value, path, faults);
}

function walkObject(schema: z.ZodObject, value: unknown, path: Path, faults: Fault[]): void {
  const shape: Readonly<Record<string, unknown>> = schema.shape;
  for (const [key, entry] of Object.entries(record(value) ?? {})) {
    if (Object.hasOwn(shape, key)) walk(shape[key] as z.ZodType, entry, [...path, key], faults);
    else add(faults, fault('UnknownField', pathText([...path, key]), 'there is no such field: it has no effect', 'warning'));
  }
}

function walkArray(schema: z.ZodArray, value: unknown, path: Path, faults: Fault[]): void {
  if (!Array.isArray(value)) return;
  const seen = new Set<unknown>();
  const isSet = crdMeta.get(schema)?.listType === 'set';
  for (const [position, entry] of value.entries()) {
    const here = [...path, position];
    if (isSet && seen.has(entry))
      add(faults, fault('DuplicateEntry', pathText(here), `stands in the list already${shown(entry)}`, 'warning'));
    seen.add(entry);
    walk(schema.element as z.ZodType, entry, here, faults);
    if (faults.length >= MAX_FAULTS) return;
  }
}

/** zod leaves this one key out of a record; a selector without it would select more than was asked for. */
function walkRecord(value: unknown, path: Path, faults: Fault[]): void {
  if (Object.hasOwn(record(value) ?? {}, '__proto__'))
    add(faults, fault('InvalidField', pathText([...path, '__proto__']), 'is no label key'));
}

function add(faults: Fault[], found: Fault): void {
  if (faults.length < MAX_FAULTS) faults.push(found);
}
