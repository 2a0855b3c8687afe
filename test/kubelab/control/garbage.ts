import { clone, dict, text, type KubeObject } from '../json.ts';
import type { Resources } from '../resources.ts';
import type { Entry, LogEvent, Store } from '../store.ts';

interface Held {
  storage: string;
  key: string;
}

/** Deletes what has lost its owners, empties namespaces under deletion, and ends Pods whose grace is over. */
export class Garbage {
  private store: Store;
  private resources: Resources;
  /** Dependents by the uid of their owner. */
  private dependents = new Map<string, Map<string, Held>>();
  private uids = new Set<string>();
  private timers = new Set<NodeJS.Timeout>();
  private stopped = false;
  private options: { garbage: boolean; namespaces: boolean };

  constructor(store: Store, resources: Resources, options: { garbage: boolean; namespaces: boolean }) {
    this.store = store;
    this.resources = resources;
    this.options = options;
    store.observe((storage, event) => this.see(storage, event));
  }

  private see(storage: string, { change, entry, before }: LogEvent): void {
    this.index(storage, entry, before, change === 'DELETED');
    const uid = text(entry.object.metadata.uid);
    if (change === 'DELETED') this.uids.delete(uid);
    else this.uids.add(uid);
    setImmediate(() => {
      if (this.stopped) return;
      if (this.options.garbage) this.collect(storage, change, entry);
      if (this.options.namespaces) this.namespaces(storage, entry);
      if (storage === 'pods' && change !== 'DELETED') this.endPod(entry);
    });
  }

  private index(storage: string, entry: Entry, before: Entry | undefined, gone: boolean): void {
    const id = `${storage} ${entry.key}`;
    for (const { uid } of before?.object.metadata.ownerReferences ?? []) this.dependents.get(uid)?.delete(id);
    if (gone) return;
    for (const { uid } of entry.object.metadata.ownerReferences ?? []) {
      const held = this.dependents.get(uid) ?? new Map<string, Held>();
      held.set(id, { storage, key: entry.key });
      this.dependents.set(uid, held);
    }
  }

  /** A copy, as what is done with them changes the index. */
  private dependentsOf(uid: string): Held[] {
    return Array.from(this.dependents.get(uid)?.values() ?? []);
  }

  private collect(storage: string, change: string, entry: Entry): void {
    const { metadata } = entry.object;
    const uid = text(metadata.uid);
    if (change === 'DELETED') {
      for (const held of this.dependentsOf(uid)) this.judge(held);
      return;
    }
    if (metadata.ownerReferences !== undefined) this.judge({ storage, key: entry.key });
    if (metadata.deletionTimestamp === undefined) return;
    if (metadata.finalizers?.includes('orphan') === true) this.orphan(storage, entry);
    if (metadata.finalizers?.includes('foregroundDeletion') === true) this.foreground(storage, entry);
  }

  /** Deletes a dependent when none of its owners is left. */
  private judge({ storage, key }: Held): void {
    const entry = this.store.get(storage, key);
    const owners = entry?.object.metadata.ownerReferences ?? [];
    if (entry === undefined || owners.length === 0 || entry.object.metadata.deletionTimestamp !== undefined) return;
    if (owners.some(({ uid }) => this.uids.has(uid))) return;
    this.remove(storage, entry);
  }

  private remove(storage: string, entry: Entry): void {
    if ((entry.object.metadata.finalizers ?? []).length === 0 && storage !== 'namespaces') {
      this.store.remove(storage, entry.key);
      return;
    }
    if (entry.object.metadata.deletionTimestamp !== undefined) return;
    const object = clone(entry.object);
    object.metadata.deletionTimestamp = new Date().toISOString().replace(/\.\d+/, '');
    object.metadata.deletionGracePeriodSeconds = 0;
    this.store.put(storage, entry.key, object);
  }

  private withoutFinalizer(storage: string, entry: Entry, name: string): void {
    const object = clone(entry.object);
    object.metadata.finalizers = (object.metadata.finalizers ?? []).filter((finalizer) => finalizer !== name);
    if (object.metadata.finalizers.length === 0) {
      delete object.metadata.finalizers;
      this.store.put(storage, entry.key, object);
      this.store.remove(storage, entry.key);
    } else {
      this.store.put(storage, entry.key, object);
    }
  }

  private orphan(storage: string, entry: Entry): void {
    const uid = text(entry.object.metadata.uid);
    for (const held of this.dependentsOf(uid)) {
      const dependent = this.store.get(held.storage, held.key);
      if (dependent === undefined) continue;
      const object = clone(dependent.object);
      object.metadata.ownerReferences = (object.metadata.ownerReferences ?? []).filter((owner) => owner.uid !== uid);
      if (object.metadata.ownerReferences.length === 0) delete object.metadata.ownerReferences;
      this.store.put(held.storage, held.key, object);
    }
    this.withoutFinalizer(storage, entry, 'orphan');
  }

  /** The owner goes after the dependents that block it. */
  private foreground(storage: string, entry: Entry): void {
    const uid = text(entry.object.metadata.uid);
    const held = this.dependentsOf(uid);
    for (const { storage: place, key } of held) {
      const dependent = this.store.get(place, key);
      if (dependent !== undefined) this.remove(place, dependent);
    }
    const left = this.dependentsOf(uid);
    if (left.length === 0) {
      const current = this.store.get(storage, entry.key);
      if (current !== undefined) this.withoutFinalizer(storage, current, 'foregroundDeletion');
    } else {
      this.later(() => {
        const current = this.store.get(storage, entry.key);
        if (current?.object.metadata.finalizers?.includes('foregroundDeletion') === true) this.foreground(storage, current);
      }, 20);
    }
  }

  private namespaces(storage: string, entry: Entry): void {
    const name = storage === 'namespaces' ? entry.key : text(entry.object.metadata.namespace);
    const namespace = name === '' ? undefined : this.store.get('namespaces', name);
    if (namespace?.object.metadata.deletionTimestamp === undefined) return;
    let left = 0;
    for (const resource of this.resources.storages()) {
      if (!resource.namespaced) continue;
      for (const item of this.store.list(resource.storage)) {
        if (item.object.metadata.namespace !== name) continue;
        this.remove(resource.storage, item);
        if (this.store.get(resource.storage, item.key) !== undefined) left += 1;
      }
    }
    if (left === 0 && (namespace.object.metadata.finalizers ?? []).length === 0) this.finalize(namespace);
  }

  private finalize(namespace: Entry): void {
    const current = this.store.get('namespaces', namespace.key);
    if (current === undefined) return;
    const object: KubeObject = { ...clone(current.object), spec: { ...dict(current.object['spec']) } };
    delete dict(object['spec'])['finalizers'];
    this.store.put('namespaces', namespace.key, object);
    this.store.remove('namespaces', namespace.key);
  }

  /** There is no kubelet: a Pod under deletion is gone when its grace is over. */
  private endPod(entry: Entry): void {
    const { deletionTimestamp, uid, finalizers } = entry.object.metadata;
    if (deletionTimestamp === undefined || (finalizers ?? []).length > 0) return;
    this.later(
      () => {
        const current = this.store.get('pods', entry.key);
        if (current?.object.metadata.uid === uid && current !== undefined) this.store.remove('pods', entry.key);
      },
      Math.max(0, Date.parse(deletionTimestamp) - Date.now()),
    );
  }

  private later(run: () => void, ms: number): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      if (!this.stopped) run();
    }, ms);
    this.timers.add(timer);
  }

  stop(): void {
    this.stopped = true;
    for (const timer of this.timers) clearTimeout(timer);
  }
}
