import { createLogger } from '../../src/host/log.ts';
import type { NodePlan, PeerPlan, PeerSession, RouteSet } from '../../src/announce/plan.ts';
import { type Instant, instant } from '../../src/machine.ts';
import type { DefaultRoute } from '../../src/net/defaultRoute.ts';
import type { Ip } from '../../src/net/ip.ts';
import type { Mac } from '../../src/net/mac.ts';
import type { Prefix } from '../../src/net/prefix.ts';
import type { NoteSent } from '../../speaker/changeTimes.ts';
import type { Clock } from '../../speaker/clock.ts';
import { Deadlines } from '../../speaker/deadlines.ts';
import { Engine } from '../../speaker/engine.ts';
import type {
  Accepted,
  Connection,
  ConnectionEvents,
  Datagram,
  DialOptions,
  FrameListener,
  Hands,
  HostLink,
  ListenKey,
  UdpListenOptions,
  UdpSendOptions,
} from '../../speaker/hands.ts';
import { NO_RECORDER, type Recorder } from '../../speaker/recorder.ts';

export const ip = (text: string): Ip => text as Ip;

/** Virtual time: nothing happens but by `advance`. */
export class FakeClock implements Clock {
  #now = 1000;
  #wakes: { readonly at: number; readonly run: () => void }[] = [];

  now = (): Instant => instant(this.#now);

  wake = (delayMs: number, run: () => void): (() => void) => {
    const wake = { at: this.#now + Math.max(0, delayMs), run };
    this.#wakes.push(wake);
    return () => {
      this.#wakes = this.#wakes.filter((other) => other !== wake);
    };
  };

  waiting(): number {
    return this.#wakes.length;
  }

  /** What is due by now, and nothing of what that brings about. */
  turn(): void {
    const due = this.#wakes.filter(({ at }) => at <= this.#now);
    this.#wakes = this.#wakes.filter((wake) => !due.includes(wake));
    for (const { run } of due) run();
  }

  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const next = this.#wakes.toSorted((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > end) break;
      this.#wakes = this.#wakes.filter((other) => other !== next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
    }
    this.#now = end;
  }
}

export interface FakeDial {
  readonly options: DialOptions;
  readonly events: ConnectionEvents;
  readonly sent: Uint8Array[];
  /** Set after it was made. */
  readonly passwords: string[];
  closed: 'flush' | 'abort' | undefined;
}

export interface FakeListener {
  readonly device: string | undefined;
  keys: readonly ListenKey[];
  open: boolean;
}

export interface FakeFinder {
  readonly name: string;
  readonly hear: (router: Ip) => void;
  solicits: number;
  readonly advertised: Mac[];
  open: boolean;
}

export interface FakePort {
  readonly link: HostLink;
  readonly sent: Uint8Array[];
  readonly hear: (frame: Uint8Array) => void;
  groups: ReadonlySet<Ip>;
  open: boolean;
}

export interface FakeSender {
  readonly options: UdpSendOptions;
  readonly sent: Uint8Array[];
  open: boolean;
}

export interface FakeUdpPort {
  readonly options: UdpListenOptions;
  readonly hear: (datagram: Datagram) => void;
  open: boolean;
}

/** Sockets and interfaces that only remember. */
export class FakeHands implements Hands {
  readonly dials: FakeDial[] = [];
  readonly ports: FakePort[] = [];
  readonly listeners: FakeListener[] = [];
  failListen: ReadonlyMap<string, string> = new Map();
  refusedKeys: ReadonlyMap<string, string> = new Map();
  tcpAo = false;
  ttlDrops = 0;
  connect: (accepted: Accepted) => void = () => undefined;
  setLinks: (links: readonly HostLink[]) => void = () => undefined;
  failOpen: string | undefined;
  /** What leaves by an interface or by UDP, as it leaves. */
  onFrame: (port: FakePort, frame: Uint8Array) => void = () => undefined;
  onDatagram: (sender: FakeSender, bytes: Uint8Array) => void = () => undefined;
  /** Whether a live connection can get another key. */
  takesPasswords = true;

  tcp = {
    dial: (options: DialOptions, events: ConnectionEvents): Connection => {
      const dial: FakeDial = { options, events, sent: [], passwords: [], closed: undefined };
      this.dials.push(dial);
      return {
        send: (bytes) => {
          dial.sent.push(bytes.slice());
        },
        close: (mode) => {
          dial.closed = mode;
        },
        setPassword: (password) => {
          dial.passwords.push(password);
          return this.takesPasswords;
        },
      };
    },
    listen: async (_port: number, onConnection: (accepted: Accepted) => void, device?: string) => {
      await Promise.resolve();
      const error = this.failListen.get(device ?? '');
      if (error !== undefined) throw Object.assign(new Error(error), { code: error });
      const listener: FakeListener = { device, keys: [], open: true };
      this.listeners.push(listener);
      if (device === undefined) this.connect = onConnection;
      return {
        setKeys: (keys: readonly ListenKey[]) => {
          listener.keys = keys;
          return this.refusedKeys;
        },
        close: () => {
          listener.open = false;
        },
      };
    },
    hasTcpAo: () => this.tcpAo,
    ttlDrops: () => this.ttlDrops,
  };

  readonly senders: FakeSender[] = [];
  readonly udpPorts: FakeUdpPort[] = [];
  /** The source address that the routes choose. */
  udpLocal = ip('192.0.2.1');
  failUdpListen: string | undefined;
  failUdpOpen: string | undefined;

  udp = {
    listen: (options: UdpListenOptions, onDatagram: (datagram: Datagram) => void) => {
      if (this.failUdpListen !== undefined) throw Object.assign(new Error(this.failUdpListen), { code: this.failUdpListen });
      const port: FakeUdpPort = { options, hear: onDatagram, open: true };
      this.udpPorts.push(port);
      return {
        close: () => {
          port.open = false;
        },
      };
    },
    open: (options: UdpSendOptions) => {
      if (this.failUdpOpen !== undefined) throw Object.assign(new Error(this.failUdpOpen), { code: this.failUdpOpen });
      const sender: FakeSender = { options, sent: [], open: true };
      this.senders.push(sender);
      return {
        local: options.source ?? this.udpLocal,
        send: (bytes: Uint8Array) => {
          sender.sent.push(bytes.slice());
          this.onDatagram(sender, bytes.slice());
          return true;
        },
        close: () => {
          sender.open = false;
        },
      };
    },
  };

  packets = {
    open: (link: HostLink, listener: FrameListener) => {
      if (this.failOpen !== undefined) throw Object.assign(new Error(this.failOpen), { code: this.failOpen });
      const hear = (frame: Uint8Array): void => {
        const answer = new Uint8Array(128);
        listener.begin();
        const length = listener.answer(frame, answer);
        if (length > 0) send(answer.slice(0, length));
      };
      const port: FakePort = { link, sent: [], hear, groups: new Set(), open: true };
      const send = (frame: Uint8Array): boolean => {
        port.sent.push(frame.slice());
        this.onFrame(port, frame.slice());
        return true;
      };
      this.ports.push(port);
      return {
        sendAll: (frames: readonly Uint8Array[]) => frames.forEach(send),
        watch: () => undefined,
        join: (groups: ReadonlySet<Ip>) => {
          port.groups = new Set(groups);
        },
        close: () => {
          port.open = false;
        },
      };
    },
  };

  readonly finders: FakeFinder[] = [];

  routers = {
    watch: (name: string, onRouter: (router: Ip) => void) => {
      const finder: FakeFinder = { name, hear: onRouter, solicits: 0, advertised: [], open: true };
      this.finders.push(finder);
      return {
        solicit: () => {
          finder.solicits += 1;
        },
        advertise: (mac: Mac) => void finder.advertised.push(mac),
        close: () => {
          finder.open = false;
        },
      };
    },
  };

  /** How many watch the default routes. */
  routeWatches = 0;
  setRoutes: (routes: readonly DefaultRoute[]) => void = () => undefined;
  failRoutes: string | undefined;

  routes = {
    watch: (onRoutes: (routes: readonly DefaultRoute[]) => void) => {
      if (this.failRoutes !== undefined) throw Object.assign(new Error(this.failRoutes), { code: this.failRoutes });
      this.routeWatches += 1;
      this.setRoutes = onRoutes;
      return () => {
        this.routeWatches -= 1;
      };
    },
  };

  links = {
    watch: (onLinks: (links: readonly HostLink[]) => void) => {
      this.setLinks = onLinks;
      return () => undefined;
    },
  };
}

export const ETH0: HostLink = {
  name: 'eth0',
  index: 2,
  mac: '02:00:00:00:00:01' as Mac,
  up: true,
  arp: true,
  ndp: true,
  isPort: false,
  addresses: [ip('192.0.2.1'), ip('2001:db8::1'), ip('fe80::1')],
};

interface StartOptions {
  readonly recorder?: Recorder;
  readonly exclude?: RegExp;
  readonly sent?: NoteSent;
  /** Of several engines that live at the same time. */
  readonly clock?: FakeClock;
  readonly node?: string;
}

export function startEngine(options: StartOptions = {}) {
  const clock = options.clock ?? new FakeClock();
  const hands = new FakeHands();
  const changes = { count: 0 };
  const parts = {
    hands,
    clock,
    deadlines: new Deadlines(clock),
    random: () => 0.5,
    recorder: options.recorder ?? NO_RECORDER,
    log: createLogger({ level: 'silent', name: 'test' }),
    changed: () => {
      changes.count += 1;
    },
    ...(options.sent === undefined ? {} : { sent: options.sent }),
  };
  const engine = new Engine(parts, {
    node: options.node ?? 'node1',
    ...(options.exclude === undefined ? {} : { exclude: options.exclude }),
  });
  return { engine, clock, hands, changes };
}

export const SESSION: PeerSession = {
  myAsn: 64512,
  peerAsn: 64513,
  address: ip('192.0.2.254'),
  port: 179,
  holdTimeMs: 90_000,
  keepaliveTimeMs: 30_000,
  routerId: ip('192.0.2.1'),
  families: ['ipv4'],
  ebgpMultiHop: false,
  gracefulRestart: false,
};

export function peerPlan(name: string, prefixes: readonly string[] = [], session: Partial<PeerSession> = {}): PeerPlan<RouteSet> {
  const routes = prefixes.length === 0 ? [] : [{ attributes: { communities: [], largeCommunities: [] }, prefixes: prefixes as Prefix[] }];
  return { name, session: { ...SESSION, ...session }, routes };
}

export function nodePlan(generation: number, peers: readonly PeerPlan<RouteSet>[], claims: NodePlan['claims'] = []): NodePlan {
  return { generation, node: 'node1', peers, claims };
}
