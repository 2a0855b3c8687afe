import { randomBytes, randomUUID } from 'node:crypto';
import { now, text, type KubeObject } from '../json.ts';
import type { Resource } from '../resources.ts';
import { invalid, type Fault } from '../status.ts';

const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const dnsLabel = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const serviceLabel = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const qualifiedName = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;

const subdomainMessage =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const labelMessage =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const serviceMessage =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const labelValueMessage =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const keyMessage =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

function bad(field: string, value: string, message: string): Fault {
  return { field, reason: 'FieldValueInvalid', text: `Invalid value: ${JSON.stringify(value)}: ${message}` };
}

function nameFault(resource: Resource, name: string): Fault | undefined {
  const field = 'metadata.name';
  if (resource.group.startsWith('rbac.')) {
    if (name === '.' || name === '..' || /[/%]/.test(name)) return bad(field, name, `may not contain '/'`);
    return undefined;
  }
  if (resource.storage === 'services') {
    if (name.length > 63) return bad(field, name, 'must be no more than 63 bytes');
    return serviceLabel.test(name) ? undefined : bad(field, name, serviceMessage);
  }
  if (resource.storage === 'namespaces') {
    if (name.length > 63) return bad(field, name, 'must be no more than 63 bytes');
    return dnsLabel.test(name) ? undefined : bad(field, name, labelMessage);
  }
  if (name.length > 253) return bad(field, name, 'must be no more than 253 bytes');
  return subdomain.test(name) ? undefined : bad(field, name, subdomainMessage);
}

function keyFault(field: string, key: string): Fault | undefined {
  const [prefix, name] = key.includes('/') ? [key.slice(0, key.indexOf('/')), key.slice(key.indexOf('/') + 1)] : ['', key];
  if (prefix !== '' && !subdomain.test(prefix)) return bad(field, key, `prefix part ${subdomainMessage}`);
  if (name === '') return bad(field, key, 'name part must be non-empty');
  if (name.length > 63) return bad(field, key, 'name part must be no more than 63 bytes');
  return qualifiedName.test(name) ? undefined : bad(field, key, keyMessage);
}

export function validateMetadata(resource: Resource, object: KubeObject): Fault[] {
  const { metadata } = object;
  const faults: (Fault | undefined)[] = [];
  if (text(metadata.name) === '') {
    faults.push({ field: 'metadata.name', reason: 'FieldValueRequired', text: 'Required value: name or generateName is required' });
  } else {
    faults.push(nameFault(resource, metadata.name));
  }
  for (const [key, value] of Object.entries(metadata.labels ?? {})) {
    faults.push(keyFault('metadata.labels', key));
    if (value.length > 63) faults.push(bad('metadata.labels', value, 'must be no more than 63 bytes'));
    else if (value !== '' && !qualifiedName.test(value)) faults.push(bad('metadata.labels', value, labelValueMessage));
  }
  for (const key of Object.keys(metadata.annotations ?? {})) faults.push(keyFault('metadata.annotations', key.toLowerCase()));
  for (const finalizer of metadata.finalizers ?? []) {
    faults.push(keyFault('metadata.finalizers', finalizer));
    if (!finalizer.includes('/') && !['orphan', 'foregroundDeletion', 'kubernetes'].includes(finalizer)) {
      faults.push(bad('metadata.finalizers[0]', finalizer, 'name is neither a standard finalizer name nor is it fully qualified'));
    }
  }
  for (const [index, owner] of (metadata.ownerReferences ?? []).entries()) {
    for (const field of ['apiVersion', 'kind', 'name', 'uid'] as const) {
      if (text(owner[field]) === '') {
        faults.push(bad(`metadata.ownerReferences[${index}].${field}`, '', `${field} must not be empty`));
      }
    }
  }
  const controllers = (metadata.ownerReferences ?? []).filter((owner) => owner.controller === true);
  if (controllers.length > 1) {
    faults.push(bad('metadata.ownerReferences', '', 'Only one reference can have Controller set to true'));
  }
  return faults.filter((fault) => fault !== undefined);
}

const alphabet = 'bcdfghjklmnpqrstvwxz2456789';

/** Five letters, as names made from generateName end in. */
export function randomSuffix(): string {
  return [...randomBytes(5)].map((byte) => alphabet[byte % alphabet.length]).join('');
}

/** Metadata only the server sets, at creation. */
export function stampNew(resource: Resource, object: KubeObject): void {
  const { metadata } = object;
  if (text(metadata.name) === '' && text(metadata.generateName) !== '') {
    metadata.name = `${text(metadata.generateName).slice(0, 58)}${randomSuffix()}`;
  }
  if (text(metadata.resourceVersion) !== '') {
    throw invalidVersion();
  }
  metadata.uid = randomUUID();
  metadata.creationTimestamp = now();
  delete metadata.resourceVersion;
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  delete metadata['selfLink'];
  delete metadata.generation;
  if (resource.generation) metadata.generation = 1;
}

function invalidVersion(): Error {
  return new TypeError('resourceVersion should not be set on objects to be created');
}

/** Metadata an update cannot change; throws 422 where the real server does. */
export function carryOver(resource: Resource, object: KubeObject, old: KubeObject): void {
  const [fresh, before] = [object.metadata, old.metadata];
  if (text(fresh.uid) !== '' && fresh.uid !== before.uid) {
    throw invalid(resource, before.name, [bad('metadata.uid', text(fresh.uid), 'field is immutable')]);
  }
  if (text(before.uid) !== '') fresh.uid = text(before.uid);
  for (const field of [
    'creationTimestamp',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
    'generateName',
    'generation',
    'namespace',
  ] as const) {
    if (before[field] === undefined) delete fresh[field];
    else Object.assign(fresh, { [field]: before[field] });
  }
  delete fresh['selfLink'];
  if (before.deletionTimestamp !== undefined) {
    const added = (fresh.finalizers ?? []).filter((name) => !(before.finalizers ?? []).includes(name));
    if (added.length > 0) {
      throw invalid(resource, before.name, [
        {
          field: 'metadata.finalizers',
          reason: 'FieldValueForbidden',
          text: `Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{${added.map((name) => JSON.stringify(name)).join(', ')}}`,
        },
      ]);
    }
  }
}
