import { type AddressInfo, type Socket, createServer } from 'node:net';
import type { Logger } from '../../src/host/log.ts';
import { type Ip, ipFamily } from '../../src/net/ip.ts';
import {
  type Accepted,
  type Connection,
  type ConnectionEvents,
  type DialOptions,
  type ListenKey,
  type Listener,
  type TcpHands,
  listenKeyName,
} from '../hands.ts';
import { codeOf } from './errno.ts';
import {
  type Ends,
  type Listener as TcpListener,
  changePassword,
  dial,
  endsOf,
  hasTcpAo,
  limitHops,
  listen,
  synTtl,
  ttlDrops,
} from './tcp.ts';

/** A session's last words (a NOTIFICATION) get this long to leave. */
const FLUSH_MS = 1500;
/** Of all that are still to leave: who comes and goes faster than that is told nothing. */
const MAX_LINGERING = 64;
/** Node.js reads this much at a time. */
const FULL_BYTES = 65_536;

export function tcpHands(log: Logger): TcpHands {
  return { dial: dialHand, listen: (port, onConnection, device) => listenHand(port, onConnection, device, log), hasTcpAo, ttlDrops };
}

function dialHand(options: DialOptions, events: ConnectionEvents): Connection {
  let socket: Socket;
  try {
    socket = dial(options);
  } catch (error) {
    // As any other failure: not before the caller holds the connection.
    setImmediate(() => events.failed(codeOf(error)));
    return { send: () => {}, close: () => {}, setPassword: () => true };
  }
  let up = false;
  let reason: string | undefined;
  const link = new Link(socket, options.remote, events);
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

/** Sockets that were closed from this side and have something left to say. */
let lingering = 0;

/** A socket as the engine holds it; silent once it was closed from this side. */
class Link implements Connection {
  open = true;
  readonly #socket: Socket;
  readonly #remote: Ip;
  readonly #events: Pick<ConnectionEvents, 'bytes' | 'writable'>;

  constructor(socket: Socket, remote: Ip, events: Pick<ConnectionEvents, 'bytes' | 'writable'>) {
    this.#socket = socket;
    this.#remote = remote;
    this.#events = events;
    socket.on('data', (data: Uint8Array) => {
      if (this.open) this.#events.bytes(data);
      if (data.length < FULL_BYTES || !this.open) return;
      // More is waiting. libuv would read on for many rounds before it looks at a timer or at another socket.
      socket.pause();
      setImmediate(() => void (this.open && socket.resume()));
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
    if (mode === 'abort' || lingering >= MAX_LINGERING) {
      this.#socket.destroy();
      return;
    }
    lingering++;
    this.#socket.once('close', () => lingering--);
    this.#socket.end();
    // What the peer still sends is of no interest, but reading it is what lets its FIN come through.
    this.#socket.resume();
    setTimeout(() => this.#socket.destroy(), FLUSH_MS).unref();
  };

  readonly setPassword = (password: string): boolean => changePassword(this.#socket, this.#remote, password);
}

type OnConnection = (accepted: Accepted) => void;

async function listenHand(port: number, onConnection: OnConnection, device: string | undefined, log: Logger): Promise<Listener> {
  const accept = (socket: Socket): void => {
    const ends = endsOf(socket);
    socket.on('error', () => {});
    if (ends === undefined) socket.destroy();
    else onConnection(acceptedHand(socket, ends, device));
  };
  const listeners: TcpListener[] = [await listen('ipv4', port, accept, device)];
  try {
    listeners.push(await listen('ipv6', port, accept, device));
  } catch (error) {
    // A node without IPv6: IPv4 alone is good.
    log.info({ code: codeOf(error) }, 'not listening on IPv6');
  }
  const keys = new Keys(listeners);
  return {
    setKeys: (wanted) => keys.set(wanted),
    close() {
      for (const listener of listeners) void listener.close();
    },
  };
}

/** A free port that can be reached from this machine alone, and takes one connection. @throws Error with `code` */
export async function listenOnLoopback(onConnection: OnConnection): Promise<{ readonly port: number; readonly close: () => void }> {
  const server = createServer({ noDelay: true }, (socket) => {
    server.close();
    const ends = endsOf(socket);
    socket.on('error', () => {});
    if (ends === undefined) socket.destroy();
    else onConnection(acceptedHand(socket, ends, undefined));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port: 0 }, resolve);
  });
  return { port: (server.address() as AddressInfo).port, close: () => void server.close() };
}

/** The keys that the kernel holds for one port. */
class Keys {
  readonly #listeners: readonly TcpListener[];
  readonly #held = new Map<string, ListenKey>();

  constructor(listeners: readonly TcpListener[]) {
    this.#listeners = listeners;
  }

  set(wanted: readonly ListenKey[]): Map<string, string> {
    const names = new Set(wanted.map(listenKeyName));
    for (const [name, key] of this.#held) if (!names.has(name)) this.#remove(name, key);
    const refused = new Map<string, string>();
    for (const key of wanted) {
      const name = listenKeyName(key);
      if (JSON.stringify(this.#held.get(name)) === JSON.stringify(key)) continue;
      const error = this.#add(name, key);
      if (error !== undefined) refused.set(name, error);
    }
    return refused;
  }

  /** What was not taken is tried again with the next plan. */
  #add(name: string, key: ListenKey): string | undefined {
    try {
      this.#listener(key)?.setKey(key);
      this.#held.set(name, key);
      return undefined;
    } catch (error) {
      return codeOf(error);
    }
  }

  #remove(name: string, key: ListenKey): void {
    this.#held.delete(name);
    try {
      this.#listener(key)?.removeKey(key);
    } catch {
      // There is none any more.
    }
  }

  #listener({ address }: ListenKey): TcpListener | undefined {
    return this.#listeners.find(({ family }) => family === ipFamily(address));
  }
}

function acceptedHand(socket: Socket, ends: Ends, device: string | undefined): Accepted {
  const family = ipFamily(ends.remote);
  const ttl = synTtl(socket, family);
  return {
    ...ends,
    ...(device === undefined ? {} : { device }),
    ...(ttl === undefined ? {} : { ttl }),
    accept(events, options = {}) {
      const link = new Link(socket, ends.remote, events);
      if (!limitHops(socket, family, options)) socket.destroy();
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
