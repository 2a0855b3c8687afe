import type { TcpAo } from '../src/config/config.ts';
import type { Link } from '../src/layer2/link.ts';
import type { DefaultRoute } from '../src/net/defaultRoute.ts';
import type { Family, Ip } from '../src/net/ip.ts';
import type { Prefix } from '../src/net/prefix.ts';
import type { Mac } from '../src/net/mac.ts';

/** What the engine asks of the operating system; `speaker/io` does it, tests pretend to. */
export interface Hands {
  readonly tcp: TcpHands;
  readonly udp: UdpHands;
  readonly packets: PacketHands;
  readonly links: LinkHands;
  readonly routers: RouterHands;
  readonly routes: RouteHands;
}

/** One TCP connection, being made or up. After `close` nothing more is heard of it. */
export interface Connection {
  readonly send: (bytes: Uint8Array) => void;
  readonly close: (mode: 'flush' | 'abort') => void;
  /** Another TCP MD5 key from now on, in the place of the one it has. @returns false when the kernel did not take it */
  readonly setPassword: (password: string) => boolean;
}

/** May be called at any time, also before `dial` has returned. */
export interface ConnectionEvents {
  readonly up: (local: Ip, remote: Ip) => void;
  /** @param reason name of the errno */
  readonly failed: (reason: string) => void;
  readonly closed: (reason?: string) => void;
  readonly bytes: (data: Uint8Array) => void;
  /** Everything that was sent has left for the kernel. */
  readonly writable: () => void;
}

export interface DialOptions {
  readonly remote: Ip;
  readonly port: number;
  readonly source?: Ip;
  /** TCP MD5 (RFC 2385). */
  readonly password?: string;
  /** SO_BINDTODEVICE. */
  readonly device?: string;
  /** Interface of a link-local address. */
  readonly scope?: string;
  /** RFC 5082: the kernel drops what arrives with a smaller TTL or hop limit, from the handshake on. */
  readonly minTtl?: number;
  /** TTL or hop limit of what is sent; 255 where nothing is said. */
  readonly ttl?: number;
  /** In the place of TCP MD5. */
  readonly tcpAo?: TcpAoKey;
}

/** RFC 5925 §3.1: the one master key of a connection. */
export interface TcpAoKey extends TcpAo {
  readonly key: string;
}

export interface Accepted {
  readonly local: Ip;
  readonly remote: Ip;
  /** The interface of a link-local address. */
  readonly scope?: string;
  /** Of the listener that took it. */
  readonly device?: string;
  /** TTL or hop limit of its first segment; absent where the kernel does not tell. */
  readonly ttl?: number;
  /** Begins to hand out what arrives. */
  readonly accept: (events: Omit<ConnectionEvents, 'up' | 'failed'>, options?: Pick<DialOptions, 'minTtl' | 'ttl'>) => Connection;
  readonly refuse: () => void;
}

/** What connections from an address, or from any of a prefix, have to be signed with. */
export type ListenKey = { readonly address: Ip; readonly prefixLength?: number } & (
  | { readonly password: string }
  | { readonly tcpAo: TcpAoKey }
);

/** The name of a listener's key. */
export function listenKeyName({ address, prefixLength }: Pick<ListenKey, 'address' | 'prefixLength'>): string {
  return prefixLength === undefined ? address : `${address}/${prefixLength}`;
}

export interface Listener {
  /**
   * All the keys: the kernel drops an unsigned segment before anybody sees it.
   * @returns by name the errno of those that the kernel did not take; such a peer may come unsigned
   */
  readonly setKeys: (keys: readonly ListenKey[]) => ReadonlyMap<string, string>;
  readonly close: () => void;
}

export interface TcpHands {
  readonly dial: (options: DialOptions, events: ConnectionEvents) => Connection;
  /**
   * @param device listens there alone, beside the listener for all; absent: listens everywhere else
   * @throws Error with `code` when the port cannot be had, or there is no such device
   */
  readonly listen: (port: number, onConnection: (accepted: Accepted) => void, device?: string) => Promise<Listener>;
  /** Linux 6.7 and later, where it was built in. */
  readonly hasTcpAo: () => boolean;
  /** How many segments the kernel has dropped for their TTL, on all connections together. */
  readonly ttlDrops: () => number;
}

/** A UDP datagram with what the kernel told about its way here; `bytes` are valid only during the call. */
export interface Datagram {
  readonly bytes: Uint8Array;
  readonly source: Ip;
  readonly sourcePort: number;
  readonly destination?: Ip;
  readonly interfaceIndex?: number;
  /** TTL or hop limit on arrival. */
  readonly ttl?: number;
}

export interface UdpListenOptions {
  readonly family: Family;
  readonly port: number;
  /** SO_BINDTODEVICE: a VRF's packets reach only a socket that is bound to it. */
  readonly device?: string;
  /** Sockets of other devices are to have the same port beside this one. */
  readonly share?: boolean;
}

export interface UdpListener {
  readonly close: () => void;
}

export interface UdpSendOptions {
  readonly remote: Ip;
  readonly port: number;
  /** Absent: what the routes choose. */
  readonly source?: Ip;
  /** Interface of a link-local address. */
  readonly scope?: string;
  /** SO_BINDTODEVICE. */
  readonly device?: string;
  readonly ttl: number;
}

export interface UdpSender {
  readonly local: Ip;
  /** @returns false when the kernel did not take it */
  readonly send: (bytes: Uint8Array) => boolean;
  readonly close: () => void;
}

export interface UdpHands {
  /** @throws Error with `code` when the port cannot be had */
  readonly listen: (options: UdpListenOptions, onDatagram: (datagram: Datagram) => void) => UdpListener;
  /** @throws Error with `code` when there is no way there, or the source address is not this node's */
  readonly open: (options: UdpSendOptions) => UdpSender;
}

/** The ARP and NDP frames of one interface. It is bound to an index: a recreated interface needs a new one. */
export interface PacketEndpoint {
  /** What the kernel does not take is nobody's fault while an interface goes away. */
  readonly sendAll: (frames: readonly Uint8Array[]) => void;
  /** What frames are about that are heard; nothing else need be. */
  readonly watch: (ips: Iterable<Ip>) => void;
  /** The whole set of multicast groups to be a member of. */
  readonly join: (groups: ReadonlySet<Ip>) => void;
  readonly close: () => void;
}

/** Who hears what comes in by an interface. */
export interface FrameListener {
  /** Some frames have come, all that follow up to the next call. */
  readonly begin: () => void;
  /**
   * @param frame valid only during the call
   * @param answer where a frame may be written that answers it; it goes out with the answers to the others. 128 bytes
   * @returns how long it is; 0: there is none
   */
  readonly answer: (frame: Uint8Array, answer: Uint8Array) => number;
}

export interface PacketHands {
  /** @throws Error with `code` when the interface is gone */
  readonly open: (link: HostLink, listener: FrameListener) => PacketEndpoint;
}

/** An interface of this node and the addresses it holds. */
export interface HostLink extends Link {
  readonly addresses: readonly Ip[];
  /** What can be reached without a router, by its addresses. */
  readonly subnets?: readonly Prefix[];
  /** A port of a bond or a bridge: its master speaks for it. */
  readonly isPort: boolean;
  /** The VRF it is a member of. */
  readonly vrf?: string;
}

export interface LinkHands {
  /** Calls at once with all links, and again, whole, after every change. @returns a call that ends it */
  readonly watch: (onLinks: (links: readonly HostLink[]) => void) => () => void;
}

/** The routers of one interface that advertise themselves (RFC 4861). It is bound to an index: a recreated interface needs a new one. */
export interface RouterWatch {
  /** Asks the routers to tell of themselves now. */
  readonly solicit: () => void;
  /** Shows them that somebody is here who is no router. */
  readonly advertise: (mac: Mac) => void;
  readonly close: () => void;
}

export interface RouterHands {
  /**
   * @param onRouter gets the router's link-local address with each of its advertisements
   * @throws Error with `code` when the interface is gone
   */
  readonly watch: (name: string, onRouter: (router: Ip) => void) => RouterWatch;
}

export interface RouteHands {
  /**
   * Calls with the default routes of all routing tables, and again, whole, after every change. @returns a call that ends it
   * @throws Error with `code` when the kernel cannot be asked
   */
  readonly watch: (onRoutes: (routes: readonly DefaultRoute[]) => void) => () => void;
}
