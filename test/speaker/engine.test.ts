import { describe, expect, it } from 'vitest';
import { encodeArp } from '../../src/wire/arp.ts';
import { ETHER_TYPE, encodeEthernet } from '../../src/wire/ethernet.ts';
import { encodeMessage } from '../../src/wire/bgp/message.ts';
import type { Mac } from '../../src/net/mac.ts';
import { BROADCAST_MAC, ZERO_MAC } from '../../src/net/mac.ts';
import { readRecord, recordLine, type Recorded } from '../../speaker/recorder.ts';
import { Heard } from '../../speaker/heard.ts';
import { randomOf } from '../sim/speakers.ts';
import { ETH0, type FakeDial, SESSION, ip, nodePlan, peerPlan, startEngine } from './support.ts';

const TYPE_AT = 18;
const typesOf = (dial: FakeDial): number[] => dial.sent.map((bytes) => bytes[TYPE_AT] ?? 0);
const OPEN = 1;
const UPDATE = 2;
const NOTIFICATION = 3;

/** The router's side of a session that comes up at once. @param helps it would keep our routes over a restart */
function establish(dial: FakeDial, helps = false): void {
  dial.events.up(ip('192.0.2.1'), ip('192.0.2.254'));
  dial.events.bytes(
    encodeMessage({
      type: 'open',
      asn: 64513,
      holdTimeSeconds: 90,
      routerId: ip('192.0.2.254'),
      capabilities: [
        { type: 'multiprotocol', afi: 1, safi: 1 },
        { type: 'fourOctetAs', asn: 64513 },
        ...(helps ? [{ type: 'gracefulRestart', restarting: false, notification: true, timeSeconds: 0, families: [] }] : []),
      ] as never,
    }),
  );
  dial.events.bytes(encodeMessage({ type: 'keepalive' }));
  dial.events.writable();
}

function who(target: string, from: Mac = '02:00:00:00:00:c1' as Mac, sender = '192.0.2.99'): Uint8Array {
  const payload = encodeArp({ operation: 'request', senderMac: from, senderIp: ip(sender), targetMac: ZERO_MAC, targetIp: ip(target) });
  return encodeEthernet({ destination: BROADCAST_MAC, source: from, etherType: ETHER_TYPE.arp, payload });
}

async function started(options: Parameters<typeof startEngine>[0] = {}) {
  const all = startEngine(options);
  await all.engine.start(179);
  all.hands.setLinks([ETH0]);
  return all;
}

const VIP = ip('198.51.100.1');
const CLAIM = { ip: VIP, services: [] };

describe('the engine, BGP', () => {
  it('dials nobody and announces nothing before the first plan', async () => {
    const { hands, clock, engine } = await started();
    clock.advance(60_000);
    expect(hands.dials).toEqual([]);
    expect(hands.ports.flatMap(({ sent }) => sent)).toEqual([]);
    expect(engine.report()).not.toHaveProperty('generation');
  });

  it('brings a session up, announces, and reports it', async () => {
    const { hands, engine, changes } = await started();
    engine.apply({ plan: nodePlan(1, [peerPlan('tor', ['198.51.100.1/32'])]), fresh: [] });
    const [dial] = hands.dials;
    if (dial === undefined) throw new Error('nothing was dialled');
    expect(dial.options).toEqual({ remote: SESSION.address, port: 179, ttl: 1 });
    const before = changes.count;
    establish(dial);
    expect(typesOf(dial)).toContain(OPEN);
    expect(typesOf(dial)).toContain(UPDATE);
    expect(changes.count).toBeGreaterThan(before);
    expect(engine.report().peers).toMatchObject([{ name: 'tor', state: 'Established', asn: 64513, desired: 1, families: ['ipv4'] }]);
  });

  it('changes routes without touching the session, and other sessions not at all', async () => {
    const { hands, engine } = await started();
    const other = peerPlan('other', ['198.51.100.1/32'], { address: ip('192.0.2.253') });
    engine.apply({ plan: nodePlan(1, [peerPlan('tor', ['198.51.100.1/32']), other]), fresh: [] });
    for (const dial of hands.dials) establish(dial);
    const sent = hands.dials.map((dial) => dial.sent.length);
    engine.apply({ plan: nodePlan(2, [peerPlan('tor', ['198.51.100.2/32']), other]), fresh: [] });
    expect(hands.dials).toHaveLength(2);
    expect(hands.dials.map((dial) => dial.closed)).toEqual([undefined, undefined]);
    expect((hands.dials[0]?.sent.length ?? 0) - (sent[0] ?? 0)).toBeGreaterThan(0);
    expect(hands.dials[1]?.sent.length).toBe(sent[1]);
  });

  it('is idempotent: the same plan again sends nothing', async () => {
    const { hands, engine } = await started();
    const plan = { plan: nodePlan(1, [peerPlan('tor', ['198.51.100.1/32'])], [CLAIM]), fresh: [] };
    engine.apply(plan);
    for (const dial of hands.dials) establish(dial);
    const frames = hands.ports[0]?.sent.length;
    const messages = hands.dials[0]?.sent.length;
    engine.apply({ ...plan, plan: { ...plan.plan, generation: 2 } });
    expect(hands.dials[0]?.sent.length).toBe(messages);
    expect(hands.ports[0]?.sent.length).toBe(frames);
    expect(engine.report().generation).toBe(2);
  });

  it.each([
    ['a session field', { holdTimeMs: 30_000, keepaliveTimeMs: 10_000 }],
    ['the MD5 key', { password: 'secret' }],
    ['the address', { address: ip('192.0.2.253') }],
  ])('makes the session anew when %s changes', async (_, change) => {
    const { hands, engine, clock } = await started();
    engine.apply({ plan: nodePlan(1, [peerPlan('tor')]), fresh: [] });
    const [first] = hands.dials;
    if (first === undefined) throw new Error('nothing was dialled');
    establish(first);
    engine.apply({ plan: nodePlan(2, [peerPlan('tor', [], change)]), fresh: [] });
    expect(typesOf(first)).toContain(NOTIFICATION);
    expect(first.closed).toBe('flush');
    clock.advance(5_000);
    expect(hands.dials.length).toBeGreaterThan(1);
    const last = hands.dials.at(-1);
    const { password, address } = { ...SESSION, ...change } as { readonly password?: string; readonly address?: string };
    expect(last?.options).toMatchObject({ remote: address, ...(password === undefined ? {} : { password }) });
  });

  it('ends a session that is not in the plan any more, with Cease / Peer De-configured (RFC 4486 §4)', async () => {
    const { hands, engine, clock } = await started();
    engine.apply({ plan: nodePlan(1, [peerPlan('tor')]), fresh: [] });
    const [dial] = hands.dials;
    if (dial === undefined) throw new Error('nothing was dialled');
    establish(dial);
    engine.apply({ plan: nodePlan(2, []), fresh: [] });
    expect([...(dial.sent.at(-1)?.subarray(TYPE_AT, TYPE_AT + 3) ?? [])]).toEqual([NOTIFICATION, 6, 3]);
    clock.advance(120_000);
    expect(hands.dials).toHaveLength(1);
    expect(engine.report().peers).toEqual([]);
  });

  const KEEPER = ip('192.0.2.253');
  const STRANGER = ip('192.0.2.252');

  /** The last message to each of three routers: without graceful restart, with it, and one that does not know it. */
  async function stopped(farewell?: string): Promise<(FakeDial & { readonly last: Uint8Array })[]> {
    const { hands, engine } = await started();
    const keeps = peerPlan('keeps', [], { address: KEEPER, gracefulRestart: true });
    const forgets = peerPlan('forgets', [], { address: STRANGER, gracefulRestart: true });
    const plan = { ...nodePlan(1, [peerPlan('tor'), keeps, forgets]), ...(farewell === undefined ? {} : { farewell }) };
    engine.apply({ plan, fresh: [] });
    for (const dial of hands.dials) establish(dial, dial.options.remote === KEEPER);
    engine.stop('upgrade');
    return [SESSION.address, KEEPER, STRANGER].map((address) => {
      const dial = hands.dials.find(({ options }) => options.remote === address);
      if (dial === undefined) throw new Error(`${address} was not dialled`);
      return { ...dial, last: dial.sent.at(-1) ?? new Uint8Array(0) };
    });
  }

  it('stops with Cease / Administrative Shutdown and words (RFC 9003), but silently where the router keeps the routes (RFC 4724 §4)', async () => {
    const [told, kept, forgotten] = await stopped();
    for (const dial of [told, forgotten]) {
      expect([...(dial?.last.subarray(TYPE_AT, TYPE_AT + 3) ?? [])]).toEqual([NOTIFICATION, 6, 2]);
      expect(Buffer.from(dial?.last.subarray(22) ?? []).toString()).toBe('upgrade');
    }
    expect(kept === undefined ? [] : typesOf(kept)).not.toContain(NOTIFICATION);
    expect(kept?.closed).toBeDefined();
  });

  it('tells every router why a drained node goes, and that it is for good (RFC 8538 §4)', async () => {
    const farewell = 'node node1 drained: cordoned';
    const [told, kept, forgotten] = await stopped(farewell);
    for (const dial of [told, forgotten]) expect([...(dial?.last.subarray(TYPE_AT, TYPE_AT + 3) ?? [])]).toEqual([NOTIFICATION, 6, 2]);
    // Hard Reset, and in it the same.
    expect([...(kept?.last.subarray(TYPE_AT, TYPE_AT + 5) ?? [])]).toEqual([NOTIFICATION, 6, 9, 6, 2]);
    for (const dial of [told, kept, forgotten]) expect(Buffer.from(dial?.last ?? []).toString('latin1')).toContain(farewell);
  });

  it('accepts connections of its peers only, and hands the kernel their keys', async () => {
    const { hands, engine } = await started();
    engine.apply({ plan: nodePlan(1, [peerPlan('tor', [], { password: 'secret' })]), fresh: [] });
    expect(hands.listeners.at(0)?.keys).toEqual([{ address: SESSION.address, password: 'secret' }]);
    const outcomes: string[] = [];
    const connection = (remote: string) => ({
      local: ip('192.0.2.1'),
      remote: ip(remote),
      accept: () => {
        outcomes.push(`accepted ${remote}`);
        return { send: () => undefined, close: () => undefined, setPassword: () => true };
      },
      refuse: () => {
        outcomes.push(`refused ${remote}`);
      },
    });
    hands.connect(connection('192.0.2.66'));
    hands.connect(connection('192.0.2.254'));
    expect(outcomes).toEqual(['refused 192.0.2.66', 'accepted 192.0.2.254']);
  });

  it('says what it cannot do', async () => {
    const { engine } = await started();
    const { address: _, ...session } = SESSION;
    engine.apply({ plan: nodePlan(1, [{ name: 'unnumbered', session: { ...session, interface: 'eth0' }, routes: [] }]), fresh: [] });
    expect(engine.report().problems).toEqual([{ reason: 'NoRouter', peer: 'unnumbered', interface: 'eth0' }]);
    engine.apply({ plan: nodePlan(2, [{ name: 'nowhere', session, routes: [] }]), fresh: [] });
    expect(engine.report().problems).toEqual([{ reason: 'UnsupportedPeer', peer: 'nowhere', field: 'an address' }]);
  });
});

describe('the engine, layer 2', () => {
  it('announces and answers a claim, and falls silent with the plan', async () => {
    const { hands, engine } = await started();
    engine.apply({ plan: nodePlan(1, [], [CLAIM]), fresh: [] });
    const [port] = hands.ports;
    if (port === undefined) throw new Error('no interface was opened');
    expect(port.sent.length).toBe(2);
    port.hear(who(VIP));
    expect(port.sent.length).toBe(3);
    expect(engine.report().claims).toMatchObject([{ ip: VIP, phase: 'claimed', interfaces: ['eth0'] }]);
    expect(new Map(engine.layer2.counters.responses).get(VIP)).toBe(1);
    engine.apply({ plan: nodePlan(2, []), fresh: [] });
    port.hear(who(VIP));
    expect(port.sent.length).toBe(3);
    expect(engine.report().claims).toEqual([]);
  });

  it('asks first for an address that is new, and answers only afterwards', async () => {
    const { hands, engine, clock } = await started();
    engine.apply({ plan: nodePlan(1, [], [CLAIM]), fresh: [VIP] });
    const [port] = hands.ports;
    port?.hear(who(VIP));
    expect(engine.report().claims).toMatchObject([{ phase: 'probing' }]);
    const replies = (): number => port?.sent.filter((frame) => frame[21] === 2).length ?? 0;
    expect(replies()).toBe(0);
    clock.advance(2_000);
    port?.hear(who(VIP));
    expect(replies()).toBeGreaterThan(0);
    expect(engine.report().claims).toMatchObject([{ phase: 'claimed' }]);
  });

  it('does not take an address that another host has, and reports who', async () => {
    const { hands, engine, clock } = await started();
    engine.apply({ plan: nodePlan(1, [], [CLAIM]), fresh: [VIP] });
    hands.ports[0]?.hear(who('192.0.2.5', '02:00:00:00:00:ee' as Mac, VIP));
    expect(engine.report().claims).toMatchObject([{ phase: 'refused', interfaces: [] }]);
    const problem = { reason: 'AddressInUse', ip: VIP, mac: '02:00:00:00:00:ee', interface: 'eth0' };
    expect(engine.report().problems).toEqual([problem]);
    // It has gone: nobody answers when the address is asked for again, and the problem is over.
    clock.advance(5_000);
    expect(engine.report().claims).toMatchObject([{ phase: 'claimed' }]);
    expect(engine.report().problems).toEqual([]);
    // It is back: that is told anew.
    hands.ports[0]?.hear(who('192.0.2.5', '02:00:00:00:00:ee' as Mac, VIP));
    expect(engine.report().problems).toEqual([problem]);
  });

  // A responder that is made after the announcement has to know and join what was announced before.
  it('announces on an interface that appears later, joins its groups, and again when it was recreated', async () => {
    const { hands, engine } = await started();
    const vip6 = ip('2001:db8:1::5');
    hands.setLinks([]);
    engine.apply({ plan: nodePlan(1, [], [{ ip: vip6, services: [] }]), fresh: [] });
    expect(engine.report().problems).toEqual([{ reason: 'NoUsableInterface', ip: vip6, interfaces: [] }]);
    hands.setLinks([ETH0]);
    const second = hands.ports.at(-1);
    expect(second?.sent.length).toBe(1);
    expect([...(second?.groups ?? [])]).toEqual(['ff02::1:ff00:5']);
    expect(engine.report().problems).toEqual([]);
    hands.setLinks([{ ...ETH0, index: 7, mac: '02:00:00:00:00:02' as Mac }]);
    const third = hands.ports.at(-1);
    expect(second?.open).toBe(false);
    expect(third?.link.index).toBe(7);
    expect(third?.sent.length).toBe(1);
    expect([...(third?.groups ?? [])]).toEqual(['ff02::1:ff00:5']);
  });

  it('counts no claim as announced when none of its interfaces exists', async () => {
    const { hands, engine } = await started();
    engine.apply({ plan: nodePlan(1, [], [{ ...CLAIM, interfaces: ['eth9'] }]), fresh: [] });
    expect(hands.ports.flatMap(({ sent }) => sent)).toEqual([]);
    expect(engine.report().claims).toMatchObject([{ phase: 'waiting', interfaces: [] }]);
    expect(engine.report().problems).toEqual([{ reason: 'NoUsableInterface', ip: VIP, interfaces: ['eth9'] }]);
  });

  it('leaves ports of bridges, loopback and excluded interfaces alone', async () => {
    const { hands, engine } = await started({ exclude: /^cali/ });
    hands.setLinks([
      ETH0,
      { ...ETH0, name: 'cali1', index: 3 },
      { ...ETH0, name: 'eth1', index: 4, isPort: true },
      { ...ETH0, name: 'lo', index: 1 },
    ]);
    engine.apply({ plan: nodePlan(1, [], [CLAIM]), fresh: [] });
    expect(hands.ports.filter(({ open }) => open).map(({ link }) => link.name)).toEqual(['eth0']);
  });

  it('goes on without an interface that cannot be opened, and says so', async () => {
    const { hands, engine } = startEngine();
    hands.failOpen = 'EPERM';
    await engine.start(179);
    hands.setLinks([ETH0]);
    engine.apply({ plan: nodePlan(1, [], [CLAIM]), fresh: [] });
    expect(engine.report().problems).toContainEqual({
      reason: 'CapabilityMissing',
      capability: 'NET_RAW',
      what: 'interface eth0 cannot be opened',
    });
  });

  it('announces again after the repeat time', async () => {
    const { hands, engine, clock } = await started();
    engine.apply({ plan: nodePlan(1, [], [CLAIM]), fresh: [] });
    clock.advance(10_000);
    const burst = hands.ports[0]?.sent.length ?? 0;
    clock.advance(70_000);
    expect(hands.ports[0]?.sent.length).toBeGreaterThan(burst);
  });
});

describe('a recording', () => {
  it('replayed on a new engine gives the same frames and messages', async () => {
    const recorded: string[] = [];
    const first = await started({
      recorder: { record: (at, machine, event) => void recorded.push(recordLine(at, machine, event)), close: () => Promise.resolve() },
    });
    first.engine.apply({ plan: nodePlan(1, [peerPlan('tor', ['198.51.100.1/32'], { password: 'hidden' })], [CLAIM]), fresh: [] });
    for (const dial of first.hands.dials) establish(dial);
    first.clock.advance(31_000);
    expect(recorded.join('\n')).not.toContain('hidden');

    const second = startEngine();
    await second.engine.start(179);
    for (const { at, machine, event } of recorded.map((line): Recorded => readRecord(line))) {
      second.clock.advance(at - second.clock.now());
      const input = event as never as { type: string; data: Uint8Array; local: never; remote: never; links: never };
      if (machine === 'links') second.hands.setLinks(input.links);
      else if (machine === 'plan') second.engine.apply(event as never);
      else if (input.type === 'bytes') second.hands.dials[0]?.events.bytes(input.data);
      else if (input.type === 'tcpConnected') second.hands.dials[0]?.events.up(input.local, input.remote);
      else if (input.type === 'writable') second.hands.dials[0]?.events.writable();
    }
    second.clock.advance(first.clock.now() - second.clock.now());
    expect(second.hands.dials.map(({ sent }) => sent)).toEqual(first.hands.dials.map(({ sent }) => sent));
    expect(second.hands.ports.map(({ sent }) => sent)).toEqual(first.hands.ports.map(({ sent }) => sent));
    expect(second.hands.dials[0]?.sent.length).toBeGreaterThan(2);
  });
});

describe('what the wire thread tells the worker', () => {
  it('piece by piece is what it is as a whole', async () => {
    const { hands, engine, clock } = await started();
    const heard = new Heard();
    const ips = Array.from({ length: 40 }, (_, id) => ip(`198.51.100.${id + 1}`));
    const told = (): object => Object.fromEntries([...heard.hear(engine.news(false)).claims].toSorted(([a], [b]) => (a < b ? -1 : 1)));
    const whole = (): object => {
      const claims = engine.report().claims.toSorted((a, b) => (a.ip < b.ip ? -1 : 1));
      return Object.fromEntries(claims.map(({ ip: key, ...state }) => [key, state]));
    };
    const links = [[], [ETH0], [ETH0, { ...ETH0, index: 9, name: 'eth1', mac: '02:00:00:00:00:09' as Mac }]];
    const random = randomOf(7);
    const differences: [object, object][] = [];
    const pick = (below: number): number => Math.floor(random() * below);
    for (let round = 0; round < 200; round++) {
      const act = pick(5);
      if (act === 0) hands.setLinks(links[pick(3)] ?? []);
      else if (act === 1) hands.ports.at(-1)?.hear(who('192.0.2.5', '02:00:00:00:00:ee' as Mac, ips[pick(40)]));
      else if (act === 2) clock.advance(pick(3000));
      else {
        const claims = ips
          .filter(() => pick(2) === 0)
          .map((each) => ({ ip: each, services: [], ...(pick(3) === 0 ? { interfaces: ['eth1'] } : {}) }));
        engine.apply({ plan: nodePlan(round, [], claims), fresh: ips.filter(() => pick(4) === 0) });
      }
      if (pick(3) === 0) differences.push([told(), whole()]);
    }
    clock.advance(100);
    differences.push([told(), whole()]);
    expect(differences.filter(([pieces, all]) => JSON.stringify(pieces) !== JSON.stringify(all))).toEqual([]);
    expect(Object.keys(whole()).length).toBeGreaterThan(5);
    // A worker that has just begun is told everything.
    expect(new Heard().hear(engine.news(true)).claims.size).toBe(engine.report().claims.length);
    expect(engine.news(false).claims).toEqual({ isWhole: false, alike: [], gone: [] });
  });
});

describe('plans of thousands of addresses', () => {
  const COUNT = 2_500;
  const vipsOf = (net: number) => Array.from({ length: COUNT }, (_, id) => ip(`198.${net}.${id >> 8}.${id & 255}`)).toSorted();
  const manyOf = (generation: number, net: number) => {
    const vips = vipsOf(net);
    const ranks = Float64Array.from(vips, () => 1);
    const contest = { policy: 'balanced' as const, nodes: ['node1'], weights: [0], tiers: [0], vips, ranks };
    const layer2 = { candidacies: vips.map((vip) => ({ ip: vip, services: [] })), groups: vips, contests: [contest], peers: [] };
    return { plan: { ...nodePlan(generation, []), layer2 }, fresh: vips };
  };

  it('are carried out though another comes in every turn, and the last one in the end', async () => {
    const { engine, clock } = await started();
    let turns = 0;
    for (; engine.layer2.claims().length === 0 && turns < 50; turns++) {
      engine.apply(manyOf(turns + 1, 18 + (turns % 2)));
      clock.turn();
    }
    expect(turns).toBeLessThan(20);
    const last = turns + 2;
    for (const generation of [turns + 1, last]) engine.apply(manyOf(generation, generation === last ? 51 : 18));
    for (let turn = 0; turn < 30; turn++) clock.turn();
    clock.advance(100);
    expect(engine.layer2.claims().map((claim) => claim.ip)).toEqual(vipsOf(51));
    expect(engine.report().generation).toBe(last);
  });
});
