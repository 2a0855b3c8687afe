import { notYetEffective } from './effective.ts';
import { type Fault, isError } from './fault.ts';
import type { ConfigObject } from './object.ts';
import type { Problem } from './problem.ts';

/** A version of one object: its spec as text, to tell versions apart, and what was made of it. */
export interface Version<T> {
  readonly name: string;
  readonly spec: string;
  readonly value: T;
}

/** The version of each object, by name, that was last in force. */
export type History<T> = ReadonlyMap<string, Version<T> & { readonly uid: string | undefined }>;

export interface Recipe<S, T> {
  readonly build: (object: ConfigObject<S>, spec: S) => { readonly value: T; readonly faults: readonly Fault[] };
  /** What is left of an earlier version among what there is now; undefined: nothing. */
  readonly keep?: (earlier: T) => T | undefined;
  /** Where a version contradicts those that came before it. */
  readonly against?: (version: Version<T>, placed: readonly Version<T>[]) => readonly Fault[];
}

interface Candidate<T> {
  readonly object: ConfigObject<unknown>;
  readonly faults: readonly Fault[];
  /** As written now, unless that is wrong in itself. */
  readonly fresh: Version<T> | undefined;
  /** What was in force before and still can be; the same as `fresh` where nobody edited it. */
  readonly settled: Version<T> | undefined;
  readonly last: Version<T> | undefined;
}

export interface Placed<T> {
  readonly values: readonly T[];
  readonly problems: readonly Problem[];
  readonly history: History<T>;
}

/**
 * The objects of one kind that are in force together. What was in force before keeps its place, so an edit never takes
 * anything from an object that nobody touched; among the others the older one goes first. An object whose new version is
 * wrong, or contradicts one that goes before it, goes on in its last good version. A deleted and recreated object (another
 * uid) has none.
 * @param objects oldest first
 */
export function place<S extends object, T>(
  objects: readonly ConfigObject<S>[],
  recipe: Recipe<S, T>,
  history: History<T> | undefined,
): Placed<T> {
  const candidates = objects.map((object) => candidateOf(object, recipe, history));
  const fallen = new Map<Candidate<T>, readonly Fault[]>();
  let round = tryPlaces(candidates, fallen, recipe);
  // Each round takes one more object back to its last good version, which may need a place that another one has taken.
  while (round === undefined) round = tryPlaces(candidates, fallen, recipe);
  const { placed, said } = round;
  return {
    values: [...placed.values()].map(({ value }) => value),
    problems: candidates.flatMap((candidate) =>
      [...candidate.faults, ...(fallen.get(candidate) ?? []), ...(said.get(candidate) ?? [])].map((found) => ({
        object: candidate.object.ref,
        ...found,
      })),
    ),
    history: new Map(candidates.flatMap((candidate) => remembered(candidate, placed.get(candidate)))),
  };
}

function candidateOf<S extends object, T>(object: ConfigObject<S>, recipe: Recipe<S, T>, history: History<T> | undefined): Candidate<T> {
  const { name, uid } = object.ref;
  const known = history?.get(name);
  const last = known !== undefined && known.uid === uid ? known : undefined;
  const faults = [...object.faults];
  let fresh: Version<T> | undefined;
  if (object.spec !== undefined) {
    const built = recipe.build(object, object.spec);
    faults.push(...built.faults, ...notYetEffective(object.ref.kind, object.spec));
    if (!faults.some(isError)) fresh = { name, spec: JSON.stringify(object.spec), value: built.value };
  }
  let settled: Version<T> | undefined;
  if (last !== undefined) settled = last.spec === fresh?.spec ? fresh : kept(last, recipe);
  return { object, faults, fresh, settled, last };
}

function kept<S, T>(last: Version<T>, { keep }: Recipe<S, T>): Version<T> | undefined {
  const value = keep === undefined ? last.value : keep(last.value);
  return value === undefined ? undefined : { ...last, value };
}

interface Round<T> {
  readonly placed: ReadonlyMap<Candidate<T>, Version<T>>;
  readonly said: ReadonlyMap<Candidate<T>, readonly Fault[]>;
}

/** @returns undefined when one more object has fallen back to its last good version */
function tryPlaces<S, T>(
  candidates: readonly Candidate<T>[],
  fallen: Map<Candidate<T>, readonly Fault[]>,
  { against }: Recipe<S, T>,
): Round<T> | undefined {
  const placed = new Map<Candidate<T>, Version<T>>();
  const versions: Version<T>[] = [];
  const said = new Map<Candidate<T>, readonly Fault[]>();
  const stands = (candidate: Candidate<T>): boolean =>
    fallen.has(candidate) || candidate.fresh === undefined || candidate.fresh === candidate.settled;
  const order = [...candidates.filter(stands), ...candidates.filter((candidate) => !stands(candidate))];
  for (const candidate of order) {
    const version = stands(candidate) ? candidate.settled : candidate.fresh;
    if (version === undefined) continue;
    const found = against?.(version, versions) ?? [];
    const isFresh = version === candidate.fresh;
    if (!found.some(isError)) {
      placed.set(candidate, version);
      versions.push(version);
      if (isFresh) said.set(candidate, found);
    } else if (isFresh && !stands(candidate) && candidate.settled !== undefined) {
      fallen.set(candidate, found);
      return undefined;
    } else said.set(candidate, isFresh ? found : found.map(ofLastGood));
  }
  return { placed, said };
}

function ofLastGood(found: Fault): Fault {
  return { ...found, path: '', message: `its last good version cannot go on: ${found.message}` };
}

/** One that lost its place is forgotten; one for which there is nothing at the moment is not. */
function remembered<T>(candidate: Candidate<T>, version: Version<T> | undefined): [string, Version<T> & { uid: string | undefined }][] {
  const { object, fresh, settled, last } = candidate;
  const { name, uid } = object.ref;
  if (version !== undefined && version === fresh) return [[name, { ...version, uid }]];
  const goesOn = version !== undefined || settled === undefined;
  return last !== undefined && goesOn ? [[name, { ...last, uid }]] : [];
}
