import type { Ip } from '../../src/net/ip.ts';
import type { Mac } from '../../src/net/mac.ts';
import {
  ROUTER_ADVERTISEMENT,
  advertisingRouter,
  encodeRouterAdvertisement,
  encodeRouterSolicitation,
} from '../../src/wire/routerDiscovery.ts';
import type { RouterWatch } from '../hands.ts';
import { READER_BATCH, type ReaderHandle, addon } from '../native/addon.ts';
import { ANCILLARY_SIZE, readAncillary } from './ancillary.ts';
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
import { intOption, readSocketAddress, socketAddress } from './sockaddr.ts';

const ALL_NODES = 'ff02::1' as Ip;
const ALL_ROUTERS = 'ff02::2' as Ip;
/** A Router Advertisement with many options; it is never fragmented. */
const MAX_MESSAGE = 1536;
const ADDRESS_SIZE = 28;

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
    reader = readMessages(fd, onRouter);
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

function readMessages(fd: number, onRouter: (router: Ip) => void): ReaderHandle {
  const bytes = new Uint8Array(READER_BATCH * MAX_MESSAGE);
  const lengths = new Uint32Array(READER_BATCH);
  const addresses = new Uint8Array(READER_BATCH * ADDRESS_SIZE);
  const stride = ANCILLARY_SIZE + Uint32Array.BYTES_PER_ELEMENT;
  const controls = new Uint8Array(READER_BATCH * stride);
  const controlLengths = new Uint32Array(controls.buffer);
  return addon().startReader(fd, bytes, new Uint8Array(lengths.buffer), addresses, controls, (count) => {
    for (let position = 0; position < count; position++) {
      const length = lengths[position] ?? 0;
      const source = readSocketAddress(addresses.subarray(position * ADDRESS_SIZE, (position + 1) * ADDRESS_SIZE));
      if (source === undefined || length > MAX_MESSAGE) continue;
      const control = position * stride + Uint32Array.BYTES_PER_ELEMENT;
      const controlLength = Math.min(ANCILLARY_SIZE, controlLengths[(position * stride) / Uint32Array.BYTES_PER_ELEMENT] ?? 0);
      const { ttl: hopLimit } = readAncillary(controls.subarray(control, control + controlLength));
      const message = bytes.subarray(position * MAX_MESSAGE, position * MAX_MESSAGE + length);
      const router = advertisingRouter({ bytes: message, source: source.ip, hopLimit });
      if (router !== undefined) onRouter(router);
    }
  });
}
