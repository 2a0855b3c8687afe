import type { ServiceKey, ServiceView } from '../cluster/service.ts';
import { type Raw, record, text } from '../cluster/json.ts';
import { problemText } from '../config/conditions.ts';
import { CONFIG_KINDS, type ConfigKind, type RawObjects, parseConfig } from '../config/parse.ts';
import type { Problem } from '../config/problem.ts';
import { blockContains } from '../net/block.ts';
import type { Ip } from '../net/ip.ts';
import type { Snapshot } from './allocator.ts';
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

/** The cluster as the controller sees it, without the write; Services, claims and what others use count as in its plan. */
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

export const NOTHING_SAID: AdmissionVerdict = { denials: [], warnings: [], taken: [] };

/**
 * What the schema of one object cannot know: whether it fits the other objects, and what it does to running Services. What was wrong
 * before the write is no reason to refuse it: an object must stay editable.
 */
export function reviewWrite(request: AdmissionRequest, world: AdmissionWorld): AdmissionVerdict {
  const { operation, kind, object, oldObject } = request;
  if (operation === 'UPDATE' && isSameToUs(object, oldObject)) return NOTHING_SAID;
  const name = nameOf(object ?? oldObject);
  const after = { ...world.objects, [kind]: replaced(world.objects[kind], name, operation === 'DELETE' ? undefined : object) };
  const was = stateOf(world, world.objects);
  const is = stateOf(world, after);
  const fresh = unknownBefore(was.problems, is.problems);
  const own = fresh.filter((problem) => problem.object.kind === kind && problem.object.name === name);
  const others = fresh.filter((problem) => !own.includes(problem));
  const isPool = kind === 'IPAddressPool';
  const taken = isPool ? takenBetween(was.basis, is.basis, world.services) : [];
  const isMeant = mayRenumber(operation === 'DELETE' ? oldObject : object);
  const said = operation === 'DELETE' ? fresh : fresh.filter((problem) => !isError(problem));
  return {
    denials: [
      ...denied('InvalidObject', own),
      // Who deletes a whole set of objects does it in any order; what is left behind says what it lacks in its condition.
      ...(operation === 'DELETE' ? [] : denied('BreaksOthers', others)),
      ...(taken.length === 0 || isMeant ? [] : [{ reason: 'TakesAddresses' as const, taken }]),
    ],
    warnings: [...said.map(problemLine), ...(isPool ? stranded(was.basis, is.basis) : [])],
    taken,
  };
}

interface State {
  readonly basis: Basis;
  readonly problems: readonly Problem[];
}

function stateOf({ services: _services, objects: _objects, ...rest }: AdmissionWorld, objects: RawObjects): State {
  const { config, problems } = parseConfig(objects, { generation: 1 });
  const usable = new Set(config.pools.map(({ name }) => name));
  const unsettledPools = objects.IPAddressPool.map(nameOf).filter((name) => !usable.has(name));
  return { basis: { ...rest, config, unsettledPools }, problems };
}

/** What a plan of the cluster as it is depends on, besides the Services. */
export function basisOf(world: AdmissionWorld): Basis {
  return stateOf(world, world.objects).basis;
}

export function unknownBefore(before: readonly Problem[], now: readonly Problem[]): Problem[] {
  const known = new Set(before.map(identity));
  return now.filter((problem) => !known.has(identity(problem)));
}

/** Claims that keep an address which is in no pool any more: their Services will not get it. */
function stranded(was: Basis, is: Basis): string[] {
  return [...(is.claims ?? [])].flatMap(({ name, addresses }) =>
    addresses
      .filter((address) => isInPool(was, address) && !isInPool(is, address))
      .map((address) => `AddressClaim/${name} keeps ${address}, which would be in no pool`),
  );
}

function isInPool({ config }: Basis, address: Ip): boolean {
  return config.pools.some(({ blocks }) => blocks.some((block) => blockContains(block, address)));
}

export function denied(reason: 'InvalidObject' | 'BreaksOthers', problems: readonly Problem[]): Denial[] {
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

export function problemLine(problem: Problem): string {
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
export function isSameToUs(object: unknown, oldObject: unknown): boolean {
  return partsOf(object) === partsOf(oldObject);
}

function partsOf(object: unknown): string {
  return JSON.stringify([record(object)?.['spec'], metadataOf(object)['labels']]);
}

/** A new object is the youngest: of two that contradict each other the older one stays. */
const YOUNGEST = '9999-12-31T23:59:59Z';

export function dated(object: unknown): object {
  const metadata = metadataOf(object);
  return { ...record(object), metadata: { ...metadata, creationTimestamp: metadata['creationTimestamp'] ?? YOUNGEST } };
}

function replaced(objects: readonly unknown[], name: string, object: unknown): unknown[] {
  const others = objects.filter((other) => nameOf(other) !== name);
  return object === undefined ? others : [...others, dated(object)];
}

function mayRenumber(object: unknown): boolean {
  return text((record(metadataOf(object)['annotations']) ?? {})[ALLOW_RENUMBERING]) === 'true';
}

/** Addresses that stand in statuses, that stay by the one basis and go by the other. */
export function takenBetween(before: Basis, after: Basis, services: readonly ServiceView[]): Taken[] {
  const stay = released({ ...before, services });
  return [...released({ ...after, services })].filter(([key]) => !stay.has(key)).map(([, taken]) => taken);
}

function released(snapshot: Snapshot): Map<string, Taken> {
  const found = new Map<string, Taken>();
  for (const [service, assignment] of planAddresses(snapshot).assignments)
    for (const { address } of assignment.released) found.set(`${service} ${address}`, { service, address });
  return found;
}

export function isConfigKind(kind: string): kind is ConfigKind {
  return (CONFIG_KINDS as readonly string[]).includes(kind);
}
