import { clone, isDict, type Dict } from '../json.ts';

/** RFC 7386. The document given is left as it was. */
export function mergePatch(document: unknown, patch: unknown): unknown {
  if (!isDict(patch)) return clone(patch);
  const out: Dict = isDict(document) ? { ...document } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete out[key];
    else out[key] = mergePatch(out[key], value);
  }
  return out;
}
