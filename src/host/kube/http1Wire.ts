import { Agent, request } from 'undici';
import type { TlsOptions } from './credentials.ts';
import type { Wire } from './wire.ts';

/** The kernel's probes find a dead peer behind an idle connection: after this long, then ten probes a second apart. */
const KEEP_ALIVE_DELAY_MS = 10_000;
const CONNECT_TIMEOUT_MS = 10_000;

/** HTTP/1.1 over one pool of kept connections. Time limits are the caller's, by its signal. */
export function createHttp1Wire(server: string, tls: TlsOptions): Wire {
  const agent = new Agent({
    allowH2: false,
    bodyTimeout: 0,
    headersTimeout: 0,
    keepAliveTimeout: 30_000,
    connect: { ...tls, timeout: CONNECT_TIMEOUT_MS, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS },
  });
  return {
    protocol: 'http/1.1',
    send: async ({ method, path, headers, body, signal }) => {
      const options = { dispatcher: agent, method, headers, signal };
      const answer = await request(server + path, body === undefined ? options : { ...options, body });
      const retryAfter = answer.headers['retry-after'];
      return {
        status: answer.statusCode,
        retryAfter: Array.isArray(retryAfter) ? retryAfter[0] : retryAfter,
        text: () => answer.body.text(),
        body: answer.body,
      };
    },
    close: () => agent.destroy(),
  };
}
