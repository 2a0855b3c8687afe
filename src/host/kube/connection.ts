import type { Logger } from '../log.ts';
import type { Credentials } from './credentials.ts';
import { createHttp2Wire } from './http2Wire.ts';
import { openTls } from './tls.ts';
import type { Wire, WireRequest } from './wire.ts';

export interface Connection {
  /** Connects at the first call; rejects when that fails, and the next call tries anew. */
  readonly wire: () => Promise<Wire>;
  /**
   * For short calls that come by the thousand: HTTP/1.1 wherever the server has it. Of each stream of HTTP/2 Node.js keeps 9 KB until the next
   * collection of the whole heap, which so grows by a third; of a call of HTTP/1.1 nearly nothing.
   */
  readonly wireForMany: () => Promise<Wire>;
  readonly protocol: () => Wire['protocol'] | undefined;
  /** Calls the listener for every HTTP/2 connection that is opened. @returns what ends that */
  readonly onOpened: (listener: () => void) => () => void;
  readonly close: () => Promise<void>;
}

/** HTTP/2 where the server offers it by ALPN, else HTTP/1.1; found out once per process. */
async function openWire(credentials: Credentials, opened: () => void): Promise<Wire> {
  const server = new URL(credentials.server);
  if (server.protocol !== 'https:') return openHttp1(credentials);
  const socket = await openTls(server, await credentials.tls(), ['h2', 'http/1.1']);
  if (socket.alpnProtocol === 'h2') return createHttp2Wire(server, credentials.tls, socket, opened);
  socket.destroy();
  return openHttp1(credentials);
}

/** Loaded where it is needed. */
async function openHttp1(credentials: Credentials): Promise<Wire> {
  const { createHttp1Wire } = await import('./http1Wire.ts');
  return createHttp1Wire(new URL(credentials.server), credentials.tls);
}

/** What a server says that has HTTP/2 alone (RFC 7301 §3.2). */
const NO_PROTOCOL = /NO_APPLICATION_PROTOCOL/;

/** By the first as long as the server has its protocol. */
function firstElse(first: Wire, second: Wire): Wire {
  let isRefused = false;
  const send = async (request: WireRequest): ReturnType<Wire['send']> => {
    if (isRefused) return second.send(request);
    try {
      return await first.send(request);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && NO_PROTOCOL.test(String(error.code)))) throw error;
      isRefused = true;
      return second.send(request);
    }
  };
  return { protocol: first.protocol, send, close: first.close };
}

export function createConnection(credentials: Credentials, log: Logger): Connection {
  let current: Promise<Wire> | undefined;
  let protocol: Wire['protocol'] | undefined;
  const listeners = new Set<() => void>();
  const opened = (): void => {
    for (const listener of listeners) listener();
  };

  const connect = (): Promise<Wire> => {
    const attempt = openWire(credentials, opened);
    attempt.then(
      (wire) => {
        protocol = wire.protocol;
        log.debug({ server: credentials.server, protocol }, 'connected to the API server');
        if (protocol === 'h2') opened();
      },
      () => {
        if (current === attempt) current = undefined;
        // The server may have a new certificate authority, or want a new client certificate.
        credentials.reload();
      },
    );
    return attempt;
  };

  const wire = (): Promise<Wire> => (current ??= connect());
  let many: Promise<Wire> | undefined;
  const openForMany = async (): Promise<Wire> => {
    const main = await wire();
    return main.protocol === 'h2' ? firstElse(await openHttp1(credentials), main) : main;
  };

  return {
    wire,
    wireForMany: () => {
      const attempt = (many ??= openForMany());
      // As with the other, the next call tries anew.
      attempt.catch(() => {
        if (many === attempt) many = undefined;
      });
      return attempt;
    },
    protocol: () => protocol,
    onOpened: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: async () => {
      for (const each of [many, current]) await each?.then((wire) => wire.close()).catch(() => {});
    },
  };
}
