import { encode, metadataOnly, served } from '../forms.ts';
import { dict, text, type Dict } from '../json.ts';
import type { Wanted } from '../http/accept.ts';
import type { Resource } from '../resources.ts';
import { selection } from '../selectors.ts';
import { badRequest, continueExpired, tooLargeVersion, tooOld } from '../status.ts';
import type { Entry, Snapshot, Store } from '../store.ts';
import { tableColumns, tableRow } from './table.ts';

interface Token {
  v: 'meta.k8s.io/v1';
  rv: number;
  start: string;
}

function encodeToken(token: Token): string {
  return Buffer.from(JSON.stringify(token)).toString('base64url');
}

function decodeToken(value: string): Token {
  try {
    const found = dict(JSON.parse(Buffer.from(value, 'base64url').toString()));
    return { v: 'meta.k8s.io/v1', rv: Number(found['rv']), start: text(found['start']) };
  } catch {
    throw badRequest(`continue key is not valid: illegal base64 data`);
  }
}

/** What one list request asks for. */
export interface ListQuery {
  resource: Resource;
  namespace: string;
  query: URLSearchParams;
  wanted: Wanted;
}

export interface Listed {
  version: number;
  entries: readonly Entry[];
  continueToken: string;
  remaining: number | undefined;
}

function parseVersion(value: string): number {
  if (value === '') return 0;
  if (!/^\d+$/.test(value)) throw badRequest(`Invalid value: "${value}": strconv.ParseUint: parsing "${value}": invalid syntax`);
  return Number(value);
}

function base(
  store: Store,
  resource: Resource,
  query: URLSearchParams,
  frozen: Snapshot | undefined,
): { snapshot: Snapshot; start: string } {
  const token = query.get('continue') ?? '';
  if (token !== '') {
    const { rv, start } = decodeToken(token);
    const kept = store.snapshot(resource.storage, rv);
    if (kept === undefined) throw continueExpired();
    return { snapshot: kept, start };
  }
  const current: Snapshot = frozen ?? { version: store.version, entries: store.list(resource.storage) };
  const asked = parseVersion(query.get('resourceVersion') ?? '');
  if (asked > store.version) throw tooLargeVersion(asked, store.version);
  if (query.get('resourceVersionMatch') === 'Exact' && asked > 0 && asked !== current.version) {
    if (store.isCompacted(asked)) throw tooOld(String(asked), store.version);
    return { snapshot: rewind(store, resource, asked), start: '' };
  }
  return { snapshot: current, start: '' };
}

/** The list as it stood at an older version, from the event log. */
function rewind(store: Store, resource: Resource, version: number): Snapshot {
  const items = new Map(store.list(resource.storage).map((entry) => [entry.key, entry]));
  for (const event of store.since(resource.storage, version).reverse()) {
    if (event.before === undefined) items.delete(event.entry.key);
    else items.set(event.entry.key, event.before);
  }
  return { version, entries: [...items.values()].sort((a, b) => (a.key < b.key ? -1 : 1)) };
}

/** Runs a list; `frozen` is what a stale read sees instead of the present. */
export function list(store: Store, asked: ListQuery, frozen: Snapshot | undefined): Listed {
  const { resource, namespace, query } = asked;
  const match = selection(resource, namespace, query.get('labelSelector') ?? '', query.get('fieldSelector') ?? '');
  const { snapshot, start } = base(store, resource, query, frozen);
  const limit = Number(query.get('limit') ?? '0');
  const from = start === '' ? 0 : placeAfter(snapshot.entries, start);
  const fits = (entry: Entry): boolean => match === undefined || match(entry.object);
  if (!(limit > 0)) {
    return { version: snapshot.version, entries: snapshot.entries.slice(from).filter(fits), continueToken: '', remaining: undefined };
  }
  const page: Entry[] = [];
  let at = from;
  for (; at < snapshot.entries.length && page.length <= limit; at++) {
    const entry = snapshot.entries[at] as Entry;
    if (fits(entry)) page.push(entry);
  }
  if (page.length <= limit) return { version: snapshot.version, entries: page, continueToken: '', remaining: undefined };
  // It has shown that there is more.
  page.pop();
  store.keepSnapshot(resource.storage, snapshot);
  const continueToken = encodeToken({ v: 'meta.k8s.io/v1', rv: snapshot.version, start: page.at(-1)?.key ?? '' });
  const selected = (query.get('labelSelector') ?? '') !== '' || (query.get('fieldSelector') ?? '') !== '';
  const all = namespace === '' ? snapshot.entries.length - from : page.length + snapshot.entries.slice(at - 1).filter(fits).length;
  return { version: snapshot.version, entries: page, continueToken, remaining: selected ? undefined : all - limit };
}

/** A page of a long list must not cost what the list has. @returns the place of the first entry whose key comes after this one */
function placeAfter(entries: readonly Entry[], key: string): number {
  let [low, high] = [0, entries.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (entries[middle]!.key > key) high = middle;
    else low = middle + 1;
  }
  return low;
}

function listMeta(listed: Listed): Dict {
  return {
    resourceVersion: String(listed.version),
    ...(listed.continueToken === '' ? {} : { continue: listed.continueToken }),
    ...(listed.remaining === undefined ? {} : { remainingItemCount: listed.remaining }),
  };
}

/** The answer to a list, from the encodings kept with each entry. */
export function encodeList(asked: ListQuery, listed: Listed): string {
  const { resource, wanted, query } = asked;
  const metadata = JSON.stringify(listMeta(listed));
  if (wanted === 'table') {
    const columns = tableColumns(resource);
    const include = query.get('includeObject') ?? 'Metadata';
    const rows = listed.entries.map((entry) => JSON.stringify(tableRow(resource, entry.object, include)));
    return `{"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":${metadata},"columnDefinitions":${JSON.stringify(columns)},"rows":[${rows.join(',')}]}\n`;
  }
  if (wanted === 'metadata') {
    const items = listed.entries.map((entry) => encode(resource, entry, 'metadata'));
    return `{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","metadata":${metadata},"items":[${items.join(',')}]}\n`;
  }
  const items = listed.entries.map((entry) => encode(resource, entry));
  return `{"kind":"${resource.listKind}","apiVersion":"${resource.apiVersion}","metadata":${metadata},"items":[${items.join(',')}]}\n`;
}

/** The answer to a get, or to a write. */
export function encodeOne(resource: Resource, entry: Entry, wanted: Wanted, includeObject: string): string {
  if (wanted === 'table') {
    return JSON.stringify({
      kind: 'Table',
      apiVersion: 'meta.k8s.io/v1',
      metadata: { resourceVersion: text(entry.object.metadata.resourceVersion) },
      columnDefinitions: tableColumns(resource),
      rows: [tableRow(resource, entry.object, includeObject)],
    });
  }
  return wanted === 'metadata' ? JSON.stringify(metadataOnly(entry.object)) : JSON.stringify(served(resource, entry.object));
}
