import { describe, expect, it } from 'vitest';
import type { PeerSession } from '../../src/announce/plan.ts';
import type { DefaultRoute } from '../../src/net/defaultRoute.ts';
import { encodeMessage } from '../../src/wire/bgp/message.ts';
import { nodeStatus } from '../../speaker/nodeStatus.ts';
import { ETH0, type FakeDial, SESSION, ip, nodePlan, startEngine } from './support.ts';
import { Heard } from '../../speaker/heard.ts';

const ETH1 = { ...ETH0, name: 'eth1', index: 3, addresses: [ip('198.51.100.1'), ip('fe80::11')] };
const [ONE, TWO, LINK_LOCAL] = [ip('192.0.2.254'), ip('198.51.100.254'), ip('fe80::254')];

function route(gateway: string, changes: Partial<DefaultRoute> = {}): DefaultRoute {
  return { family: 'ipv4', gateway: ip(gateway), index: 2, metric: 100, preference: 'medium', table: 254, ...changes };
}

function plan(generation: number, session: Partial<PeerSession> = {}) {
  const { address: _, ...nowhere } = SESSION;
  return {
    plan: nodePlan(generation, [{ name: 'tor', session: { ...nowhere, defaultGateway: 'ipv4', ...session }, routes: [] }]),
    fresh: [],
  };
}

async function started(session: Partial<PeerSession> = {}) {
  const all = startEngine();
  await all.engine.start(179);
  all.hands.setLinks([ETH0, ETH1]);
  all.engine.apply(plan(1, session));
  const view = (): unknown => all.engine.report().peers.map(({ address, state, interface: scope }) => [address, state, scope]);
  return { ...all, view };
}

function establish(dial: FakeDial | undefined, local = ip('192.0.2.1')): void {
  if (dial === undefined) throw new Error('nothing was dialled');
  dial.events.up(local, dial.options.remote);
  const capabilities = [{ type: 'multiprotocol', afi: 1, safi: 1 }] as never;
  dial.events.bytes(encodeMessage({ type: 'open', asn: 64513, holdTimeSeconds: 90, routerId: ONE, capabilities }));
  dial.events.bytes(encodeMessage({ type: 'keepalive' }));
  dial.events.writable();
}

/** Code and subcode of the last thing that was said. */
const lastWords = ({ sent }: FakeDial): number[] => [...(sent.at(-1)?.subarray(18, 21) ?? [])];

describe('a peer that is the default gateway', () => {
  it('is dialled when the route is known, and no problem before the kernel has told', async () => {
    const { engine, hands, view, changes } = await started();
    expect(engine.report()).toMatchObject({ peers: [], problems: [] });
    const before = changes.count;
    hands.setRoutes([route('192.0.2.254')]);
    expect(changes.count).toBeGreaterThan(before);
    expect(hands.dials.map(({ options }) => options)).toMatchObject([{ remote: ONE, port: 179 }]);
    expect(view()).toEqual([[ONE, 'Connect', undefined]]);
  });

  it('without a default route is a problem that is said by name, on the NodeState too', async () => {
    const { engine, hands } = await started();
    hands.setRoutes([route('fe80::254', { family: 'ipv6' }), route('203.0.113.1', { table: 1001 })]);
    const report = engine.report();
    expect(report).toMatchObject({ peers: [], problems: [{ reason: 'NoDefaultGateway', peer: 'tor', family: 'ipv4' }] });
    const status = nodeStatus({
      result: { plan: plan(1).plan, verdicts: [], problems: [], speaksForAll: false },
      report: new Heard().hear(engine.news(true)),
      problems: [],
      version: 'test',
      startedAt: '2026-01-01T00:00:00Z',
      now: '2026-01-01T00:00:00Z',
      before: undefined,
    });
    expect(status.problems).toEqual([
      {
        reason: 'NoDefaultGateway',
        object: 'BGPPeer/tor',
        message: "tor is to have the node's ipv4 default gateway as its router, and the node has no default route by a gateway",
      },
    ]);
    expect(status.conditions).toMatchObject([{ type: 'Ready', status: 'False', reason: 'NoDefaultGateway' }]);
    hands.setRoutes([route('192.0.2.254')]);
    expect(engine.report().problems).toEqual([]);
  });

  it('is followed: the old router is told that it is not configured any more, the new one is dialled', async () => {
    const { hands, view } = await started();
    hands.setRoutes([route('192.0.2.254')]);
    establish(hands.dials[0]);
    hands.setRoutes([route('198.51.100.254', { index: 3, metric: 50 }), route('192.0.2.254')]);
    expect(lastWords(hands.dials[0] as FakeDial)).toEqual([3, 6, 3]);
    expect(hands.dials[1]?.options).toMatchObject({ remote: TWO });
    expect(view()).toEqual([[TWO, 'Connect', undefined]]);
    hands.setRoutes([route('192.0.2.254')]);
    expect(view()).toEqual([[ONE, 'Connect', undefined]]);
  });

  it('stays where a change leaves it the best: other metrics, other routes, one more of the same kind', async () => {
    const { hands, view } = await started();
    hands.setRoutes([route('192.0.2.254')]);
    establish(hands.dials[0]);
    for (const routes of [
      [route('192.0.2.254', { metric: 5 })],
      [route('192.0.2.254'), route('192.0.2.100')],
      [route('192.0.2.254'), route('198.51.100.254', { metric: 200 })],
    ]) {
      hands.setRoutes(routes);
      expect(view()).toEqual([[ONE, 'Established', undefined]]);
    }
    expect(hands.dials).toHaveLength(1);
  });

  it.each(['atop', 'zone'])('does not take the place of the same router by name, called %s', async (name) => {
    const { engine, hands } = startEngine();
    await engine.start(179);
    hands.setLinks([ETH0, ETH1]);
    const { address: _, ...nowhere } = SESSION;
    const found = { name, session: { ...nowhere, defaultGateway: 'ipv4' as const }, routes: [] };
    const byName = { name: 'tor', session: { ...SESSION, address: ONE }, routes: [] };
    const peers = [found, byName].toSorted((a, b) => a.name.localeCompare(b.name));
    engine.apply({ plan: nodePlan(1, peers), fresh: [] });
    establish(hands.dials[0]);
    const before = hands.dials[0]?.sent.length;
    hands.setRoutes([route('192.0.2.254')]);
    expect(engine.report()).toMatchObject({
      peers: [{ name: 'tor', address: ONE, state: 'Established' }],
      problems: [{ reason: 'SameRouter', peer: name, other: 'tor' }],
    });
    expect([hands.dials.length, hands.dials[0]?.sent.length]).toEqual([1, before]);
    // Another router is its own.
    hands.setRoutes([route('198.51.100.254', { index: 3 })]);
    expect(engine.report().problems).toEqual([]);
    expect(engine.report().peers.map((peer) => [peer.name, peer.address])).toContainEqual([name, TWO]);
  });

  it('outlives its route while the session is up, and is forgotten after it', async () => {
    const { engine, hands, view, clock } = await started();
    hands.setRoutes([route('192.0.2.254')]);
    establish(hands.dials[0]);
    hands.setRoutes([]);
    clock.advance(20_000);
    expect(view()).toEqual([[ONE, 'Established', undefined]]);
    expect(engine.report().problems).toEqual([]);
    hands.dials[0]?.events.closed('ECONNRESET');
    clock.advance(5_000);
    expect(engine.report()).toMatchObject({ peers: [], problems: [{ reason: 'NoDefaultGateway' }] });
  });

  it('without a session goes with its route', async () => {
    const { engine, hands } = await started();
    hands.setRoutes([route('192.0.2.254')]);
    hands.setRoutes([]);
    expect(hands.dials[0]?.closed).toBeDefined();
    expect(engine.report()).toMatchObject({ peers: [], problems: [{ reason: 'NoDefaultGateway' }] });
  });

  it('with a link-local address is one on its interface, which has to be there', async () => {
    const { hands, view } = await started({ defaultGateway: 'ipv6' });
    hands.setLinks([ETH0]);
    hands.setRoutes([route('fe80::254', { family: 'ipv6', index: 3 })]);
    expect(view()).toEqual([]);
    hands.setLinks([ETH0, ETH1]);
    expect(hands.dials.map(({ options }) => options)).toMatchObject([{ remote: LINK_LOCAL, scope: 'eth1' }]);
    establish(hands.dials[0], ip('fe80::11'));
    expect(view()).toEqual([[LINK_LOCAL, expect.any(String), 'eth1']]);
    // The same address on another interface is another router.
    hands.setRoutes([route('fe80::254', { family: 'ipv6', index: 2 })]);
    expect(hands.dials.at(-1)?.options).toMatchObject({ remote: LINK_LOCAL, scope: 'eth0' });
  });

  it('of IPv4 with a link-local address has no interface in it', async () => {
    const { hands } = await started();
    hands.setRoutes([route('169.254.1.1')]);
    expect(hands.dials[0]?.options).toMatchObject({ remote: '169.254.1.1' });
    expect(hands.dials[0]?.options).not.toHaveProperty('scope');
  });

  it('in a VRF is the one of its members', async () => {
    const { engine, hands, view } = await started({ vrf: 'blue' });
    hands.setLinks([ETH0, { ...ETH1, vrf: 'blue' }]);
    hands.setRoutes([route('192.0.2.254')]);
    expect(engine.report().problems).toContainEqual({ reason: 'NoDefaultGateway', peer: 'tor', family: 'ipv4', vrf: 'blue' });
    hands.setRoutes([route('192.0.2.254'), route('198.51.100.254', { index: 3, table: 1001 })]);
    expect(view()).toEqual([[TWO, 'Connect', undefined]]);
  });

  it('says so where the kernel cannot be asked', async () => {
    const { engine, hands } = startEngine();
    hands.failRoutes = 'EPERM';
    await engine.start(179);
    hands.setLinks([ETH0]);
    engine.apply(plan(1));
    expect(engine.report().problems).toEqual([{ reason: 'NoDefaultGateway', peer: 'tor', family: 'ipv4', error: 'EPERM' }]);
  });

  it('may connect itself, and nobody else on the link', async () => {
    const { hands } = await started({ passive: true });
    hands.setRoutes([route('192.0.2.254')]);
    const outcomes: string[] = [];
    for (const remote of [ip('192.0.2.77'), ONE]) {
      const accept = () => {
        outcomes.push(`${remote} accepted`);
        return { send: () => undefined, close: () => undefined, setPassword: () => true };
      };
      hands.connect({ local: ip('192.0.2.1'), remote, accept, refuse: () => void outcomes.push(`${remote} refused`) });
    }
    expect(outcomes).toEqual(['192.0.2.77 refused', '192.0.2.254 accepted']);
  });

  it('is watched for only as long as somebody wants it', async () => {
    const { engine, hands } = await started();
    expect(hands.routeWatches).toBe(1);
    hands.setRoutes([route('192.0.2.254')]);
    engine.apply({ plan: nodePlan(2, []), fresh: [] });
    expect(hands.routeWatches).toBe(0);
    engine.apply(plan(3));
    expect(engine.report()).toMatchObject({ peers: [], problems: [] });
    engine.stop('bye');
    expect(hands.routeWatches).toBe(0);
  });
});
