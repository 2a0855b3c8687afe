import { clone, equal, isDict, list, type Dict } from '../json.ts';
import { childSchema, type Schema } from '../schema/schema.ts';
import { badRequest } from '../status.ts';

const deleteFrom = '$deleteFromPrimitiveList/';
const elementOrder = '$setElementOrder/';

function mergeKeyed(schema: Schema, current: unknown[], patch: unknown[], key: string): unknown[] {
  const items = patch as Dict[];
  if (items.some((item) => isDict(item) && item['$patch'] === 'replace')) {
    return clone(items.filter((item) => item['$patch'] !== 'replace'));
  }
  let out = current.map((item) => item as Dict);
  for (const item of items) {
    if (!isDict(item) || item[key] === undefined)
      throw badRequest(`map: ${JSON.stringify(item)} does not contain declared merge key: ${key}`);
    const at = out.findIndex((candidate) => equal(candidate[key], item[key]));
    if (item['$patch'] === 'delete') out = out.filter((candidate) => !equal(candidate[key], item[key]));
    else if (at < 0) out.push(strip(item) as Dict);
    else out[at] = merge(schema.items, out[at], item) as Dict;
  }
  return out;
}

/** A new item is taken as it is, without its directives. */
function strip(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(strip);
  if (!isDict(value)) return value;
  const kept = Object.entries(value).filter(([key, item]) => !key.startsWith('$') && item !== null);
  return Object.fromEntries(kept.map(([key, item]) => [key, strip(item)]));
}

function mergeList(schema: Schema | undefined, current: unknown, patch: unknown[]): unknown {
  const key = schema?.['x-kubernetes-patch-merge-key'];
  if (schema?.['x-kubernetes-patch-strategy'] !== 'merge') return clone(patch);
  if (key !== undefined && key !== '') return mergeKeyed(schema, list(current), patch, key);
  const out = [...list(current)];
  for (const item of patch) if (!out.some((known) => equal(known, item))) out.push(item);
  return out;
}

function reorder(value: unknown[], order: unknown[], key: string | undefined): unknown[] {
  const place = (item: unknown) => {
    const at = order.findIndex((wanted) => (key === undefined ? equal(wanted, item) : equal((wanted as Dict)[key], (item as Dict)[key])));
    return at < 0 ? order.length : at;
  };
  return value
    .map((item, index) => ({ item, index, at: place(item) }))
    .sort((a, b) => a.at - b.at || a.index - b.index)
    .map(({ item }) => item);
}

function directives(schema: Schema | undefined, out: Dict, patch: Dict): void {
  for (const [name, value] of Object.entries(patch)) {
    if (name.startsWith(deleteFrom)) {
      const field = name.slice(deleteFrom.length);
      out[field] = list(out[field]).filter((item) => !list(value).some((gone) => equal(gone, item)));
    } else if (name.startsWith(elementOrder)) {
      const field = name.slice(elementOrder.length);
      const key = childSchema(schema, field)?.['x-kubernetes-patch-merge-key'];
      if (Array.isArray(out[field])) out[field] = reorder(out[field], list(value), key === '' ? undefined : key);
    }
  }
  const retained = patch['$retainKeys'];
  if (Array.isArray(retained)) for (const key of Object.keys(out)) if (!retained.includes(key)) delete out[key];
}

function merge(schema: Schema | undefined, current: unknown, patch: unknown): unknown {
  if (!isDict(patch)) return clone(patch);
  if (patch['$patch'] === 'replace') return strip({ ...patch, $patch: null });
  if (patch['$patch'] === 'delete') return {};
  const out: Dict = isDict(current) ? { ...current } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith('$')) continue;
    const child = childSchema(schema, key);
    if (value === null) delete out[key];
    else if (Array.isArray(value)) out[key] = mergeList(child, out[key], value);
    else if (isDict(value)) out[key] = isDict(out[key]) ? merge(child, out[key], value) : strip(value);
    else out[key] = value;
  }
  directives(schema, out, patch);
  return out;
}

/** Strategic merge patch after the list semantics of the schema. The document given is left as it was. */
export function strategicPatch(schema: Schema | undefined, document: unknown, patch: unknown): unknown {
  if (!isDict(patch)) throw badRequest('json: cannot unmarshal array into Go value of type map[string]interface {}');
  return merge(schema, clone(document), patch);
}
