import { establishedStatus } from '../api/definitions.ts';
import { clone, equal, type KubeObject } from '../json.ts';
import { customResources, type Resources } from '../resources.ts';
import type { Store } from '../store.ts';

const definitions = 'apiextensions.k8s.io/customresourcedefinitions';

/** Serves what the stored CustomResourceDefinitions define, and marks them Established. */
export function serveDefinitions(store: Store, resources: Resources): void {
  const establish = (key: string, object: KubeObject) => {
    const status = establishedStatus(object);
    if (equal(status, object['status'])) return;
    store.put(definitions, key, { ...clone(object), status });
  };
  store.observe((storage, { change, entry }) => {
    if (storage !== definitions) return;
    if (change === 'DELETED') {
      const served = resources
        .all()
        .find((resource) => resource.custom && `${resource.plural}.${resource.group}` === entry.object.metadata.name);
      resources.setCustom(entry.object.metadata.name, []);
      if (served !== undefined) for (const { key } of store.list(served.storage)) store.remove(served.storage, key);
      return;
    }
    resources.setCustom(entry.object.metadata.name, customResources(entry.object));
    // The condition follows as a change of its own, as clients that wait for it expect.
    setImmediate(() => {
      const current = store.get(definitions, entry.key);
      if (current !== undefined) establish(current.key, current.object);
    });
  });
}
