import { clone, dicts, equal, isDict, text, type Dict } from '../json.ts';
import { badRequest, StatusError } from '../status.ts';

function split(pointer: string): string[] {
  if (pointer === '') return [];
  if (!pointer.startsWith('/')) throw badRequest(`invalid JSON pointer: ${pointer}`);
  return pointer
    .slice(1)
    .split('/')
    .map((step) => step.replace(/~1/g, '/').replace(/~0/g, '~'));
}

function unprocessable(message: string): StatusError {
  return new StatusError(422, 'Invalid', `the server rejected our request due to an error in our request: ${message}`, {});
}

function index(array: unknown[], step: string, mayEnd: boolean): number {
  if (step === '-' && mayEnd) return array.length;
  const at = /^\d+$/.test(step) ? Number(step) : -1;
  if (at < 0 || at > array.length || (at === array.length && !mayEnd)) {
    throw unprocessable(`Unable to access invalid index: ${step}`);
  }
  return at;
}

function parentOf(root: unknown, path: string[], pointer: string): unknown {
  let at = root;
  for (const step of path.slice(0, -1)) {
    if (Array.isArray(at)) at = at[index(at, step, false)];
    else if (isDict(at) && step in at) at = at[step];
    else throw unprocessable(`doc is missing path: "${pointer}": missing value`);
  }
  return at;
}

function read(root: unknown, pointer: string): unknown {
  const path = split(pointer);
  const last = path.at(-1);
  if (last === undefined) return root;
  const parent = parentOf(root, path, pointer);
  if (Array.isArray(parent)) return parent[index(parent, last, false)];
  return isDict(parent) ? parent[last] : undefined;
}

function add(root: unknown, pointer: string, value: unknown): unknown {
  const path = split(pointer);
  const last = path.at(-1);
  if (last === undefined) return value;
  const parent = parentOf(root, path, pointer);
  if (Array.isArray(parent)) parent.splice(index(parent, last, true), 0, value);
  else if (isDict(parent)) parent[last] = value;
  else throw unprocessable(`add operation does not apply: doc is missing path: "${pointer}": missing value`);
  return root;
}

function remove(root: unknown, pointer: string): unknown {
  const path = split(pointer);
  const last = path.at(-1) ?? '';
  const parent = parentOf(root, path, pointer);
  if (Array.isArray(parent)) {
    parent.splice(index(parent, last, false), 1);
  } else if (isDict(parent) && last in parent) {
    delete parent[last];
  } else {
    throw unprocessable(`remove operation does not apply: doc is missing path: "${pointer}": missing value`);
  }
  return root;
}

function replace(root: unknown, pointer: string, value: unknown): unknown {
  if (pointer === '') return value;
  if (read(root, pointer) === undefined) {
    throw unprocessable(`replace operation does not apply: doc is missing key: ${pointer}: missing value`);
  }
  const path = split(pointer);
  const last = path.at(-1) ?? '';
  const parent = parentOf(root, path, pointer);
  if (Array.isArray(parent)) parent[index(parent, last, false)] = value;
  else (parent as Dict)[last] = value;
  return root;
}

function apply(root: unknown, operation: Dict): unknown {
  const path = text(operation['path']);
  const from = text(operation['from']);
  switch (operation['op']) {
    case 'add':
      return add(root, path, clone(operation['value']));
    case 'remove':
      return remove(root, path);
    case 'replace':
      return replace(root, path, clone(operation['value']));
    case 'copy':
      return add(root, path, clone(read(root, from)));
    case 'move': {
      const value = read(root, from);
      return add(remove(root, from), path, value);
    }
    case 'test':
      if (!equal(read(root, path) ?? null, operation['value'] ?? null)) {
        throw unprocessable(`testing value ${path} failed`);
      }
      return root;
    default:
      throw unprocessable(`Unexpected kind: ${text(operation['op'])}`);
  }
}

/** RFC 6902. The document given is left as it was. */
export function jsonPatch(document: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) throw badRequest('json: cannot unmarshal object into Go value of type jsonpatch.Patch');
  return dicts(patch).reduce<unknown>(apply, clone(document));
}
