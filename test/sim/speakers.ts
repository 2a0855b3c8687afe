import { type Logger, createLogger } from '../../src/host/log.ts';
import type { Contest } from '../../src/layer2/election.ts';
import { RankCache } from '../../src/layer2/elector.ts';
import { type Instant, instant } from '../../src/machine.ts';
import { type Ip, ipToBytes } from '../../src/net/ip.ts';
import type { Prefix } from '../../src/net/prefix.ts';
import { BROADCAST_MAC, type Mac, ZERO_MAC } from '../../src/net/mac.ts';
import { encodeArp } from '../../src/wire/arp.ts';
import { ETHER_TYPE, encodeEthernet } from '../../src/wire/ethernet.ts';
import type { Clock } from '../../speaker/clock.ts';
import type { PlanMessage } from '../../speaker/channel.ts';
import { Deadlines } from '../../speaker/deadlines.ts';
import { Engine, type EngineOptions } from '../../speaker/engine.ts';
import type { Datagram, Hands, HostLink } from '../../speaker/hands.ts';
import { NO_RECORDER } from '../../speaker/recorder.ts';

const CLIENT_MAC = '02:00:00:00:00:c1' as Mac;
const STRANGER_MAC = '02:00:00:00:00:ee' as Mac;
/** An answer is sent, and copied, before the next one is written. */
const OUT = new Uint8Array(128);
const LOG = createLogger({ level: 'silent', name: 'sim' });

/** Small, quick, and the same in every run of a seed. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What a client asks many thousand times in a history. */
const QUESTIONS = new Map<Ip, Uint8Array>();

/** A client's ARP request, which nobody changes. */
export function questionFor(vip: Ip): Uint8Array {
  const known = QUESTIONS.get(vip);
  if (known !== undefined) return known;
  const frame = encodeQuestion(vip);
  QUESTIONS.set(vip, frame);
  return frame;
}

function encodeQuestion(vip: Ip): Uint8Array {
  const payload = encodeArp({
    operation: 'request',
    senderMac: CLIENT_MAC,
    senderIp: '10.0.0.250' as Ip,
    targetMac: ZERO_MAC,
    targetIp: vip,
  });
  return encodeEthernet({ destination: BROADCAST_MAC, source: CLIENT_MAC, etherType: ETHER_TYPE.arp, payload });
}

/** An ARP request of another host (RFC 826). */
function isQuestionFor(frame: Uint8Array, address: Uint8Array): boolean {
  if (frame.length < 42 || frame[12] !== 8 || frame[13] !== 6 || frame[21] !== 1) return false;
  return holds(frame, 14 + 24, address) && !holds(frame, 14 + 14, address);
}

function holds(frame: Uint8Array, at: number, bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (frame[at + i] !== bytes[i]) return false;
  return true;
}

interface Task {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** Virtual time for everybody, and one segment that can be cut into parts. */
export class World {
  now = 1000;
  readonly random: () => number;
  readonly hosts: SimHost[] = [];
  readonly strangers: Stranger[] = [];
  #tasks: Task[] = [];
  #order = 0;
  /** Who answered the question that is being asked. */
  answers: Set<SimHost> | undefined;
  /** Of what is sent between hosts, how much is lost. */
  loss = 0;
  /** Of what is sent between hosts, how much comes twice, and how much later than it could: one may overtake another. */
  twice = 0;
  lateMs = 0;
  /** Gets what the speakers log, where somebody wants to read it. */
  onLog: ((node: string, line: string) => void) | undefined;
  /** Nobody is told of anything new, and who begins has no plan. */
  isApiDown = false;

  constructor(seed: number) {
    this.random = randomOf(seed);
  }

  /** @returns a call that prevents it */
  at(time: number, run: () => void): () => void {
    const task: Task = { at: Math.max(time, this.now), order: this.#order++, run };
    let low = 0;
    let high = this.#tasks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#tasks[middle]?.at ?? 0) <= task.at) low = middle + 1;
      else high = middle;
    }
    this.#tasks.splice(low, 0, task);
    return () => {
      const found = this.#tasks.indexOf(task);
      if (found >= 0) this.#tasks.splice(found, 1);
    };
  }

  runUntil(end: number): void {
    for (let task = this.#tasks[0]; task !== undefined && task.at <= end; task = this.#tasks[0]) {
      this.#tasks.shift();
      this.now = task.at;
      task.run();
    }
    this.now = end;
  }

  /** To everybody in the same part, after some hundred microseconds. */
  carry(from: SimHost, run: (to: SimHost) => void, isFor: (to: SimHost) => boolean): void {
    const loss = Math.max(this.loss, from.loss);
    for (const to of this.hosts) {
      if (to === from || !isFor(to) || !this.#reaches(from, to) || (loss > 0 && this.random() < loss)) continue;
      this.#deliver(from, to, run);
      if (this.twice > 0 && this.random() < this.twice) this.#deliver(from, to, run);
    }
  }

  #deliver(from: SimHost, to: SimHost, run: (to: SimHost) => void): void {
    const late = this.lateMs > 0 ? this.random() * this.lateMs : 0;
    this.at(this.now + 0.1 + this.random() * 0.9 + late, () => {
      if (this.#reaches(from, to)) to.input(() => run(to));
    });
  }

  #reaches(from: SimHost, to: SimHost): boolean {
    return from.part === to.part && !from.isMute && !to.isDeaf;
  }

  /** Who would answer the question for an address, in one part of the segment. */
  answering(vip: Ip, part: number): SimHost[] {
    const frame = questionFor(vip);
    const found = new Set<SimHost>();
    this.answers = found;
    for (const host of this.hosts) if (host.part === part && host.isRunning && !host.isDeaf && !host.isMute) host.answer(frame);
    this.answers = undefined;
    return [...found];
  }
}

/** A host of somebody else with an address of its own, that answers whoever asks for it. */
export class Stranger {
  isThere = true;
  readonly #world: World;
  readonly #ip: Ip;

  constructor(world: World, ip: Ip) {
    this.#world = world;
    this.#ip = ip;
    world.strangers.push(this);
  }

  hear(from: SimHost, frame: Uint8Array): void {
    if (!this.isThere || !isQuestionFor(frame, ipToBytes(this.#ip))) return;
    const payload = encodeArp({
      operation: 'reply',
      senderMac: STRANGER_MAC,
      senderIp: this.#ip,
      targetMac: from.mac,
      targetIp: from.address,
    });
    const reply = encodeEthernet({ destination: from.mac, source: STRANGER_MAC, etherType: ETHER_TYPE.arp, payload });
    this.#world.at(this.#world.now + 0.5, () => from.input(() => from.hear(reply)));
  }
}

/** One node and its speaker: the product's own engine on hands that reach into the {@link World}. */
export class SimHost {
  readonly world: World;
  readonly node: string;
  readonly address: Ip;
  readonly mac: Mac;
  readonly #bytes: Uint8Array;
  readonly #options: Partial<EngineOptions>;
  part = 0;
  /** A way that works in one direction only: nothing comes in, or nothing goes out. */
  isDeaf = false;
  isMute = false;
  /** Of what it sends, how much is lost. */
  loss = 0;
  /** Its interface has no address any more: the kernel neither takes nor sends what is for it. */
  #isStray = false;
  /** Of its interface; undefined: nothing is known of them. */
  subnets: readonly Prefix[] | undefined;
  /** By how much its clock goes before that of the world. */
  #skew = 0;
  /** Timers that are set, and when they are due by its clock. */
  readonly #wakes = new Map<() => void, number>();
  /** A firewall that lets no UDP of the mesh through. */
  isFiltered = false;
  /** Announcements sent. */
  frames = 0;
  engine: Engine | undefined;
  isFrozen = false;
  #life = 0;
  #hasMet = false;
  #onFrame: ((frame: Uint8Array) => void) | undefined;
  #onDatagram: ((datagram: Datagram) => void) | undefined;
  #setLinks: ((links: readonly HostLink[]) => void) | undefined;
  #waiting: (() => void)[] = [];
  #overdue: (() => void)[] = [];
  plan: PlanMessage | undefined;

  constructor(world: World, number: number, options: Partial<EngineOptions> = {}) {
    this.world = world;
    this.node = `node${number}`;
    this.address = `10.0.0.${number}` as Ip;
    this.#bytes = ipToBytes(this.address);
    this.mac = `02:00:00:00:01:${number.toString(16).padStart(2, '0')}` as Mac;
    this.#options = options;
    world.hosts.push(this);
  }

  get isRunning(): boolean {
    return this.engine !== undefined && !this.isFrozen;
  }

  /** One that has heard nobody asks Kubernetes, which here says that all are well. */
  get hasMet(): boolean {
    this.#hasMet ||= this.engine?.ownership.mesh.standings().some(({ wasUp }) => wasUp) === true;
    return this.#hasMet;
  }

  /** What comes in while it is frozen waits in its sockets. */
  input(run: () => void): void {
    if (this.engine === undefined) return;
    if (this.isFrozen) this.#waiting.push(run);
    else run();
  }

  hear(frame: Uint8Array): void {
    this.answer(frame);
    if (!this.#isStray && isQuestionFor(frame, this.#bytes)) this.#sayArp('reply', this.address);
  }

  /** The speaker alone, without the kernel of its node. */
  answer(frame: Uint8Array): void {
    this.#onFrame?.(frame);
  }

  datagram(bytes: Uint8Array, source: Ip): void {
    if (!this.#isStray) this.#onDatagram?.({ bytes, source, sourcePort: 50_000, ttl: 255 });
  }

  freeze(): void {
    this.isFrozen = true;
  }

  /** @param isLossy its sockets kept nothing: the whole machine stood still */
  thaw(isLossy = false): void {
    if (!this.isFrozen) return;
    this.isFrozen = false;
    const [waiting, overdue] = [isLossy ? [] : this.#waiting, this.#overdue];
    this.#waiting = [];
    this.#overdue = [];
    // As the event loop does it: first what is in the sockets, then the timers.
    for (const run of [...waiting, ...overdue]) run();
  }

  kill(): void {
    this.#life += 1;
    this.#hasMet = false;
    this.#wakes.clear();
    this.engine = undefined;
    this.isFrozen = false;
    this.#onFrame = undefined;
    this.#onDatagram = undefined;
    this.#waiting = [];
    this.#overdue = [];
  }

  /** SIGTERM. */
  terminate(): void {
    const { engine } = this;
    const life = this.#life;
    if (engine === undefined) return;
    engine.leave();
    const end = this.world.now + 1500;
    const check = (): void => {
      if (this.#life !== life) return;
      if (engine.layer2.partings() > 0 && this.world.now < end) this.world.at(this.world.now + 20, check);
      else {
        engine.stop('the end');
        this.kill();
      }
    };
    this.world.at(this.world.now + 20, check);
  }

  start(): void {
    this.kill();
    const clock = this.#clock();
    const parts = {
      hands: this.#hands(),
      clock,
      deadlines: new Deadlines(clock),
      random: this.world.random,
      recorder: NO_RECORDER,
      log: this.#log(),
      changed: () => undefined,
    };
    this.engine = new Engine(parts, { node: this.node, ...this.#options });
    void this.engine.start(0);
    this.setUp(true);
    if (this.plan !== undefined && !this.world.isApiDown) this.engine.apply(this.plan);
    this.#speakArp();
  }

  #log(): Logger {
    const { onLog } = this.world;
    if (onLog === undefined) return LOG;
    return createLogger({ level: 'debug', name: this.node, destination: { write: (line) => onLog(this.node, line) } });
  }

  #sayArp(operation: 'request' | 'reply', targetIp: Ip): void {
    const { mac, address, world } = this;
    const payload = encodeArp({ operation, senderMac: mac, senderIp: address, targetMac: ZERO_MAC, targetIp });
    const frame = encodeEthernet({ destination: BROADCAST_MAC, source: mac, etherType: ETHER_TYPE.arp, payload });
    world.carry(
      this,
      (to) => to.hear(frame),
      () => true,
    );
  }

  /** What the kernel does for the addresses of the nodes, which BFD makes it look for. */
  #speakArp(): void {
    const { world } = this;
    if (!this.#isStray) this.#sayArp('request', this.address);
    const life = this.#life;
    world.at(world.now + 3000, () => {
      if (this.#life === life) this.#speakArp();
    });
  }

  /** The carrier of the interface on which the VIPs are. */
  setUp(up: boolean): void {
    const subnets = this.subnets === undefined ? {} : { subnets: this.subnets };
    const link = {
      name: 'eth0',
      index: 2,
      mac: this.mac,
      up,
      arp: true,
      ndp: true,
      isPort: false,
      addresses: this.#isStray ? [] : [this.address],
      ...subnets,
    };
    this.#setLinks?.([link]);
  }

  stray(isStray: boolean): void {
    this.#isStray = isStray;
    this.setUp(true);
  }

  apply(plan: PlanMessage): void {
    this.plan = plan;
    // The worker has it from the API server, which tells it again.
    if (this.isFrozen) this.#overdue.push(() => this.engine?.apply(plan));
    else this.engine?.apply(plan);
  }

  #clock(): Clock {
    const life = this.#life;
    return {
      now: (): Instant => instant(this.world.now + this.#skew),
      wake: (delayMs, run) => {
        const wake = (): void => {
          if (!this.#wakes.delete(wake) || this.#life !== life) return;
          if (this.isFrozen) this.#overdue.push(run);
          else run();
        };
        this.#wakes.set(wake, this.world.now + this.#skew + Math.max(0, delayMs));
        const cancel = this.world.at(this.world.now + Math.max(0, delayMs), wake);
        return () => {
          this.#wakes.delete(wake);
          cancel();
        };
      },
    };
  }

  /** Its clock jumps ahead, as that of a virtual machine may: what was due in between is due now. */
  jump(ms: number): void {
    this.#skew += ms;
    for (const [wake, dueAt] of this.#wakes) if (dueAt <= this.world.now + this.#skew) wake();
  }

  #hands(): Hands {
    const { world } = this;
    const stop = (): void => undefined;
    return {
      tcp: {
        dial: () => ({ send: stop, close: stop, setPassword: () => true }),
        listen: () => Promise.resolve({ setKeys: () => new Map(), close: stop }),
        hasTcpAo: () => false,
        ttlDrops: () => 0,
      },
      udp: {
        listen: (_options, onDatagram) => {
          this.#onDatagram = onDatagram;
          return { close: stop };
        },
        open: ({ remote }) => ({
          local: this.address,
          close: stop,
          send: (bytes) => {
            if (this.isFiltered || this.#isStray) return !this.#isStray;
            const copy = bytes.slice();
            world.carry(
              this,
              (to) => to.datagram(copy, this.address),
              (to) => to.address === remote,
            );
            return true;
          },
        }),
      },
      packets: {
        open: (_link, listener) => {
          const send = (frame: Uint8Array): boolean => {
            if (world.answers !== undefined) {
              world.answers.add(this);
              return true;
            }
            this.frames += 1;
            const copy = frame.slice();
            for (const stranger of world.strangers) stranger.hear(this, copy);
            world.carry(
              this,
              (to) => to.hear(copy),
              () => true,
            );
            return true;
          };
          this.#onFrame = (frame) => {
            listener.begin();
            const length = listener.answer(frame, OUT);
            if (length > 0) send(OUT.subarray(0, length));
          };
          return { join: stop, watch: stop, close: stop, sendAll: (frames) => frames.forEach(send) };
        },
      },
      links: {
        watch: (onLinks) => {
          this.#setLinks = onLinks;
          return stop;
        },
      },
      routers: { watch: () => ({ solicit: stop, advertise: stop, close: stop }) },
      routes: { watch: () => stop },
    };
  }
}

const CACHE = new RankCache();

/** The plan of one node, for VIPs that all may own. */
export function planFor(
  host: SimHost,
  hosts: readonly SimHost[],
  vips: readonly Ip[],
  generation: number,
  draining: readonly string[] = [],
): PlanMessage {
  const nodes = hosts.map(({ node }) => node).toSorted();
  const ranks = new Float64Array(vips.flatMap((vip) => [...CACHE.ranks(nodes, vip)]));
  const tiers = nodes.map((node) => (draining.includes(node) ? 2 : 0));
  const contest: Contest = { policy: 'balanced', nodes, weights: nodes.map(() => 0), tiers, vips, ranks };
  const peers = hosts
    .filter((other) => other !== host)
    .map(({ node, address }) => ({ node, address, source: host.address, ready: true }))
    .toSorted((a, b) => (a.node < b.node ? -1 : 1));
  const layer2 = { candidacies: vips.map((ip) => ({ ip })), groups: vips, contests: [contest], peers };
  return { plan: { generation, node: host.node, peers: [], claims: [], layer2 }, fresh: [] };
}
