import { type Server, Socket, createServer } from 'node:net';
import type { SocketConstructorOpts } from 'node:net';
import { type Ip, ipFamily, parseIp } from '../../src/net/ip.ts';
import type { DialOptions } from '../hands.ts';
import { addon } from '../native/addon.ts';
import {
  AF_INET,
  AF_INET6,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPPROTO_TCP,
  IPV6_UNICAST_HOPS,
  IPV6_V6ONLY,
  IP_TTL,
  SOCK_STREAM,
  SOL_SOCKET,
  SO_BINDTODEVICE,
  SO_REUSEADDR,
  TCP_MD5SIG,
} from './constants.ts';
import { intOption, md5Signature, socketAddress } from './sockaddr.ts';

/**
 * Sent with every packet, so that a router with GTSM (RFC 5082 §3) accepts the session without being asked about, and a
 * router some hops away is reached as well.
 */
const MAX_TTL = 255;

/**
 * A socket that is connecting: `connect` or `error` follows.
 * @throws Error with `code` when it cannot even begin (a source address that is not ours, no kernel support for MD5)
 */
export function dial({ remote, port, source, password, device }: DialOptions): Socket {
  const fd = openStream(remote);
  try {
    if (password !== undefined) addon().setsockopt(fd, IPPROTO_TCP, TCP_MD5SIG, md5Signature(remote, password));
    if (device !== undefined) addon().setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, new TextEncoder().encode(`${device}\0`));
    if (source !== undefined) addon().bind(fd, socketAddress(source, 0));
  } catch (error) {
    addon().close(fd);
    throw error;
  }
  // Options such as MD5 must be there before the SYN: the socket is made here and handed over unconnected. manualStart
  // keeps Node.js from reading before it is connected.
  const options: SocketConstructorOpts & { readonly manualStart: boolean } = { fd, readable: true, writable: true, manualStart: true };
  const socket = new Socket(options);
  socket.setNoDelay(true);
  socket.connect({ host: remote, port });
  return socket;
}

function openStream(ip: Ip): number {
  const v4 = ipFamily(ip) === 'ipv4';
  const fd = addon().socket(v4 ? AF_INET : AF_INET6, SOCK_STREAM, IPPROTO_TCP);
  if (v4) addon().setsockopt(fd, IPPROTO_IP, IP_TTL, intOption(MAX_TTL));
  else addon().setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, intOption(MAX_TTL));
  return fd;
}

export interface Listener {
  /** The TCP MD5 key of one peer; undefined removes it. */
  setKey(peer: Ip, password: string | undefined): void;
  close(): Promise<void>;
}

/** Listens on all addresses of one family. @throws Error with `code`, such as EADDRINUSE or EACCES */
export async function listen(family: 'ipv4' | 'ipv6', port: number, onAccept: (socket: Socket) => void): Promise<Listener> {
  const any = (family === 'ipv4' ? '0.0.0.0' : '::') as Ip;
  const fd = openStream(any);
  const server: Server = createServer({ noDelay: true }, onAccept);
  try {
    addon().setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, intOption(1));
    if (family === 'ipv6') addon().setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, intOption(1));
    addon().bind(fd, socketAddress(any, port));
  } catch (error) {
    addon().close(fd);
    throw error;
  }
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ fd, backlog: 128 }, () => resolve());
  });
  server.on('error', () => {
    // A failed accept (no descriptor left) is that connection's trouble; the peer tries again.
  });
  return {
    setKey(peer, password) {
      if (ipFamily(peer) === family) addon().setsockopt(fd, IPPROTO_TCP, TCP_MD5SIG, md5Signature(peer, password ?? ''));
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
      }),
  };
}

/** The two ends of a connection, without zones. */
export function endsOf(socket: Socket): { readonly local: Ip; readonly remote: Ip } | undefined {
  const local = parseIp((socket.localAddress ?? '').split('%')[0] ?? '');
  const remote = parseIp((socket.remoteAddress ?? '').split('%')[0] ?? '');
  return local === undefined || remote === undefined ? undefined : { local, remote };
}
