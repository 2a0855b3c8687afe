import type { ServiceKey, ServiceView } from '../cluster/service.ts';
import { type Raw, record, text } from '../cluster/json.ts';
import { problemText } from '../config/conditions.ts';
import { CONFIG_KINDS, type ConfigKind, type RawObjects, parseConfig } from '../config/parse.ts';
import type { Problem } from '../config/problem.ts';
import type { Ip } from '../net/ip.ts';
import type { Basis } from './desk.ts';
import { planAddresses } from './plan.ts';

/** One write of a configuration object that the API server asks about. */
export interface AdmissionRequest {
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE';
  readonly kind: ConfigKind;
  /** As it would be stored; absent for DELETE. */
  readonly object?: unknown;
  /** As it is stored; absent for CREATE. */
  readonly oldObject?: unknown;
}

/** The cluster as the controller sees it, without the write. */
export interface AdmissionWorld extends Omit<Basis, 'config' | 'unsettledPools'> {
  readonly objects: RawObjects;
  readonly services: readonly ServiceView[];
}

/** An address that a running Service has and would lose. */
export interface Taken {
  readonly service: ServiceKey;
  readonly address: Ip;
}

export type Denial =
  /** Something is wrong with the object that was not wrong before. */
  | { readonly reason: 'InvalidObject'; readonly problems: readonly Problem[] }
  /** The object itself may be good; others, which were good, would not be. */
  | { readonly reason: 'BreaksOthers'; readonly problems: readonly Problem[] }
  | { readonly reason: 'TakesAddresses'; readonly taken: readonly Taken[] };

export interface AdmissionVerdict {
  readonly denials: readonly Denial[];
  /** Allowed, but the operator should know. */
  readonly warnings: readonly string[];
  /** What the write would take away, whether it is denied for that or not. */
  readonly taken: readonly Taken[];
}

/** On a pool: its author knows that running Services lose addresses by this edit. */
export const ALLOW_RENUMBERING = 'heraldlb.io/allow-renumbering';

const NOTHING: AdmissionVerdict = { denials: [], warnings: [], taken: [] };

/**
 * What the schema of one object cannot know: whether it fits the other objects, and what it does to running Services. What was wrong
 * before the write is no reason to refuse it: an object must stay editable.
 */
export function reviewWrite(request: AdmissionRequest, world: AdmissionWorld): AdmissionVerdict {
  const { operation, kind, object, oldObject } = request;
  if (operation === 'UPDATE' && isSameToUs(object, oldObject)) return NOTHING;
  const name = nameOf(object ?? oldObject);
  const after = { ...world.objects, [kind]: replaced(world.objects[kind], name, operation === 'DELETE' ? undefined : object) };
  const known = new Set(parseConfig(world.objects, { generation: 1 }).problems.map(identity));
  const fresh = parseConfig(after, { generation: 1 }).problems.filter((problem) => !known.has(identity(problem)));
  const own = fresh.filter((problem) => problem.object.kind === kind && problem.object.name === name);
  const others = fresh.filter((problem) => !own.includes(problem));
  const taken = kind === 'IPAddressPool' ? takenBy(world, after) : [];
  const isMeant = mayRenumber(operation === 'DELETE' ? oldObject : object);
  const said = operation === 'DELETE' ? fresh : fresh.filter((problem) => !isError(problem));
  return {
    denials: [
      ...denied('InvalidObject', own),
      // Who deletes a whole set of objects does it in any order; what is left behind says what it lacks in its condition.
      ...(operation === 'DELETE' ? [] : denied('BreaksOthers', others)),
      ...(taken.length === 0 || isMeant ? [] : [{ reason: 'TakesAddresses' as const, taken }]),
    ],
    warnings: said.map(problemLine),
    taken,
  };
}

function denied(reason: 'InvalidObject' | 'BreaksOthers', problems: readonly Problem[]): Denial[] {
  const errors = problems.filter(isError);
  return errors.length === 0 ? [] : [{ reason, problems: errors }];
}

/** One sentence per reason, each with its code. */
export function denialText(denial: Denial): string {
  if (denial.reason === 'TakesAddresses')
    return `TakesAddresses: running Services would lose ${takenText(denial.taken)}; annotate the pool with ${ALLOW_RENUMBERING}: "true" if that is meant`;
  return `${denial.reason}: ${denial.problems.map(problemLine).join('; ')}`;
}

const NAMED = 10;

export function takenText(taken: readonly Taken[]): string {
  const named = taken.slice(0, NAMED).map(({ service, address }) => `${address} (${service})`);
  const more = taken.length > NAMED ? ` and ${taken.length - NAMED} more` : '';
  return `${named.join(', ')}${more}`;
}

function problemLine(problem: Problem): string {
  return `${problem.object.kind}/${problem.object.name} ${problem.reason} ${problemText(problem)}`;
}

function isError({ severity }: Problem): boolean {
  return severity === 'error';
}

/** The message names other objects and values, so it tells one problem from another of the same field. */
function identity({ object, reason, path, message }: Problem): string {
  return JSON.stringify([object.kind, object.name, reason, path, message]);
}

function metadataOf(object: unknown): Raw {
  return record(record(object)?.['metadata']) ?? {};
}

function nameOf(object: unknown): string {
  return text(metadataOf(object)['name']) ?? '';
}

/** Finalizers, owners and statuses are not ours. */
function isSameToUs(object: unknown, oldObject: unknown): boolean {
  return partsOf(object) === partsOf(oldObject);
}

function partsOf(object: unknown): string {
  return JSON.stringify([record(object)?.['spec'], metadataOf(object)['labels']]);
}

/** A new object is the youngest: of two that contradict each other the older one stays. */
const YOUNGEST = '9999-12-31T23:59:59Z';

function replaced(objects: readonly unknown[], name: string, object: unknown): unknown[] {
  const others = objects.filter((other) => nameOf(other) !== name);
  if (object === undefined) return others;
  const metadata = metadataOf(object);
  const dated = { ...record(object), metadata: { ...metadata, creationTimestamp: metadata['creationTimestamp'] ?? YOUNGEST } };
  return [...others, dated];
}

function mayRenumber(object: unknown): boolean {
  return text((record(metadataOf(object)['annotations']) ?? {})[ALLOW_RENUMBERING]) === 'true';
}

/** Addresses that stand in statuses, that stay without the write and go with it. */
function takenBy(world: AdmissionWorld, after: RawObjects): Taken[] {
  const before = released(world, world.objects);
  return [...released(world, after)].filter(([key]) => !before.has(key)).map(([, taken]) => taken);
}

function released(world: AdmissionWorld, objects: RawObjects): Map<string, Taken> {
  const { config } = parseConfig(objects, { generation: 1 });
  const usable = new Set(config.pools.map(({ name }) => name));
  const unsettledPools = objects.IPAddressPool.map(nameOf).filter((name) => !usable.has(name));
  const { assignments } = planAddresses({ ...world, config, unsettledPools });
  const found = new Map<string, Taken>();
  for (const [service, assignment] of assignments)
    for (const { address } of assignment.released) found.set(`${service} ${address}`, { service, address });
  return found;
}

export function isConfigKind(kind: string): kind is ConfigKind {
  return (CONFIG_KINDS as readonly string[]).includes(kind);
}
