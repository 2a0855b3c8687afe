import { dig, equal, isDict, list, text, type Dict } from '../json.ts';
import type { Fault } from '../status.ts';
import { fitsFormat } from './formats.ts';
import type { Schema } from './schema.ts';

/** How a bad value is printed inside a message: strings quoted, the rest as JSON. */
export function show(value: unknown): string {
  return value === undefined || value === null ? '"null"' : JSON.stringify(value);
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

function typeFits(schema: Schema, value: unknown): boolean {
  const type = typeOf(value);
  if (type === 'null') return schema.nullable === true || schema.type === undefined;
  if (schema['x-kubernetes-int-or-string'] === true) return type === 'integer' || type === 'string';
  if (schema.type === undefined || schema.type === type) return true;
  return schema.type === 'number' && type === 'integer';
}

type Report = (path: string, reason: Fault['reason'], message: string) => void;

function inBody(path: string, value: unknown, what: string): string {
  return `Invalid value: ${show(value)}: ${path} in body ${what}`;
}

function checkString(schema: Schema, value: string, path: string, report: Report): void {
  const { pattern, format, minLength, maxLength } = schema;
  const length = Array.from(value).length;
  if (maxLength !== undefined && length > maxLength) {
    report(path, 'FieldValueTooLong', `Too long: may not be more than ${maxLength} bytes`);
  }
  if (minLength !== undefined && length < minLength) {
    report(path, 'FieldValueInvalid', inBody(path, value, `should be at least ${minLength} chars long`));
  }
  if (pattern !== undefined && !new RegExp(pattern, 'u').test(value)) {
    report(path, 'FieldValueInvalid', inBody(path, value, `should match '${pattern}'`));
  }
  if (format !== undefined && !fitsFormat(format, value)) {
    report(path, 'FieldValueTypeInvalid', inBody(path, value, `must be of type ${format}: ${show(value)}`));
  }
}

function checkNumber(schema: Schema, value: number, path: string, report: Report): void {
  const { minimum, maximum, multipleOf } = schema;
  const bad = (what: string) => report(path, 'FieldValueInvalid', inBody(path, value, what));
  if (minimum !== undefined) {
    if (schema.exclusiveMinimum === true && value <= minimum) bad(`should be greater than ${minimum}`);
    else if (value < minimum) bad(`should be greater than or equal to ${minimum}`);
  }
  if (maximum !== undefined) {
    if (schema.exclusiveMaximum === true && value >= maximum) bad(`should be less than ${maximum}`);
    else if (value > maximum) bad(`should be less than or equal to ${maximum}`);
  }
  if (multipleOf !== undefined && value % multipleOf !== 0) bad(`should be a multiple of ${multipleOf}`);
  const limit = schema.format === 'int32' ? 2 ** 31 : undefined;
  if (limit !== undefined && (value >= limit || value < -limit)) bad('must be of type int32');
}

function listKey(schema: Schema, item: unknown): Dict {
  const key: Dict = {};
  for (const name of schema['x-kubernetes-list-map-keys'] ?? []) {
    key[name] = dig(item, name) ?? schema.items?.properties?.[name]?.default ?? null;
  }
  return key;
}

function checkDuplicates(schema: Schema, value: unknown[], path: string, report: Report): void {
  const type = schema['x-kubernetes-list-type'];
  if (type !== 'map' && type !== 'set') return;
  const seen = new Set<string>();
  value.forEach((item, index) => {
    const key = JSON.stringify(type === 'map' ? listKey(schema, item) : item);
    if (seen.has(key)) report(`${path}[${index}]`, 'FieldValueDuplicate', `Duplicate value: ${key}`);
    seen.add(key);
  });
}

/** The old item a new one is compared with: by key in map lists; none in atomic ones. */
export function oldItem(schema: Schema, old: unknown, item: unknown): unknown {
  if (schema['x-kubernetes-list-type'] !== 'map') return undefined;
  const key = JSON.stringify(listKey(schema, item));
  return list(old).find((candidate) => JSON.stringify(listKey(schema, candidate)) === key);
}

function checkArray(schema: Schema, value: unknown[], old: unknown, path: string, report: Report): void {
  const { minItems, maxItems, items } = schema;
  if (maxItems !== undefined && value.length > maxItems) {
    report(path, 'FieldValueTooMany', `Too many: ${value.length}: must have at most ${maxItems} items`);
  }
  if (minItems !== undefined && value.length < minItems) {
    report(path, 'FieldValueInvalid', inBody(path, value.length, `should have at least ${minItems} items`));
  }
  checkDuplicates(schema, value, path, report);
  if (items === undefined) return;
  value.forEach((item, index) => check(items, item, oldItem(schema, old, item), `${path}[${index}]`, report));
}

function checkObject(schema: Schema, value: Dict, old: unknown, path: string, report: Report): void {
  const at = (key: string) => (path === '' ? key : `${path}.${key}`);
  const size = Object.keys(value).length;
  if (schema.maxProperties !== undefined && size > schema.maxProperties) {
    report(path, 'FieldValueTooMany', `Too many: ${size}: must have at most ${schema.maxProperties} items`);
  }
  if (schema.minProperties !== undefined && size < schema.minProperties) {
    report(path, 'FieldValueInvalid', inBody(path, size, `should have at least ${schema.minProperties} properties`));
  }
  for (const key of schema.required ?? []) {
    if (value[key] === undefined) report(at(key), 'FieldValueRequired', 'Required value');
  }
  const { additionalProperties } = schema;
  for (const [key, item] of Object.entries(value)) {
    const property = schema.properties?.[key];
    if (property !== undefined) check(property, item, dig(old, key), at(key), report);
    else if (typeof additionalProperties === 'object') {
      check(additionalProperties, item, dig(old, key), at(key), report);
    }
  }
}

function passes(schema: Schema, value: unknown, path: string): boolean {
  let good = true;
  check(schema, value, undefined, path, () => {
    good = false;
  });
  return good;
}

function checkLogic(schema: Schema, value: unknown, path: string, report: Report): void {
  const bad = (what: string) => report(path, 'FieldValueInvalid', inBody(path, value, what));
  for (const part of schema.allOf ?? []) check(part, value, undefined, path, report);
  if (schema.anyOf !== undefined && !schema.anyOf.some((part) => passes(part, value, path))) {
    bad('must validate at least one schema (anyOf)');
  }
  if (schema.oneOf !== undefined) {
    const fitting = schema.oneOf.filter((part) => passes(part, value, path)).length;
    if (fitting === 0) bad('must validate one and only one schema (oneOf). Found none valid');
    if (fitting > 1) bad(`must validate one and only one schema (oneOf). Found ${fitting} valid alternatives`);
  }
  if (schema.not !== undefined && passes(schema.not, value, path)) bad('must not validate the schema (not)');
}

function check(schema: Schema, value: unknown, old: unknown, path: string, report: Report): void {
  // Ratcheting: what an update leaves as it was is not judged again.
  if (old !== undefined && equal(value, old)) return;
  if (!typeFits(schema, value)) {
    const wanted = schema['x-kubernetes-int-or-string'] === true ? 'integer,string' : text(schema.type);
    const type = typeOf(value);
    report(path, 'FieldValueTypeInvalid', inBody(path, type, `must be of type ${wanted}: ${show(type)}`));
    return;
  }
  if (value === null) return;
  if (schema.enum !== undefined && !schema.enum.some((allowed) => equal(allowed, value))) {
    const allowed = schema.enum.map((one) => JSON.stringify(typeof one === 'string' ? one : JSON.stringify(one))).join(', ');
    report(path, 'FieldValueNotSupported', `Unsupported value: ${show(value)}: supported values: ${allowed}`);
  }
  checkLogic(schema, value, path, report);
  if (typeof value === 'string') checkString(schema, value, path, report);
  else if (typeof value === 'number') checkNumber(schema, value, path, report);
  else if (Array.isArray(value)) checkArray(schema, value, old, path, report);
  else if (isDict(value)) checkObject(schema, value, old, path, report);
}

/** Validates against a structural schema; `old` is the stored object on update. */
export function validateSchema(schema: Schema, value: unknown, old?: unknown, path = ''): Fault[] {
  const faults: Fault[] = [];
  check(schema, value, old, path, (field, reason, message) => faults.push({ field, reason, text: message }));
  return faults;
}
