import { type Family, type Ip, ipFamily, isLinkLocal } from '../../src/net/ip.ts';
import type { Datagram, UdpListenOptions, UdpListener, UdpSendOptions, UdpSender } from '../hands.ts';
import { addon } from '../native/addon.ts';
import {
  AF_INET,
  AF_INET6,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPPROTO_UDP,
  IPV6_RECVHOPLIMIT,
  IPV6_RECVPKTINFO,
  IPV6_TCLASS,
  IPV6_UNICAST_HOPS,
  IPV6_V6ONLY,
  IP_PKTINFO,
  IP_RECVTTL,
  IP_TOS,
  IP_TTL,
  SOCK_DGRAM,
  SOL_SOCKET,
  SO_BINDTODEVICE,
  SO_REUSEADDR,
} from './constants.ts';
import { readDatagrams } from './datagrams.ts';
import { DROP_ALL } from './filter.ts';
import { setReceiveBuffer } from './receiveBuffer.ts';
import { intOption, readSocketAddress, socketAddress } from './sockaddr.ts';

/**
 * Longer than any BFD packet, and what speakers add to theirs; an echo packet is as long as its sender likes, and a longer one is no echo of
 * ours to give.
 */
const MAX_DATAGRAM = 1280;
/** A flood of bad packets fills what the system gives by default in 5 ms, and then good ones are lost with them. */
const RECEIVE_BUFFER = 2 << 20;
/** Class selector 6, network control: a full link does not drop what says that it is alive. */
const CS6 = 0xc0;
/** RFC 5881 §4. */
const FIRST_PORT = 49_152;
const PORTS = 16_384;
const PORT_TRIES = 64;

/**
 * Receives what comes to one port of one address family.
 * @throws Error with `code`: EADDRINUSE where another BFD daemon runs on the node, EAFNOSUPPORT without IPv6
 */
export function listenUdp(options: UdpListenOptions, onDatagram: (datagram: Datagram) => void): UdpListener {
  const { family, port, device } = options;
  const fd = openDatagram(family);
  try {
    setReceiveBuffer(fd, RECEIVE_BUFFER);
    if (device !== undefined) {
      addon().setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, new TextEncoder().encode(`${device}\0`));
      addon().setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, intOption(1));
    }
    addon().bind(fd, socketAddress(anyAddress(family), port));
    // Not before the bind: of two daemons that share the port one would lose its packets to the other, unseen.
    if (options.share === true) addon().setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, intOption(1));
    askForAncillary(fd, family);
    const reader = readDatagrams(fd, MAX_DATAGRAM, onDatagram);
    let isOpen = true;
    return {
      close() {
        if (!isOpen) return;
        isOpen = false;
        addon().stopReader(reader);
        addon().close(fd);
      },
    };
  } catch (error) {
    addon().close(fd);
    throw error;
  }
}

function anyAddress(family: Family): Ip {
  return (family === 'ipv4' ? '0.0.0.0' : '::') as Ip;
}

function openDatagram(family: Family): number {
  const fd = addon().socket(family === 'ipv4' ? AF_INET : AF_INET6, SOCK_DGRAM, IPPROTO_UDP);
  if (family === 'ipv6') addon().setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, intOption(1));
  return fd;
}

function askForAncillary(fd: number, family: Family): void {
  const [level, ttl, info] = family === 'ipv4' ? [IPPROTO_IP, IP_RECVTTL, IP_PKTINFO] : [IPPROTO_IPV6, IPV6_RECVHOPLIMIT, IPV6_RECVPKTINFO];
  addon().setsockopt(fd, level, ttl, intOption(1));
  addon().setsockopt(fd, level, info, intOption(1));
}

/**
 * A socket that sends to one host from a port of its own (RFC 5881 §4).
 * @throws Error with `code`: ENETUNREACH without a route, EADDRNOTAVAIL when the source address is not the node's
 */
export function openSender(options: UdpSendOptions, random: () => number): UdpSender {
  const { remote, port, device, ttl } = options;
  const family = ipFamily(remote);
  const scope = scopeOf(options);
  const fd = openDatagram(family);
  let local: Ip;
  try {
    if (device !== undefined) addon().setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, new TextEncoder().encode(`${device}\0`));
    // What comes back to this port is nothing: BFD is received at the well-known ports.
    addon().setFilter(fd, DROP_ALL);
    setTtl(fd, family, ttl);
    if (family === 'ipv4') addon().setsockopt(fd, IPPROTO_IP, IP_TOS, intOption(CS6));
    else addon().setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, intOption(CS6));
    local = options.source ?? chosenSource(options);
    bindAnyPort(fd, local, isLinkLocal(local) ? scope : 0, random);
  } catch (error) {
    addon().close(fd);
    throw error;
  }
  const address = socketAddress(remote, port, scope);
  let isOpen = true;
  return {
    local,
    send(bytes) {
      if (!isOpen) return false;
      const sent = addon().send(fd, bytes, address);
      // An earlier packet's ICMP error, or the error of a link that was down, is told once by the next send.
      return sent >= 0 || addon().send(fd, bytes, address) >= 0;
    },
    close() {
      if (!isOpen) return;
      isOpen = false;
      addon().close(fd);
    },
  };
}

function setTtl(fd: number, family: Family, ttl: number): void {
  if (family === 'ipv4') addon().setsockopt(fd, IPPROTO_IP, IP_TTL, intOption(ttl));
  else addon().setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, intOption(ttl));
}

function scopeOf({ remote, scope }: UdpSendOptions): number {
  return scope !== undefined && isLinkLocal(remote) ? addon().ifindex(scope) : 0;
}

/** The address that the kernel's routes choose: connecting a datagram socket sends nothing. */
function chosenSource(options: UdpSendOptions): Ip {
  const { remote, port, device } = options;
  const fd = openDatagram(ipFamily(remote));
  try {
    if (device !== undefined) addon().setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, new TextEncoder().encode(`${device}\0`));
    addon().connect(fd, socketAddress(remote, port, scopeOf(options)));
    return readSocketAddress(addon().getsockname(fd))?.ip ?? anyAddress(ipFamily(remote));
  } finally {
    addon().close(fd);
  }
}

function bindAnyPort(fd: number, local: Ip, scope: number, random: () => number): void {
  const start = Math.floor(random() * PORTS);
  for (let attempt = 0; ; attempt++) {
    try {
      addon().bind(fd, socketAddress(local, FIRST_PORT + ((start + attempt) % PORTS), scope));
      return;
    } catch (error) {
      const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE';
      if (!isTaken || attempt >= PORT_TRIES) throw error;
    }
  }
}
