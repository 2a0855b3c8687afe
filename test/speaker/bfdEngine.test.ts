import { describe, expect, it } from 'vitest';
import type { PeerSession } from '../../src/announce/plan.ts';
import { encodeMessage } from '../../src/wire/bgp/message.ts';
import { type BfdPacket, decodeBfd, encodeBfd, isBfdFault } from '../../src/wire/bfd.ts';
import type { Ip } from '../../src/net/ip.ts';
import { ETH0, type FakeClock, type FakeDial, type FakeHands, type FakeSender, ip, nodePlan, peerPlan, startEngine } from './support.ts';

type Profile = NonNullable<PeerSession['bfd']>;
const PROFILE: Profile = {
  name: 'fast',
  receiveIntervalMs: 100,
  transmitIntervalMs: 100,
  detectMultiplier: 3,
  echoIntervalMs: 50,
  echoMode: false,
  passiveMode: false,
  minimumTtl: 254,
};
const ROUTER = ip('192.0.2.254');
const NOTIFICATION = 3;

function packetsOf(sender: FakeSender | undefined): BfdPacket[] {
  return (sender?.sent ?? []).map((bytes) => {
    const packet = decodeBfd(bytes);
    if (isBfdFault(packet)) throw new Error(packet.reason);
    return packet;
  });
}

/** The other end of a session: says what it is told to, and knows what it was sent. */
class Router {
  readonly #hands: FakeHands;
  readonly #source: Ip;
  readonly #port: number;
  readonly discriminator: number;

  constructor(hands: FakeHands, { source = ROUTER, port = 3784, discriminator = 77 } = {}) {
    this.#hands = hands;
    this.#source = source;
    this.#port = port;
    this.discriminator = discriminator;
  }

  sender(): FakeSender | undefined {
    return this.#hands.senders.findLast(({ options, open }) => options.remote === this.#source && options.port === this.#port && open);
  }

  heard(): BfdPacket[] {
    return packetsOf(this.sender());
  }

  say(
    state: BfdPacket['state'],
    more: Partial<BfdPacket> = {},
    kernel: { readonly ttl?: number; readonly interfaceIndex?: number } = {},
  ): void {
    const packet: BfdPacket = {
      diag: 0,
      state,
      poll: false,
      final: false,
      controlPlaneIndependent: false,
      demand: false,
      detectMult: 3,
      myDiscriminator: this.discriminator,
      yourDiscriminator: this.heard().at(-1)?.myDiscriminator ?? 0,
      desiredMinTxUs: 100_000,
      requiredMinRxUs: 100_000,
      requiredMinEchoRxUs: 0,
      ...more,
    };
    const port = this.#hands.udpPorts.find(({ options, open }) => open && options.port === this.#port);
    const bytes = encodeBfd(packet);
    port?.hear({ bytes, source: this.#source, sourcePort: 50_000, ttl: 255, interfaceIndex: 2, ...kernel });
  }

  /** Keeps the session up for a while, as a router does: polls are answered (RFC 5880 §6.5). */
  goOn(clock: FakeClock, durationMs = 2_000): void {
    for (let passed = 0; passed < durationMs; passed += 50) {
      clock.advance(50);
      this.say('Up', { final: this.heard().at(-1)?.poll ?? false });
    }
  }

  comeUp(): void {
    this.say('Down', { yourDiscriminator: 0 });
    this.say('Init');
    this.say('Up');
  }
}

function establish(dial: FakeDial | undefined): void {
  if (dial === undefined) throw new Error('nothing was dialled');
  dial.events.up(ip('192.0.2.1'), ROUTER);
  const capabilities = [
    { type: 'multiprotocol', afi: 1, safi: 1 },
    { type: 'fourOctetAs', asn: 64513 },
  ];
  dial.events.bytes(
    encodeMessage({ type: 'open', asn: 64513, holdTimeSeconds: 90, routerId: ROUTER, capabilities: capabilities as never }),
  );
  dial.events.bytes(encodeMessage({ type: 'keepalive' }));
  dial.events.writable();
}

async function started() {
  const all = startEngine();
  await all.engine.start(179);
  all.hands.setLinks([ETH0]);
  let generation = 0;
  const apply = (...peers: ReturnType<typeof peerPlan>[]): void => all.engine.apply({ plan: nodePlan(++generation, peers), fresh: [] });
  const guard = (profile: Partial<Profile> = {}, session: Partial<PeerSession> = {}): void =>
    apply(peerPlan('tor', ['198.51.100.1/32'], { bfd: { ...PROFILE, ...profile }, ...session }));
  return { ...all, apply, guard, router: new Router(all.hands) };
}

async function guarded() {
  const all = await started();
  all.guard();
  establish(all.hands.dials[0]);
  all.clock.advance(1);
  all.router.comeUp();
  expect(all.engine.report()).toMatchObject({ bfd: [{ state: 'Up' }], peers: [{ state: 'Established' }] });
  return all;
}

const openPorts = (hands: FakeHands): number[] => hands.udpPorts.filter(({ open }) => open).map(({ options }) => options.port);
const notified = (dial: FakeDial | undefined): string[] =>
  (dial?.sent ?? []).filter((bytes) => bytes[18] === NOTIFICATION).map((bytes) => `${bytes[19]}/${bytes[20]}`);

describe('BFD and its sockets', () => {
  it('has none without a profile, and those that the sessions need with one', async () => {
    const { hands, apply, guard, clock } = await started();
    apply(peerPlan('tor'));
    expect(hands.udpPorts).toEqual([]);
    guard();
    expect(hands.udpPorts.map(({ options }) => options)).toEqual([{ family: 'ipv4', port: 3784 }]);
    guard({ echoMode: true });
    expect(openPorts(hands)).toEqual([3784, 3785]);
    guard({ minimumTtl: 250, echoMode: true });
    clock.advance(5_000);
    expect(openPorts(hands)).toEqual([4784]);
    apply(peerPlan('tor', [], { bfd: PROFILE, address: ip('fe80::9'), interface: 'eth0' }));
    clock.advance(5_000);
    expect(hands.udpPorts.filter(({ open }) => open).map(({ options }) => options)).toEqual([{ family: 'ipv6', port: 3784 }]);
    expect(hands.senders.at(-1)?.options).toEqual({ remote: 'fe80::9', port: 3784, ttl: 255, scope: 'eth0' });
  });

  it('RFC 5881 §4: sends to port 3784 with TTL 255, from the source that BGP has', async () => {
    const { guard, clock, router } = await started();
    guard({}, { sourceAddress: ip('192.0.2.7'), vrf: 'red' });
    clock.advance(1);
    expect(router.sender()?.options).toEqual({ remote: ROUTER, port: 3784, ttl: 255, source: '192.0.2.7', device: 'red' });
    expect(router.heard()).toMatchObject([{ state: 'Down', yourDiscriminator: 0 }]);
  });

  it('is silent where another program has the port, says so, and takes it when it is free', async () => {
    const { hands, guard, engine, clock, router } = await started();
    hands.failUdpListen = 'EADDRINUSE';
    guard();
    establish(hands.dials[0]);
    clock.advance(9_000);
    expect(hands.senders).toEqual([]);
    expect(engine.report().problems).toEqual([{ reason: 'CannotReceiveBfd', port: 3784, error: 'EADDRINUSE' }]);
    expect(engine.report().peers[0]?.state).toBe('Established');
    hands.failUdpListen = undefined;
    clock.advance(2_000);
    expect(engine.report().problems).toEqual([]);
    router.comeUp();
    expect(engine.report().bfd[0]?.state).toBe('Up');
  });

  it('listens on a device (VRF) as soon as there is one, and anew when it is another of the same name', async () => {
    const { hands, guard, engine } = await started();
    const red = (index: number) => [ETH0, { ...ETH0, name: 'red', index }];
    const problems = (): string[] => engine.report().problems.map(({ reason }) => reason);
    hands.failUdpListen = 'ENODEV';
    guard({}, { vrf: 'red' });
    expect(problems()).toContain('CannotReceiveBfd');
    hands.failUdpListen = undefined;
    hands.setLinks(red(7));
    expect([openPorts(hands), problems()]).toEqual([[3784], []]);
    hands.setLinks(red(7));
    expect(hands.udpPorts).toHaveLength(1);
    hands.failUdpListen = 'ENODEV';
    hands.setLinks([ETH0]);
    expect([openPorts(hands), problems().includes('CannotReceiveBfd')]).toEqual([[], true]);
    hands.failUdpListen = undefined;
    hands.setLinks(red(8));
    expect([openPorts(hands), hands.udpPorts.length, problems()]).toEqual([[3784], 2, []]);
  });

  it('says that there is no way to the router, and goes on when there is one', async () => {
    const { hands, guard, engine, clock, router } = await started();
    hands.failUdpOpen = 'ENETUNREACH';
    guard();
    clock.advance(1_500);
    expect(engine.report().problems).toEqual([{ reason: 'CannotSendBfd', peer: 'tor', error: 'ENETUNREACH' }]);
    hands.failUdpOpen = undefined;
    clock.advance(1_500);
    expect(engine.report().problems).toEqual([]);
    router.comeUp();
    expect(engine.report().bfd[0]?.state).toBe('Up');
  });

  it('has one session with a router, whoever names it a second time', async () => {
    const { apply, engine, hands, clock, router } = await started();
    const second = peerPlan('tor2', [], { bfd: { ...PROFILE, name: 'slow', transmitIntervalMs: 900 }, port: 1790, address: ROUTER });
    apply(peerPlan('tor', [], { bfd: PROFILE }), second);
    clock.advance(1);
    router.comeUp();
    expect(hands.senders).toHaveLength(1);
    expect(engine.report().bfd).toMatchObject([{ session: ROUTER, peers: ['tor'], profile: 'fast', state: 'Up' }]);
    expect(engine.report().problems).toEqual([{ reason: 'SameRouter', peer: 'tor2', other: 'tor' }]);
  });
});

describe('BFD, what is believed', () => {
  it.each([
    ['RFC 5881 §5: a hop limit below 255', { yourDiscriminator: 0 }, { ttl: 254 }, 'BfdHopLimit'],
    ['RFC 5880 §6.8.6: a discriminator of nobody', { yourDiscriminator: 4711 }, {}, 'BfdNoSession'],
    ['RFC 5880 §6.8.6: a multiplier of 0', { yourDiscriminator: 0, detectMult: 0 }, {}, 'BfdDetectMultZero'],
  ])('%s changes nothing', async (_name, packet, kernel, reason) => {
    const { guard, engine, clock, router } = await started();
    guard();
    clock.advance(1);
    router.say('Down', packet, kernel);
    expect(engine.report().bfd[0]?.state).toBe('Down');
    expect([...engine.bfd.dropped()]).toEqual([[reason, 1]]);
  });

  it('nothing of a stranger, of the other port, or of the right address on another interface', async () => {
    const { hands, apply, engine, clock } = await started();
    hands.setLinks([ETH0, { ...ETH0, name: 'eth1', index: 3 }]);
    const link = { bfd: PROFILE, address: ip('fe80::9') };
    apply(
      peerPlan('a', [], { bfd: PROFILE }),
      peerPlan('b', [], { ...link, interface: 'eth0' }),
      peerPlan('c', [], { bfd: { ...PROFILE, minimumTtl: 250 }, address: ip('192.0.2.200') }),
    );
    clock.advance(1);
    const silent = (): boolean => engine.report().bfd.every(({ state }) => state === 'Down');
    new Router(hands, { source: ip('192.0.2.99') }).say('Down', { yourDiscriminator: 0 });
    new Router(hands, { port: 4784 }).say('Down', { yourDiscriminator: 0 });
    const router = new Router(hands, { source: ip('fe80::9') });
    router.say('Down', { yourDiscriminator: 0 }, { interfaceIndex: 3 });
    expect(silent()).toBe(true);
    expect(engine.bfd.dropped().get('BfdNoSession')).toBe(3);
    router.say('Down', { yourDiscriminator: 0 }, { interfaceIndex: 2 });
    expect(engine.report().bfd.map(({ session, state }) => [session, state])).toContainEqual(['fe80::9%eth0', 'Init']);
  });

  it('nothing of a stranger who knows the discriminator of a session that is up', async () => {
    const { hands, engine, clock, router } = await guarded();
    const yourDiscriminator = router.heard().at(-1)?.myDiscriminator ?? 0;
    for (const state of ['Down', 'AdminDown'] as const) new Router(hands, { source: ip('192.0.2.99') }).say(state, { yourDiscriminator });
    expect(engine.report()).toMatchObject({ bfd: [{ state: 'Up' }], peers: [{ state: 'Established' }] });
    expect(engine.bfd.dropped().get('BfdNoSession')).toBe(2);
    router.goOn(clock);
    router.say('Down');
    expect(engine.report().bfd[0]?.state).toBe('Down');
  });

  it('tells a key that is another from a path that is silent, before the session is up and after', async () => {
    const { guard, engine, clock, router } = await started();
    const keyed = { auth: { type: 'simplePassword', keyId: 1, password: 'tulip' } } as const;
    const auth = (password: string) =>
      ({ auth: { type: 'simplePassword', keyId: 1, password: new TextEncoder().encode(password) } }) as const;
    const reason = (): string | undefined => engine.report().bfd[0]?.lastDown?.reason;
    guard(keyed);
    clock.advance(1);
    expect(reason()).toBeUndefined();
    router.say('Down', { yourDiscriminator: 0, ...auth('daisy') });
    expect(reason()).toBe("the router's packets come and are refused: BfdAuthWrong");
    for (const state of ['Down', 'Init', 'Up'] as const)
      router.say(state, { ...(state === 'Down' ? { yourDiscriminator: 0 } : {}), ...auth('tulip') });
    expect([engine.report().bfd[0]?.state, reason()]).toEqual(['Up', undefined]);
    for (let passed = 0; passed < 5_000; passed += 100) {
      clock.advance(100);
      router.say('Up', auth('daisy'));
    }
    expect(engine.report().bfd[0]?.state).toBe('Down');
    expect(reason()).toBe("DetectionTimeExpired; the router's packets come and are refused: BfdAuthWrong");
    for (const state of ['Down', 'Init', 'Up'] as const) router.say(state, auth('tulip'));
    expect([engine.report().bfd[0]?.state, reason()]).toEqual(['Up', 'DetectionTimeExpired']);
    for (let passed = 0; passed < 5_000; passed += 100) clock.advance(100);
    expect(reason()).toBe('DetectionTimeExpired');
  });

  it('a new key waits for the router, and that is told until the router has it', async () => {
    const { guard, engine, router } = await started();
    const keyed = (password: string) => ({ auth: { type: 'simplePassword', keyId: 1, password } }) as const;
    const auth = (password: string) =>
      ({ auth: { type: 'simplePassword', keyId: 1, password: new TextEncoder().encode(password) } }) as const;
    const news = (): unknown => [engine.report().bfd[0]?.state, engine.report().problems];
    guard(keyed('tulip'));
    router.say('Down', { yourDiscriminator: 0, ...auth('tulip') });
    router.say('Init', auth('tulip'));
    router.say('Up', auth('tulip'));
    guard(keyed('daisy'));
    router.say('Up', auth('tulip'));
    expect(news()).toEqual(['Up', [{ reason: 'RouterHasOldKey', peer: 'tor' }]]);
    router.say('Up', auth('daisy'));
    expect(news()).toEqual(['Up', []]);
    router.say('Down', auth('tulip'));
    expect(news()).toEqual(['Up', []]);
  });

  it('RFC 5883 §5: over several hops what has the least TTL, and its own addresses', async () => {
    const { hands, guard, engine, clock } = await started();
    guard({ minimumTtl: 250 }, { ebgpMultiHop: true });
    clock.advance(1);
    const router = new Router(hands, { port: 4784 });
    router.say('Down', { yourDiscriminator: 0 }, { ttl: 249 });
    expect(engine.report().bfd).toMatchObject([{ session: '192.0.2.254 multihop', state: 'Down' }]);
    router.say('Down', { yourDiscriminator: 0 }, { ttl: 250 });
    expect(engine.report().bfd[0]?.state).toBe('Init');
    const discriminator = router.heard()[0]?.myDiscriminator ?? 0;
    new Router(hands, { port: 4784, source: ip('192.0.2.99') }).say('Up', { yourDiscriminator: discriminator });
    expect(engine.report().bfd[0]?.state).toBe('Init');
  });
});

describe('BFD and BGP (RFC 5882)', () => {
  it('never keeps BGP from coming up', async () => {
    const { hands, guard, engine, clock } = await started();
    guard();
    establish(hands.dials[0]);
    clock.advance(40_000);
    expect(engine.report()).toMatchObject({ bfd: [{ state: 'Down', counters: { timesDown: 0 } }], peers: [{ state: 'Established' }] });
  });

  it('takes BGP down when the path is gone, and lets it up when it is back', async () => {
    const { hands, engine, clock, router } = await guarded();
    clock.advance(290);
    expect(engine.report().peers[0]?.state).toBe('Established');
    clock.advance(20);
    expect(engine.report().bfd).toMatchObject([
      { state: 'Down', lastDown: { reason: 'DetectionTimeExpired' }, counters: { timesDown: 1 } },
    ]);
    // RFC 9384.
    expect(notified(hands.dials[0])).toEqual(['6/10']);
    expect(engine.report().peers[0]?.state).not.toBe('Established');
    clock.advance(30_000);
    expect(hands.dials).toHaveLength(1);
    router.comeUp();
    clock.advance(5_000);
    expect(hands.dials.length).toBeGreaterThan(1);
  });

  it('waits for BFD no longer than a minute: the router may have it no more', async () => {
    const { hands, clock } = await guarded();
    clock.advance(59_000);
    expect(hands.dials).toHaveLength(1);
    clock.advance(10_000);
    expect(hands.dials.length).toBeGreaterThan(1);
  });

  it("takes BGP down when the router says that it sees nothing, and names the router's reason", async () => {
    const { hands, engine, router } = await guarded();
    router.say('Down', { diag: 1 });
    expect(notified(hands.dials[0])).toEqual(['6/10']);
    expect(engine.report().bfd[0]?.lastDown?.reason).toBe('NeighborSignaledDown (detectionTimeExpired)');
  });

  it('RFC 5882 §3.2: leaves BGP alone when the router shuts the session', async () => {
    const { hands, engine, clock, router } = await guarded();
    router.say('AdminDown', { diag: 7 });
    expect(engine.report()).toMatchObject({ bfd: [{ state: 'Down' }], peers: [{ state: 'Established' }] });
    clock.advance(20_000);
    expect(notified(hands.dials[0])).toEqual([]);
  });

  it('lets BGP up when the router shuts a session that was down', async () => {
    const { hands, clock, router } = await guarded();
    clock.advance(2_000);
    expect(hands.dials).toHaveLength(1);
    router.say('AdminDown', { yourDiscriminator: 0, diag: 7 });
    clock.advance(5_000);
    expect(hands.dials.length).toBeGreaterThan(1);
  });

  it('RFC 5880 §6.8.3: negotiates other timers without a flap', async () => {
    const { engine, guard, clock, router } = await guarded();
    router.goOn(clock);
    expect(router.heard().at(-1)).toMatchObject({ poll: false, desiredMinTxUs: 100_000, detectMult: 3 });
    guard({ transmitIntervalMs: 500, detectMultiplier: 5 });
    router.goOn(clock);
    expect(router.heard().filter(({ poll }) => poll)).toContainEqual(expect.objectContaining({ desiredMinTxUs: 500_000, detectMult: 5 }));
    expect(engine.report()).toMatchObject({
      bfd: [{ state: 'Up', transmitMs: 500, counters: { timesDown: 0 } }],
      peers: [{ state: 'Established', counters: { timesEstablished: 1 } }],
    });
  });

  it('RFC 5880 §6.8.16: says AdminDown when the profile is taken away, and BGP stays', async () => {
    const { hands, engine, apply, clock, router } = await guarded();
    apply(peerPlan('tor', ['198.51.100.1/32']));
    const goodbye = packetsOf(hands.senders[0]).at(-1);
    expect(goodbye).toMatchObject({ state: 'AdminDown', diag: 7 });
    expect(engine.report()).toMatchObject({ bfd: [], peers: [{ state: 'Established' }] });
    expect(openPorts(hands)).toEqual([3784]);
    clock.advance(10_000);
    expect(openPorts(hands)).toEqual([]);
    expect(router.sender()).toBeUndefined();
    expect(notified(hands.dials[0])).toEqual([]);
  });

  it('begins anew when the profile comes back in the middle of the goodbye', async () => {
    const { hands, engine, apply, guard, clock, router } = await guarded();
    apply(peerPlan('tor', ['198.51.100.1/32']));
    clock.advance(1_000);
    guard();
    router.comeUp();
    clock.advance(200);
    expect(engine.report()).toMatchObject({ bfd: [{ state: 'Up' }], peers: [{ state: 'Established' }] });
    expect(openPorts(hands)).toEqual([3784]);
  });

  it('lets BGP up when the profile is taken from a session that is down', async () => {
    const { hands, apply, clock } = await guarded();
    clock.advance(2_000);
    expect(hands.dials).toHaveLength(1);
    apply(peerPlan('tor', ['198.51.100.1/32']));
    clock.advance(5_000);
    expect(hands.dials.length).toBeGreaterThan(1);
  });

  it('says AdminDown more than once at its end, after BGP has said goodbye', async () => {
    const { hands, engine } = await guarded();
    engine.stop('maintenance');
    expect(notified(hands.dials[0])).toEqual(['6/2']);
    expect(packetsOf(hands.senders[0]).slice(-3)).toMatchObject([{ state: 'AdminDown' }, { state: 'AdminDown' }, { state: 'AdminDown' }]);
    expect(hands.senders.every(({ open }) => !open)).toBe(true);
    expect(openPorts(hands)).toEqual([]);
  });
});

describe('BFD echo', () => {
  const echo = (hands: FakeHands, more: object = {}): void => {
    const port = hands.udpPorts.find(({ options, open }) => open && options.port === 3785);
    port?.hear({
      bytes: Uint8Array.of(1, 2, 3, 4),
      source: ROUTER,
      sourcePort: 3785,
      destination: ip('192.0.2.1'),
      ttl: 255,
      interfaceIndex: 2,
      ...more,
    });
  };

  it('sends back what the router of a session that is up sends, with one hop less, and nothing else', async () => {
    const { hands, guard, engine, clock, router } = await started();
    guard({ echoMode: true });
    clock.advance(1);
    echo(hands);
    expect(engine.bfd.dropped().get('BfdNoSession')).toBe(1);
    router.comeUp();
    expect(router.heard().at(-1)?.requiredMinEchoRxUs).toBe(50_000);
    echo(hands);
    const mirror = hands.senders.at(-1);
    expect(mirror?.options).toEqual({ remote: ROUTER, port: 3785, ttl: 254, source: '192.0.2.1' });
    expect(mirror?.sent).toEqual([Uint8Array.of(1, 2, 3, 4)]);
    echo(hands, { source: ip('192.0.2.99') });
    // Two mirrors that face each other.
    echo(hands, { ttl: 254 });
    expect(mirror?.sent).toHaveLength(1);
    expect(engine.report().bfd[0]?.counters).toMatchObject({ echoesReceived: 1, echoesSent: 1 });
  });

  it('sends back no more than was allowed', async () => {
    const { hands, guard, engine, clock, router } = await started();
    guard({ echoMode: true });
    clock.advance(1);
    router.comeUp();
    for (let i = 0; i < 1_000; i++) echo(hands);
    expect(hands.senders.at(-1)?.sent.length).toBeLessThan(30);
    expect(engine.bfd.dropped().get('BfdEchoTooOften')).toBeGreaterThan(900);
  });
});
