/** Equality of JSON values; fields that are undefined count as absent. */
export function deepEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((value, index) => deepEqual(value, b[index]));
  }
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  const names = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...names].every((name) => deepEqual(left[name], right[name]));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The RFC 7396 merge patch that turns `before` into `after`; undefined when they are equal. */
export function mergePatchOf(before: unknown, after: Readonly<Record<string, unknown>>): Record<string, unknown> | undefined {
  const old = isObject(before) ? before : {};
  const patch: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(after)) {
    if (value === undefined || deepEqual(old[name], value)) continue;
    patch[name] = isObject(value) ? (mergePatchOf(old[name], value) ?? {}) : value;
  }
  for (const name of Object.keys(old)) if (after[name] === undefined && old[name] !== null && old[name] !== undefined) patch[name] = null;
  return Object.keys(patch).length === 0 ? undefined : patch;
}
