import type { Changed } from '../src/announce/snapshot.ts';
import type { Differences } from '../src/announce/sorted.ts';
import type { Followed, Store } from '../src/host/kube/store.ts';

/** What became of a store from one plan to the next. */
export class Changes<T> {
  readonly #store: Store<T>;
  #followed: Followed<T> | undefined;

  constructor(store: Store<T>) {
    this.#store = store;
  }

  /** @param isWhole everything counts as new */
  take(isWhole: boolean): Changed<T> {
    const touched = this.#followed?.take();
    this.#followed ??= this.#store.follow();
    return isWhole || touched === undefined ? { gone: [], came: this.#store.values() } : changesOf(this.#store, touched);
  }
}

/** @param touched with what stood there before */
export function changesOf<T>(store: Pick<Store<T>, 'get'>, touched: ReadonlyMap<string, T | undefined>): Differences<T> {
  const [gone, came]: [T[], T[]] = [[], []];
  for (const [key, before] of touched) {
    const now = store.get(key);
    if (now === before) continue;
    if (before !== undefined) gone.push(before);
    if (now !== undefined) came.push(now);
  }
  return { gone, came };
}
