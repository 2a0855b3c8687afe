import { metadataOnly, served } from '../forms.ts';
import { dict, text, type Dict, type KubeObject } from '../json.ts';
import type { Column, Resource } from '../resources.ts';
import { age, builtinColumns } from './columns.ts';

function customColumns(resource: Resource): Column[] {
  const name: Column = {
    name: 'Name',
    type: 'string',
    format: 'name',
    description: 'Name must be unique within a namespace.',
    priority: 0,
  };
  const columns = resource.columns ?? [{ name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' }];
  return [name, ...columns];
}

/** columnDefinitions of a table. */
export function tableColumns(resource: Resource): Dict[] {
  const columns: Column[] = resource.custom ? customColumns(resource) : builtinColumns(resource.storage);
  return columns.map(({ name, type, format = '', description = '', priority = 0 }) => ({ name, type, format, description, priority }));
}

interface Step {
  name?: string;
  index?: number | '*';
  filter?: { path: string[]; value: string };
}

/** The JSONPath of printer columns: fields, indexes, `[*]` and `[?(@.a=="b")]`. */
function parsePath(path: string): Step[] {
  const steps: Step[] = [];
  const pattern = /\.((?:[^.[\\]|\\.)+)|\[(\*|-?\d+)\]|\[\?\(@\.([\w.]+)\s*==\s*["']([^"']*)["']\)\]|\['([^']*)'\]/g;
  for (const [, name, index, filter, value, quoted] of path.matchAll(pattern)) {
    if (name !== undefined) steps.push({ name: name.replace(/\\(.)/g, '$1') });
    else if (quoted !== undefined) steps.push({ name: quoted });
    else if (index !== undefined) steps.push({ index: index === '*' ? '*' : Number(index) });
    else if (filter !== undefined) steps.push({ filter: { path: filter.split('.'), value: value ?? '' } });
  }
  return steps;
}

function take(values: unknown[], step: Step): unknown[] {
  return values.flatMap((value) => {
    if (step.name !== undefined) {
      const found = step.name === '*' ? Object.values(dict(value)) : [dict(value)[step.name]];
      return found.filter((item) => item !== undefined);
    }
    if (!Array.isArray(value)) return [];
    if (step.index === '*') return value as unknown[];
    if (step.index !== undefined) return [(value as unknown[]).at(step.index)].filter((item) => item !== undefined);
    const { path, value: wanted } = step.filter ?? { path: [], value: '' };
    return (value as unknown[]).filter((item) => text(path.reduce<unknown>((at, name) => dict(at)[name], item)) === wanted);
  });
}

const parsed = new Map<string, Step[]>();

export function readPath(object: unknown, path: string): unknown[] {
  let steps = parsed.get(path);
  if (steps === undefined) {
    steps = parsePath(path);
    parsed.set(path, steps);
  }
  return steps.reduce(take, [object]);
}

function cell(column: Column, object: KubeObject): unknown {
  if (column.jsonPath === undefined) return object.metadata.name;
  const found = readPath(object, column.jsonPath);
  if (found.length === 0) return column.type === 'date' ? '<unknown>' : null;
  const [first] = found;
  if (column.type === 'date') return age(text(first));
  if (column.type === 'string') {
    const shown = found.map((value) => (typeof value === 'object' ? JSON.stringify(value) : text(value)));
    return shown.join(',');
  }
  return typeof first === 'object' ? null : first;
}

/** One row; `include` says how much of the object comes along: None, Metadata or Object. */
export function tableRow(resource: Resource, object: KubeObject, include: string): Dict {
  const shown = served(resource, object);
  const cells = resource.custom
    ? customColumns(resource).map((column) => cell(column, shown))
    : builtinColumns(resource.storage).map((column) => column.cell(object));
  const row: Dict = { cells };
  if (include === 'Object') row['object'] = shown;
  else if (include !== 'None') row['object'] = { ...metadataOnly(object), apiVersion: 'meta.k8s.io/v1' };
  return row;
}
