import { Agent, request } from 'undici';
import type { KubeClient } from '../../src/host/kube/kubeClient.ts';
import type { Answer, ApiClient } from '../support/apiClient.ts';

/** A user without any right of its own, known to every target. */
export const LIMITED = { token: 'token-of-limited', name: 'limited', groups: ['conformance'] } as const;

/** An API server that the conformance cases run against. */
export interface Target {
  readonly admin: ApiClient;
  readonly limited: ApiClient;
  /** Our own client, as the admin: for streams. */
  readonly client: KubeClient;
  /** Path of a kubectl, and of a kubeconfig for the admin. */
  readonly kubectl: string | undefined;
  readonly kubeconfigFile: string;
  /** From now on every resourceVersion handed out before is too old to watch from. */
  forgetHistory(): Promise<void>;
  /** A GET with an Accept header of one's own. */
  table(path: string, accept: string): Promise<unknown>;
  close(): Promise<void>;
}

export interface WatchLine {
  readonly type: string;
  readonly object: {
    readonly kind?: string;
    readonly code?: number;
    readonly reason?: string;
    readonly message?: string;
    readonly metadata?: { readonly name?: string; readonly resourceVersion?: string };
  };
}

export interface OpenWatch {
  readonly lines: WatchLine[];
  /** The server ended the stream in order. */
  ended(): boolean;
  close(): Promise<void>;
}

/** Opens a watch and collects what it says. */
export async function openWatch(client: KubeClient, path: string, query: Record<string, string>): Promise<OpenWatch> {
  const controller = new AbortController();
  const stream = await client.stream({ method: 'GET', path, query: { watch: 'true', ...query }, signal: controller.signal });
  const lines: WatchLine[] = [];
  let ended = false;
  const reading = (async () => {
    for await (const line of stream) lines.push(line as WatchLine);
    ended = true;
  })().catch(() => {});
  return {
    lines,
    ended: () => ended,
    close: async () => {
      controller.abort();
      await reading;
    },
  };
}

/** For {@link Target.table}. */
export async function getAs(url: string, token: string, accept: string): Promise<unknown> {
  const dispatcher = new Agent({ connect: { rejectUnauthorized: false } });
  try {
    const answer = await request(url, { dispatcher, headers: { authorization: `Bearer ${token}`, accept } });
    return await answer.body.json();
  } finally {
    await dispatcher.close();
  }
}

export type Caller = (method: string, path: string, body?: unknown, contentType?: string) => Promise<Answer>;

export function caller(target: () => Target): Caller {
  return (method, path, body, contentType) => target().admin.raw(method, path, body, contentType);
}
