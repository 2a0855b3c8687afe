import type { ObjectKey } from './resource.ts';

/** The narrow views of one kind of object, as last seen. Read-only for everybody but its reflector. */
export interface Store<T> {
  readonly get: (key: ObjectKey) => T | undefined;
  readonly values: () => IterableIterator<T>;
  readonly keys: () => IterableIterator<ObjectKey>;
  /** The values that an index of the reflector files under `value`, in no particular order. */
  readonly by: (index: string, value: string) => readonly T[];
  readonly size: number;
  /** Grows by one with every real change; equal versions mean equal contents. */
  readonly version: number;
  /** Notes which objects change from now on, so that nobody has to look through all of them. */
  readonly follow: () => Followed<T>;
}

export interface Followed<T> {
  /** The keys that were set or deleted since the last call, with what stood there then. */
  readonly take: () => ReadonlyMap<ObjectKey, T | undefined>;
  readonly stop: () => void;
}

export type Indexes<T> = Readonly<Record<string, (value: T, key: ObjectKey) => readonly string[]>>;

export interface WritableStore<T> extends Store<T> {
  /** Answers whether anything changed. */
  readonly set: (key: ObjectKey, value: T) => boolean;
  readonly delete: (key: ObjectKey) => boolean;
  readonly sweep: () => Sweep;
}

/** Where a store keeps what it has, by key. A Map is one; what is there in thousands may be in another form. */
export interface Items<T> {
  readonly get: (key: ObjectKey) => T | undefined;
  readonly set: (key: ObjectKey, value: T) => void;
  readonly delete: (key: ObjectKey) => boolean;
  readonly keys: () => IterableIterator<ObjectKey>;
  readonly values: () => IterableIterator<T>;
  readonly size: number;
  /** Where keys are not to be listed beside what there is. */
  readonly sweep?: () => Sweep;
}

/** Tells what of a store a new list does not have. */
export interface Sweep {
  /** The key is in the list; what it says of it has been put. */
  readonly seen: (key: ObjectKey) => void;
  /** Keys that are in the store and were not seen. */
  readonly unseen: () => Iterable<ObjectKey>;
}

type Filed = Map<string, Set<ObjectKey>>;

function file(filed: Filed, values: readonly string[], key: ObjectKey): void {
  for (const value of values) {
    const keys = filed.get(value);
    if (keys === undefined) filed.set(value, new Set([key]));
    else keys.add(key);
  }
}

function unfile(filed: Filed, values: readonly string[], key: ObjectKey): void {
  for (const value of values) {
    const keys = filed.get(value);
    keys?.delete(key);
    if (keys?.size === 0) filed.delete(value);
  }
}

function sweepOf(keys: Iterable<ObjectKey>): Sweep {
  const unseen = new Set(keys);
  return { seen: (key) => void unseen.delete(key), unseen: () => unseen };
}

/** @param same an update for which this holds is no change; default: every update is one */
export function createStore<T>(
  indexes: Indexes<T> = {},
  same: (a: T, b: T) => boolean = () => false,
  items: Items<T> = new Map<ObjectKey, T>(),
): WritableStore<T> {
  const filed = new Map<string, Filed>(Object.keys(indexes).map((name) => [name, new Map()]));
  const followers = new Set<Map<ObjectKey, T | undefined>>();
  let version = 0;

  const changed = (key: ObjectKey, before: T | undefined): void => {
    version += 1;
    for (const keys of followers) if (!keys.has(key)) keys.set(key, before);
  };

  const reindex = (change: typeof file, key: ObjectKey, value: T): void => {
    for (const [name, values] of Object.entries(indexes)) change(filed.get(name) as Filed, values(value, key), key);
  };

  return {
    get: (key) => items.get(key),
    values: () => items.values(),
    keys: () => items.keys(),
    by: (index, value) => {
      const found = filed.get(index);
      if (found === undefined) throw new Error(`no index ${index}`);
      return [...(found.get(value) ?? [])].map((key) => items.get(key) as T);
    },
    get size() {
      return items.size;
    },
    get version() {
      return version;
    },
    set: (key, value) => {
      const old = items.get(key);
      if (old !== undefined && same(old, value)) return false;
      if (old !== undefined) reindex(unfile, key, old);
      items.set(key, value);
      reindex(file, key, value);
      changed(key, old);
      return true;
    },
    delete: (key) => {
      const old = items.get(key);
      if (old === undefined) return false;
      reindex(unfile, key, old);
      items.delete(key);
      changed(key, old);
      return true;
    },
    sweep: () => items.sweep?.() ?? sweepOf(items.keys()),
    follow: () => {
      let keys = new Map<ObjectKey, T | undefined>();
      followers.add(keys);
      return {
        take: () => {
          const taken = keys;
          if (taken.size === 0) return new Map();
          followers.delete(keys);
          keys = new Map();
          followers.add(keys);
          return taken;
        },
        stop: () => followers.delete(keys),
      };
    },
  };
}
