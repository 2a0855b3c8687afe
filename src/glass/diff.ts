import { type Head, SECTIONS, type Section, type Snapshot } from './view.ts';

interface Row {
  readonly id: string;
}

/** What turns one snapshot into another: rows that are new or differ, ids that are gone, and the new order where that differs. */
export interface Patch {
  readonly head?: Head;
  readonly sections: Readonly<Partial<Record<Section, SectionPatch>>>;
}

export interface SectionPatch {
  readonly set: readonly Row[];
  readonly gone: readonly string[];
  readonly order?: readonly string[];
}

/** @returns `after` with the rows of `before` where they say the same: then a comparison is one of references */
export function share(before: Snapshot | undefined, after: Snapshot): Snapshot {
  if (before === undefined) return after;
  const sections = SECTIONS.map((section) => [section, shareRows(before[section], after[section])] as const);
  const head = same(before.head, after.head) ? before.head : after.head;
  if (head === before.head && sections.every(([section, rows]) => rows === before[section])) return before;
  return { ...(Object.fromEntries(sections) as unknown as Snapshot), head };
}

function shareRows(before: readonly Row[], after: readonly Row[]): readonly Row[] {
  const known = new Map(before.map((row) => [row.id, row]));
  const rows = after.map((row) => {
    const earlier = known.get(row.id);
    return earlier !== undefined && same(earlier, row) ? earlier : row;
  });
  return rows.length === before.length && rows.every((row, position) => row === before[position]) ? before : rows;
}

function same(a: object, b: object): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** @returns undefined when there is nothing to tell; both must come from {@link share} */
export function diff(before: Snapshot, after: Snapshot): Patch | undefined {
  if (before === after) return undefined;
  const sections: Partial<Record<Section, SectionPatch>> = {};
  for (const section of SECTIONS) if (before[section] !== after[section]) sections[section] = diffRows(before[section], after[section]);
  return { ...(before.head === after.head ? {} : { head: after.head }), sections };
}

function diffRows(before: readonly Row[], after: readonly Row[]): SectionPatch {
  const known = new Map(before.map((row) => [row.id, row]));
  const present = new Set(after.map(({ id }) => id));
  const gone = before.filter(({ id }) => !present.has(id)).map(({ id }) => id);
  const set = after.filter((row) => known.get(row.id) !== row);
  const patched = patchRows(before, { set, gone });
  const isOrdered = patched.every(({ id }, position) => after[position]?.id === id);
  return { set, gone, ...(isOrdered ? {} : { order: after.map(({ id }) => id) }) };
}

export function applyPatch(before: Snapshot, { head, sections }: Patch): Snapshot {
  const changed = Object.entries(sections).map(([section, patch]) => [section, patchRows(before[section as Section], patch)] as const);
  return { ...before, ...(head === undefined ? {} : { head }), ...Object.fromEntries(changed) };
}

function patchRows(before: readonly Row[], { set, gone, order }: SectionPatch): readonly Row[] {
  const rows = new Map(before.map((row) => [row.id, row]));
  for (const id of gone) rows.delete(id);
  for (const row of set) rows.set(row.id, row);
  if (order === undefined) return [...rows.values()];
  return order.flatMap((id) => {
    const row = rows.get(id);
    return row === undefined ? [] : [row];
  });
}
