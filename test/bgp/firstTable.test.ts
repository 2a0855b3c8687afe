import { describe, expect, it } from 'vitest';
import type { RouteSet, SessionConfig } from '../../src/bgp/session.ts';
import type { Capability } from '../../src/wire/bgp/capability.ts';
import { encodeMessage } from '../../src/wire/bgp/message.ts';
import { endOfRib } from '../../src/wire/bgp/update.ts';
import { MP4, MP6, Scripted } from './scripted.ts';
import { PLAIN, config, ip, prefix, routes } from './simulation.ts';

const AS4: Capability = { type: 'fourOctetAs', asn: 64_513 };
const BESIDE = { ipv6: ip('2001:db8::1') };

/** Up to where nothing but the router's KEEPALIVE is missing. @param told whether the socket has let go of ours */
function confirming(desired: readonly RouteSet[] | undefined, options: Options = {}): Scripted {
  const scripted = new Scripted(options.settings);
  if (desired !== undefined) scripted.desire(desired);
  scripted.connect(BESIDE);
  scripted.open([MP4, MP6, AS4, ...(options.capabilities ?? [])]);
  if (options.told ?? true) writable(scripted);
  expect(scripted.rawUpdates()).toEqual([]);
  return scripted;
}

interface Options {
  readonly settings?: Partial<SessionConfig>;
  readonly capabilities?: readonly Capability[];
  readonly told?: boolean;
}

function writable(scripted: Scripted): void {
  scripted.sim.step(scripted.us, { type: 'writable', conn: scripted.conn });
}

function many(count: number): RouteSet[] {
  return routes(...Array.from({ length: count }, (_, i) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}/32`));
}

function nextHop(scripted: Scripted): unknown {
  const [update] = scripted.us.sentOf('update');
  return update?.attributes.flatMap((each) => (each.type === 'nextHop' ? [each.nextHop] : []));
}

describe('a table that is made ready while the router’s KEEPALIVE is on its way', () => {
  const mixed: RouteSet[] = [
    ...routes('203.0.113.1/32', '2001:db8:1::1/128', '203.0.113.0/24'),
    { attributes: { ...PLAIN, communities: [0xfde80001], med: 5 }, prefixes: [prefix('203.0.114.1/32')] },
  ];
  const addPath: Capability = {
    type: 'addPath',
    entries: [
      { afi: 1, safi: 1, mode: 1 },
      { afi: 2, safi: 1, mode: 1 },
    ],
  };
  const extendedMessage: Capability = { type: 'extendedMessage' };
  const cases: [string, readonly RouteSet[], Options][] = [
    ['both families', mixed, {}],
    ['path identifiers', mixed, { settings: { addPath: true }, capabilities: [addPath] }],
    ['long messages', many(20_000), { settings: { extendedMessages: true }, capabilities: [extendedMessage] }],
    ['nothing to announce', [], {}],
    ['an internal session', mixed, { settings: { peerAsn: 64_513, myAsn: 64_513 } }],
  ];
  it.each(cases)('is what would have been sent: %s', (_, desired, options) => {
    const [ready, late] = [true, false].map((told) => {
      const scripted = confirming(desired, { ...options, told });
      scripted.say({ type: 'keepalive' });
      writable(scripted);
      return scripted;
    });
    expect(ready?.rawUpdates().length).toBeGreaterThan(1);
    expect(ready?.rawUpdates()).toEqual(late?.rawUpdates());
    expect(ready?.us.state.counters).toEqual(late?.us.state.counters);
  });

  it('leaves as soon as the KEEPALIVE is there, and the rest when the socket has room', () => {
    const scripted = confirming(many(100_000));
    scripted.say({ type: 'keepalive' });
    const atOnce = scripted.rawUpdates().length;
    expect(atOnce).toBeGreaterThan(10);
    expect(atOnce).toBeLessThan(20);
    for (let round = 0; round < 5; round++) writable(scripted);
    expect(scripted.us.sentOf('update').reduce((sum, { nlri }) => sum + nlri.count, 0)).toBe(100_000);
    expect(scripted.rawUpdates()).toHaveLength(124 + 2);
    // It is kept no longer than it is needed.
    expect(scripted.us.state.out.wire?.ready).toBeUndefined();
  });

  it('is made anew when other routes are desired meanwhile', () => {
    const scripted = confirming(routes('203.0.113.1/32', '203.0.113.2/32'));
    scripted.desire(routes('203.0.113.2/32', '203.0.113.3/32'));
    scripted.say({ type: 'keepalive' });
    const told = scripted.us.sentOf('update');
    expect(told.map(({ nlri, withdrawn }) => [nlri.count, withdrawn.count])).toEqual([
      [2, 0],
      [0, 0],
      [0, 0],
    ]);
    expect(told.slice(1).map(endOfRib)).toEqual(['ipv4', 'ipv6']);
    scripted.desire(routes('203.0.113.3/32'));
    expect(scripted.us.sentOf('update').at(-1)?.withdrawn.count).toBe(1);
  });

  it('goes on when other routes are desired after it was sent', () => {
    const scripted = confirming(routes('203.0.113.1/32', '203.0.113.2/32'));
    scripted.say({ type: 'keepalive' });
    scripted.desire(routes('203.0.113.2/32', '203.0.113.3/32'));
    expect(scripted.us.sentOf('update').map(({ nlri, withdrawn }) => [nlri.count, withdrawn.count])).toEqual([
      [2, 0],
      [0, 0],
      [0, 0],
      [1, 0],
      [0, 1],
    ]);
  });

  it('is not sent with a next hop that is another by then', () => {
    const scripted = new Scripted();
    scripted.desire(routes('203.0.113.1/32'));
    const local = ip('2001:db8:5::1');
    scripted.connect({ ipv4: ip('192.0.2.7') }, local);
    scripted.open([MP4, MP6, AS4]);
    writable(scripted);
    scripted.sim.step(scripted.us, { type: 'nextHops', nextHops: { ipv4: ip('192.0.2.8') } });
    scripted.say({ type: 'keepalive' });
    expect(nextHop(scripted)).toEqual(['192.0.2.8']);
  });

  it('is for nobody else: the next session begins with the whole of what is desired then', () => {
    const scripted = confirming(routes('203.0.113.1/32'));
    scripted.sim.step(scripted.us, { type: 'configure', config: config({ localAsn: 65_000 }) });
    scripted.sim.runUntil(() => scripted.us.state.out.fsm.name === 'Connect', 60_000);
    scripted.connect(BESIDE);
    scripted.open([MP4, AS4]);
    scripted.say({ type: 'keepalive' });
    const [update, ...more] = scripted.us.sentOf('update');
    expect(update?.attributes.find(({ type }) => type === 'asPath')).toMatchObject({ segments: [{ asns: [65_000] }] });
    expect(more.map(endOfRib)).toEqual(['ipv4']);
  });

  it('comes before the answer to a route refresh that came with the KEEPALIVE', () => {
    const scripted = confirming(routes('203.0.113.1/32'), { capabilities: [{ type: 'routeRefresh' }] });
    const asks = encodeMessage({ type: 'routeRefresh', afi: 1, safi: 1, subtype: 0 });
    const data = Buffer.concat([encodeMessage({ type: 'keepalive' }), asks]);
    scripted.sim.step(scripted.us, { type: 'bytes', conn: scripted.conn, data });
    writable(scripted);
    expect(scripted.us.sentOf('update').map((update) => endOfRib(update) ?? update.nlri.count)).toEqual([1, 'ipv4', 'ipv6', 1]);
  });

  it('waits for what is desired, where nobody has said it yet', () => {
    const scripted = confirming(undefined);
    scripted.say({ type: 'keepalive' });
    expect(scripted.rawUpdates()).toEqual([]);
    scripted.desire(routes('203.0.113.1/32'));
    expect(scripted.us.sentOf('update').map((update) => endOfRib(update) ?? update.nlri.count)).toEqual([1, 'ipv4', 'ipv6']);
  });

  it('costs a router that never confirms one packing, however often it is told that we live', () => {
    const scripted = confirming(routes('203.0.113.1/32'));
    const made = scripted.us.state.out.wire?.ready;
    expect(made).toBeDefined();
    scripted.sim.runFor(40_000);
    expect(scripted.us.sentOf('keepalive').length).toBeGreaterThan(1);
    writable(scripted);
    expect(scripted.us.state.out.wire?.ready).toBe(made);
  });
});
