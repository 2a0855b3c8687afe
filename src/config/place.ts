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
  /** Made anew for each attempt to place all objects; absent where they never contradict each other. */
  readonly ground?: () => Ground<T>;
}

/** The versions that have their place. */
export interface Ground<T> {
  /** Where a version contradicts them. */
  readonly against: (version: Version<T>) => readonly Fault[];
  readonly add: (version: Version<T>) => void;
}

/** A ground on which each version is compared with every other one. */
export function compared<T>(against: (version: Version<T>, placed: readonly Version<T>[]) => readonly Fault[]): () => Ground<T> {
  return () => {
    const placed: Version<T>[] = [];
    return { against: (version) => against(version, placed), add: (version) => placed.push(version) };
  };
}

/** An object as written now; `fresh` unless that is wrong in itself. */
interface ReadVersion<T> {
  readonly object: ConfigObject<unknown>;
  readonly faults: readonly Fault[];
  readonly fresh: Version<T> | undefined;
}

interface Candidate<T> extends ReadVersion<T> {
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
 * anything from an object that nobody touched, nor a new object from one that was edited; among equals the older one goes
 * first. An object whose new version is
 * wrong, or contradicts one that goes before it, goes on in its last good version. A deleted and recreated object (another
 * uid) has none.
 * @param objects oldest first
 */
export function place<S extends object, T>(
  objects: readonly ConfigObject<S>[],
  recipe: Recipe<S, T>,
  history: History<T> | undefined,
): Placed<T> {
  const read = objects.map((object) => readVersion(object, recipe));
  let result = placeOnce(read, recipe, history);
  // What one of them could not have because of another one, which then fell back itself, may be free now.
  for (;;) {
    const next = placeOnce(read, recipe, result.history);
    if (next.versions === result.versions) return result;
    result = next;
  }
}

function readVersion<S extends object, T>(object: ConfigObject<S>, recipe: Recipe<S, T>): ReadVersion<T> {
  if (object.spec === undefined) return { object, faults: object.faults, fresh: undefined };
  const built = recipe.build(object, object.spec);
  const faults = [...object.faults, ...built.faults, ...notYetEffective(object.ref.kind, object.spec)];
  const version = { name: object.ref.name, spec: JSON.stringify(object.spec), value: built.value };
  return { object, faults, fresh: faults.some(isError) ? undefined : version };
}

/** `versions` tells two outcomes apart. */
function placeOnce<S extends object, T>(
  read: readonly ReadVersion<T>[],
  recipe: Recipe<S, T>,
  history: History<T> | undefined,
): Placed<T> & { readonly versions: string } {
  const candidates = read.map((one) => candidateOf(one, recipe, history));
  const fallen = new Map<Candidate<T>, readonly Fault[]>();
  let round = tryPlaces(candidates, fallen, recipe);
  // Each round takes some objects back to their last good versions, which may need a place that another one has taken.
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
    versions: JSON.stringify(candidates.map((candidate) => placed.get(candidate)?.spec ?? null)),
  };
}

function candidateOf<S extends object, T>(read: ReadVersion<T>, recipe: Recipe<S, T>, history: History<T> | undefined): Candidate<T> {
  const { name, uid } = read.object.ref;
  const known = history?.get(name);
  const last = known !== undefined && known.uid === uid ? known : undefined;
  let settled: Version<T> | undefined;
  if (last !== undefined) settled = last.spec === read.fresh?.spec ? read.fresh : kept(last, recipe);
  return { ...read, settled, last };
}

function kept<S, T>(last: Version<T>, { keep }: Recipe<S, T>): Version<T> | undefined {
  const value = keep === undefined ? last.value : keep(last.value);
  return value === undefined ? undefined : { ...last, value };
}

interface Round<T> {
  readonly placed: ReadonlyMap<Candidate<T>, Version<T>>;
  readonly said: ReadonlyMap<Candidate<T>, readonly Fault[]>;
}

/** It asks for nothing that it did not have before. */
function stands<T>({ fresh, settled }: Candidate<T>): boolean {
  return fresh === undefined || fresh === settled;
}

/** @returns undefined when more objects have fallen back to their last good version */
function tryPlaces<S, T>(
  candidates: readonly Candidate<T>[],
  fallen: Map<Candidate<T>, readonly Fault[]>,
  { ground = compared<T>(() => []) }: Recipe<S, T>,
): Round<T> | undefined {
  const placed = new Map<Candidate<T>, Version<T>>();
  const said = new Map<Candidate<T>, readonly Fault[]>();
  const others = ground();
  const first = candidates.filter((one) => fallen.has(one) || stands(one));
  const rest = candidates.filter((one) => !fallen.has(one) && !stands(one));
  const then = [...rest.filter(({ settled }) => settled !== undefined), ...rest.filter(({ settled }) => settled === undefined)];
  for (const candidate of first) {
    const version = candidate.settled;
    if (version === undefined) continue;
    const found = others.against(version);
    const isWrong = found.some(isError);
    if (!isWrong) take(candidate, version);
    if (version === candidate.fresh) said.set(candidate, found);
    else if (isWrong) said.set(candidate, found.map(ofLastGood));
  }
  const before = fallen.size;
  for (const candidate of then) {
    const version = candidate.fresh;
    if (version === undefined) continue;
    const found = others.against(version);
    if (!found.some(isError)) take(candidate, version);
    else if (candidate.settled !== undefined) fallen.set(candidate, found);
    said.set(candidate, found);
  }
  return fallen.size > before ? undefined : { placed, said };

  function take(candidate: Candidate<T>, version: Version<T>): void {
    placed.set(candidate, version);
    others.add(version);
  }
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
