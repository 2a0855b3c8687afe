/** So few changes are made one by one; more, and the list is made anew. */
const FEW = 64;

/**
 * A copy of a list that is sorted by key, without the keys in `gone` and with the values in `came`, each in the place of a value
 * of its key if there is one. The cost of a few changes is that of a copy.
 */
export function changeSorted<T>(
  list: readonly T[],
  keyOf: (value: T) => string,
  gone: ReadonlySet<string>,
  came: ReadonlyMap<string, T>,
): T[] {
  if (list.length === 0) return [...came.keys()].sort().map((key) => came.get(key) as T);
  if (gone.size + came.size > FEW) return rebuild(list, keyOf, gone, came);
  const changed = list.slice();
  for (const key of gone) {
    const at = position(changed, keyOf, key);
    if (isAt(changed, keyOf, at, key)) changed.splice(at, 1);
  }
  for (const [key, value] of came) {
    const at = position(changed, keyOf, key);
    changed.splice(at, isAt(changed, keyOf, at, key) ? 1 : 0, value);
  }
  return changed;
}

function rebuild<T>(list: readonly T[], keyOf: (value: T) => string, gone: ReadonlySet<string>, came: ReadonlyMap<string, T>): T[] {
  const byKey = new Map<string, T>();
  for (const value of list) byKey.set(keyOf(value), value);
  for (const key of gone) byKey.delete(key);
  for (const [key, value] of came) byKey.set(key, value);
  return [...byKey.keys()].sort().map((key) => byKey.get(key) as T);
}

export function findSorted<T>(list: readonly T[], keyOf: (value: T) => string, key: string): T | undefined {
  const at = position(list, keyOf, key);
  return isAt(list, keyOf, at, key) ? list[at] : undefined;
}

/** Where the key is, or would be. */
function position<T>(list: readonly T[], keyOf: (value: T) => string, key: string): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keyOf(list[middle] as T) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

function isAt<T>(list: readonly T[], keyOf: (value: T) => string, at: number, key: string): boolean {
  return at < list.length && keyOf(list[at] as T) === key;
}

export interface Differences<T> {
  readonly gone: readonly T[];
  readonly came: readonly T[];
}

/** What two lists of unique values do not share, by reference. Nearly free where one follows from the other by a few changes. */
export function differences<T>(before: readonly T[], now: readonly T[]): Differences<T> {
  if (before === now) return { gone: [], came: [] };
  const [old, fresh] = before.length === now.length ? atOtherPlaces(before, now) : betweenCommonEnds(before, now);
  if (old.length === 0 || fresh.length === 0) return { gone: old, came: fresh };
  const [was, is] = [new Set(old), new Set(fresh)];
  return { gone: old.filter((value) => !is.has(value)), came: fresh.filter((value) => !was.has(value)) };
}

function atOtherPlaces<T>(before: readonly T[], now: readonly T[]): [T[], T[]] {
  const [old, fresh]: [T[], T[]] = [[], []];
  for (let i = 0; i < now.length; i++) {
    if (before[i] === now[i]) continue;
    old.push(before[i] as T);
    fresh.push(now[i] as T);
  }
  return [old, fresh];
}

function betweenCommonEnds<T>(before: readonly T[], now: readonly T[]): [T[], T[]] {
  const shorter = Math.min(before.length, now.length);
  let head = 0;
  while (head < shorter && before[head] === now[head]) head++;
  let tail = 0;
  while (tail < shorter - head && before[before.length - 1 - tail] === now[now.length - 1 - tail]) tail++;
  return [before.slice(head, before.length - tail), now.slice(head, now.length - tail)];
}
