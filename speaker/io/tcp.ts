import { readFileSync } from 'node:fs';
import { type Server, Socket, createServer } from 'node:net';
import type { SocketConstructorOpts } from 'node:net';
import { type Family, type Ip, ipFamily, isLinkLocal, parseIp } from '../../src/net/ip.ts';
import type { DialOptions, ListenKey } from '../hands.ts';
import { addon } from '../native/addon.ts';
import {
  AF_INET,
  AF_INET6,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPPROTO_TCP,
  IPV6_MINHOPCOUNT,
  IPV6_UNICAST_HOPS,
  IPV6_V6ONLY,
  IP_MINTTL,
  IP_TTL,
  SOCK_STREAM,
  SOL_SOCKET,
  SO_BINDTODEVICE,
  SO_REUSEADDR,
  SO_REUSEPORT,
  TCP_SAVED_SYN,
  TCP_SAVE_SYN,
} from './constants.ts';
import { intOption, socketAddress } from './sockaddr.ts';
import { addAoKey, removeListenKey, setListenKey, setMd5Key } from './tcpKeys.ts';

/**
 * Sent with every packet, so that a router with GTSM (RFC 5082 §3) accepts the session without being asked about, and a
 * router some hops away is reached as well.
 */
const MAX_TTL = 255;
/** Both headers of a SYN with all their options. */
const SYN_BYTES = 256;

/**
 * A socket that is connecting: `connect` or `error` follows.
 * @throws Error with `code` when it cannot even begin (a source address that is not ours, no such device, no kernel support
 * for its key)
 */
export function dial(options: DialOptions): Socket {
  const { remote, port, scope } = options;
  const fd = openStream(ipFamily(remote));
  try {
    prepare(fd, options);
  } catch (error) {
    addon().close(fd);
    throw error;
  }
  // Options such as MD5 must be there before the SYN: the socket is made here and handed over unconnected. manualStart
  // keeps Node.js from reading before it is connected.
  const handed: SocketConstructorOpts & { readonly manualStart: boolean } = { fd, readable: true, writable: true, manualStart: true };
  const socket = new Socket(handed);
  socket.setNoDelay(true);
  socket.connect({ host: scope !== undefined && isLinkLocal(remote) ? `${remote}%${scope}` : remote, port });
  return socket;
}

function prepare(fd: number, { remote, source, password, device, scope, minTtl, ttl, tcpAo }: DialOptions): void {
  if (tcpAo !== undefined) addAoKey(fd, remote, tcpAo);
  else if (password !== undefined) setMd5Key(fd, remote, password);
  if (minTtl !== undefined) setMinTtl(fd, ipFamily(remote), minTtl);
  if (ttl !== undefined) setTtl(fd, ipFamily(remote), ttl);
  if (device !== undefined) bindToDevice(fd, device);
  const index = scope !== undefined && source !== undefined && isLinkLocal(source) ? addon().ifindex(scope) : 0;
  if (source !== undefined) addon().bind(fd, socketAddress(source, 0, index));
}

function openStream(family: Family): number {
  const v4 = family === 'ipv4';
  const fd = addon().socket(v4 ? AF_INET : AF_INET6, SOCK_STREAM, IPPROTO_TCP);
  setTtl(fd, family, MAX_TTL);
  return fd;
}

function setTtl(fd: number, family: Family, ttl: number): void {
  if (family === 'ipv4') addon().setsockopt(fd, IPPROTO_IP, IP_TTL, intOption(ttl));
  else addon().setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, intOption(ttl));
}

function setMinTtl(fd: number, family: Family, minTtl: number): void {
  if (family === 'ipv4') addon().setsockopt(fd, IPPROTO_IP, IP_MINTTL, intOption(minTtl));
  else addon().setsockopt(fd, IPPROTO_IPV6, IPV6_MINHOPCOUNT, intOption(minTtl));
}

function bindToDevice(fd: number, device: string): void {
  addon().setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, new TextEncoder().encode(`${device}\0`));
}

let tcpAo: boolean | undefined;

/** Asked of the kernel once. */
export function hasTcpAo(): boolean {
  tcpAo ??= tryTcpAo();
  return tcpAo;
}

function tryTcpAo(): boolean {
  const fd = openStream('ipv4');
  try {
    addAoKey(fd, '192.0.2.1' as Ip, { key: 'x', sendId: 1, receiveId: 1, algorithm: 'hmac-sha1-96' });
    return true;
  } catch {
    return false;
  } finally {
    addon().close(fd);
  }
}

export interface Listener {
  readonly family: Family;
  /** @throws Error with `code` */
  setKey(key: ListenKey): void;
  /** @throws Error with `code` when there was none */
  removeKey(key: ListenKey): void;
  close(): Promise<void>;
}

/**
 * Listens on all addresses of one family.
 * @param device of this device alone
 * @throws Error with `code`, such as EADDRINUSE, EACCES, or ENODEV without the device
 */
export async function listen(family: Family, port: number, onAccept: (socket: Socket) => void, device?: string): Promise<Listener> {
  const fd = openStream(family);
  const server: Server = createServer({ noDelay: true }, onAccept);
  let listening: Promise<void>;
  const others = device === undefined ? [] : [...everywhere];
  try {
    for (const each of others) setSharing(each, true);
    bindListener(fd, family, port, device);
    listening = startListening(server, fd);
    setSharing(fd, false);
  } catch (error) {
    addon().close(fd);
    throw error;
  } finally {
    for (const each of others) setSharing(each, false);
  }
  await listening;
  if (device === undefined) everywhere.add(fd);
  server.on('error', () => {
    // A failed accept (no descriptor left) is that connection's trouble; the peer tries again.
  });
  return {
    family,
    setKey: (key) => setListenKey(fd, key),
    removeKey: (key) => removeListenKey(fd, key),
    close: () =>
      new Promise((resolve) => {
        everywhere.delete(fd);
        server.close(() => resolve());
      }),
  };
}

function bindListener(fd: number, family: Family, port: number, device: string | undefined): void {
  addon().setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, intOption(1));
  addon().setsockopt(fd, IPPROTO_TCP, TCP_SAVE_SYN, intOption(1));
  if (family === 'ipv6') addon().setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, intOption(1));
  if (device !== undefined) {
    bindToDevice(fd, device);
    setSharing(fd, true);
  }
  addon().bind(fd, socketAddress((family === 'ipv4' ? '0.0.0.0' : '::') as Ip, port));
}

/** The call listen(2) is made before this returns. */
function startListening(server: Server, fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    // As many as the kernel allows by default: of a storm it queues those that have gone already, and a router must not wait for its own SYN to be repeated.
    server.listen({ fd, backlog: 4096 }, () => resolve());
  });
}

/** Listeners of no device. */
const everywhere = new Set<number>();

/**
 * A listener of a device can have the port of those of none only while all of them share it. They must not go on doing so: of
 * sockets that share a port the kernel takes the first it finds, and not the one that is bound to the device (IPv6). And of two
 * daemons that share a port one would lose its connections to the other, unseen.
 */
function setSharing(fd: number, isOn: boolean): void {
  addon().setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, intOption(isOn ? 1 : 0));
}

export interface Ends {
  readonly local: Ip;
  readonly remote: Ip;
  /** Interface of a link-local address. */
  readonly scope?: string;
}

/** The two ends of a connection, without zones. */
export function endsOf(socket: Socket): Ends | undefined {
  const local = parseIp((socket.localAddress ?? '').split('%')[0] ?? '');
  const [address = '', scope] = (socket.remoteAddress ?? '').split('%');
  const remote = parseIp(address);
  if (local === undefined || remote === undefined) return undefined;
  return { local, remote, ...(scope === undefined ? {} : { scope }) };
}

/** TTL or hop limit of the SYN that began an accepted connection; the kernel tells it once. */
export function synTtl(socket: Socket, family: Family): number | undefined {
  const fd = fdOf(socket);
  if (fd === undefined) return undefined;
  try {
    const headers = addon().getsockopt(fd, IPPROTO_TCP, TCP_SAVED_SYN, SYN_BYTES);
    return headers[family === 'ipv4' ? 8 : 7];
  } catch {
    return undefined;
  }
}

/** TCPMinTTLDrop of this network namespace. */
export function ttlDrops(): number {
  return counterOf(readFileSync('/proc/self/net/netstat', 'utf8'), 'TCPMinTTLDrop') ?? 0;
}

/** The file has a line of names and a line of values for each protocol. */
function counterOf(text: string, name: string): number | undefined {
  const lines = text.split('\n').map((line) => line.split(' '));
  const at = lines.findIndex((words) => words.includes(name));
  const value = lines[at + 1]?.[lines[at]?.indexOf(name) ?? -1];
  return value === undefined ? undefined : Number(value);
}

/** Of a connection that was accepted. @returns whether the kernel took it */
export function limitHops(socket: Socket, family: Family, { minTtl, ttl }: Pick<DialOptions, 'minTtl' | 'ttl'>): boolean {
  return onSocket(socket, (fd) => {
    if (minTtl !== undefined) setMinTtl(fd, family, minTtl);
    if (ttl !== undefined) setTtl(fd, family, ttl);
  });
}

/** Linux replaces the key of a connection that is there. @returns whether it did */
export function changePassword(socket: Socket, remote: Ip, password: string): boolean {
  return onSocket(socket, (fd) => setMd5Key(fd, remote, password));
}

function onSocket(socket: Socket, act: (fd: number) => void): boolean {
  const fd = fdOf(socket);
  if (fd === undefined) return false;
  try {
    act(fd);
    return true;
  } catch {
    return false;
  }
}

/** Node.js has no public name for it. */
function fdOf(socket: Socket): number | undefined {
  const { _handle: handle } = socket as unknown as { readonly _handle?: { readonly fd?: number } | null };
  return handle?.fd === undefined || handle.fd < 0 ? undefined : handle.fd;
}
