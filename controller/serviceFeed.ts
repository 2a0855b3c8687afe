import type { ServiceKey, ServiceView } from '../src/cluster/service.ts';
import type { Followed, Store } from '../src/host/kube/store.ts';
import type { Allocator } from '../src/ipam/allocator.ts';

/** Hands the Services that changed to the allocator, without a look at the thousands that did not. */
export class ServiceFeed {
  readonly #store: Store<ServiceView>;
  readonly #allocator: Allocator;
  readonly #followed: Followed<ServiceView>;
  #seen = new Map<string, ServiceView>();

  constructor(store: Store<ServiceView>, allocator: Allocator) {
    this.#store = store;
    this.#allocator = allocator;
    this.#followed = store.follow();
  }

  /** For a plan of everything: what changed so far is in it. */
  all(): readonly ServiceView[] {
    this.#followed.take();
    const services = [...this.#store.values()];
    this.#seen = new Map(services.map((service) => [service.key, service]));
    return services;
  }

  /** @param changed every Service whose assignment may be another is added to it */
  update(changed: Set<ServiceKey>): void {
    const touched = [...this.#followed.take().keys()];
    // What goes makes room for what comes.
    for (const key of touched) {
      const gone = this.#seen.get(key)?.key;
      if (gone === undefined || this.#store.get(key) !== undefined) continue;
      this.#seen.delete(key);
      changed.add(gone);
      for (const other of this.#allocator.remove(gone)) changed.add(other);
    }
    for (const key of touched) {
      const service = this.#store.get(key);
      if (service === undefined || this.#seen.get(key) === service) continue;
      this.#seen.set(key, service);
      for (const other of this.#allocator.upsert(service)) changed.add(other);
    }
  }

  stop(): void {
    this.#followed.stop();
  }
}
