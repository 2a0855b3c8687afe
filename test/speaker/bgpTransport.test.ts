import { describe, expect, it } from 'vitest';
import { isMalformed } from '../../src/wire/bgp/malformed.ts';
import { decodeMessage, encodeMessage } from '../../src/wire/bgp/message.ts';
import { type NlriRun, nlriPrefixes } from '../../src/wire/bgp/nlri.ts';
import type { Update } from '../../src/wire/bgp/update.ts';
import type { Prefix } from '../../src/net/prefix.ts';
import type { Accepted, ConnectionEvents, DialOptions } from '../../speaker/hands.ts';
import { ETH0, type FakeDial, type FakeHands, SESSION, ip, nodePlan, peerPlan, startEngine } from './support.ts';

const NOTIFICATION = 3;
const typesOf = (dial: Pick<FakeDial, 'sent'>): number[] => dial.sent.map((bytes) => bytes[18] ?? 0);

async function started() {
  const all = startEngine();
  await all.engine.start(179);
  all.hands.setLinks([ETH0]);
  return all;
}

type Heard = Pick<ConnectionEvents, 'bytes' | 'closed' | 'writable'>;
const prefix = (text: string): Prefix => text as Prefix;

/** The router's OPEN and first KEEPALIVE. */
function greet(events: Pick<Heard, 'bytes' | 'writable'>, asn = 64513, afis = [1]): void {
  const capabilities = [...afis.map((afi) => ({ type: 'multiprotocol', afi, safi: 1 })), { type: 'fourOctetAs', asn }] as never;
  events.bytes(encodeMessage({ type: 'open', asn, holdTimeSeconds: 90, routerId: ip('192.0.2.254'), capabilities }));
  events.bytes(encodeMessage({ type: 'keepalive' }));
  events.writable();
}

/** A connection of a router; `outcome` has what became of it. */
function incoming(options: Partial<Omit<Accepted, 'accept' | 'refuse'>> = {}) {
  const heard: { events?: Heard; outcome?: 'accepted' | 'refused'; options?: Pick<DialOptions, 'minTtl' | 'ttl'> | undefined } = {};
  const sent: Uint8Array[] = [];
  const accepted: Accepted = {
    local: ip('192.0.2.1'),
    remote: ip('192.0.2.254'),
    ...options,
    accept: (events, given) => {
      Object.assign(heard, { events, outcome: 'accepted', options: given });
      return { send: (bytes) => void sent.push(bytes), close: () => undefined, setPassword: () => true };
    },
    refuse: () => {
      heard.outcome = 'refused';
    },
  };
  return { accepted, heard, sent };
}

describe('GTSM (RFC 5082 §3)', () => {
  it('asks the kernel for a least TTL by the hops that are between', async () => {
    const { engine, hands } = await started();
    const near = peerPlan('near', [], { ttlSecurityHops: 1 });
    const far = peerPlan('far', [], { address: ip('192.0.2.253'), ttlSecurityHops: 3 });
    engine.apply({ plan: nodePlan(1, [near, far]), fresh: [] });
    expect(hands.dials.map(({ options }) => options.minTtl)).toEqual([255, 253]);
    const connection = incoming({ ttl: 255 });
    hands.connect(connection.accepted);
    expect(connection.heard).toMatchObject({ outcome: 'accepted', options: { minTtl: 255 } });
  });

  it('refuses a connection from further away and says so, until the session is up', async () => {
    const { engine, hands } = await started();
    engine.apply({ plan: nodePlan(1, [peerPlan('tor', [], { ttlSecurityHops: 1 })]), fresh: [] });
    const connection = incoming({ ttl: 64 });
    hands.connect(connection.accepted);
    expect(connection.heard.outcome).toBe('refused');
    expect(engine.report().problems).toEqual([{ reason: 'RouterTooFar', peer: 'tor', ttl: 64, least: 255 }]);
    const good = incoming({ ttl: 255 });
    hands.connect(good.accepted);
    if (good.heard.events === undefined) throw new Error('not accepted');
    greet(good.heard.events);
    expect(engine.report().peers).toMatchObject([{ state: 'Established' }]);
    expect(engine.report().problems).toEqual([]);
  });

  it('says so, too, where the kernel drops what answers our own connection', async () => {
    const { engine, hands, clock, changes } = await started();
    engine.apply({ plan: nodePlan(1, [peerPlan('tor', [], { ttlSecurityHops: 1 })]), fresh: [] });
    hands.dials[0]?.events.up(ip('192.0.2.1'), SESSION.address as never);
    expect(engine.report().problems).toEqual([]);
    hands.ttlDrops = 4;
    const before = changes.count;
    clock.advance(3_000);
    expect(engine.report().problems).toEqual([{ reason: 'RouterTooFar', peer: 'tor', least: 255 }]);
    expect(changes.count).toBeGreaterThan(before);
  });

  it('tells a time-out for what it may be', async () => {
    const { engine, clock } = await started();
    engine.apply({ plan: nodePlan(1, [peerPlan('tor', [], { ttlSecurityHops: 2 })]), fresh: [] });
    clock.advance(10_000);
    expect(engine.report().peers[0]?.lastError?.text).toBe('ConnectTimeout: answers with a TTL below 254 are dropped');
  });
});

describe('a TTL of one', () => {
  it.each([
    ['to a router of another AS', {}, 1],
    ['to one whose AS is not known', { peerAsn: 'external' }, 1],
    ['not with ebgpMultiHop', { ebgpMultiHop: true }, undefined],
    ['not where GTSM wants 255', { ttlSecurityHops: 1 }, undefined],
    ['not within the AS', { peerAsn: 64512 }, undefined],
    ['not within an AS that is not known', { peerAsn: 'internal' }, undefined],
    ['not within the AS that this router sees', { localAsn: 64513 }, undefined],
    ['to our own AS, where the router sees another', { peerAsn: 64512, localAsn: 64999 }, 1],
  ] as const)('%s', async (_, session, ttl) => {
    const { engine, hands } = await started();
    engine.apply({ plan: nodePlan(1, [peerPlan('tor', [], session)]), fresh: [] });
    expect(hands.dials[0]?.options.ttl).toBe(ttl);
    const connection = incoming({ ttl: 255 });
    hands.connect(connection.accepted);
    expect(connection.heard.outcome).toBe('accepted');
    expect(connection.heard.options?.ttl).toBe(ttl);
  });

  it('is what a time-out may be of', async () => {
    const { engine, clock } = await started();
    engine.apply({ plan: nodePlan(1, [peerPlan('tor', [])]), fresh: [] });
    clock.advance(10_000);
    expect(engine.report().peers[0]?.lastError?.text).toBe('ConnectTimeout: a router more than one hop away needs ebgpMultiHop');
  });
});

describe('keys', () => {
  const passwords = (...peers: Parameters<typeof peerPlan>[]) =>
    nodePlan(
      1,
      peers.map((each) => peerPlan(...each)),
    );
  const up = (dial: FakeDial | undefined): FakeDial => {
    if (dial === undefined) throw new Error('nothing was dialled');
    dial.events.up(ip('192.0.2.1'), dial.options.remote);
    greet(dial.events);
    return dial;
  };

  it('gives a live session another password without ending it (RFC 2385)', async () => {
    const { engine, hands } = await started();
    engine.apply({ plan: passwords(['tor', [], { password: 'old' }]), fresh: [] });
    const dial = up(hands.dials[0]);
    engine.apply({ plan: passwords(['tor', [], { password: 'new' }]), fresh: [] });
    expect(dial.passwords).toEqual(['new']);
    expect(dial.closed).toBeUndefined();
    expect(typesOf(dial)).not.toContain(NOTIFICATION);
    expect(hands.listeners[0]?.keys).toEqual([{ address: SESSION.address, password: 'new' }]);
    expect(engine.report().peers).toMatchObject([{ state: 'Established' }]);
  });

  it.each([
    ['the kernel does not take it', false, { password: 'new' }],
    ['there is none any more', true, {}],
    ['the VRF is another, too', true, { password: 'new', vrf: 'eth0' }],
  ])('makes the session anew where %s', async (_, takes, session) => {
    const { engine, hands, clock } = await started();
    hands.takesPasswords = takes;
    engine.apply({ plan: passwords(['tor', [], { password: 'old' }]), fresh: [] });
    const dial = up(hands.dials[0]);
    engine.apply({ plan: passwords(['tor', [], session]), fresh: [] });
    expect(dial.closed).toBe('flush');
    clock.advance(5_000);
    expect(hands.dials.at(-1)?.options.password).toBe('password' in session ? 'new' : undefined);
  });

  it('refuses a password that no kernel takes, and only that peer', async () => {
    const { engine, hands } = await started();
    const other = { address: ip('192.0.2.253') };
    engine.apply({ plan: passwords(['tor', [], { password: 'ä'.repeat(41) }], ['other', [], other]), fresh: [] });
    expect(engine.report().problems).toEqual([{ reason: 'PasswordTooLong', peer: 'tor', bytes: 82 }]);
    expect(hands.dials.map(({ options }) => options.remote)).toEqual(['192.0.2.253']);
  });

  it('takes no connection whose key the kernel could not be told', async () => {
    const { engine, hands } = await started();
    hands.refusedKeys = new Map([[SESSION.address as string, 'ENOPROTOOPT']]);
    engine.apply({ plan: passwords(['tor', [], { password: 'secret' }]), fresh: [] });
    const connection = incoming();
    hands.connect(connection.accepted);
    expect(connection.heard.outcome).toBe('refused');
    expect(engine.report().problems).toEqual([{ reason: 'CannotSetKey', peer: 'tor', error: 'ENOPROTOOPT' }]);
    // The next plan tries again, though nothing but the routes is another.
    hands.refusedKeys = new Map();
    engine.apply({ plan: passwords(['tor', ['198.51.100.1/32'], { password: 'secret' }]), fresh: [] });
    expect(engine.report().problems).toEqual([]);
  });

  const AO = { sendId: 1, receiveId: 2, algorithm: 'hmac-sha1-96' } as const;

  it('never has a session without the TCP-AO that was asked for (RFC 5925)', async () => {
    const { engine, hands } = await started();
    engine.apply({ plan: passwords(['tor', [], { tcpAo: AO, password: 'k' }], ['keyless', [], { tcpAo: AO }]), fresh: [] });
    expect(engine.report().problems).toEqual([
      { reason: 'NoTcpAo', peer: 'tor' },
      { reason: 'NoKey', peer: 'keyless' },
    ]);
    expect(hands.dials).toEqual([]);
    const connection = incoming();
    hands.connect(connection.accepted);
    expect(connection.heard.outcome).toBe('refused');
  });

  it('uses TCP-AO, and not MD5, where the kernel has it', async () => {
    const { engine, hands } = await started();
    hands.tcpAo = true;
    engine.apply({ plan: passwords(['tor', [], { tcpAo: AO, password: 'k' }]), fresh: [] });
    expect(hands.dials[0]?.options).toEqual({ remote: SESSION.address, port: 179, ttl: 1, tcpAo: { ...AO, key: 'k' } });
    expect(hands.listeners[0]?.keys).toEqual([{ address: SESSION.address, tcpAo: { ...AO, key: 'k' } }]);
  });
});

describe('peers with one address', () => {
  const from = (name: string, source: string, more = {}) => peerPlan(name, [], { sourceAddress: ip(source), ...more });

  it('are told apart by the local address', async () => {
    const { engine, hands } = await started();
    engine.apply({ plan: nodePlan(1, [from('a', '192.0.2.1'), from('b', '192.0.2.2')]), fresh: [] });
    const connection = incoming({ local: ip('192.0.2.2') });
    hands.connect(connection.accepted);
    if (connection.heard.events === undefined) throw new Error('not accepted');
    greet(connection.heard.events);
    expect(engine.report().peers.map(({ name, state }) => [name, state])).toEqual([
      ['a', 'Connect'],
      ['b', 'Established'],
    ]);
  });

  it('are refused where nothing tells them apart', async () => {
    const { engine, hands } = await started();
    engine.apply({ plan: nodePlan(1, [peerPlan('a'), peerPlan('b', [], { port: 1179 })]), fresh: [] });
    expect(engine.report().problems).toEqual([{ reason: 'SameRouter', peer: 'b', other: 'a' }]);
    expect(hands.dials).toHaveLength(1);
  });

  it('cannot have two passwords', async () => {
    const { engine, hands } = await started();
    engine.apply({ plan: nodePlan(1, [from('a', '192.0.2.1', { password: 'x' }), from('b', '192.0.2.2', { password: 'y' })]), fresh: [] });
    expect(engine.report().problems).toEqual([{ reason: 'KeyConflict', peer: 'b', other: 'a' }]);
    expect(hands.listeners[0]?.keys).toEqual([{ address: SESSION.address, password: 'x' }]);
  });
});

describe('next hops', () => {
  const [V4, V6, OTHER6] = ['198.51.100.1/32', '2001:db8:1::1/128', '2001:db8:1::2/128'];

  const prefixes = (run: NlriRun | undefined): string[] => (run === undefined ? [] : nlriPrefixes(run).map((each) => each.prefix));

  function messagesOf(bytes: Uint8Array): Update[] {
    const found: Update[] = [];
    for (let at = 0; at < bytes.length;) {
      const length = ((bytes[at + 16] ?? 0) << 8) | (bytes[at + 17] ?? 0);
      const message = decodeMessage(bytes.subarray(at, at + length), { as4: true, ebgp: true, addPath: [], extended: false });
      if (!isMalformed(message) && message.type === 'update') found.push(message);
      at += length;
    }
    return found;
  }

  /** What a router holds after all that it was sent: prefix to next hop, and the families whose table was said to be whole. */
  function tableOf(dial: FakeDial) {
    const table = new Map<string, string>();
    const ends: number[] = [];
    const tell = (run: NlriRun | undefined, nextHop: string): void => prefixes(run).forEach((each) => void table.set(each, nextHop));
    const forget = (run: NlriRun | undefined): void => prefixes(run).forEach((each) => void table.delete(each));
    for (const { withdrawn, attributes, nlri } of dial.sent.flatMap(messagesOf)) {
      const unreach = attributes.find((each) => each.type === 'mpUnreach');
      const reach = attributes.find((each) => each.type === 'mpReach');
      if (unreach?.nlri?.count === 0) ends.push(unreach.afi);
      forget(withdrawn);
      forget(unreach?.nlri);
      tell(reach?.nlri, reach?.nextHops[0] ?? '');
      tell(nlri, attributes.find((each) => each.type === 'nextHop')?.nextHop ?? '');
    }
    return { table: Object.fromEntries(table), ends };
  }

  it('are followed on the session that is there', async () => {
    const { engine, hands } = await started();
    const plan = (generation: number, ...routes: string[]) =>
      nodePlan(generation, [peerPlan('tor', routes, { families: ['ipv4', 'ipv6'] })]);
    const at = (...addresses: string[]): void => hands.setLinks([{ ...ETH0, addresses: ['192.0.2.1', ...addresses].map(ip) }]);
    at();
    engine.apply({ plan: plan(1, V4, V6), fresh: [] });
    const [dial] = hands.dials;
    if (dial === undefined) throw new Error('nothing was dialled');
    dial.events.up(ip('192.0.2.1'), SESSION.address as never);
    greet(dial.events, 64513, [1, 2]);
    const now = () => {
      dial.events.writable();
      return tableOf(dial);
    };
    expect(now()).toEqual({ table: { [V4]: '192.0.2.1' }, ends: [] });
    expect(engine.report().problems).toEqual([{ reason: 'NoNextHop', peer: 'tor', family: 'ipv6' }]);

    at('2001:db8::1');
    expect(now()).toEqual({ table: { [V4]: '192.0.2.1', [V6]: '2001:db8::1' }, ends: [2] });
    expect(engine.report().problems).toEqual([]);
    const sent = dial.sent.length;
    at('2001:db8::1', '2001:db8::99');
    expect(dial.sent.length, 'nothing to say').toBe(sent);

    at('2001:db8::2');
    expect(now().table).toEqual({ [V4]: '192.0.2.1', [V6]: '2001:db8::2' });

    at();
    // The plan changes before the router has read of it.
    engine.apply({ plan: plan(2, V4, OTHER6), fresh: [] });
    expect(now().table).toEqual({ [V4]: '192.0.2.1' });
    expect(engine.report().problems).toEqual([{ reason: 'NoNextHop', peer: 'tor', family: 'ipv6' }]);

    at('2001:db8::3');
    expect(now()).toEqual({ table: { [V4]: '192.0.2.1', [OTHER6]: '2001:db8::3' }, ends: [2, 2] });
    expect(dial.closed).toBeUndefined();
    expect(typesOf(dial)).not.toContain(NOTIFICATION);
  });
});

describe('a device (VRF)', () => {
  const BLUE = { ...ETH0, name: 'blue', index: 9 };
  const settle = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

  it('has a listener of its own, with the keys of its peers, and its connections are for them alone', async () => {
    const { engine, hands } = await started();
    hands.setLinks([ETH0, BLUE]);
    const plans = [peerPlan('plain'), peerPlan('blue', [], { vrf: 'blue', password: 'k' })];
    engine.apply({ plan: nodePlan(1, plans), fresh: [] });
    await settle();
    expect(hands.listeners.map(({ device, keys }) => [device, keys])).toEqual([
      [undefined, []],
      ['blue', [{ address: SESSION.address, password: 'k' }]],
    ]);
    const connection = incoming({ device: 'blue' });
    hands.connect(connection.accepted);
    if (connection.heard.events === undefined) throw new Error('not accepted');
    greet(connection.heard.events);
    expect(engine.report().peers.map(({ name, state }) => [name, state])).toEqual([
      ['plain', 'Connect'],
      ['blue', 'Established'],
    ]);
    engine.apply({ plan: nodePlan(2, [peerPlan('plain')]), fresh: [] });
    expect(hands.listeners.map(({ open }) => open)).toEqual([true, false]);
  });

  it('that is missing is told, and tried the moment it is there; one that comes back is listened to anew', async () => {
    const { engine, hands } = await started();
    hands.failListen = new Map([['blue', 'ENODEV']]);
    engine.apply({ plan: nodePlan(1, [peerPlan('blue', [], { vrf: 'blue' })]), fresh: [] });
    await settle();
    hands.dials[0]?.events.failed('ENODEV');
    expect(engine.report().problems).toEqual([
      { reason: 'CannotListen', port: 179, error: 'ENODEV', device: 'blue' },
      { reason: 'NoDevice', peer: 'blue', device: 'blue' },
    ]);
    hands.failListen = new Map();
    hands.setLinks([ETH0, BLUE]);
    await settle();
    expect(engine.report().problems).toEqual([]);
    expect(hands.dials).toHaveLength(2);
    hands.setLinks([ETH0, { ...BLUE, index: 12 }]);
    await settle();
    expect(hands.listeners.map(({ device, open }) => [device, open])).toEqual([
      [undefined, true],
      ['blue', false],
      ['blue', true],
    ]);
  });
});

describe('an unnumbered peer', () => {
  const { address: _, ...nowhere } = SESSION;
  const plan = (generation: number, more = {}) =>
    nodePlan(generation, [{ name: 'tor', session: { ...nowhere, families: ['ipv4', 'ipv6'], interface: 'eth0', ...more }, routes: [] }]);
  const [one, two] = [ip('fe80::1:1'), ip('fe80::1:2')];

  it('asks for routers, dials the one that advertises itself, and asks no more', async () => {
    const { engine, hands, clock } = await started();
    engine.apply({ plan: plan(1), fresh: [] });
    expect(hands.finders).toMatchObject([{ name: 'eth0', solicits: 1, advertised: [ETH0.mac] }]);
    hands.finders[0]?.hear(ip('fe80::1'));
    expect(hands.dials, 'not itself').toEqual([]);
    clock.advance(8_000);
    expect(hands.finders[0]?.solicits).toBe(3);
    expect(engine.report().problems).toEqual([{ reason: 'NoRouter', peer: 'tor', interface: 'eth0' }]);
    expect(hands.dials).toEqual([]);
    hands.finders[0]?.hear(one);
    expect(hands.dials.map(({ options }) => options)).toEqual([{ remote: one, port: 179, scope: 'eth0', ttl: 1 }]);
    expect(engine.report()).toMatchObject({ problems: [], peers: [{ name: 'tor', address: one }] });
    hands.dials[0]?.events.up(ip('fe80::1'), one);
    const events = hands.dials[0]?.events;
    if (events !== undefined) greet(events);
    const asked = hands.finders[0]?.solicits;
    // The hold time is 90 s.
    clock.advance(60_000);
    expect(hands.finders[0]?.solicits).toBe(asked);
    // Another router of an established session's link is none of its business.
    hands.finders[0]?.hear(two);
    expect(engine.report().peers).toMatchObject([{ address: one, state: 'Established' }]);
  });

  it('follows to another router when there is no session with the first', async () => {
    const { engine, hands, clock } = await started();
    engine.apply({ plan: plan(1), fresh: [] });
    hands.finders[0]?.hear(one);
    hands.finders[0]?.hear(two);
    expect(engine.report().peers).toMatchObject([{ address: one }]);
    clock.advance(10_000);
    hands.finders[0]?.hear(one);
    hands.finders[0]?.hear(two);
    expect(engine.report().peers).toMatchObject([{ name: 'tor', address: two }]);
    expect(hands.dials.at(-1)?.options.remote).toBe(two);
  });

  it('takes the connection of a router that it has not heard of, on that interface alone', async () => {
    const { engine, hands } = await started();
    engine.apply({ plan: plan(1), fresh: [] });
    const elsewhere = incoming({ local: ip('fe80::1'), remote: one, scope: 'eth1' });
    hands.connect(elsewhere.accepted);
    expect(elsewhere.heard.outcome).toBe('refused');
    const here = incoming({ local: ip('fe80::1'), remote: one, scope: 'eth0' });
    hands.connect(here.accepted);
    if (here.heard.events === undefined) throw new Error('not accepted');
    greet(here.heard.events);
    expect(engine.report().peers).toMatchObject([{ address: one, state: 'Established' }]);
  });

  it('waits for its interface, and looks anew when that is another one', async () => {
    const { engine, hands } = await started();
    hands.setLinks([]);
    engine.apply({ plan: plan(1), fresh: [] });
    expect(engine.report().problems).toEqual([{ reason: 'NoDevice', peer: 'tor', device: 'eth0' }]);
    hands.setLinks([ETH0]);
    hands.setLinks([{ ...ETH0, index: 7 }]);
    expect(hands.finders.map(({ open }) => open)).toEqual([false, true]);
    engine.apply({ plan: nodePlan(2, []), fresh: [] });
    expect(hands.finders.map(({ open }) => open)).toEqual([false, false]);
  });

  it('still says that it restarts when its router is found after the first plan (RFC 4724 §4.1)', async () => {
    const { engine, hands } = await started();
    engine.apply({ plan: plan(1, { gracefulRestart: true }), fresh: [] });
    hands.finders[0]?.hear(one);
    hands.dials[0]?.events.up(ip('fe80::1'), one);
    const open = [...(hands.dials[0]?.sent[0] ?? [])];
    // Capability 64, its length, and the four bits of which the first is Restart State.
    const at = open.findIndex((byte, i) => byte === 64 && open[i + 1] === 10);
    expect((open[at + 2] ?? 0) & 0x80).toBe(0x80);
  });
});

describe('a peer that is a prefix', () => {
  const { address: _, ...nowhere } = SESSION;
  const range = (name: string, listenRange: string, more = {}) => ({
    name,
    session: { ...nowhere, listenRange: prefix(listenRange), ...more },
    routes: [{ attributes: { communities: [], largeCommunities: [] }, prefixes: [prefix('198.51.100.1/32')] }],
  });
  const RACK = range('rack', '192.0.2.0/24');

  function connect(hands: FakeHands, remote: string, more = {}) {
    const connection = incoming({ remote: ip(remote), ...more });
    hands.connect(connection.accepted);
    return connection;
  }

  function arrive(hands: FakeHands, remote: string, more = {}) {
    const connection = connect(hands, remote, more);
    if (connection.heard.events === undefined) throw new Error(`${remote} was not accepted`);
    greet(connection.heard.events);
    return connection;
  }

  it('has a session with each router that connects, and dials none', async () => {
    const { engine, hands, clock } = await started();
    engine.apply({ plan: nodePlan(1, [RACK]), fresh: [] });
    expect(engine.report().peers).toEqual([]);
    const [one] = [arrive(hands, '192.0.2.7'), arrive(hands, '192.0.2.8')];
    expect(engine.report().peers).toMatchObject([
      { name: 'rack@192.0.2.7', address: '192.0.2.7', state: 'Established', desired: 1 },
      { name: 'rack@192.0.2.8', address: '192.0.2.8', state: 'Established', desired: 1 },
    ]);
    expect(typesOf(one)).toContain(2);
    expect(connect(hands, '198.51.100.9').heard.outcome).toBe('refused');
    clock.advance(60_000);
    expect(hands.dials).toEqual([]);
    engine.apply({ plan: nodePlan(2, []), fresh: [] });
    expect(typesOf(one)).toContain(NOTIFICATION);
    expect(engine.report().peers).toEqual([]);
  });

  it('forgets a router that has been away for three minutes, and no other', async () => {
    const { engine, hands, clock } = await started();
    const noHold = range('rack', '192.0.2.0/24', { holdTimeMs: 0, keepaliveTimeMs: 0 });
    engine.apply({ plan: nodePlan(1, [noHold]), fresh: [] });
    const gone = arrive(hands, '192.0.2.7');
    arrive(hands, '192.0.2.8');
    clock.advance(400_000);
    expect(engine.report().peers).toHaveLength(2);
    gone.heard.events?.closed();
    clock.advance(170_000);
    expect(engine.report().peers).toHaveLength(2);
    clock.advance(200_000);
    expect(engine.report().peers.map(({ name }) => name)).toEqual(['rack@192.0.2.8']);
  });

  it('takes so many and no more, and says so', async () => {
    const { engine, hands } = await started();
    engine.apply({ plan: nodePlan(1, [range('rack', '10.0.0.0/8')]), fresh: [] });
    for (let i = 0; i < 256; i++) expect(connect(hands, `10.0.1.${i}`).heard.outcome).toBe('accepted');
    expect(connect(hands, '10.0.2.1').heard.outcome).toBe('refused');
    expect(connect(hands, '10.0.1.1').heard.outcome).toBe('accepted');
    expect(engine.report().problems).toEqual([{ reason: 'TooManyRouters', peer: 'rack', limit: 256 }]);
  });

  it('leaves a router that has a BGPPeer of its own to that, and takes the longest prefix', async () => {
    const { engine, hands } = await started();
    const plans = [range('all', '192.0.0.0/16'), RACK, peerPlan('tor')];
    engine.apply({ plan: nodePlan(1, plans), fresh: [] });
    for (const router of ['192.0.2.254', '192.0.2.7', '192.0.3.7']) arrive(hands, router);
    const names = (): string[] => engine.report().peers.map(({ name }) => name);
    expect(names()).toEqual(['tor', 'rack@192.0.2.7', 'all@192.0.3.7']);
    engine.apply({ plan: nodePlan(2, [...plans, peerPlan('own', [], { address: ip('192.0.2.7') })]), fresh: [] });
    expect(names().toSorted()).toEqual(['all@192.0.3.7', 'own', 'tor']);
    expect(engine.report().problems).toEqual([]);
  });

  it('asks for one key of all of them, and follows when it changes', async () => {
    const { engine, hands } = await started();
    const keyed = (password: string) => range('rack', '192.0.2.0/24', { password });
    engine.apply({ plan: nodePlan(1, [keyed('old')]), fresh: [] });
    const key = { address: '192.0.2.0', prefixLength: 24 };
    expect(hands.listeners[0]?.keys).toEqual([{ ...key, password: 'old' }]);
    const one = arrive(hands, '192.0.2.7');
    engine.apply({ plan: nodePlan(2, [keyed('new')]), fresh: [] });
    expect(hands.listeners[0]?.keys).toEqual([{ ...key, password: 'new' }]);
    expect(typesOf(one)).not.toContain(NOTIFICATION);
    engine.apply({ plan: nodePlan(3, [keyed('new'), peerPlan('tor')]), fresh: [] });
    expect(engine.report().problems).toEqual([{ reason: 'KeyConflict', peer: 'tor', other: 'rack' }]);
  });

  it('takes nobody when the kernel cannot ask for the key, nor from too far away', async () => {
    const { engine, hands } = await started();
    hands.refusedKeys = new Map([['192.0.2.0/24', 'ENOPROTOOPT']]);
    const plan = range('rack', '192.0.2.0/24', { password: 'k', ttlSecurityHops: 1 });
    engine.apply({ plan: nodePlan(1, [plan]), fresh: [] });
    expect(connect(hands, '192.0.2.7', { ttl: 255 }).heard.outcome).toBe('refused');
    expect(engine.report().problems).toEqual([{ reason: 'CannotSetKey', peer: 'rack', error: 'ENOPROTOOPT' }]);
    hands.refusedKeys = new Map();
    engine.apply({ plan: nodePlan(2, [plan]), fresh: [] });
    expect(connect(hands, '192.0.2.7', { ttl: 64 }).heard.outcome).toBe('refused');
    expect(engine.report()).toMatchObject({ peers: [], problems: [{ reason: 'RouterTooFar', peer: 'rack', ttl: 64, least: 255 }] });
    expect(connect(hands, '192.0.2.7', { ttl: 255 }).heard).toMatchObject({ outcome: 'accepted', options: { minTtl: 255 } });
  });
});

describe('three sessions', () => {
  it('are changed, added and removed without touching the others', async () => {
    const { engine, hands } = await started();
    const [a, b, c] = ['a', 'b', 'c'].map((name, i) => peerPlan(name, ['198.51.100.1/32'], { address: ip(`192.0.2.25${i}`) }));
    if (a === undefined || b === undefined || c === undefined) throw new Error('three plans');
    engine.apply({ plan: nodePlan(1, [a, b]), fresh: [] });
    for (const dial of hands.dials) {
      dial.events.up(ip('192.0.2.1'), dial.options.remote);
      greet(dial.events);
    }
    const quiet = (): (number | undefined)[] => [hands.dials[0]?.sent.length];
    const before = quiet();
    engine.apply({ plan: nodePlan(2, [a, b, c]), fresh: [] });
    engine.apply({ plan: nodePlan(3, [a, { ...b, session: { ...b.session, holdTimeMs: 30_000 } }, c]), fresh: [] });
    expect(hands.dials[1]?.closed).toBe('flush');
    engine.apply({ plan: nodePlan(4, [a, c]), fresh: [] });
    expect(quiet()).toEqual(before);
    expect(hands.dials[0]?.closed).toBeUndefined();
    expect(engine.report().peers.map(({ name }) => name)).toEqual(['a', 'c']);
  });
});
