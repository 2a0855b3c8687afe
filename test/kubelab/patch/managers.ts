import { clone, equal, isDict, now, text, type Dict, type KubeObject } from '../json.ts';
import { childSchema, type Schema } from '../schema/schema.ts';
import { applyConflict, type Cause } from '../status.ts';
import {
  decodeFields,
  difference,
  elementsOf,
  encodeFields,
  fieldsOf,
  isAtomic,
  isItem,
  keyElement,
  showPath,
  valueAt,
  type FieldSet,
} from './fieldSet.ts';

interface Manager {
  manager: string;
  operation: 'Apply' | 'Update';
  apiVersion: string;
  subresource: string;
  time: string;
  set: FieldSet;
}

/** Who writes: the field manager, and through which subresource. */
export interface Writer {
  manager: string;
  subresource: string;
  apiVersion: string;
}

function read(object: KubeObject | undefined): Manager[] {
  return (object?.metadata.managedFields ?? []).map((entry) => ({
    manager: text(entry['manager']),
    operation: entry['operation'] === 'Apply' ? 'Apply' : 'Update',
    apiVersion: text(entry['apiVersion']),
    subresource: text(entry['subresource']),
    time: text(entry['time']),
    set: decodeFields(entry['fieldsV1']),
  }));
}

function write(managers: readonly Manager[]): Dict[] {
  return managers
    .filter(({ set }) => set.size > 0)
    .map(({ manager, operation, apiVersion, subresource, time, set }) => ({
      manager,
      operation,
      apiVersion,
      time,
      fieldsType: 'FieldsV1',
      fieldsV1: encodeFields(set),
      ...(subresource === '' ? {} : { subresource }),
    }));
}

function sameSet(a: FieldSet, b: FieldSet): boolean {
  return a.size === b.size && [...a].every((path) => b.has(path));
}

function find(managers: Manager[], writer: Writer, operation: Manager['operation']): Manager | undefined {
  return managers.find(
    (m) =>
      m.manager === writer.manager &&
      m.operation === operation &&
      m.subresource === writer.subresource &&
      (operation === 'Apply' || m.apiVersion === writer.apiVersion),
  );
}

/** managedFields after a create, update or patch: the writer owns what it changed, nobody what is gone. */
export function trackUpdate(schema: Schema | undefined, before: KubeObject | undefined, after: KubeObject, writer: Writer): Dict[] {
  const { changed, removed } = difference(schema, before, after);
  // An explicit empty list resets the managers, as in the real server.
  const managers = read(before);
  for (const manager of managers) {
    const kept = new Set([...manager.set].filter((path) => !changed.has(path) && !removed.has(path)));
    if (!sameSet(kept, manager.set)) manager.set = kept;
  }
  if (changed.size === 0) return write(managers);
  const own = find(managers, writer, 'Update');
  if (own === undefined) {
    managers.push({ ...writer, operation: 'Update', time: now(), set: changed });
  } else {
    const whole = new Set([...own.set, ...changed]);
    own.time = now();
    own.set = whole;
  }
  return write(managers);
}

function describe(manager: Manager): string {
  const name = JSON.stringify(manager.manager) + (manager.subresource === '' ? '' : ` with subresource "${manager.subresource}"`);
  if (manager.operation === 'Apply') return `conflict with ${name}`;
  return `conflict with ${name} using ${manager.apiVersion}${manager.time === '' ? '' : ` at ${manager.time}`}`;
}

function mergeApplied(schema: Schema | undefined, live: unknown, applied: unknown): unknown {
  if (live === undefined || isAtomic(schema, applied)) {
    return isDict(applied) && Object.keys(applied).length === 0 && isDict(live) ? live : clone(applied);
  }
  if (Array.isArray(applied)) return mergeAppliedList(schema, Array.isArray(live) ? live : [], applied);
  const out: Dict = isDict(live) ? { ...live } : {};
  for (const [key, value] of Object.entries(applied as Dict)) {
    out[key] = mergeApplied(childSchema(schema, key), out[key], value);
  }
  return out;
}

function mergeAppliedList(schema: Schema | undefined, live: unknown[], applied: unknown[]): unknown[] {
  if (schema?.['x-kubernetes-list-type'] === 'set') {
    return [...live, ...applied.filter((item) => !live.some((known) => equal(known, item)))];
  }
  const out = [...live];
  for (const item of applied) {
    const key = schema === undefined ? '' : keyElement(schema, item);
    const at = out.findIndex((known) => schema !== undefined && keyElement(schema, known) === key);
    if (at < 0) out.push(clone(item));
    else out[at] = mergeApplied(schema?.items, out[at], item);
  }
  return out;
}

/** Takes one path out of the object, and containers it leaves empty when they were nobody's own. */
function removePath(schema: Schema | undefined, object: unknown, elements: string[]): unknown {
  const [element = '', ...rest] = elements;
  const name = element.slice(2);
  if (element.startsWith('f:')) {
    if (!isDict(object) || object[name] === undefined) return object;
    const out = { ...object };
    if (rest.length === 0) {
      delete out[name];
    } else {
      const child = removePath(childSchema(schema, name), out[name], rest);
      const empty = (isDict(child) && Object.keys(child).length === 0) || (Array.isArray(child) && child.length === 0);
      if (empty) delete out[name];
      else out[name] = child;
    }
    return out;
  }
  if (!Array.isArray(object)) return object;
  const matches = (item: unknown) =>
    element.startsWith('v:') ? JSON.stringify(item) === name : schema !== undefined && keyElement(schema, item) === element;
  if (rest.length === 0) return object.filter((item) => !matches(item));
  return object.map((item: unknown) => (matches(item) ? removePath(schema?.items, item, rest) : item));
}

function isBelow(path: string, ancestor: string): boolean {
  return path === ancestor || path.startsWith(`${ancestor}\u0000`);
}

function isKeyField(path: string): boolean {
  const elements = elementsOf(path);
  const parent = elements.at(-2);
  if (parent?.startsWith('k:') !== true) return false;
  return (elements.at(-1) ?? '').slice(2) in (JSON.parse(parent.slice(2)) as Dict);
}

/** Removes what the manager applied before and no longer does, where nobody else owns it. */
function pruneGiven(schema: Schema | undefined, merged: unknown, given: string[], kept: FieldSet[]): unknown {
  let out = merged;
  const owned = (path: string) => kept.some((set) => set.has(path) || (isItem(path) && [...set].some((other) => isBelow(other, path))));
  for (const path of given) {
    // Key fields go with their item.
    if (isKeyField(path) || owned(path)) continue;
    out = removePath(schema, out, elementsOf(path));
  }
  return out;
}

/**
 * Server-side apply: the object after merging, with its managedFields; throws 409 when another manager owns a field
 * with another value and `force` is not set.
 */
export function serverSideApply(
  schema: Schema | undefined,
  live: KubeObject | undefined,
  applied: KubeObject,
  writer: Writer,
  force: boolean,
): KubeObject {
  const managers = read(live);
  const fresh = fieldsOf(schema, applied);
  const own = find(managers, writer, 'Apply');
  const causes: Cause[] = [];
  for (const other of managers) {
    if (other === own) continue;
    const lost = [...fresh].filter(
      (path) => other.set.has(path) && !isItem(path) && !equal(valueAt(schema, live, path), valueAt(schema, applied, path)),
    );
    if (force) other.set = new Set([...other.set].filter((path) => !lost.includes(path)));
    else causes.push(...lost.map((path) => ({ reason: 'FieldManagerConflict', message: describe(other), field: showPath(path) })));
  }
  if (causes.length > 0) throw applyConflict(causes);
  const given = own === undefined ? [] : [...own.set].filter((path) => !fresh.has(path));
  const merged = mergeApplied(schema, live ?? {}, applied);
  const others = managers.filter((manager) => manager !== own).map(({ set }) => set);
  const result = pruneGiven(schema, merged, given, [fresh, ...others]) as KubeObject;
  if (own === undefined) managers.push({ ...writer, operation: 'Apply', time: now(), set: fresh });
  else if (!sameSet(own.set, fresh)) Object.assign(own, { time: now(), set: fresh, apiVersion: writer.apiVersion });
  return { ...result, metadata: { ...result.metadata, managedFields: write(managers) } };
}
