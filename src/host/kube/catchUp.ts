import type { Logger } from '../log.ts';
import { createBackoff, sleep } from './backoff.ts';
import type { KubeClient } from './kubeClient.ts';
import { KubeError, isNotFound } from './kubeError.ts';
import { isOlder, listPages } from './listing.ts';
import type { Reflector } from './reflector.ts';
import type { Resource } from './resource.ts';

export interface CatchUpOptions {
  readonly client: KubeClient;
  readonly resource: Resource;
  readonly namespace?: string;
  readonly reflector: Pick<Reflector<unknown>, 'hasSynced' | 'health'>;
  readonly signal: AbortSignal;
  /** A watch that is behind for so long is worth a word; then again after each of these. */
  readonly sayAfterMs?: number;
  readonly log: Logger;
}

const LOOK_MS = 20;
const PAGE = 500;
/** No object's version: there was none. */
const NONE = '0';

/**
 * Waits until a reflector has seen every object as it was stored at the time of the call, or later. A watch may be behind what others
 * have written by as much as the server's cache is; a list without a version is never. Of what was deleted meanwhile nothing is
 * promised. Resolves, whatever fails, at the latest when the signal is aborted.
 */
export async function catchUp(options: CatchUpOptions): Promise<void> {
  const { client, resource, namespace, signal, log } = options;
  const backoff = createBackoff(100, 5000);
  let newest: string | undefined;
  while (newest === undefined && !signal.aborted) {
    try {
      newest = await newestVersion(client, resource, namespace, signal);
    } catch (error) {
      if (isNotFound(error)) return;
      const delayMs = backoff.next(error instanceof KubeError ? error.retryAfterMs : 0);
      if (!signal.aborted) log.warn({ resource: resource.plural, err: error }, 'cannot list what others may have written; trying again');
      await sleep(delayMs, signal);
    }
  }
  // Nothing was written, so there is nothing to see.
  if (newest !== undefined && newest !== NONE) await untilSeen(newest, options);
}

async function untilSeen(newest: string, { reflector, resource, signal, sayAfterMs = 5000, log }: CatchUpOptions): Promise<void> {
  let sayAtMs = performance.now() + sayAfterMs;
  while (!signal.aborted && !hasSeen(reflector, newest)) {
    if (performance.now() >= sayAtMs) {
      const { resourceVersion, lastError } = reflector.health();
      log.warn({ resource: resource.plural, newest, seen: resourceVersion, error: lastError }, 'waiting for a watch that is behind');
      sayAtMs = performance.now() + sayAfterMs;
    }
    await sleep(LOOK_MS, signal);
  }
}

/** Of the objects that are there. */
async function newestVersion(client: KubeClient, resource: Resource, namespace: string | undefined, signal: AbortSignal): Promise<string> {
  let newest = NONE;
  const begin = (): void => {
    newest = NONE;
  };
  const item = ({ metadata: { resourceVersion = NONE } }: { readonly metadata: { readonly resourceVersion?: string } }): void => {
    if (isOlder(newest, resourceVersion) === true) newest = resourceVersion;
  };
  await listPages(client, resource, { namespace, pageSize: PAGE, signal }, { begin, item });
  return newest;
}

function hasSeen(reflector: CatchUpOptions['reflector'], version: string): boolean {
  const seen = reflector.health().resourceVersion;
  return reflector.hasSynced() && seen !== undefined && isOlder(seen, version) !== true;
}
