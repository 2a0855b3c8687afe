import { KINDS } from '../api/crd.ts';
import { type Raw, record, text } from '../cluster/json.ts';
import { CONFIG_KINDS, type ConfigKind, type RawObjects } from '../config/parse.ts';
import type { Problem } from '../config/problem.ts';
import { type Comparison, compareWorlds } from '../view/compare.ts';
import { type World, type WorldContext, type WorldObjects, readWorld } from '../view/world.ts';
import type { Manifests } from './manifests.ts';

/** What manifests would do to a cluster, if they were applied. */
export interface Proposal extends Comparison {
  /** Objects of the files that are new, or not as they are in the cluster. */
  readonly edited: readonly string[];
  /** Those that go because the files do not have them. */
  readonly removed: readonly string[];
  /** What is wrong that was not wrong before. */
  readonly problems: readonly Problem[];
}

export interface ProposalOptions extends WorldContext {
  /** Where HeraldLB reads its configuration; files may leave it out. */
  readonly namespace: string;
  /** The files are all there is to be: what they do not have goes. */
  readonly prune: boolean;
}

/** Lays the manifests over what the cluster has, and plans both. */
export function propose(live: WorldObjects, manifests: Manifests, options: ProposalOptions): Proposal {
  const before = readWorld(live, options);
  const kinds = CONFIG_KINDS.map((kind) => [kind, overlay(kind, live.config[kind], manifests.objects[kind], options)] as const);
  const claims = overlay('AddressClaim', live.claims, manifests.claims, options);
  const config = Object.fromEntries(kinds.map(([kind, { objects }]) => [kind, objects])) as RawObjects as Record<ConfigKind, unknown[]>;
  // What is in force now stays in force where its new version is bad, as in the programs.
  const after = readWorld({ ...live, config, claims: claims.objects }, { ...options, previous: before.config });
  const all = [...kinds, ['AddressClaim', claims] as const];
  return {
    ...compareWorlds(before, after),
    edited: all.flatMap(([kind, { edited }]) => edited.map((name) => `${kind}/${name}`)),
    removed: all.flatMap(([kind, { removed }]) => removed.map((name) => `${kind}/${name}`)),
    problems: newProblems(before, after),
  };
}

/** Whether somebody would notice: an address, an owner, a route or a session that goes, or an object that is not taken. */
export function isDisruptive({ services, moves, routes, sessions, problems }: Proposal): boolean {
  return (
    services.some(({ kind }) => kind !== 'gained') ||
    moves.some(({ from }) => from !== undefined) ||
    routes.some(({ withdrawn }) => withdrawn.length > 0) ||
    sessions.some(({ kind }) => kind !== 'new') ||
    problems.some(({ severity }) => severity === 'error')
  );
}

interface Overlay {
  readonly objects: readonly unknown[];
  readonly edited: readonly string[];
  readonly removed: readonly string[];
}

function overlay(kind: string, live: readonly unknown[], files: readonly unknown[], { namespace, prune }: ProposalOptions): Overlay {
  const there = new Map(live.map((object) => [nameOf(object), object]));
  const own = new Map(
    files.filter((object) => (text(metaOf(object)?.['namespace']) ?? namespace) === namespace).map((object) => [nameOf(object), object]),
  );
  const rest = [...there].filter(([name]) => !own.has(name));
  const kept = prune ? [] : rest;
  const laid = [...own].map(([name, object]) => [name, merged(object, there.get(name), namespace)] as const);
  return {
    objects: [...kept, ...laid].map(([, object]) => object),
    edited: laid.filter(([name, object]) => !sameObject(kind, object, there.get(name))).map(([name]) => name),
    removed: prune ? rest.map(([name]) => name) : [],
  };
}

/** As it would be stored: what only the API server gives stays as it is. */
function merged(object: unknown, live: unknown, namespace: string): unknown {
  const had = metaOf(live);
  const given = Object.fromEntries(
    Object.entries({ uid: had?.['uid'], creationTimestamp: had?.['creationTimestamp'] }).filter(([, value]) => value !== undefined),
  );
  // A new object is the youngest of all.
  const young = had === undefined ? { creationTimestamp: '9999-01-01T00:00:00Z' } : {};
  const status = record(live)?.['status'];
  return { ...record(object), metadata: { namespace, ...metaOf(object), ...young, ...given }, ...(status === undefined ? {} : { status }) };
}

function sameObject(kind: string, a: unknown, b: unknown): boolean {
  return b !== undefined && essenceOf(kind, a) === essenceOf(kind, b);
}

function essenceOf(kind: string, object: unknown): string {
  return stable([stored(kind, record(object)?.['spec'] ?? {}), metaOf(object)?.['labels'] ?? {}]);
}

/** With the defaults that the API server fills in, which a file need not have. */
function stored(kind: string, spec: unknown): unknown {
  const read = KINDS.find((known) => known.kind === kind)?.spec.safeParse(spec);
  return read?.success === true ? read.data : spec;
}

function stable(value: unknown): string {
  return JSON.stringify(value, (_, entry: unknown) => {
    const object = record(entry);
    return object === undefined ? entry : Object.fromEntries(Object.entries(object).toSorted(([x], [y]) => (x < y ? -1 : 1)));
  });
}

function metaOf(object: unknown): Raw | undefined {
  return record(record(object)?.['metadata']);
}

function nameOf(object: unknown): string {
  return text(metaOf(object)?.['name']) ?? '?';
}

function newProblems(before: World, after: World): Problem[] {
  const known = new Set(before.problems.map(problemKey));
  return after.problems.filter((problem) => !known.has(problemKey(problem)));
}

function problemKey({ object, path, message }: Problem): string {
  return `${object.kind}/${object.name} ${path} ${message}`;
}
