import { createSlicer } from './backoff.ts';
import { isExpired } from './kubeError.ts';
import type { KubeClient } from './kubeClient.ts';
import type { KubeObject, ListOptions } from './objects.ts';
import { collectionPath, type Resource } from './resource.ts';

interface PageMetadata {
  readonly resourceVersion?: string;
  readonly continue?: string;
}

interface Page {
  readonly metadata?: PageMetadata;
  /** Those that were not handed over while the page was read. */
  readonly items?: readonly KubeObject[];
}

export interface PagedListOptions extends ListOptions {
  readonly pageSize: number;
  readonly signal: AbortSignal;
}

export interface ListHandlers {
  /** The list begins, with the version of all that follows. Called again when the list had to begin anew; may throw. */
  readonly begin: (resourceVersion: string) => void;
  readonly item: (raw: KubeObject) => void;
}

/** A consistent list, read in pages, and a page item by item where it can be: no more than one page of raw objects is in memory. */
export async function listPages(client: KubeClient, resource: Resource, options: PagedListOptions, handlers: ListHandlers): Promise<void> {
  try {
    await listOnce(client, resource, options, String(options.pageSize), handlers);
  } catch (error) {
    if (!isExpired(error)) throw error;
    // The continue token outlived the server's history; one big page cannot.
    await listOnce(client, resource, options, undefined, handlers);
  }
}

async function listOnce(
  client: KubeClient,
  resource: Resource,
  options: PagedListOptions,
  limit: string | undefined,
  handlers: ListHandlers,
): Promise<void> {
  const { namespace, labelSelector, fieldSelector, signal } = options;
  const path = collectionPath(resource, namespace);
  const slice = createSlicer();
  let token: string | undefined;
  let hasBegun = false;
  const begin = (metadata: PageMetadata | undefined): void => {
    if (!hasBegun) handlers.begin(metadata?.resourceVersion ?? '');
    hasBegun = true;
  };
  const eachItem = (item: unknown, metadata: unknown): void => {
    begin(metadata as PageMetadata);
    handlers.item(item as KubeObject);
  };
  do {
    const query = { labelSelector, fieldSelector, limit, continue: token };
    const page: Page = await client.request<Page>({ method: 'GET', path, query, signal, eachItem });
    begin(page.metadata);
    for (const raw of page.items ?? []) {
      handlers.item(raw);
      await slice();
    }
    token = page.metadata?.continue;
  } while (token !== undefined && token !== '');
}

/** Undefined when the two cannot be compared; etcd-backed servers count revisions. */
export function isOlder(version: string, than: string): boolean | undefined {
  if (!/^\d+$/.test(version) || !/^\d+$/.test(than)) return undefined;
  return BigInt(version) < BigInt(than);
}
