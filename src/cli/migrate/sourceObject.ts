import { type Raw, labels, record, text } from '../../cluster/json.ts';
import type { ObjectRef } from '../../config/problem.ts';

/** An object of a cluster, of whatever kind. */
export interface SourceObject {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: Raw;
  /** Of a ConfigMap. */
  readonly data: Readonly<Record<string, string>>;
  readonly raw: unknown;
}

/** @returns undefined for what is no Kubernetes object */
export function sourceObject(raw: unknown): SourceObject | undefined {
  const object = record(raw) ?? {};
  const metadata = record(object['metadata']) ?? {};
  const name = text(metadata['name']) ?? '';
  const kind = text(object['kind']);
  if (name === '' || kind === undefined) return undefined;
  const namespace = text(metadata['namespace']);
  return {
    ...apiVersion(object['apiVersion']),
    kind,
    name,
    labels: labels(metadata['labels']),
    annotations: labels(metadata['annotations']),
    spec: record(object['spec']) ?? {},
    data: labels(object['data']),
    raw,
    ...(namespace === undefined ? {} : { namespace }),
  };
}

function apiVersion(written: unknown): Pick<SourceObject, 'group' | 'version'> {
  const [first = '', second] = (text(written) ?? '').split('/');
  return second === undefined ? { group: '', version: first } : { group: first, version: second };
}

export function refOf({ kind, name, namespace }: SourceObject): ObjectRef {
  return { kind, name, ...(namespace === undefined ? {} : { namespace }) };
}

/** A name for an object of ours: a DNS label that still resembles what was there. */
export function dnsName(written: string): string {
  const plain = written
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, '-')
    .slice(0, 57)
    .replaceAll(/^-+|-+$/g, '');
  return plain === '' ? 'unnamed' : plain;
}

type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Without the fields that were not given. */
export function given<T extends object>(fields: T): Given<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Given<T>;
}
