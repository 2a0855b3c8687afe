import { GROUP, type Kind } from '../../api/kind.ts';
import type { KubeClient } from './kubeClient.ts';
import { isForbidden, isNotFound } from './kubeError.ts';
import { type KubeObject, getObject } from './objects.ts';
import { DEFINITIONS } from './resource.ts';

/**
 * The CustomResourceDefinitions of these kinds, by plural; those that are not there or must not be seen are absent.
 * @throws KubeError for everything else
 */
export async function readDefinitions(
  client: KubeClient,
  kinds: readonly Kind[],
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, KubeObject>> {
  const found = new Map<string, KubeObject>();
  for (const { plural } of kinds) {
    try {
      found.set(plural, await getObject(client, DEFINITIONS, { name: `${plural}.${GROUP}` }, signal === undefined ? {} : { signal }));
    } catch (error) {
      if (!isNotFound(error) && !isForbidden(error)) throw error;
    }
  }
  return found;
}
