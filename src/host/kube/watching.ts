import { createSlicer } from './backoff.ts';
import type { KubeClient } from './kubeClient.ts';
import { errorFromStatus } from './kubeError.ts';
import type { KubeObject, ListOptions } from './objects.ts';
import { collectionPath, type Resource } from './resource.ts';

export interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: KubeObject;
}

export interface WatchOptions extends ListOptions {
  readonly resourceVersion: string;
  /** Give up when nothing at all came for this long. */
  readonly silenceMs: number;
  readonly signal: AbortSignal;
}

export interface WatchHandlers {
  readonly opened: () => void;
  readonly event: (event: WatchEvent) => void;
}

/** A watch that ends sooner, without having said anything, is a failure and not an end. */
const SHORT_WATCH_MS = 1000;

/** The server ends the watch after this long; drawn, so that the watches of many clients do not end together. */
function timeoutSeconds(): string {
  return String(Math.round(300 + 300 * Math.random()));
}

/** One watch from its opening to its end. Resolves when it ended in order, or for silence; throws on everything else. */
export async function watchOnce(client: KubeClient, resource: Resource, options: WatchOptions, handlers: WatchHandlers): Promise<void> {
  const { namespace, labelSelector, fieldSelector, resourceVersion, silenceMs } = options;
  const ending = new AbortController();
  let silent = false;
  const end = (): void => ending.abort();
  options.signal.addEventListener('abort', end, { once: true });
  if (options.signal.aborted) end();
  const timer = setTimeout(() => {
    silent = true;
    end();
  }, silenceMs);
  const query = {
    watch: 'true',
    allowWatchBookmarks: 'true',
    timeoutSeconds: timeoutSeconds(),
    resourceVersion,
    labelSelector,
    fieldSelector,
  };
  const startMs = performance.now();
  let events = 0;
  try {
    const lines = await client.stream({ method: 'GET', path: collectionPath(resource, namespace), query, signal: ending.signal });
    handlers.opened();
    const slice = createSlicer();
    for await (const line of lines) {
      timer.refresh();
      handlers.event(eventOf(line, resource));
      events += 1;
      await slice();
    }
  } catch (error) {
    if (!silent) throw error;
  } finally {
    clearTimeout(timer);
    options.signal.removeEventListener('abort', end);
  }
  if (events === 0 && performance.now() - startMs < SHORT_WATCH_MS) throw new Error('the watch ended at once');
}

function eventOf(line: unknown, resource: Resource): WatchEvent {
  const event = line as { type?: string; object?: KubeObject };
  const type = event.type;
  if (type === 'ERROR') throw errorFromStatus(`watch ${resource.plural}`, event.object);
  const known = type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED' || type === 'BOOKMARK';
  if (!known || event.object?.metadata === undefined) throw new Error(`an event of the watch on ${resource.plural} is no watch event`);
  return { type, object: event.object };
}
