import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeRoutes } from '../../../speaker/io/rtRoute.ts';
import type { DefaultRoute } from '../../../src/net/defaultRoute.ts';
import { Space } from '../../lab/space.ts';
import { Agent } from '../../native/agentClient.ts';
import { need } from '../../support/need.ts';
import { sleep, until } from '../../support/until.ts';

describe('what the kernel says of routes', () => {
  const u16 = (value: number): string => Buffer.from(Uint16Array.of(value).buffer).toString('hex');
  const u32 = (value: number): string => Buffer.from(Uint32Array.of(value).buffer).toString('hex');
  const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));

  function attribute(type: number, value: string): string {
    const length = 4 + value.length / 2;
    return u16(length) + u16(type) + value + '00'.repeat((4 - (length % 4)) % 4);
  }

  /** @param flags NLM_F_MULTI: of a list */
  function message(type: number, body: string, flags = 2): Uint8Array {
    return bytes(u32(16 + body.length / 2) + u16(type) + u16(flags) + u32(7) + u32(0) + body);
  }

  /** rtmsg: family, length of the prefix, table, type. */
  function route(attributes: string, { family = 2, length = 0, type = 1, flags = 0 } = {}): string {
    const [f, l, t] = [family, length, type].map((each) => each.toString(16).padStart(2, '0'));
    return `${f}${l}0000fe0300${t}${u32(flags)}${attributes}`;
  }

  const GATEWAY = attribute(5, '0a000001');
  const OIF = attribute(4, u32(2));
  const known = { family: 'ipv4', gateway: '10.0.0.1', index: 2, metric: 0, preference: 'medium', table: 254 };
  const hop = (index: number, flags: number, attributes: string): string =>
    `${u16(8 + attributes.length / 2)}${flags.toString(16).padStart(2, '0')}00${u32(index)}${attributes}`;

  it.each<[string, string, object[]]>([
    ['a gateway', route(GATEWAY + OIF), [{ index: 2, route: known }]],
    ['a metric', route(GATEWAY + OIF + attribute(6, u32(100))), [{ index: 2, route: { ...known, metric: 100 } }]],
    ['a table above 255', route(GATEWAY + OIF + attribute(15, u32(1001))), [{ index: 2, route: { ...known, table: 1001 } }]],
    ['no gateway: a point-to-point link', route(OIF), [{ index: 2 }]],
    ['no packet may go that way', route(GATEWAY + OIF, { type: 7 }), []],
    ['its link has no carrier', route(GATEWAY + OIF, { flags: 0x10 }), [{ index: 2 }]],
    ['made for one destination', route(GATEWAY + OIF, { flags: 0x200 }), []],
    [
      'IPv6, high preference',
      route(attribute(5, `fe80${'00'.repeat(13)}01`) + OIF + attribute(20, '01'), { family: 10 }),
      [{ index: 2, route: { ...known, family: 'ipv6', gateway: 'fe80::1', preference: 'high' } }],
    ],
    [
      'IPv4 by a router of IPv6 (RTA_VIA)',
      route(attribute(18, `0a00fe80${'00'.repeat(13)}01`) + OIF),
      [{ index: 2, route: { ...known, gateway: 'fe80::1' } }],
    ],
    [
      'several next hops, one of them without carrier',
      route(attribute(9, hop(2, 0, GATEWAY) + hop(3, 0x10, attribute(5, '0a000002')) + hop(4, 0, attribute(5, '0a000003')))),
      [{ index: 2, route: known }, { index: 3 }, { index: 4, route: { ...known, gateway: '10.0.0.3', index: 4 } }],
    ],
  ])('%s', (_, body, hops) => {
    expect(decodeRoutes(message(24, body))).toEqual([{ kind: 'route', sequence: 7, hops }]);
    expect(decodeRoutes(message(24, body, 0))).toEqual([{ kind: 'hint' }]);
    expect(decodeRoutes(message(25, body, 0))).toEqual([{ kind: 'hint' }]);
  });

  it('of other routes nothing, of links and addresses which it was, and the end of a list', () => {
    expect(decodeRoutes(message(24, route(GATEWAY + OIF, { length: 8 })))).toEqual([]);
    expect(decodeRoutes(message(17, `00000100${u32(5)}${'00'.repeat(8)}`, 0))).toEqual([{ kind: 'hint', index: 5 }]);
    expect(decodeRoutes(message(21, `02180000${u32(6)}`, 0))).toEqual([{ kind: 'hint', index: 6 }]);
    expect(decodeRoutes(message(3, u32(0)))).toEqual([{ kind: 'end', sequence: 7, errno: 0, interrupted: false }]);
    expect(decodeRoutes(message(2, u32(-95 >>> 0)))).toEqual([{ kind: 'end', sequence: 7, errno: 95, interrupted: false }]);
  });

  it('whatever the bytes, nothing is thrown', () => {
    const head = bytes(route(GATEWAY + OIF));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(3, 16, 20, 24), fc.boolean(), (noise, type, isRoute) => {
        const body = isRoute ? Buffer.concat([head.subarray(0, 12), noise]) : Buffer.from(noise);
        decodeRoutes(noise);
        for (const { kind } of decodeRoutes(message(type, body.toString('hex')))) expect(['route', 'end', 'hint']).toContain(kind);
      }),
    );
  });
});

need('netns').describe('the watch of default routes', () => {
  const space = new Space('dfr');
  let agent: Agent;
  const index: Record<string, number> = {};

  const routes = (): DefaultRoute[] => agent.routes();
  const gateways = (family: 'ipv4' | 'ipv6'): string =>
    routes()
      .filter((route) => route.family === family && route.table === 254)
      .map(({ gateway, metric }) => `${gateway} ${metric}`)
      .sort()
      .join(', ');

  const become = (family: 'ipv4' | 'ipv6', expected: string): Promise<unknown> =>
    until(`${family}: ${expected}`, () => gateways(family) === expected, 10_000);

  beforeAll(async () => {
    for (const name of ['a', 'b']) space.add(name);
    for (const [number, name] of ['a0', 'a1'].entries()) {
      space.link('a', name, 'b', name);
      space.run('a', `ip addr add 10.${number}.0.9/24 dev ${name}`);
      space.run('a', `ip -6 addr add fd0${number}::9/64 dev ${name} nodad`);
      index[name] = Number(space.run('a', `cat /sys/class/net/${name}/ifindex`));
    }
    agent = new Agent(space, 'a');
    await agent.ask({ do: 'watchRoutes' });
    await until('the first list', () => agent.events.some(({ event }) => event === 'routes'), 10_000);
  }, 60_000);

  afterAll(async () => {
    const code = await agent.end();
    await space.dispose();
    if (code !== 0) throw new Error(`the agent ended with ${code}`);
  });

  it('has none first, then what is added, changed and taken away', async () => {
    expect(routes()).toEqual([]);
    space.run('a', 'ip route add default via 10.0.0.1 metric 100');
    await become('ipv4', '10.0.0.1 100');
    expect(routes()[0]).toMatchObject({ index: index['a0'], preference: 'medium' });
    space.run('a', 'ip route add default via 10.1.0.1 metric 50');
    await become('ipv4', '10.0.0.1 100, 10.1.0.1 50');
    space.run('a', 'ip route replace default via 10.1.0.2 metric 50');
    await become('ipv4', '10.0.0.1 100, 10.1.0.2 50');
    space.run('a', 'ip route del default metric 50');
    await become('ipv4', '10.0.0.1 100');
    space.run('a', 'ip route replace default metric 100 nexthop via 10.0.0.1 nexthop via 10.1.0.1');
    await become('ipv4', '10.0.0.1 100, 10.1.0.1 100');
  }, 60_000);

  it('knows IPv6, and other tables apart', async () => {
    space.run('a', 'ip -6 route add default via fe80::1 dev a0 metric 1024');
    space.run('a', 'ip -6 route add default via fd01::1 metric 2000 pref high');
    await become('ipv6', 'fd01::1 2000, fe80::1 1024');
    expect(routes().find(({ gateway }) => gateway === 'fd01::1')).toMatchObject({ preference: 'high', index: index['a1'] });
    space.run('a', 'ip route add default via 10.1.0.77 table 1001');
    await until('the route of the table', () => routes().some(({ table, gateway }) => table === 1001 && gateway === '10.1.0.77'), 10_000);
    expect(gateways('ipv4')).not.toContain('10.1.0.77');
  }, 60_000);

  // Of this the kernel says nothing about the routes of IPv4.
  it('notices that an interface goes down, and comes back without them', async () => {
    space.run('a', 'ip link set a0 down');
    await become('ipv4', '10.1.0.1 100');
    await become('ipv6', 'fd01::1 2000');
    space.run('a', 'ip link set a1 down');
    await become('ipv4', '');
    space.run('a', 'ip link set a0 up');
    space.run('a', 'ip route add default via 10.0.0.1');
    await become('ipv4', '10.0.0.1 0');
    expect(routes().filter(({ table }) => table === 254)).toMatchObject([{ index: index['a0'] }]);
  }, 60_000);

  it('says nothing of other routes and interfaces', async () => {
    const before = agent.events.length;
    space.run('a', 'ip route add 10.5.0.0/16 via 10.0.0.1');
    space.run('a', 'ip addr add 10.77.0.1/24 dev lo');
    await sleep(300);
    expect(agent.events.slice(before).filter(({ event }) => event === 'routes')).toEqual([]);
  });
});
