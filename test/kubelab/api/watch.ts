import { encode, metadataOnly } from '../forms.ts';
import type { Wanted } from '../http/accept.ts';
import { dict, type KubeObject } from '../json.ts';
import type { Resource } from '../resources.ts';
import { selection, type Match } from '../selectors.ts';
import { badRequest, StatusError, tooLargeVersion } from '../status.ts';
import type { Entry, LogEvent, Store } from '../store.ts';
import { tableColumns, tableRow } from './table.ts';

/** Where a watch writes to. `write` gets whole lines. */
export interface Sink {
  write: (line: string) => void;
  end: () => void;
  /** Breaks the connection under it. */
  destroy: () => void;
}

export interface WatchQuery {
  resource: Resource;
  namespace: string;
  query: URLSearchParams;
  wanted: Wanted;
}

/** One open watch. */
export class Watch {
  readonly resource: Resource;
  private store: Store;
  private sink: Sink;
  private wanted: Wanted;
  private match: Match | undefined;
  private include: string;
  private sentColumns = false;
  private bookmarks: boolean;
  private timers: NodeJS.Timeout[] = [];
  private unlisten: (() => void) | undefined;
  private held: string[] | undefined;
  private ended = false;
  onEnd: (() => void) | undefined;

  constructor(store: Store, asked: WatchQuery, sink: Sink) {
    this.store = store;
    this.sink = sink;
    this.resource = asked.resource;
    this.wanted = asked.wanted;
    const { query } = asked;
    this.include = query.get('includeObject') ?? 'Metadata';
    this.bookmarks = query.get('allowWatchBookmarks') === 'true';
    this.match = selection(asked.resource, asked.namespace, query.get('labelSelector') ?? '', query.get('fieldSelector') ?? '');
  }

  /** Checks the query and sends what is there; throws before anything is written. */
  start(query: URLSearchParams, bookmarkMs: number): void {
    const initial = query.get('sendInitialEvents');
    const value = query.get('resourceVersion') ?? '';
    if (value !== '' && !/^\d+$/.test(value))
      throw badRequest(`Invalid value: "${value}": strconv.ParseUint: parsing "${value}": invalid syntax`);
    if (initial !== null && query.get('resourceVersionMatch') !== 'NotOlderThan') {
      throw forbiddenOption('sendInitialEvents requires setting resourceVersionMatch to NotOlderThan');
    }
    const from = Number(value);
    if (initial === 'true') {
      if (from > this.store.version) throw tooLargeVersion(from, this.store.version);
      this.sendInitial(true);
    } else if (from === 0 && initial !== 'false') {
      this.sendInitial(false);
    } else {
      this.resume(from === 0 ? this.store.version : from);
    }
    this.unlisten = this.store.listen(this.resource.storage, (event) => this.onEvent(event));
    if (this.bookmarks) this.timers.push(setInterval(() => this.bookmark(), bookmarkMs));
    const timeout = Number(query.get('timeoutSeconds') ?? '0');
    // The real server ends watches after 30 to 60 minutes by itself.
    const seconds = timeout > 0 ? timeout : 1800 + Math.random() * 1800;
    this.timers.push(setTimeout(() => this.end(), seconds * 1000));
  }

  private sendInitial(marked: boolean): void {
    const { version } = this.store;
    for (const entry of this.store.list(this.resource.storage)) {
      if (this.match === undefined || this.match(entry.object)) this.send('ADDED', entry);
    }
    if (marked && this.bookmarks) this.bookmark(version, { 'k8s.io/initial-events-end': 'true' });
  }

  private resume(version: number): void {
    let missed: LogEvent[];
    try {
      missed = this.store.since(this.resource.storage, version);
    } catch (error) {
      // As on the real server, the stream opens and the error is its first event.
      this.fail(error as StatusError);
      return;
    }
    for (const event of missed) this.onEvent(event);
  }

  private onEvent({ change, entry, before }: LogEvent): void {
    if (this.ended) return;
    if (this.match === undefined) {
      this.send(change, entry);
      return;
    }
    const was = before !== undefined && this.match(before.object);
    const is = change !== 'DELETED' && this.match(entry.object);
    if (was && is) this.send('MODIFIED', entry);
    else if (is) this.send('ADDED', entry);
    else if (was) this.send('DELETED', change === 'DELETED' ? entry : lastSeen(before, entry));
  }

  private send(type: string, entry: Entry): void {
    this.line(`{"type":"${type}","object":${this.body(entry)}}\n`);
  }

  private body(entry: Entry): string {
    if (this.wanted !== 'table') return encode(this.resource, entry, this.wanted);
    const columns = this.sentColumns ? [] : tableColumns(this.resource);
    this.sentColumns = true;
    return JSON.stringify({
      kind: 'Table',
      apiVersion: 'meta.k8s.io/v1',
      metadata: { resourceVersion: String(entry.version) },
      columnDefinitions: columns,
      rows: [tableRow(this.resource, entry.object, this.include)],
    });
  }

  private line(line: string): void {
    if (this.held !== undefined) this.held.push(line);
    else this.sink.write(line);
  }

  /** Tells how far the stream has come. */
  bookmark(version: number = this.store.version, annotations?: Record<string, string>): void {
    if (this.ended) return;
    const metadata = {
      resourceVersion: String(version),
      ...(annotations === undefined ? {} : { annotations }),
    } as unknown as KubeObject['metadata'];
    const object: KubeObject = { kind: this.resource.kind, apiVersion: this.resource.apiVersion, metadata };
    const body =
      this.wanted === 'whole'
        ? bookmarkBody(object, this.resource)
        : this.wanted === 'metadata'
          ? metadataOnly(object)
          : bookmarkTable(object);
    this.line(`{"type":"BOOKMARK","object":${JSON.stringify(body)}}\n`);
  }

  /** Keeps the stream open and silent until released; then it catches up. */
  mute(): void {
    this.held ??= [];
  }

  unmute(): void {
    const held = this.held ?? [];
    this.held = undefined;
    for (const line of held) this.sink.write(line);
  }

  /** An ERROR event, then the end. */
  fail(error: StatusError): void {
    if (this.ended) return;
    this.line(`{"type":"ERROR","object":${JSON.stringify(error.body)}}\n`);
    this.end();
  }

  end(): void {
    if (this.ended) return;
    this.stop();
    this.sink.end();
  }

  destroy(): void {
    this.stop();
    this.sink.destroy();
  }

  /** The client has gone, or the stream has ended. */
  stop(): void {
    if (this.ended) return;
    this.ended = true;
    this.unlisten?.();
    for (const timer of this.timers) clearTimeout(timer);
    this.onEnd?.();
  }
}

/** An object that left the selection is shown as it last was inside, with the version of the change. */
function lastSeen(before: Entry, entry: Entry): Entry {
  const object = { ...before.object, metadata: { ...before.object.metadata, resourceVersion: String(entry.version) } };
  return { key: entry.key, object, version: entry.version, encoded: new Map() };
}

function bookmarkBody(object: KubeObject, resource: Resource): KubeObject {
  if (resource.custom || !['services', 'pods'].includes(resource.storage)) return object;
  // Typed objects come with their empty parts.
  return { ...object, metadata: { ...object.metadata, creationTimestamp: null }, spec: {}, status: dict(undefined) };
}

function bookmarkTable(object: KubeObject): KubeObject {
  return { kind: 'Table', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata, columnDefinitions: [], rows: [] };
}

function forbiddenOption(why: string): StatusError {
  return new StatusError(422, 'Invalid', `ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: Forbidden: ${why}`, {
    group: 'meta.k8s.io',
    kind: 'ListOptions',
    causes: [{ reason: 'FieldValueForbidden', message: `Forbidden: ${why}`, field: 'sendInitialEvents' }],
  });
}
