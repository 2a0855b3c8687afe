import type { Socket } from 'node:net';
import type { Ip } from '../../src/net/ip.ts';
import type { Logger } from '../../src/host/log.ts';
import type {
  Accepted,
  Connection,
  ConnectionEvents,
  DialOptions,
  Hands,
  HostLink,
  LinkHands,
  Listener,
  PacketHands,
  TcpHands,
} from '../hands.ts';
import type { LinkState } from './linkTable.ts';
import { watchLinks } from './links.ts';
import { type MulticastGroups, joinGroups } from './multicast.ts';
import { openPackets } from './packet.ts';
import { type Listener as TcpListener, dial, endsOf, listen } from './tcp.ts';
import { listenUdp, openSender } from './udp.ts';

/** A session's last words (a NOTIFICATION) get this long to leave. */
const FLUSH_MS = 1500;

/** The operating system, for the engine. */
export function createHands(log: Logger): Hands {
  const groups = joinGroups((error) => log.warn({ code: codeOf(error) }, 'cannot join a multicast group'));
  return {
    tcp: tcpHands(log),
    udp: { listen: listenUdp, open: (options) => openSender(options, Math.random) },
    packets: packetHands(groups),
    links: linkHands(),
  };
}

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}

function tcpHands(log: Logger): TcpHands {
  return { dial: dialHand, listen: (port, onConnection) => listenHand(port, onConnection, log) };
}

function dialHand(options: DialOptions, events: ConnectionEvents): Connection {
  let socket: Socket;
  try {
    socket = dial(options);
  } catch (error) {
    // As any other failure: not before the caller holds the connection.
    setImmediate(() => events.failed(codeOf(error)));
    return { send: () => {}, close: () => {} };
  }
  let up = false;
  let reason: string | undefined;
  const link = new Link(socket, events);
  socket.once('connect', () => {
    const ends = endsOf(socket);
    if (ends === undefined || !link.open) return;
    up = true;
    events.up(ends.local, ends.remote);
  });
  socket.on('error', (error) => {
    reason = codeOf(error);
  });
  socket.once('close', () => {
    if (!link.open) return;
    link.open = false;
    if (up) events.closed(reason);
    else events.failed(reason ?? 'closed');
  });
  return link;
}

/** A socket as the engine holds it; silent once it was closed from this side. */
class Link implements Connection {
  open = true;
  readonly #socket: Socket;
  readonly #events: Pick<ConnectionEvents, 'bytes' | 'writable'>;

  constructor(socket: Socket, events: Pick<ConnectionEvents, 'bytes' | 'writable'>) {
    this.#socket = socket;
    this.#events = events;
    socket.on('data', (data: Uint8Array) => {
      if (this.open) this.#events.bytes(data);
    });
  }

  readonly send = (bytes: Uint8Array): void => {
    if (!this.open) return;
    this.#socket.write(bytes, () => {
      if (this.open && this.#socket.writableLength === 0) this.#events.writable();
    });
  };

  readonly close = (mode: 'flush' | 'abort'): void => {
    if (!this.open) return;
    this.open = false;
    if (mode === 'abort') {
      this.#socket.destroy();
      return;
    }
    this.#socket.end();
    // What the peer still sends is of no interest, but reading it is what lets its FIN come through.
    this.#socket.resume();
    setTimeout(() => this.#socket.destroy(), FLUSH_MS).unref();
  };
}

async function listenHand(port: number, onConnection: (accepted: Accepted) => void, log: Logger): Promise<Listener> {
  const accept = (socket: Socket): void => {
    const ends = endsOf(socket);
    socket.on('error', () => {});
    if (ends === undefined) socket.destroy();
    else onConnection(acceptedHand(socket, ends));
  };
  const listeners: TcpListener[] = [await listen('ipv4', port, accept)];
  try {
    listeners.push(await listen('ipv6', port, accept));
  } catch (error) {
    // A node without IPv6: IPv4 alone is good.
    log.info({ code: codeOf(error) }, 'not listening on IPv6');
  }
  const keys = new Map<Ip, string>();
  /** @returns whether every listener took it; a key that was not taken is tried again with the next plan */
  const setKey = (peer: Ip, password: string | undefined): boolean =>
    listeners
      .map((listener) => {
        try {
          listener.setKey(peer, password);
          return true;
        } catch (error) {
          if (password !== undefined) log.warn({ peer, code: codeOf(error) }, 'cannot set the TCP MD5 key');
          return false;
        }
      })
      .every(Boolean);
  return {
    setPasswords(passwords) {
      for (const peer of keys.keys()) {
        if (passwords.has(peer)) continue;
        setKey(peer, undefined);
        keys.delete(peer);
      }
      for (const [peer, password] of passwords) {
        if (keys.get(peer) !== password && setKey(peer, password)) keys.set(peer, password);
      }
    },
    close() {
      for (const listener of listeners) void listener.close();
    },
  };
}

function acceptedHand(socket: Socket, ends: { readonly local: Ip; readonly remote: Ip }): Accepted {
  return {
    ...ends,
    accept(events) {
      const link = new Link(socket, events);
      socket.once('close', () => {
        if (!link.open) return;
        link.open = false;
        events.closed();
      });
      return link;
    },
    refuse: () => void socket.destroy(),
  };
}

function packetHands(groups: MulticastGroups): PacketHands {
  const joined = new Map<string, ReadonlySet<Ip>>();
  const apply = (): void => groups.set([...joined].flatMap(([name, set]) => [...set].map((ip) => ({ ip, interface: name }))));
  return {
    open(link, onFrame) {
      const endpoint = openPackets({ index: link.index, onFrame });
      return {
        send: (frame) => endpoint.send(frame),
        join(wanted) {
          joined.set(link.name, wanted);
          apply();
        },
        close() {
          endpoint.close();
          if (joined.delete(link.name)) apply();
        },
      };
    },
  };
}

function linkHands(): LinkHands {
  return {
    watch(onLinks) {
      const watcher = watchLinks((links) => onLinks(hostLinks(links)));
      return () => watcher.close();
    },
  };
}

function hostLinks(links: readonly LinkState[]): HostLink[] {
  const kinds = new Map(links.map((link) => [link.index, link.kind]));
  return links.flatMap((link) => {
    if (link.mac === undefined) return [];
    const resolves = !link.loopback && !link.noarp && !link.pointToPoint;
    return [
      {
        name: link.name,
        index: link.index,
        mac: link.mac,
        up: link.up && link.running,
        arp: resolves && link.broadcast,
        ndp: resolves && link.multicast,
        addresses: link.addresses.filter((address) => !address.tentative && !address.dadFailed).map(({ ip }) => ip),
        // The frames of a bridge's or bond's port are its master's; a member of a VRF speaks for itself.
        isPort: link.master !== undefined && kinds.get(link.master) !== 'vrf',
      },
    ];
  });
}
