import type { KubeObject } from './json.ts';
import { tooOld } from './status.ts';

/** One stored version of one object. Never changed after it was stored, so its encodings are kept. */
export interface Entry {
  readonly key: string;
  readonly object: KubeObject;
  readonly version: number;
  /** JSON per served form, made when first asked for. */
  readonly encoded: Map<string, string>;
}

export type Change = 'ADDED' | 'MODIFIED' | 'DELETED';

export interface LogEvent {
  readonly change: Change;
  readonly entry: Entry;
  /** What was there before, for watches with a selector. */
  readonly before: Entry | undefined;
  readonly version: number;
}

export type Listener = (event: LogEvent) => void;

interface Table {
  items: Map<string, Entry>;
  sorted: Entry[] | undefined;
  log: LogEvent[];
  /** Events up to here are no longer known. */
  compacted: number;
  listeners: Set<Listener>;
}

/** A list as it stood at one resourceVersion. */
export interface Snapshot {
  version: number;
  entries: readonly Entry[];
}

const keptSnapshots = 64;

/** The storage: tables of objects by key, one counter of versions over all of them, and the recent events of each table. */
export class Store {
  version = 1;
  readonly window: number;
  private tables = new Map<string, Table>();
  private snapshots = new Map<string, Snapshot>();
  private observers = new Set<(storage: string, event: LogEvent) => void>();

  constructor(window: number) {
    this.window = window;
  }

  private table(storage: string): Table {
    let table = this.tables.get(storage);
    if (table === undefined) {
      table = { items: new Map(), sorted: undefined, log: [], compacted: 0, listeners: new Set() };
      this.tables.set(storage, table);
    }
    return table;
  }

  get(storage: string, key: string): Entry | undefined {
    return this.table(storage).items.get(key);
  }

  /** All entries in key order. The array is replaced, not changed, by later writes. */
  list(storage: string): readonly Entry[] {
    const table = this.table(storage);
    table.sorted ??= [...table.items.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
    return table.sorted;
  }

  count(storage: string): number {
    return this.table(storage).items.size;
  }

  /** Stores a new version; the object gets the new resourceVersion. */
  put(storage: string, key: string, object: KubeObject): Entry {
    const table = this.table(storage);
    const before = table.items.get(key);
    const entry = this.entry(key, object);
    table.items.set(key, entry);
    table.sorted = undefined;
    this.record(storage, table, { change: before === undefined ? 'ADDED' : 'MODIFIED', entry, before, version: entry.version });
    return entry;
  }

  remove(storage: string, key: string): Entry | undefined {
    const table = this.table(storage);
    const before = table.items.get(key);
    if (before === undefined) return undefined;
    table.items.delete(key);
    table.sorted = undefined;
    const entry = this.entry(key, before.object);
    this.record(storage, table, { change: 'DELETED', entry, before, version: entry.version });
    return entry;
  }

  private entry(key: string, object: KubeObject): Entry {
    this.version += 1;
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.version) } };
    return { key, object: stored, version: this.version, encoded: new Map() };
  }

  private record(storage: string, table: Table, event: LogEvent): void {
    table.log.push(event);
    if (table.log.length > this.window * 1.25) {
      const gone = table.log.splice(0, table.log.length - this.window);
      table.compacted = gone.at(-1)?.version ?? table.compacted;
    }
    for (const listener of table.listeners) listener(event);
    for (const observer of this.observers) observer(storage, event);
  }

  /** Events after `version`; throws 410 when some of them are forgotten. */
  since(storage: string, version: number): LogEvent[] {
    const table = this.table(storage);
    if (version < table.compacted) throw tooOld(String(version), table.compacted);
    let low = 0;
    let high = table.log.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (table.log[middle]!.version > version) high = middle;
      else low = middle + 1;
    }
    return table.log.slice(low);
  }

  listen(storage: string, listener: Listener): () => void {
    const { listeners } = this.table(storage);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /** Sees every change of every table, for controllers. */
  observe(observer: (storage: string, event: LogEvent) => void): () => void {
    this.observers.add(observer);
    return () => this.observers.delete(observer);
  }

  /** Forgets the events: every older resourceVersion is 410 from now on, and so is every continue token. */
  compact(storage?: string): void {
    this.snapshots.clear();
    // A version of its own, so that "older than the compaction" has a meaning even for the newest object.
    this.version += 1;
    for (const [name, table] of this.tables) {
      if (storage !== undefined && name !== storage) continue;
      table.log = [];
      table.compacted = this.version;
    }
    this.floor = storage === undefined ? this.version : this.floor;
  }

  private floor = 0;

  /** Whether a version is older than the last whole compaction. */
  isCompacted(version: number): boolean {
    return version < this.floor;
  }

  /** Keeps a list under way for its continue tokens. */
  keepSnapshot(storage: string, snapshot: Snapshot): void {
    this.snapshots.set(`${storage}@${snapshot.version}`, snapshot);
    if (this.snapshots.size > keptSnapshots) {
      const oldest = this.snapshots.keys().next().value;
      if (oldest !== undefined) this.snapshots.delete(oldest);
    }
  }

  snapshot(storage: string, version: number): Snapshot | undefined {
    return this.snapshots.get(`${storage}@${version}`);
  }

  /** Everything as it stands now, for stale reads. */
  freeze(): Map<string, Snapshot> {
    return new Map([...this.tables.keys()].map((name) => [name, { version: this.version, entries: this.list(name) }]));
  }
}

/** Key of an object inside its table. */
export function keyOf(namespace: string, name: string): string {
  return namespace === '' ? name : `${namespace}/${name}`;
}
