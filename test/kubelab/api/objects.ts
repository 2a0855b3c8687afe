import { clone, dict, equal, now, text, type Dict, type KubeObject } from '../json.ts';
import { stored } from '../forms.ts';
import { jsonPatch } from '../patch/jsonPatch.ts';
import { serverSideApply, trackUpdate, type Writer } from '../patch/managers.ts';
import { mergePatch } from '../patch/mergePatch.ts';
import { strategicPatch } from '../patch/strategicPatch.ts';
import type { Resource } from '../resources.ts';
import { hasRules, validateRules } from '../schema/cel.ts';
import { validateSchema } from '../schema/validate.ts';
import { allocateService, settleService } from '../service/strategy.ts';
import type { ServiceAllocator } from '../service/allocator.ts';
import {
  alreadyExists,
  badRequest,
  conflict,
  forbidden,
  invalid,
  notFound,
  StatusError,
  unsupportedMediaType,
  type Fault,
} from '../status.ts';
import { keyOf, type Entry, type Store } from '../store.ts';
import { decodeObject, objectSchema, shape } from './decode.ts';
import { carryOver, randomSuffix, stampNew, validateMetadata } from './metadata.ts';
import { requiredFaults, strategyOf } from './strategies.ts';

/** Who writes and how. */
export interface WriteOptions {
  user: string;
  groups: readonly string[];
  manager: string;
  dryRun: boolean;
  fieldValidation: string;
  force: boolean;
  subresource: string;
}

export interface Target {
  resource: Resource;
  namespace: string;
  name: string;
}

export interface Written {
  entry: Entry;
  created: boolean;
  warnings: string[];
}

/** Calls admission webhooks; returns the object, changed by mutating ones. */
export type Admission = (
  operation: 'CREATE' | 'UPDATE' | 'DELETE',
  target: Target,
  object: KubeObject | undefined,
  old: KubeObject | undefined,
  options: WriteOptions,
) => Promise<KubeObject | undefined>;

export interface DeleteOptions {
  uid: string;
  resourceVersion: string;
  propagation: string;
  graceSeconds: number | undefined;
  dryRun: boolean;
}

const patchTypes = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/apply-patch+yaml',
  'application/strategic-merge-patch+json',
];

/** Faults after which the real server does not run CEL rules. */
const blocking: ReadonlySet<string> = new Set([
  'FieldValueNotSupported',
  'FieldValueRequired',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
]);

/** What a write leaves unset: everything a status write may not touch, and the other way round. */
function withoutEnvelope(object: KubeObject, status: boolean): Dict {
  const { apiVersion: _a, kind: _k, metadata: _m, ...rest } = object;
  if (status) delete rest['status'];
  return rest;
}

/** Creates, changes and deletes objects as the real server does: decode, default, allocate, admit, validate, store. */
export class Objects {
  private store: Store;
  private allocator: ServiceAllocator;
  /** Set by the server; without it nothing is called out. */
  admission: Admission | undefined;

  constructor(store: Store, allocator: ServiceAllocator) {
    this.store = store;
    this.allocator = allocator;
  }

  get({ resource, namespace, name }: Target): Entry {
    const entry = this.store.get(resource.storage, keyOf(namespace, name));
    if (entry === undefined) throw notFound(resource, name);
    return entry;
  }

  async create(target: Target, body: unknown, options: WriteOptions): Promise<Written> {
    const { resource } = target;
    const { object: decoded, warnings } = decodeObject(resource, body, options.fieldValidation);
    this.placeIn(target, decoded);
    let object = stored(resource, decoded);
    try {
      stampNew(resource, object);
    } catch (error) {
      throw error instanceof TypeError ? badRequest(error.message) : error;
    }
    const generated = text(decoded.metadata.generateName) !== '' && target.name === '';
    const place = { ...target, name: object.metadata.name };
    if (resource.status && resource.custom) delete object['status'];
    if (resource.status && !resource.custom && resource.kind !== 'Node') object['status'] = {};
    strategyOf(resource).prepare?.(object, undefined);
    object = await this.admitted('CREATE', place, object, undefined, options);
    let key = keyOf(place.namespace, object.metadata.name);
    if (generated) key = this.freeKey(resource, place.namespace, object, key);
    // What the object is called comes first: a name taken is told before anything wrong inside.
    if (this.store.get(resource.storage, key) !== undefined) throw alreadyExists(resource, object.metadata.name);
    // Before allocation: what the server gives out belongs to no manager.
    const { status: _status, ...tracked } = object;
    object.metadata.managedFields = trackUpdate(
      objectSchema(resource),
      undefined,
      resource.status ? tracked : object,
      this.writer(resource, options),
    );
    this.judge(resource, object, undefined, '');
    return { entry: this.commit(resource, key, object, options.dryRun), created: true, warnings };
  }

  /** A generated name that is taken is generated again. */
  private freeKey(resource: Resource, namespace: string, object: KubeObject, first: string): string {
    let key = first;
    while (this.store.get(resource.storage, key) !== undefined) {
      object.metadata.name = `${text(object.metadata.generateName)}${randomSuffix()}`;
      key = keyOf(namespace, object.metadata.name);
    }
    return key;
  }

  /** Checks the namespace of a new object, and its name against the path's. */
  private placeIn({ resource, namespace, name }: Target, object: KubeObject): void {
    const { metadata } = object;
    if (resource.namespaced) {
      if (text(metadata.namespace) !== '' && metadata.namespace !== namespace) {
        throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
      }
      metadata.namespace = namespace;
      this.checkNamespace(resource, namespace, name || metadata.name);
    } else {
      delete metadata.namespace;
    }
  }

  private checkNamespace(resource: Resource, namespace: string, name: string): void {
    const found = this.store.get('namespaces', namespace);
    if (found === undefined) throw notFound({ group: '', kind: 'Namespace', plural: 'namespaces' }, namespace);
    if (found.object.metadata.deletionTimestamp === undefined) return;
    const error = forbidden(resource, name, `unable to create new content in namespace ${namespace} because it is being terminated`);
    const causes = [{ reason: 'NamespaceTerminating', message: `namespace ${namespace} is being terminated`, field: 'metadata.namespace' }];
    throw new StatusError(403, 'Forbidden', error.message, { ...dict(error.body['details']), causes });
  }

  private writer(resource: Resource, options: WriteOptions): Writer {
    return { manager: options.manager, subresource: options.subresource, apiVersion: resource.apiVersion };
  }

  private async admitted(
    operation: 'CREATE' | 'UPDATE',
    target: Target,
    object: KubeObject,
    old: KubeObject | undefined,
    options: WriteOptions,
  ): Promise<KubeObject> {
    if (this.admission === undefined) return object;
    return (await this.admission(operation, target, object, old, options)) ?? object;
  }

  async update(target: Target, body: unknown, options: WriteOptions): Promise<Written> {
    const { resource, name, namespace } = target;
    const { object: decoded, warnings } = decodeObject(resource, body, options.fieldValidation);
    const { metadata } = decoded;
    if (text(metadata.name) === '') metadata.name = name;
    if (metadata.name !== name) {
      throw badRequest(`the name of the object (${metadata.name}) does not match the name on the URL (${name})`);
    }
    if (resource.namespaced && text(metadata.namespace) !== '' && metadata.namespace !== namespace) {
      throw badRequest(`the namespace of the object (${metadata.namespace}) does not match the namespace on the request (${namespace})`);
    }
    const current = this.store.get(resource.storage, keyOf(namespace, name));
    if (current === undefined) {
      // PUT of a Lease or an Event creates it, as on the real server.
      if (options.subresource === '' && ['Lease', 'Event'].includes(resource.kind)) return this.create(target, body, options);
      throw notFound(resource, name);
    }
    if (resource.custom && options.subresource === '' && text(metadata.resourceVersion) === '') {
      throw invalid(resource, name, [
        { field: 'metadata.resourceVersion', reason: 'FieldValueInvalid', text: 'Invalid value: 0: must be specified for an update' },
      ]);
    }
    const entry = await this.replace(target, current, stored(resource, decoded), options);
    return { entry, created: false, warnings };
  }

  private async replace(target: Target, current: Entry, wanted: KubeObject, options: WriteOptions, applied = false): Promise<Entry> {
    const { resource, name } = target;
    const old = current.object;
    const asked = text(wanted.metadata.resourceVersion);
    if (asked !== '' && asked !== text(old.metadata.resourceVersion)) throw conflict(resource, name);
    let object = this.confine(resource, wanted, old, options.subresource);
    carryOver(resource, object, old);
    strategyOf(resource).prepare?.(object, old);
    object = await this.admitted('UPDATE', target, object, old, options);
    if (applied) {
      // Through a subresource too: what is not applied the next time has to be given up then.
      object.metadata.managedFields = wanted.metadata.managedFields ?? [];
    } else {
      object.metadata.managedFields =
        Array.isArray(wanted.metadata.managedFields) && wanted.metadata.managedFields.length === 0 && asked !== ''
          ? []
          : trackUpdate(objectSchema(resource), old, object, this.writer(resource, options));
    }
    this.judge(resource, object, old, options.subresource);
    if (resource.generation && !equal(withoutEnvelope(object, resource.status), withoutEnvelope(old, resource.status))) {
      object.metadata.generation = (old.metadata.generation ?? 0) + 1;
    }
    if (this.store.get(resource.storage, current.key) !== current) throw conflict(resource, name);
    return this.commitUpdate(resource, current, object, options.dryRun);
  }

  /** Keeps a write to the part of the object its subresource stands for. */
  private confine(resource: Resource, wanted: KubeObject, old: KubeObject, subresource: string): KubeObject {
    if (subresource === 'status') {
      if (!resource.custom) return { ...clone(old), metadata: wanted.metadata, status: wanted['status'] ?? {} };
      const object: KubeObject = clone(old);
      if (wanted['status'] === undefined) delete object['status'];
      else object['status'] = wanted['status'];
      return object;
    }
    const object = clone(wanted);
    if (resource.status) {
      if (old['status'] === undefined) delete object['status'];
      else object['status'] = clone(old['status']);
    }
    return object;
  }

  /** Stores an update; an unchanged object keeps its version, and one without its last finalizer is gone. */
  private commitUpdate(resource: Resource, current: Entry, object: KubeObject, dryRun: boolean): Entry {
    const old = current.object;
    const finished =
      object.metadata.deletionTimestamp !== undefined &&
      (object.metadata.finalizers ?? []).length === 0 &&
      (old.metadata.finalizers ?? []).length > 0 &&
      !(resource.storage === 'namespaces');
    object.metadata.resourceVersion = text(old.metadata.resourceVersion);
    if (!finished && equal(stripTimes(object), stripTimes(old))) return current;
    if (finished && !dryRun) {
      this.store.put(resource.storage, current.key, object);
      return this.store.remove(resource.storage, current.key) ?? current;
    }
    return this.commit(resource, current.key, object, dryRun);
  }

  private commit(resource: Resource, key: string, object: KubeObject, dryRun: boolean): Entry {
    if (!dryRun) return this.store.put(resource.storage, key, object);
    return { key, object, version: 0, encoded: new Map() };
  }

  /** All validation; allocation of Services comes with it, as its faults are told together. */
  private judge(resource: Resource, object: KubeObject, old: KubeObject | undefined, subresource: string): void {
    const strategy = strategyOf(resource);
    const faults: Fault[] = validateMetadata(resource, object);
    const services = resource.storage === 'services' && subresource === '';
    if (services) faults.push(...settleService(object, old, this.allocator));
    if (subresource === 'status') faults.push(...(strategy.validateStatus?.(object) ?? []));
    else faults.push(...(strategy.validate?.(object, old) ?? []), ...requiredFaults(resource, object));
    if (resource.custom && resource.schema !== undefined) faults.push(...this.schemaFaults(resource, object, old));
    // Only a Service that is right in itself takes addresses and ports.
    if (services && faults.length === 0) faults.push(...allocateService(object, this.allocator));
    if (faults.length > 0) throw invalid(resource, object.metadata.name, faults);
  }

  private schemaFaults(resource: Resource, object: KubeObject, old: KubeObject | undefined): Fault[] {
    const { schema } = resource;
    if (schema === undefined) return [];
    const faults = validateSchema(schema, object, old);
    if (!faults.some(({ reason }) => blocking.has(reason))) return [...faults, ...validateRules(schema, object, old)];
    if (hasRules(schema)) {
      faults.push({
        field: '<nil>',
        reason: 'FieldValueInvalid',
        text: 'Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
      });
    }
    return faults;
  }

  async patch(target: Target, type: string, patch: unknown, options: WriteOptions): Promise<Written> {
    const { resource } = target;
    if (!patchTypes.includes(type) || (resource.custom && type === 'application/strategic-merge-patch+json')) {
      throw unsupportedMediaType(type, resource.custom ? patchTypes.slice(0, 3) : patchTypes);
    }
    if (type === 'application/apply-patch+yaml') return this.apply(target, patch, options);
    for (let attempt = 0; ; attempt += 1) {
      const current = this.get(target);
      try {
        return await this.patchOnce(target, current, type, patch, options);
      } catch (error) {
        // A patch without a resourceVersion of its own is tried again over what came in between.
        const own = text(dict(dict(patch)['metadata'])['resourceVersion']);
        const lost = error instanceof StatusError && error.status === 409 && own === '';
        if (!lost || attempt >= 5 || this.get(target) === current) throw error;
      }
    }
  }

  private async patchOnce(target: Target, current: Entry, type: string, patch: unknown, options: WriteOptions): Promise<Written> {
    const { resource } = target;
    const base = current.object;
    let patched: unknown;
    if (type === 'application/json-patch+json') patched = jsonPatch(base, patch);
    else if (type === 'application/merge-patch+json') patched = mergePatch(base, patch);
    else patched = strategicPatch(objectSchema(resource), base, patch);
    const { object, warnings } = decodeObject(resource, clone(patched), options.fieldValidation);
    if (object.metadata.name !== target.name) {
      throw badRequest(`the name of the object (${object.metadata.name}) does not match the name on the URL (${target.name})`);
    }
    return { entry: await this.replace(target, current, object, options), created: false, warnings };
  }

  private async apply(target: Target, body: unknown, options: WriteOptions): Promise<Written> {
    const { resource, namespace, name } = target;
    const current = this.store.get(resource.storage, keyOf(namespace, name));
    const applied = clone(dict(body)) as unknown as KubeObject;
    this.checkApplied(target, applied);
    if (current === undefined && options.subresource !== '') throw notFound(resource, name);
    const schema = objectSchema(resource);
    const confined = options.subresource === 'status' ? onlyStatus(applied) : withoutStatus(resource, applied);
    const merged = clone(serverSideApply(schema, current?.object, confined, this.writer(resource, options), options.force));
    const managedFields = merged.metadata.managedFields ?? [];
    if (current === undefined) return this.createApplied(target, merged, managedFields, options);
    const { metadata } = merged;
    metadata.resourceVersion = text(applied.metadata.resourceVersion) || text(current.object.metadata.resourceVersion);
    shape(resource, merged);
    const entry = await this.replace(target, current, merged, options, true);
    return { entry, created: false, warnings: [] };
  }

  private checkApplied({ resource, namespace, name }: Target, applied: KubeObject): void {
    if (text(applied.apiVersion) !== resource.apiVersion || text(applied.kind) !== resource.kind) {
      throw badRequest(
        `the API version in the data (${text(applied.apiVersion)}) does not match the expected API version (${resource.apiVersion})`,
      );
    }
    applied.metadata = dict(applied.metadata) as KubeObject['metadata'];
    if (applied.metadata.managedFields !== undefined && applied.metadata.managedFields.length > 0) {
      throw badRequest('metadata.managedFields must be nil');
    }
    delete applied.metadata.managedFields;
    if (text(applied.metadata.name) === '') applied.metadata.name = name;
    if (applied.metadata.name !== name) {
      throw badRequest(`the name of the object (${applied.metadata.name}) does not match the name on the URL (${name})`);
    }
    if (resource.namespaced) applied.metadata.namespace = namespace;
    const { warnings } = decodeObject(resource, clone(applied), 'Warn');
    const [first] = warnings;
    if (first !== undefined) {
      const path = /"(.*)"/.exec(first)?.[1] ?? '';
      const place = namespace === '' ? `/${name}` : `${namespace}/${name}`;
      throw new StatusError(
        500,
        '',
        `failed to create typed patch object (${place}; ${resource.apiVersion}, Kind=${resource.kind}): .${path}: field not declared in schema`,
      );
    }
  }

  private async createApplied(target: Target, merged: KubeObject, managedFields: Dict[], options: WriteOptions): Promise<Written> {
    merged.metadata.managedFields = [];
    const { resource } = target;
    const written = await this.create(target, merged, { ...options, dryRun: true });
    const object = { ...written.entry.object, metadata: { ...written.entry.object.metadata, managedFields } };
    const key = keyOf(target.namespace, target.name);
    if (this.store.get(resource.storage, key) !== undefined) throw alreadyExists(resource, target.name);
    return { ...written, entry: this.commit(resource, key, object, options.dryRun) };
  }

  /** Deletes; the answer is the entry left behind by finalizers, or nothing when it is gone. */
  async delete(target: Target, how: DeleteOptions, options: WriteOptions): Promise<{ entry: Entry; gone: boolean }> {
    const { resource, name } = target;
    const current = this.get(target);
    const { metadata } = current.object;
    if (how.uid !== '' && how.uid !== metadata.uid) {
      throw conflict(resource, name, `Precondition failed: UID in precondition: ${how.uid}, UID in object meta: ${text(metadata.uid)}`);
    }
    if (how.resourceVersion !== '' && how.resourceVersion !== metadata.resourceVersion) {
      throw conflict(
        resource,
        name,
        `Precondition failed: ResourceVersion in precondition: ${how.resourceVersion}, ResourceVersion in object meta: ${text(metadata.resourceVersion)}`,
      );
    }
    await this.admission?.('DELETE', target, undefined, current.object, options);
    const finalizers = this.finalizersAfter(current.object, how.propagation);
    const grace = graceOf(resource, current.object, how.graceSeconds);
    const pending = finalizers.length > 0 || grace > 0 || resource.storage === 'namespaces';
    if (how.dryRun) return { entry: current, gone: !pending };
    if (!pending) return { entry: this.store.remove(resource.storage, current.key) ?? current, gone: true };
    if (metadata.deletionTimestamp !== undefined && grace >= (metadata.deletionGracePeriodSeconds ?? 0)) {
      return { entry: current, gone: false };
    }
    return { entry: this.markDeleted(resource, current, finalizers, grace), gone: false };
  }

  private finalizersAfter(object: KubeObject, propagation: string): string[] {
    const found = (object.metadata.finalizers ?? []).filter((name) => name !== 'orphan' && name !== 'foregroundDeletion');
    if (propagation === 'Foreground') found.push('foregroundDeletion');
    if (propagation === 'Orphan') found.push('orphan');
    return propagation === '' ? (object.metadata.finalizers ?? []) : found;
  }

  private markDeleted(resource: Resource, current: Entry, finalizers: string[], grace: number): Entry {
    const object = clone(current.object);
    const { metadata } = object;
    metadata.deletionTimestamp ??= now(Date.now() + grace * 1000);
    metadata.deletionGracePeriodSeconds = grace;
    if (finalizers.length > 0) metadata.finalizers = finalizers;
    if (metadata.generation !== undefined) metadata.generation += 1;
    if (resource.storage === 'namespaces') object['status'] = { ...dict(object['status']), phase: 'Terminating' };
    return this.store.put(resource.storage, current.key, object);
  }
}

/** A Pod on a node ends gracefully; everything else at once. */
function graceOf(resource: Resource, object: KubeObject, asked: number | undefined): number {
  if (resource.storage !== 'pods') return 0;
  const spec = dict(object['spec']);
  if (text(spec['nodeName']) === '' || ['Succeeded', 'Failed'].includes(text(dict(object['status'])['phase']))) return 0;
  return asked ?? Number(spec['terminationGracePeriodSeconds'] ?? 30);
}

function onlyStatus(applied: KubeObject): KubeObject {
  const { apiVersion, kind, metadata } = applied;
  return { apiVersion, kind, metadata: { ...metadata }, ...(applied['status'] === undefined ? {} : { status: applied['status'] }) };
}

function withoutStatus(resource: Resource, applied: KubeObject): KubeObject {
  const { status: _status, ...rest } = applied;
  return resource.status ? rest : applied;
}

/** For comparing writes: a manager's new time alone is no change. */
function stripTimes(object: KubeObject): KubeObject {
  const managedFields = (object.metadata.managedFields ?? []).map((entry) => ({ ...entry, time: '' }));
  return { ...object, metadata: { ...object.metadata, managedFields } };
}
