import type { Logger } from '../log.ts';
import type { KubeMetrics } from '../metrics.ts';
import type { KubeObject } from './objects.ts';
import { keyOf, type ObjectKey, type Resource } from './resource.ts';
import type { WritableStore } from './store.ts';

/** Puts raw objects as narrow views into a store. One that cannot be read is counted, named and skipped; its last good view stays. */
export interface Projection {
  /** Answers whether the store changed. */
  readonly put: (raw: KubeObject) => boolean;
  readonly remove: (key: ObjectKey) => boolean;
  readonly failures: ReadonlyMap<ObjectKey, string>;
  readonly failureCount: () => number;
}

export function createProjection<T>(options: {
  readonly resource: Resource;
  readonly store: WritableStore<T>;
  readonly project: (raw: KubeObject, key: ObjectKey) => T | undefined;
  readonly log: Logger;
  readonly metrics?: KubeMetrics | undefined;
}): Projection {
  const { resource, store, project, log, metrics } = options;
  const failures = new Map<ObjectKey, string>();
  let count = 0;

  const failed = (key: ObjectKey, failure: unknown): void => {
    const message = failure instanceof Error ? failure.message : String(failure);
    count += 1;
    metrics?.projectionFailures.inc({ resource: resource.plural });
    // The same complaint at each update of the object would be noise.
    if (failures.get(key) !== message)
      log.error({ resource: resource.plural, object: key, err: failure }, 'cannot read this object; left out');
    failures.set(key, message);
  };

  return {
    failures,
    failureCount: () => count,
    put: (raw) => {
      const key = keyOf(raw.metadata);
      let value: T | undefined;
      try {
        value = project(raw, key);
      } catch (failure) {
        failed(key, failure);
        return false;
      }
      failures.delete(key);
      return value === undefined ? store.delete(key) : store.set(key, value);
    },
    remove: (key) => {
      failures.delete(key);
      return store.delete(key);
    },
  };
}
