/**
 * What MetalLB 0.16's own BGP speaker is weak at, shown not to be so here; its other weak points are in
 * test/controller/weakPoints.test.ts. The same over real sockets and against real routers: a path that goes dead and keys in
 * test/interop/transport.test.ts, every daemon's view of our routes in test/interop/session.test.ts, BFD in test/interop/bfd.test.ts.
 */
import { describe, expect, it } from 'vitest';
import { planNode } from '../../src/announce/nodePlan.ts';
import { peerCounters } from '../../src/bgp/peer.ts';
import type { StopReason } from '../../src/bgp/session.ts';
import type { Capability } from '../../src/wire/bgp/capability.ts';
import { nlriPrefixes } from '../../src/wire/bgp/nlri.ts';
import { endOfRib } from '../../src/wire/bgp/update.ts';
import * as announce from '../announce/support.ts';
import { MP4, MP6, Scripted } from './scripted.ts';
import { A, PLAIN, ip, isUp, pair, prefix, routes, startBoth } from './simulation.ts';

const AS4: Capability = { type: 'fourOctetAs', asn: 64_513 };
const RESTART: Capability = { type: 'gracefulRestart', restarting: false, notification: true, timeSeconds: 120, families: [] };
const V4 = '203.0.113.1/32';

/** `10.x.y.z/32`, as many as wanted. */
const many = (count: number): string[] => Array.from({ length: count }, (_, i) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}/32`);

const attributesOf = (scripted: Scripted): Record<string, unknown>[] =>
  scripted.us.sentOf('update').map(({ attributes }) => Object.fromEntries(attributes.map((each) => [each.type, each])));

describe('W1: a router that falls silent', () => {
  it('is given up after the hold time, however long TCP would go on, and told so', () => {
    const scripted = new Scripted({ families: ['ipv4'] });
    scripted.greet([MP4, AS4]);
    // The socket takes what we send, and nothing comes back.
    const done = scripted.sim.runUntil(() => {
      scripted.sim.step(scripted.us, { type: 'writable', conn: scripted.conn });
      return !isUp(scripted.us);
    }, 120_000);
    expect(done).toBe(true);
    expect(scripted.sim.now).toBeLessThanOrEqual(1000 + 90_000);
    expect(scripted.notices()).toEqual(['4/0']);
  });
});

describe('W2: a session is up when both sides have said so', () => {
  it('not with the OPEN, but with the KEEPALIVE; no route goes out before', () => {
    const scripted = new Scripted({ families: ['ipv4'] });
    scripted.desire(routes(V4));
    scripted.connect();
    scripted.open([MP4, AS4]);
    expect(scripted.us.status.state).toBe('OpenConfirm');
    expect(scripted.us.sentOf('update')).toEqual([]);
    scripted.say({ type: 'keepalive' });
    expect(isUp(scripted.us)).toBe(true);
    expect(scripted.us.sentOf('update').map(endOfRib)).toEqual([undefined, 'ipv4']);
  });

  it('a router that refuses us after its OPEN is tried a few times in a minute, not several times a second', () => {
    const scripted = new Scripted({ families: ['ipv4'] });
    while (scripted.sim.now < 61_000) {
      if (!scripted.sim.runUntil(() => scripted.us.state.out.fsm.name === 'Connect', 61_000 - scripted.sim.now)) break;
      scripted.connect();
      scripted.open([MP4, AS4]);
      scripted.say({ type: 'notification', code: 2, subcode: 2, data: new Uint8Array(0) });
    }
    expect(scripted.dials().length).toBeGreaterThan(1);
    expect(scripted.dials().length).toBeLessThanOrEqual(5);
    expect(peerCounters(scripted.us.state).timesEstablished).toBe(0);
    expect(scripted.us.status.lastError).toMatchObject({ direction: 'received', name: 'OPEN Message Error/Bad Peer AS' });
  });
});

it('a router that had enough prefixes and then takes no connection any more: its reason stays the news', () => {
  const scripted = new Scripted({ families: ['ipv4'] });
  scripted.greet([MP4, AS4]);
  scripted.say({ type: 'notification', code: 6, subcode: 1, data: new Uint8Array(0) });
  const reason = { direction: 'received', name: 'Cease/Maximum Number of Prefixes Reached' };
  expect(scripted.us.status.lastError).toMatchObject(reason);
  for (let tries = 0; tries < 3; tries++) {
    scripted.sim.runUntil(() => scripted.us.state.out.fsm.name === 'Connect', 60_000);
    scripted.connect();
    scripted.sim.step(scripted.us, { type: 'tcpClosed', conn: scripted.conn });
    expect(scripted.us.status.lastError).toMatchObject(reason);
  }
  expect(scripted.us.state.out.fsm.name).not.toBe('Established');
});

it('a router that takes the connection and says nothing is told of long before it is given up', () => {
  const scripted = new Scripted({ families: ['ipv4'] });
  scripted.connect();
  scripted.sim.runFor(9000);
  expect(scripted.us.status.lastError).toBeUndefined();
  scripted.sim.runFor(2000);
  expect(scripted.us.status).toMatchObject({ state: 'OpenSent', lastError: { direction: 'local', name: 'NoOpen' } });
  expect(scripted.dials()).toHaveLength(1);
  // It was only slow.
  scripted.open([MP4, AS4]);
  scripted.say({ type: 'keepalive' });
  expect(isUp(scripted.us)).toBe(true);
});

it('what was wrong with the old configuration is not said of the new one, and neither is its end', () => {
  const scripted = new Scripted({ families: ['ipv4'] });
  scripted.greet([MP4, AS4]);
  scripted.sim.step(scripted.us, { type: 'configure', config: { ...scripted.us.state.config, peerAsn: 64_999 } });
  expect(scripted.notices()).toEqual(['6/6']);
  expect(scripted.us.status.lastError).toBeUndefined();
});

it('a refusal stays the news when the router ends a second connection after it', () => {
  const scripted = new Scripted({ families: ['ipv4'] });
  const ended = (subcode: number): void => {
    scripted.sim.runUntil(() => scripted.us.state.out.fsm.name === 'Connect', 300_000);
    scripted.connect();
    scripted.say({ type: 'notification', code: subcode === 2 ? 2 : 6, subcode, data: new Uint8Array(0) });
  };
  ended(2);
  ended(7);
  expect(scripted.us.status.lastError?.name).toBe('OPEN Message Error/Bad Peer AS');
});

describe('W3: what a speaker of today is expected to do', () => {
  it.each<[string, StopReason, string]>([
    ['a shutdown', { kind: 'shutdown', text: 'bye' }, '6/2'],
    ['a BGPPeer that is deleted', { kind: 'deconfigured' }, '6/3'],
    ['a reset', { kind: 'reset' }, '6/4'],
  ])('NOTIFICATION: %s is told', (_, reason, expected) => {
    const scripted = new Scripted({ families: ['ipv4'] });
    scripted.greet([MP4, AS4]);
    scripted.sim.step(scripted.us, { type: 'stop', reason });
    expect(scripted.notices()).toEqual([expected]);
  });

  it('listening: a router may connect, and need not be dialled', () => {
    const { sim, a, b } = pair({ passive: true }, {});
    startBoth(sim);
    expect(sim.runUntil(() => isUp(a) && isUp(b), 10_000)).toBe(true);
    expect(a.state.in.fsm.name).toBe('Established');
  });

  it('route refresh: asked for its table, it sends it', () => {
    const scripted = new Scripted({ families: ['ipv4'] });
    scripted.desire(routes(V4));
    scripted.greet([MP4, AS4, { type: 'routeRefresh' }]);
    const before = scripted.us.sentOf('update').length;
    scripted.say({ type: 'routeRefresh', subtype: 0, afi: 1, safi: 1 });
    const again = scripted.us.sentOf('update').slice(before);
    expect(again.flatMap(({ nlri }) => nlriPrefixes(nlri)).map((each) => each.prefix)).toEqual([V4]);
  });

  it('graceful restart: offered with the forwarding state kept, and a restart closes without a NOTIFICATION', () => {
    const scripted = new Scripted({ families: ['ipv4'], gracefulRestart: { restartTimeSeconds: 90 } });
    scripted.greet([MP4, AS4, RESTART]);
    const offered = scripted.us.sentOf('open')[0]?.capabilities.find(({ type }) => type === 'gracefulRestart');
    expect(offered).toMatchObject({ timeSeconds: 90, notification: true, families: [{ afi: 1, safi: 1, forwarding: true }] });
    scripted.sim.step(scripted.us, { type: 'stop', reason: { kind: 'restart' } });
    expect(scripted.notices()).toEqual([]);
    expect(scripted.us.effects.at(-2)?.effect).toMatchObject({ type: 'close' });
  });

  it('ADD-PATH: path identifiers for a router that wants them', () => {
    const scripted = new Scripted({ families: ['ipv4'], addPath: true });
    scripted.desire(routes(V4));
    scripted.greet([MP4, AS4, { type: 'addPath', entries: [{ afi: 1, safi: 1, mode: 1 }] }]);
    const { nlri, faults } = scripted.us.sentOf('update')[0] ?? {};
    expect(faults).toEqual([]);
    expect(nlri && [...nlriPrefixes(nlri)]).toEqual([{ prefix: V4, pathId: 1 }]);
  });

  it('IPv6 and large communities', () => {
    const scripted = new Scripted();
    scripted.desire([{ attributes: { ...PLAIN, largeCommunities: [[64_512, 1, 2]] }, prefixes: [prefix('2001:db8:1::1/128')] }]);
    scripted.connect({ ipv6: ip('2001:db8::1') });
    scripted.open([MP4, MP6, AS4]);
    scripted.say({ type: 'keepalive' });
    expect(attributesOf(scripted)[0]).toMatchObject({
      mpReach: { afi: 2, nextHops: ['2001:db8::1'] },
      largeCommunities: { communities: [[64_512, 1, 2]] },
    });
  });

  it('BFD: a path that is down ends the session at once, with its own reason (RFC 9384)', () => {
    const scripted = new Scripted({ families: ['ipv4'] });
    scripted.greet([MP4, AS4]);
    scripted.sim.step(scripted.us, { type: 'bfdDown' });
    expect(scripted.notices()).toEqual(['6/10']);
  });
});

describe('W4: many routes at once', () => {
  it('5,000 withdrawals are messages that each router can read, and as few as there can be', () => {
    const scripted = new Scripted({ families: ['ipv4'], extendedMessages: false });
    const vips = many(5000);
    scripted.desire(routes(...vips));
    scripted.greet([MP4, AS4]);
    scripted.sim.step(scripted.us, { type: 'writable', conn: scripted.conn });
    const before = scripted.rawUpdates().length;
    // Seven messages and the End-of-RIB, where one prefix in each would be 5,000.
    expect(before).toBe(Math.ceil((5000 * 5) / 4050) + 1);
    scripted.desire([]);
    const withdrawals = scripted.rawUpdates().slice(before);
    expect(withdrawals).toHaveLength(Math.ceil(5000 / Math.floor((4096 - 23) / 5)));
    for (const bytes of scripted.rawUpdates()) expect(bytes.length).toBeLessThanOrEqual(4096);
    const gone = scripted.us.sentOf('update').flatMap(({ withdrawn }) => [...nlriPrefixes(withdrawn)]);
    expect(gone.map((each) => each.prefix).sort()).toEqual(vips.toSorted());
  });
});

describe('W5: LOCAL_PREF', () => {
  const said = (myAsn: number, localPref?: number): unknown => {
    const scripted = new Scripted({ families: ['ipv4'], myAsn });
    scripted.desire([{ attributes: { ...PLAIN, ...(localPref === undefined ? {} : { localPref }) }, prefixes: [prefix(V4)] }]);
    scripted.greet([MP4, AS4]);
    return attributesOf(scripted)[0]?.['localPref'];
  };

  it('is 100 on iBGP when nothing is said, what is said otherwise, and never told to another AS', () => {
    expect(said(64_513)).toEqual({ type: 'localPref', localPref: 100 });
    expect(said(64_513, 300)).toEqual({ type: 'localPref', localPref: 300 });
    expect(said(64_512, 300)).toBeUndefined();
  });
});

describe('W6: an IPv4 route on a session over IPv6', () => {
  const OVER = { peerAddress: ip('2001:db8::2'), families: ['ipv4'] as const };
  const ENH: Capability = { type: 'extendedNextHop', entries: [{ afi: 1, safi: 1, nextHopAfi: 2 }] };
  const established = (capabilities: readonly Capability[], own: { readonly ipv4?: typeof A }): Scripted => {
    const scripted = new Scripted(OVER);
    scripted.desire(routes(V4));
    scripted.connect(own, ip('2001:db8::1'));
    scripted.open(capabilities);
    scripted.say({ type: 'keepalive' });
    return scripted;
  };

  it('has the IPv4 address of the interface as its next hop, in four octets', () => {
    expect(attributesOf(established([MP4, AS4], { ipv4: A }))[0]).toMatchObject({ nextHop: { nextHop: A } });
  });

  it('has the IPv6 address where the router takes one (RFC 8950), in sixteen', () => {
    const scripted = established([MP4, AS4, ENH], {});
    expect(attributesOf(scripted)[0]).toMatchObject({ mpReach: { afi: 1, nextHops: ['2001:db8::1'] } });
    // AFI, SAFI, the length of the next hop, the next hop.
    expect(Buffer.from(scripted.rawUpdates()[0] ?? []).toString('hex')).toContain('0001011020010db8000000000000000000000001');
  });

  it('is not announced at all where there is neither, and that is said', () => {
    const scripted = established([MP4, AS4], {});
    expect(scripted.us.sentOf('update')).toEqual([]);
    expect(scripted.us.status).toMatchObject({ state: 'Established', unannounced: ['ipv4'] });
  });
});

describe('W7: one prefix by two advertisements', () => {
  const { bgpAdvertisement, peer, snapshot } = announce;
  const plan = (...advertisements: ReturnType<typeof bgpAdvertisement>[]): ReturnType<typeof planNode> =>
    planNode(
      snapshot({
        config: announce.config({
          peers: [peer('tor'), peer('spine', { address: ip('10.0.0.253') })],
          bgpAdvertisements: advertisements,
        }),
      }),
      'node1',
      1,
    );

  it('is the same whichever comes first: communities of both, and each peer what its own advertisements say', () => {
    const [a, b] = [
      bgpAdvertisement('a', { communities: [1], localPref: 200 }),
      bgpAdvertisement('b', { communities: [2], localPref: 200, peers: ['tor'] }),
    ];
    const found = plan(a, b).plan.peers;
    expect(plan(b, a).plan.peers).toEqual(found);
    const communities = found.map(({ name, routes: sets }) => [name, sets.map(({ attributes }) => attributes.communities)]);
    expect(Object.fromEntries(communities)).toEqual({ tor: [[1, 2]], spine: [[1]] });
  });

  it('with two preferences it is not announced by chance with one of them, but refused by name, in either order', () => {
    const [a, b] = [bgpAdvertisement('a', { localPref: 100 }), bgpAdvertisement('b', { localPref: 200, peers: ['tor'] })];
    for (const found of [plan(a, b), plan(b, a)]) {
      expect(found.plan.peers.flatMap(({ routes: sets }) => sets)).toEqual([]);
      expect(found.verdicts[0]?.bgp).toMatchObject({
        announced: false,
        ineligible: { reason: 'ConflictingAdvertisements', advertisements: ['a', 'b'] },
      });
    }
  });
});
