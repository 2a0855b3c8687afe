import type { Link } from '../src/layer2/link.ts';
import type { Family, Ip } from '../src/net/ip.ts';

/** What the engine asks of the operating system; `speaker/io` does it, tests pretend to. */
export interface Hands {
  readonly tcp: TcpHands;
  readonly udp: UdpHands;
  readonly packets: PacketHands;
  readonly links: LinkHands;
}

/** One TCP connection, being made or up. After `close` nothing more is heard of it. */
export interface Connection {
  readonly send: (bytes: Uint8Array) => void;
  readonly close: (mode: 'flush' | 'abort') => void;
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
}

export interface Accepted {
  readonly local: Ip;
  readonly remote: Ip;
  /** Begins to hand out what arrives. */
  readonly accept: (events: Omit<ConnectionEvents, 'up' | 'failed'>) => Connection;
  readonly refuse: () => void;
}

export interface Listener {
  /** The MD5 keys of all peers, by address: the kernel drops an unsigned segment before anybody sees it. */
  readonly setPasswords: (passwords: ReadonlyMap<Ip, string>) => void;
  readonly close: () => void;
}

export interface TcpHands {
  readonly dial: (options: DialOptions, events: ConnectionEvents) => Connection;
  /** @throws Error with `code` when the port cannot be had */
  readonly listen: (port: number, onConnection: (accepted: Accepted) => void) => Promise<Listener>;
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
  /** @returns false when the kernel did not take it; that is nobody's fault while an interface goes away */
  readonly send: (frame: Uint8Array) => boolean;
  /** The whole set of multicast groups to be a member of. */
  readonly join: (groups: ReadonlySet<Ip>) => void;
  readonly close: () => void;
}

export interface PacketHands {
  /** @param onFrame the frame is valid only during the call. @throws Error with `code` when the interface is gone */
  readonly open: (link: HostLink, onFrame: (frame: Uint8Array) => void) => PacketEndpoint;
}

/** An interface of this node and the addresses it holds. */
export interface HostLink extends Link {
  readonly addresses: readonly Ip[];
  /** A port of a bond or a bridge: its master speaks for it. */
  readonly isPort: boolean;
}

export interface LinkHands {
  /** Calls at once with all links, and again, whole, after every change. @returns a call that ends it */
  readonly watch: (onLinks: (links: readonly HostLink[]) => void) => () => void;
}
