import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import type { Logger } from './log.ts';
import type { Registry } from './metrics.ts';

/** What is wrong, one sentence each; empty when all is well. */
export type Check = () => readonly string[];

export interface HttpAnswer {
  readonly contentType: string;
  /** In parts, where the whole would be large. */
  readonly body: string | AsyncIterable<string>;
  /** Default 200. */
  readonly status?: number;
}

/** One whose page is long. */
export interface PartedRegistry extends Registry {
  readonly parts: () => AsyncIterable<string>;
}

export interface HttpServerOptions {
  /** Empty or absent: all addresses. */
  readonly host?: string;
  /** 0 takes a free port. */
  readonly port: number;
  readonly registry: Registry | PartedRegistry;
  readonly ready: Check;
  /** Failing means: restart this process. Default: never. */
  readonly alive?: Check;
  /** Further GET paths. */
  readonly routes?: Readonly<Record<string, () => HttpAnswer | Promise<HttpAnswer>>>;
  readonly log: Logger;
}

export interface HttpServer {
  readonly port: number;
  readonly close: () => Promise<void>;
}

function text(problems: readonly string[]): HttpAnswer {
  const body = problems.length === 0 ? 'ok\n' : `${problems.join('\n')}\n`;
  return { contentType: 'text/plain; charset=utf-8', body, status: problems.length === 0 ? 200 : 503 };
}

/** Probes and metrics: /livez (also as /healthz), /readyz, /metrics. */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { registry, ready, alive = () => [], routes = {}, log, host, port } = options;
  const live = (): HttpAnswer => text(alive());
  const handlers: Readonly<Record<string, () => HttpAnswer | Promise<HttpAnswer>>> = {
    ...routes,
    '/healthz': live,
    '/livez': live,
    '/readyz': () => text(ready()),
    '/metrics': async () => ({
      contentType: registry.contentType,
      body: 'parts' in registry ? registry.parts() : await registry.metrics(),
    }),
  };

  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = new URL(request.url ?? '/', 'http://host').pathname;
    const handler = Object.hasOwn(handlers, path) ? handlers[path] : undefined;
    const answer = await answerOf(request.method, handler);
    response.writeHead(answer.status ?? 200, { 'content-type': answer.contentType, 'cache-control': 'no-store' });
    if (request.method === 'HEAD') response.end();
    else if (typeof answer.body === 'string') response.end(answer.body);
    else await pipeline(answer.body, response);
  };

  const server = createServer((request, response) => {
    respond(request, response).catch((error: unknown) => {
      // Who asked has hung up.
      if (response.destroyed) return;
      log.error({ url: request.url, err: error }, 'an HTTP request failed');
      if (response.headersSent) response.destroy();
      else response.writeHead(500).end();
    });
  });
  server.headersTimeout = 10_000;
  server.requestTimeout = 15_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, ...(host === undefined || host === '' ? {} : { host }) }, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answerOf(method: string | undefined, handler: (() => HttpAnswer | Promise<HttpAnswer>) | undefined): Promise<HttpAnswer> {
  const plain = { contentType: 'text/plain; charset=utf-8' };
  if (handler === undefined) return { ...plain, body: 'not found\n', status: 404 };
  if (method !== 'GET' && method !== 'HEAD') return { ...plain, body: 'method not allowed\n', status: 405 };
  return handler();
}

/** Finds a loop that is dead although the process lives. */
export interface Heartbeat {
  readonly beat: () => void;
  /** For {@link HttpServerOptions.alive}. */
  readonly problems: Check;
}

export function createHeartbeat(name: string, maxSilenceMs: number): Heartbeat {
  let lastMs = performance.now();
  return {
    beat: () => {
      lastMs = performance.now();
    },
    problems: () => {
      const silentMs = performance.now() - lastMs;
      return silentMs <= maxSilenceMs ? [] : [`${name}: no sign of life for ${Math.round(silentMs / 1000)} s`];
    },
  };
}
