import type { Ip } from '../../src/net/ip.ts';
import type { Mac } from '../../src/net/mac.ts';
import {
  ROUTER_ADVERTISEMENT,
  advertisingRouter,
  encodeRouterAdvertisement,
  encodeRouterSolicitation,
} from '../../src/wire/routerDiscovery.ts';
import type { RouterWatch } from '../hands.ts';
import { type ReaderHandle, addon } from '../native/addon.ts';
import {
  AF_INET6,
  ICMPV6_FILTER,
  IPPROTO_ICMPV6,
  IPPROTO_IPV6,
  IPV6_MULTICAST_HOPS,
  IPV6_MULTICAST_LOOP,
  IPV6_RECVHOPLIMIT,
  SOCK_RAW,
  SOL_SOCKET,
  SO_BINDTODEVICE,
} from './constants.ts';
import { readDatagrams } from './datagrams.ts';
import { intOption, socketAddress } from './sockaddr.ts';

const ALL_NODES = 'ff02::1' as Ip;
const ALL_ROUTERS = 'ff02::2' as Ip;
/** A Router Advertisement with many options; it is never fragmented. */
const MAX_MESSAGE = 1536;

/**
 * Hears the routers of one interface (RFC 4861 §6.1.2). Every host is a member of the group that they advertise to.
 * @throws Error with `code`: ENODEV without the interface, EPERM without CAP_NET_RAW
 */
export function watchRouters(name: string, onRouter: (router: Ip) => void): RouterWatch {
  const io = addon();
  const index = io.ifindex(name);
  const fd = io.socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
  let reader: ReaderHandle;
  try {
    io.setsockopt(fd, IPPROTO_ICMPV6, ICMPV6_FILTER, onlyAdvertisements());
    io.setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, new TextEncoder().encode(`${name}\0`));
    io.setsockopt(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, intOption(1));
    io.setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, intOption(255));
    io.setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, intOption(0));
    reader = readDatagrams(fd, MAX_MESSAGE, ({ bytes, source, ttl: hopLimit }) => {
      const router = advertisingRouter({ bytes, source, hopLimit });
      if (router !== undefined) onRouter(router);
    });
  } catch (error) {
    io.close(fd);
    throw error;
  }
  let isOpen = true;
  // While the link is down nobody hears it; it is sent again.
  const send = (bytes: Uint8Array, group: Ip): void => {
    if (isOpen) io.send(fd, bytes, socketAddress(group, 0, index));
  };
  return {
    solicit: () => send(encodeRouterSolicitation(), ALL_ROUTERS),
    advertise: (mac: Mac) => send(encodeRouterAdvertisement(mac), ALL_NODES),
    close() {
      if (!isOpen) return;
      isOpen = false;
      io.stopReader(reader);
      io.close(fd);
    },
  };
}

/** struct icmp6_filter: a bit that is set keeps that type away. */
function onlyAdvertisements(): Uint8Array {
  const types = new Uint32Array(8).fill(0xffffffff);
  const word = ROUTER_ADVERTISEMENT >> 5;
  types[word] = (types[word] ?? 0) & ~(1 << (ROUTER_ADVERTISEMENT & 31));
  return new Uint8Array(types.buffer);
}
