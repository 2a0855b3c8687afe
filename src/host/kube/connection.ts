import type { Logger } from '../log.ts';
import type { Credentials, TlsOptions } from './credentials.ts';
import { createHttp2Wire, openTls } from './http2Wire.ts';
import type { Wire } from './wire.ts';

export interface Connection {
  /** Connects at the first call; rejects when that fails, and the next call tries anew. */
  readonly wire: () => Promise<Wire>;
  readonly protocol: () => Wire['protocol'] | undefined;
  /** Calls the listener for every HTTP/2 connection that is opened. @returns what ends that */
  readonly onOpened: (listener: () => void) => () => void;
  readonly close: () => Promise<void>;
}

/** HTTP/2 where the server offers it by ALPN, else HTTP/1.1; found out once per process. */
async function openWire(credentials: Credentials, opened: () => void): Promise<Wire> {
  const server = new URL(credentials.server);
  const tls = await credentials.tls();
  if (server.protocol !== 'https:') return openHttp1(server, {});
  const socket = await openTls(server, tls);
  if (socket.alpnProtocol === 'h2') return createHttp2Wire(server, credentials.tls, socket, opened);
  socket.destroy();
  return openHttp1(server, tls);
}

/** Loaded where it is needed: nearly every server has HTTP/2. */
async function openHttp1(server: URL, tls: TlsOptions): Promise<Wire> {
  const { createHttp1Wire } = await import('./http1Wire.ts');
  return createHttp1Wire(server.origin, tls);
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

  return {
    wire: () => (current ??= connect()),
    protocol: () => protocol,
    onOpened: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: async () => {
      await current?.then((wire) => wire.close()).catch(() => {});
    },
  };
}
