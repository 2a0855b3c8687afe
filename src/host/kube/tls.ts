import { connect, type TLSSocket } from 'node:tls';
import type { TlsOptions } from './credentials.ts';

const CONNECT_TIMEOUT_MS = 10_000;
/** The kernel's probes find a dead peer behind an idle connection after this long. */
const KEEP_ALIVE_DELAY_MS = 10_000;

/** @param protocols what is asked for by ALPN (RFC 7301) */
export function openTls(server: URL, tls: TlsOptions, protocols: readonly string[]): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const host = server.hostname.replace(/^\[|\]$/g, '');
    const socket = connect({ host, port: Number(server.port || 443), ALPNProtocols: [...protocols], ...nameFor(host, tls), ...tls });
    const timer = setTimeout(() => socket.destroy(new Error('no TLS connection in time')), CONNECT_TIMEOUT_MS);
    socket.setKeepAlive(true, KEEP_ALIVE_DELAY_MS);
    socket.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    socket.once('secureConnect', () => {
      clearTimeout(timer);
      resolve(socket);
    });
  });
}

/** RFC 6066 §3: an address is no server name. */
function nameFor(host: string, tls: TlsOptions): { servername?: string } {
  return tls.servername !== undefined || /^[\d.]+$|:/.test(host) ? {} : { servername: host };
}
