import { type AddressInfo, type Server, type Socket, createServer } from 'node:net';
import { hostname } from 'node:os';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PeerSession } from '../../src/announce/plan.ts';
import { createLogger } from '../../src/host/log.ts';
import type { Capability } from '../../src/wire/bgp/capability.ts';
import { createFramer, feedFramer, nextMessage } from '../../src/wire/bgp/framer.ts';
import { UpdateError } from '../../src/wire/bgp/iana.ts';
import { isMalformed } from '../../src/wire/bgp/malformed.ts';
import { type Message, decodeMessage, encodeMessage } from '../../src/wire/bgp/message.ts';
import type { Open } from '../../src/wire/bgp/open.ts';
import { nlriPrefixes } from '../../src/wire/bgp/nlri.ts';
import { realClock } from '../../speaker/clock.ts';
import { Deadlines } from '../../speaker/deadlines.ts';
import { Engine } from '../../speaker/engine.ts';
import { createHands } from '../../speaker/io/realHands.ts';
import { NO_RECORDER } from '../../speaker/recorder.ts';
import { until } from '../support/until.ts';
import { THEIRS, ip, planOf, routes } from './plans.ts';

/*
 * What an OPEN says, and what becomes of it where a router does not like it: the real engine dials, over TCP, a router that answers as
 * the test has it answer.
 */

const VIP = '192.0.2.1/32';
const NODE = 'node-with-a-telling-name';

/** @returns what the router answers to the nth OPEN */
type Answer = (open: Open, nth: number) => readonly Message[];

const [OPEN, KEEPALIVE] = [
  (capabilities: readonly Capability[]): Message => ({
    type: 'open',
    asn: THEIRS.asn,
    holdTimeSeconds: 90,
    routerId: ip(THEIRS.ipv4),
    capabilities,
  }),
  { type: 'keepalive' },
] as const;

const refusal = (subcode: number, ...data: number[]): Message => ({ type: 'notification', code: 2, subcode, data: Uint8Array.from(data) });

/** The router's side of all connections, one after the other. */
class Router {
  readonly opens: Open[] = [];
  readonly prefixes: string[] = [];
  readonly paths: unknown[] = [];
  bytes: Buffer = Buffer.alloc(0);
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(answer: Answer) {
    this.#server = createServer((socket) => this.#serve(socket, answer));
  }

  static async start(answer: Answer): Promise<Router> {
    const router = new Router(answer);
    await new Promise<void>((resolve) => void router.#server.listen(0, '127.0.0.1', () => resolve()));
    return router;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Codes of the capabilities in each OPEN, in their order. */
  types(): string[][] {
    return this.opens.map(({ capabilities }) => capabilities.map(({ type }) => type));
  }

  stop(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #serve(socket: Socket, answer: Answer): void {
    const framer = createFramer();
    let as4 = false;
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (data: Buffer) => {
      this.bytes = Buffer.concat([this.bytes, data]);
      feedFramer(framer, data);
      for (let bytes = nextMessage(framer); bytes !== undefined; bytes = nextMessage(framer)) {
        const message = isMalformed(bytes) ? bytes : decodeMessage(bytes, { as4, ebgp: true, addPath: [], extended: false });
        if (isMalformed(message)) throw new Error(`malformed: ${JSON.stringify(message)}`);
        if (message.type === 'update') this.#learn(message);
        if (message.type !== 'open') continue;
        this.opens.push(message);
        for (const each of answer(message, this.opens.length)) {
          if (each.type === 'open') as4 = each.capabilities.some(({ type }) => type === 'fourOctetAs');
          socket.write(encodeMessage(each));
          if (each.type === 'notification') socket.end();
        }
      }
    });
  }

  #learn(update: Extract<Message, { type: 'update' }>): void {
    // That the next hop is the loopback is this test's fault.
    if (update.faults.some(({ subcode }) => subcode !== UpdateError.invalidNextHop))
      throw new Error(`faults: ${JSON.stringify(update.faults)}`);
    const path = update.attributes.find(({ type }) => type === 'asPath');
    for (const { prefix } of nlriPrefixes(update.nlri)) {
      this.prefixes.push(prefix);
      this.paths.push(path);
    }
  }
}

let router: Router;
let engine: Engine;

beforeEach(async () => {
  const log = createLogger({ level: 'silent', name: 'test' });
  const clock = realClock;
  const parts = { hands: createHands(log), clock, deadlines: new Deadlines(clock), random: Math.random, recorder: NO_RECORDER, log };
  engine = new Engine({ ...parts, changed: () => undefined }, { node: NODE });
  await engine.start(0);
});

afterEach(() => {
  engine.stop('bye');
  router.stop();
});

async function session(answer: Answer, more: Partial<PeerSession> = {}): Promise<void> {
  router = await Router.start(answer);
  const plan = planOf({ address: ip('127.0.0.1'), port: router.port, families: ['ipv4'], holdTimeMs: 90_000, ...more }, routes({}, VIP));
  engine.apply({ plan, fresh: [] });
}

const hasRoute = (): Promise<unknown> => until('the route', () => router.prefixes.includes(VIP), 30_000, 20);
const state = (): string | undefined => engine.report().peers[0]?.state;

describe('a router that refuses what is offered (RFC 5492 §3)', () => {
  const MP4: Capability = { type: 'multiprotocol', afi: 1, safi: 1 };

  it('Unsupported Optional Parameter: an OPEN without any, and a session as in RFC 4271', async () => {
    await session((open) => (open.capabilities.length > 0 ? [refusal(4)] : [OPEN([]), KEEPALIVE]));
    await hasRoute();
    expect(router.types()[0]).toContain('multiprotocol');
    expect(router.types().slice(1)).toEqual([[]]);
    expect(router.paths).toEqual([{ type: 'asPath', segments: [{ kind: 'sequence', asns: [64_512] }] }]);
    await until('our report', () => state() === 'Established', 5_000);
  }, 60_000);

  it('Unsupported Capability with its code: an OPEN without that one', async () => {
    const has = (open: Open, type: string): boolean => open.capabilities.some((capability) => capability.type === type);
    await session((open) => {
      if (has(open, 'extendedMessage')) return [refusal(7, 6, 0)];
      return has(open, 'enhancedRouteRefresh') ? [refusal(7, 70, 0)] : [OPEN([MP4, { type: 'fourOctetAs', asn: THEIRS.asn }]), KEEPALIVE];
    });
    await hasRoute();
    expect(router.types()).toEqual([
      ['multiprotocol', 'routeRefresh', 'extendedMessage', 'fourOctetAs', 'enhancedRouteRefresh'],
      ['multiprotocol', 'routeRefresh', 'fourOctetAs', 'enhancedRouteRefresh'],
      ['multiprotocol', 'routeRefresh', 'fourOctetAs'],
    ]);
  }, 60_000);

  it('Unsupported Capability without a word: an OPEN with what a session cannot do without', async () => {
    const answer: Answer = (open) => (open.capabilities.length > 2 ? [refusal(7)] : [OPEN([MP4]), KEEPALIVE]);
    await session(answer, { gracefulRestart: true });
    await hasRoute();
    expect(router.types().slice(1)).toEqual([['multiprotocol', 'fourOctetAs']]);
  }, 60_000);

  it('an AS number that needs four octets is never offered without its capability', async () => {
    await session((open) => [refusal(open.capabilities.length > 2 ? 7 : 4)], { myAsn: 4_200_000_001 });
    await until('a second try', () => router.opens.length >= 2, 30_000);
    expect(router.types().every((types) => types.includes('fourOctetAs'))).toBe(true);
    expect(router.opens.map(({ asn }) => asn).every((asn) => asn === 23_456)).toBe(true);
  }, 60_000);
});

describe('a router that says what nobody knows', () => {
  const unknown = (code: number, length: number): Capability => ({ type: 'unknown', code, value: new Uint8Array(length).fill(0xa5) });

  it.each<[string, Capability[]]>([
    ['the route refresh of before RFC 2918', [unknown(128, 0)]],
    ['its host name, software and paths limit', [unknown(73, 40), unknown(75, 20), unknown(76, 10)]],
    ['capabilities of the future, empty and as long as can be', [unknown(239, 0), unknown(200, 200), unknown(254, 2)]],
    ['the same one twice', [unknown(131, 1), unknown(131, 1)]],
  ])(
    '%s: it is read over, and the session comes up',
    async (_, capabilities) => {
      const known: Capability[] = [
        { type: 'multiprotocol', afi: 1, safi: 1 },
        { type: 'multiprotocol', afi: 25, safi: 70 },
      ];
      await session(() => [OPEN([...capabilities, ...known]), KEEPALIVE]);
      await hasRoute();
      expect(router.opens).toHaveLength(1);
      await until('our report', () => state() === 'Established', 5_000);
      expect(engine.report().peers[0]?.families).toEqual(['ipv4']);
    },
    60_000,
  );
});

describe('no host name is told unless it is asked for, and nobody can', () => {
  it('neither in a capability nor anywhere else in what is sent', async () => {
    const capabilities: Capability[] = [
      { type: 'multiprotocol', afi: 1, safi: 1 },
      { type: 'fourOctetAs', asn: THEIRS.asn },
    ];
    await session(() => [OPEN(capabilities), KEEPALIVE], {
      gracefulRestart: true,
      longLivedStaleSeconds: 60,
      addPath: true,
      role: 'customer',
    });
    await hasRoute();
    engine.stop('maintenance');
    await until('the end', () => router.bytes.at(-1) !== undefined && engine.report().peers.length === 0, 10_000);
    const sent = router.bytes.toString('latin1').toLowerCase();
    // Three letters may stand there by chance.
    const names = [hostname(), NODE, 'heraldlb'].filter(({ length }) => length > 3);
    for (const name of names) expect(sent).not.toContain(name.toLowerCase());
    // FQDN has 73, the software's version 75.
    const codes = router.opens.flatMap((open) => open.capabilities.flatMap((capability) => ('code' in capability ? capability.code : [])));
    expect(codes).toEqual([]);
  }, 60_000);
});
