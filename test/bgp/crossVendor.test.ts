import { describe, expect, it } from 'vitest';
import { peerCounters } from '../../src/bgp/peer.ts';
import type { SessionConfig } from '../../src/bgp/session.ts';
import type { Capability } from '../../src/wire/bgp/capability.ts';
import { endOfRib } from '../../src/wire/bgp/update.ts';
import { MP4, MP6, Scripted } from './scripted.ts';
import { A, PLAIN, ip, isUp, pair, prefix, routes, startBoth } from './simulation.ts';

/*
 * What routers of many makes want of a neighbour, each rule from a case where a speaker and a router did not get along. What only a
 * real router or a real socket shows is in test/interop/crossVendor.test.ts.
 */

const V4 = '203.0.113.1/32';
const V6 = '2001:db8:1::1/128';
const AS4: Capability = { type: 'fourOctetAs', asn: 64_513 };
const gracefulRestart = { restartTimeSeconds: 120, longLivedStaleSeconds: 3600 };

/** The address families that a capability names. */
function afis(capability: Capability): number[] {
  if (capability.type === 'multiprotocol') return [capability.afi];
  if ('entries' in capability) return capability.entries.map(({ afi }) => afi);
  return 'families' in capability ? capability.families.map(({ afi }) => afi) : [];
}

function offered(settings: Partial<SessionConfig>): readonly Capability[] {
  const scripted = new Scripted(settings);
  scripted.connect();
  return scripted.us.sentOf('open')[0]?.capabilities ?? [];
}

describe('rule 1: IPv4 unicast is always offered by name', () => {
  it('a session of IPv4 alone has the multiprotocol capability for it, which some routers insist on', () => {
    expect(offered({ families: ['ipv4'] }).filter(({ type }) => type === 'multiprotocol')).toEqual([MP4]);
    expect(offered({ families: ['ipv4', 'ipv6'] }).filter(({ type }) => type === 'multiprotocol')).toEqual([MP4, MP6]);
  });
});

describe('rule 2: a family that is not configured for the peer is not there at all', () => {
  it.each([
    ['ipv4', 1],
    ['ipv6', 2],
  ] as const)('%s alone: no capability names another', (family, afi) => {
    const capabilities = offered({ families: [family], gracefulRestart, addPath: true });
    expect(capabilities.map(({ type }) => type)).toContain('longLivedGracefulRestart');
    expect(new Set(capabilities.flatMap(afis))).toEqual(new Set([afi]));
  });

  it('on a session that agreed on IPv6 alone neither an IPv4 prefix nor its End-of-RIB is sent, not even where one is withdrawn', () => {
    const scripted = new Scripted({ families: ['ipv4', 'ipv6'] });
    scripted.desire(routes(V4, V6));
    scripted.connect({ ipv6: ip('2001:db8::1') });
    scripted.open([MP6, AS4]);
    scripted.say({ type: 'keepalive' });
    scripted.desire(routes(V6));
    scripted.desire([]);
    const updates = scripted.us.sentOf('update');
    expect(updates.map((update) => [update.nlri.count, update.withdrawn.count, update.attributes.map(({ type }) => type)[0]])).toEqual([
      [0, 0, 'mpReach'],
      [0, 0, 'mpUnreach'],
      [0, 0, 'mpUnreach'],
    ]);
    expect(updates.map(endOfRib)).toEqual([undefined, 'ipv6', undefined]);
  });

  it('where no family is in common, that is said once with the capability that would be needed, and nothing is tried meanwhile', () => {
    const scripted = new Scripted({ families: ['ipv4'] });
    scripted.connect();
    scripted.open([MP6, AS4]);
    expect(scripted.us.sentOf('notification')).toMatchObject([{ code: 2, subcode: 7, data: Uint8Array.of(1, 4, 0, 1, 0, 1) }]);
    scripted.sim.runFor(3000);
    expect(scripted.dials()).toHaveLength(1);
  });
});

/** Codes that an OPEN names. */
const types = (scripted: Scripted): string[][] => scripted.us.sentOf('open').map((open) => open.capabilities.map(({ type }) => type));

describe('rule 2: a router that answers with Unsupported Capability', () => {
  /** As many times as it is tried within `ms`. */
  function refuse(data: Uint8Array, ms: number): Scripted {
    const scripted = new Scripted({ families: ['ipv4'] });
    const end = scripted.sim.now + ms;
    while (scripted.sim.runUntil(() => scripted.us.state.out.fsm.name === 'Connect', end - scripted.sim.now)) {
      scripted.connect();
      scripted.say({ type: 'notification', code: 2, subcode: 7, data });
    }
    return scripted;
  }

  it('because of a family loses nothing else of the offer, and is not tried at once', () => {
    const scripted = refuse(Uint8Array.of(1, 4, 0, 1, 0, 1), 3500);
    expect(scripted.dials()).toHaveLength(1);
    expect(scripted.us.state.withheld).toEqual({ codes: [], all: false });
  });

  it('for whatever reason is offered less and less, waited for, and then offered all again: it may have been mended', () => {
    const offers = types(refuse(new Uint8Array(0), 60_000));
    const [whole = [], spare = [], none = []] = offers;
    expect(whole).toContain('routeRefresh');
    expect(spare).toEqual(['multiprotocol', 'fourOctetAs']);
    expect(none).toEqual([]);
    expect(offers[3]).toEqual(whole);
    expect(offers.length).toBeLessThan(16);
  });

  it('keeps what it can have: the next OPEN lacks only what was named, and the session comes up with it', () => {
    const scripted = new Scripted({ families: ['ipv4'], gracefulRestart });
    scripted.connect();
    scripted.say({ type: 'notification', code: 2, subcode: 7, data: Uint8Array.of(70, 0, 71, 0) });
    scripted.sim.runUntil(() => scripted.us.state.out.fsm.name === 'Connect', 2000);
    scripted.greet([MP4, AS4]);
    const [first = [], second = []] = types(scripted);
    expect(first.filter((type) => !second.includes(type)).sort()).toEqual(['enhancedRouteRefresh', 'longLivedGracefulRestart']);
    expect(isUp(scripted.us)).toBe(true);
  });
});

describe('rule 3: a router without AS numbers of four octets', () => {
  it('gets an AS_PATH of two-octet numbers, and nothing beside it where ours is one', () => {
    const scripted = new Scripted({ families: ['ipv4'] });
    scripted.desire(routes(V4));
    scripted.greet([MP4]);
    const { attributes = [], faults } = scripted.us.sentOf('update')[0] ?? {};
    expect(faults).toEqual([]);
    expect(attributes.map(({ type }) => type)).toEqual(['origin', 'asPath', 'nextHop']);
    expect(attributes[1]).toMatchObject({ segments: [{ kind: 'sequence', asns: [64_512] }] });
  });

  it('gets AS_TRANS in OPEN and AS_PATH, and the truth in AS4_PATH, where ours has four octets', () => {
    const scripted = new Scripted({ families: ['ipv4'], myAsn: 4_200_000_001 });
    scripted.desire([{ attributes: { ...PLAIN, asPathPrepend: 1 }, prefixes: [prefix(V4)] }]);
    scripted.greet([MP4]);
    expect(scripted.us.sentOf('open')[0]?.asn).toBe(23_456);
    const { attributes = [] } = scripted.us.sentOf('update')[0] ?? {};
    expect(attributes.find(({ type }) => type === 'asPath')).toMatchObject({ segments: [{ asns: [23_456, 23_456] }] });
    expect(attributes.find(({ type }) => type === 'as4Path')).toMatchObject({ segments: [{ asns: [4_200_000_001, 4_200_000_001] }] });
  });
});

/** What the router sees of one route, the next hop apart. */
function seen(settings: Partial<SessionConfig>, attributes = PLAIN): unknown {
  const scripted = new Scripted({ families: ['ipv4'], ...settings });
  scripted.desire([{ attributes, prefixes: [prefix(V4)] }]);
  scripted.greet([MP4, AS4]);
  return scripted.us.sentOf('update')[0]?.attributes.filter(({ type }) => type !== 'nextHop');
}

describe('rule 4: the same ORIGIN, MED and path length from every node, or a router does not balance', () => {
  it('two nodes say the same of a VIP; ORIGIN is IGP, and INCOMPLETE where it is asked for, beside speakers that say so', () => {
    expect(seen({ routerId: A })).toEqual(seen({ routerId: ip('192.0.2.77') }));
    expect(seen({})).toEqual([
      { type: 'origin', origin: 'igp' },
      { type: 'asPath', segments: [{ kind: 'sequence', asns: [64_512] }] },
    ]);
    expect(seen({}, { ...PLAIN, origin: 'incomplete' })).toContainEqual({ type: 'origin', origin: 'incomplete' });
  });
});

describe('rule 5: graceful restart', () => {
  const RESTART: Capability = { type: 'gracefulRestart', restarting: false, notification: false, timeSeconds: 120, families: [] };

  it('names only the families of the session, with the R bit after a restart and not otherwise', () => {
    for (const restarting of [true, false]) {
      const scripted = new Scripted({ families: ['ipv4'], gracefulRestart }, restarting);
      scripted.connect();
      const capability = scripted.us.sentOf('open')[0]?.capabilities.find(({ type }) => type === 'gracefulRestart');
      expect(capability).toMatchObject({ restarting, families: [{ afi: 1, safi: 1, forwarding: true }] });
    }
  });

  it('a restarted speaker waits for no End-of-RIB of the router, and sends its routes before its own', () => {
    const scripted = new Scripted({ families: ['ipv4', 'ipv6'], gracefulRestart }, true);
    scripted.desire(routes(V4, V6));
    // The router keeps routes of both families, has one of them only, and never ends its table.
    const families = [1, 2].map((afi) => ({ afi, safi: 1, forwarding: true }));
    scripted.greet([MP4, AS4, { ...RESTART, families }]);
    expect(scripted.us.sentOf('update').map(endOfRib)).toEqual([undefined, 'ipv4']);
    expect(scripted.us.sentOf('update')[0]?.nlri.count).toBe(1);
  });

  it('End-of-RIB waits for the first plan: before it the router would drop what it keeps', () => {
    const scripted = new Scripted({ families: ['ipv4'], gracefulRestart }, true);
    scripted.greet([MP4, AS4, { ...RESTART, families: [{ afi: 1, safi: 1, forwarding: true }] }]);
    scripted.sim.runFor(20_000);
    expect(scripted.us.sentOf('update')).toEqual([]);
    scripted.desire(routes(V4));
    expect(scripted.us.sentOf('update').map(endOfRib)).toEqual([undefined, 'ipv4']);
  });
});

describe('rule 6: End-of-RIB is always sent', () => {
  it('for each family, also to a router without graceful restart, and where there is nothing to announce', () => {
    const scripted = new Scripted();
    scripted.desire([]);
    scripted.connect({ ipv6: ip('2001:db8::1') });
    scripted.open([MP4, MP6]);
    scripted.say({ type: 'keepalive' });
    expect(scripted.us.sentOf('update').map(endOfRib)).toEqual(['ipv4', 'ipv6']);
  });
});

describe('rule 7: a connection that is dead without a word', () => {
  it('ends with our own hold timer, is closed on our side, and is dialled anew', () => {
    const { sim, a } = pair({ holdTimeMs: 9000 }, { holdTimeMs: 9000, passive: true });
    startBoth(sim);
    sim.runUntil(() => sim.hosts.every(isUp), 10_000);
    const { conn } = a.state.out.wire ?? {};
    sim.cutSilently();
    expect(sim.runUntil(() => !isUp(a), 9001)).toBe(true);
    expect(a.effects.map(({ effect }) => effect)).toContainEqual({ type: 'close', conn, mode: 'flush' });
    const before = a.effects.length;
    sim.runFor(5000);
    expect(a.effects.slice(before).some(({ effect }) => effect.type === 'connect')).toBe(true);
  });

  it('where the router still speaks and reads nothing, the send hold timer ends it (RFC 9687)', () => {
    const scripted = new Scripted({ families: ['ipv4'] });
    scripted.greet([MP4, AS4]);
    // Nothing that was handed to the socket is ever reported as gone.
    for (let minute = 0; minute < 9 && isUp(scripted.us); minute++) {
      scripted.sim.runFor(60_000);
      if (isUp(scripted.us)) scripted.say({ type: 'keepalive' });
    }
    expect(scripted.notices()).toEqual(['8/0']);
  });
});

describe('rule 8: no storm of sessions after an error in OPEN', () => {
  it('a router that answers every OPEN with Bad Peer AS is tried ever more rarely, and never counts as up', () => {
    const scripted = new Scripted({ families: ['ipv4'] });
    const data = new Uint8Array(0);
    for (let tries = 0; tries < 20 && scripted.sim.now < 900_000;) {
      if (!scripted.sim.runUntil(() => scripted.us.state.out.fsm.name === 'Connect', 200_000)) break;
      scripted.connect();
      scripted.open([MP4, AS4]);
      scripted.say({ type: 'notification', code: 2, subcode: 2, data });
      tries++;
    }
    const dials = scripted.dials();
    const gaps = dials.slice(1).map((at, i) => at - (dials[i] ?? 0));
    expect(gaps[0]).toBeGreaterThanOrEqual(3750);
    expect(gaps.at(-1)).toBeGreaterThanOrEqual(90_000);
    expect(dials.length).toBeLessThanOrEqual(16);
    expect(peerCounters(scripted.us.state).timesEstablished).toBe(0);
    expect(scripted.us.effects.some(({ effect }) => effect.type === 'report' && effect.status.state === 'Established')).toBe(false);
  });
});

describe('rule 9: one VIP from nodes of several ASes', () => {
  it('the paths are equal but for the AS number, which is the one of the session: the router needs no more than multipath-relax', () => {
    const one = seen({ myAsn: 64_512 });
    const other = seen({ myAsn: 64_520 });
    expect(other).not.toEqual(one);
    expect(JSON.stringify(other)).toBe(JSON.stringify(one).replace('64512', '64520'));
    // A first AS in the path that is not the neighbour's is refused by routers that enforce it.
    expect(JSON.stringify(seen({ myAsn: 64_512, localAsn: 64_520 }))).toBe(JSON.stringify(other));
  });
});

describe('rule 10: more hops than one', () => {
  it('need nothing here that the router would have to know: the same connection, OPEN and next hop', () => {
    const [near, far] = [false, true].map((ebgpMultiHop) => {
      const scripted = new Scripted({ families: ['ipv4'], ebgpMultiHop, peerAddress: ip('198.51.100.9') });
      scripted.desire(routes(V4));
      scripted.greet([MP4, AS4]);
      return scripted.us.effects.map(({ effect }) => (effect.type === 'send' ? Buffer.from(effect.bytes).toString('hex') : effect));
    });
    expect(far).toEqual(near);
    expect(near).toContainEqual(expect.objectContaining({ type: 'connect', remote: '198.51.100.9' }));
  });
});
