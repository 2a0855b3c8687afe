import { equal, isDict, list, type Dict } from '../json.ts';
import { childSchema, type Schema } from '../schema/schema.ts';

/**
 * The fields a manager owns: paths of elements as in fieldsV1 (`f:name`, `k:{"port":80}`, `v:"x"`), joined by NUL.
 * A list item's own path stands for the `.` of the item.
 */
export type FieldSet = Set<string>;

const joint = '\u0000';

export function elementsOf(path: string): string[] {
  return path.split(joint);
}

function below(path: string, element: string): string {
  return path === '' ? element : `${path}${joint}${element}`;
}

/** The `k:` element of an item of a map list. */
export function keyElement(schema: Schema, item: unknown): string {
  const key: Dict = {};
  for (const name of [...(schema['x-kubernetes-list-map-keys'] ?? [])].sort()) {
    key[name] = (isDict(item) ? item[name] : undefined) ?? defaultKey(schema, name) ?? null;
  }
  return `k:${JSON.stringify(key)}`;
}

function defaultKey(schema: Schema, name: string): unknown {
  return schema.items?.properties?.[name]?.default ?? (name === 'protocol' ? 'TCP' : undefined);
}

export function isAtomic(schema: Schema | undefined, value: unknown): boolean {
  if (Array.isArray(value)) {
    const type = schema?.['x-kubernetes-list-type'];
    return type !== 'map' && type !== 'set';
  }
  if (!isDict(value)) return true;
  return schema?.['x-kubernetes-map-type'] === 'atomic' || Object.keys(value).length === 0;
}

function collect(schema: Schema | undefined, value: unknown, path: string, set: FieldSet): void {
  if (isAtomic(schema, value)) {
    if (path !== '') set.add(path);
    return;
  }
  if (Array.isArray(value)) {
    for (const item of value) {
      if (schema?.['x-kubernetes-list-type'] === 'set') {
        set.add(below(path, `v:${JSON.stringify(item)}`));
      } else if (schema !== undefined) {
        const at = below(path, keyElement(schema, item));
        set.add(at);
        collect(schema.items, item, at, set);
      }
    }
    return;
  }
  for (const [key, item] of Object.entries(value as Dict)) {
    if (item !== undefined) collect(childSchema(schema, key), item, below(path, `f:${key}`), set);
  }
}

/** Fields that belong to nobody. */
function ownerless(path: string): boolean {
  const [first, second] = elementsOf(path);
  if (first === 'f:apiVersion' || first === 'f:kind') return true;
  if (first !== 'f:metadata') return false;
  return second === undefined || !['f:labels', 'f:annotations', 'f:finalizers', 'f:ownerReferences'].includes(second);
}

/** All fields an object sets. */
export function fieldsOf(schema: Schema | undefined, object: unknown): FieldSet {
  const set: FieldSet = new Set();
  collect(schema, object, '', set);
  for (const path of set) if (ownerless(path)) set.delete(path);
  return set;
}

/** The value at a path; undefined where there is none. Items of sets give themselves. */
export function valueAt(schema: Schema | undefined, object: unknown, path: string): unknown {
  let at = object;
  let rule = schema;
  for (const element of elementsOf(path)) {
    if (at === undefined) return undefined;
    const rest = element.slice(2);
    if (element.startsWith('f:')) {
      at = isDict(at) ? at[rest] : undefined;
      rule = childSchema(rule, rest);
    } else if (element.startsWith('k:')) {
      const within = rule;
      at = within === undefined ? undefined : list(at).find((item) => keyElement(within, item) === element);
      rule = rule?.items;
    } else {
      at = list(at).find((item) => JSON.stringify(item) === rest);
    }
  }
  return at;
}

/** Paths set or changed from `before` to `after`, and paths gone. */
export function difference(schema: Schema | undefined, before: unknown, after: unknown): { changed: FieldSet; removed: FieldSet } {
  const [old, fresh] = [fieldsOf(schema, before), fieldsOf(schema, after)];
  const changed: FieldSet = new Set();
  for (const path of fresh) {
    if (!old.has(path)) changed.add(path);
    else if (isItem(path)) continue;
    else if (!equal(valueAt(schema, before, path), valueAt(schema, after, path))) changed.add(path);
  }
  return { changed, removed: new Set([...old].filter((path) => !fresh.has(path))) };
}

/** The path of a list item or set member itself, which has no value to differ. */
export function isItem(path: string): boolean {
  return !(elementsOf(path).at(-1) ?? '').startsWith('f:');
}

/** fieldsV1 of a set. */
export function encodeFields(set: FieldSet): Dict {
  const root: Dict = {};
  for (const path of [...set].sort()) {
    let at = root;
    const elements = elementsOf(path);
    for (const element of elements) {
      at[element] ??= {};
      at = at[element] as Dict;
    }
    if (elements.at(-1)?.startsWith('k:') === true) at['.'] = {};
  }
  return root;
}

/** The set of a fieldsV1. */
export function decodeFields(fields: unknown, path = '', set: FieldSet = new Set()): FieldSet {
  if (!isDict(fields)) return set;
  const keys = Object.keys(fields);
  if (keys.length === 0 && path !== '') set.add(path);
  for (const key of keys) {
    if (key === '.') set.add(path);
    else decodeFields(fields[key], below(path, key), set);
  }
  return set;
}

/** The path as conflict messages write it: `.spec.ports[port=80,protocol="TCP"].name`. */
export function showPath(path: string): string {
  return elementsOf(path)
    .map((element) => {
      const rest = element.slice(2);
      if (element.startsWith('f:')) return `.${rest}`;
      if (element.startsWith('v:')) return `[=${rest}]`;
      const key = JSON.parse(rest) as Dict;
      return `[${Object.entries(key)
        .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
        .join(',')}]`;
    })
    .join('');
}
