import { afterAll, beforeAll, expect, it } from 'vitest';
import type { LinkAddress, LinkState } from '../../../speaker/io/linkTable.ts';
import { Space } from '../../lab/space.ts';
import { Agent } from '../../native/agentClient.ts';
import { need } from '../../support/need.ts';
import { sleep, until } from '../../support/until.ts';

async function told(what: string, check: () => boolean): Promise<void> {
  await until(what, check);
}

need('netns').describe('the watch of links', () => {
  const space = new Space('lnk');
  let agent: Agent;

  const link = (name: string): LinkState | undefined => agent.links().find((each) => each.name === name);

  const address = (name: string, ip: string): LinkAddress | undefined => link(name)?.addresses.find((each) => each.ip === ip);

  /** Events that the kernel has thrown away, of any socket in the namespace. */
  const drops = (): number => {
    const rows = space.run('a', 'cat /proc/net/netlink').trim().split('\n').slice(1);
    return Math.max(...rows.map((row) => Number(row.trim().split(/\s+/)[8])));
  };

  beforeAll(async () => {
    space.add('a');
    space.add('b');
    space.link('a', 'a0', 'b', 'b0');
    space.run('a', 'ip link set a0 address 02:00:00:00:00:aa mtu 1400');
    space.run('a', 'ip addr add 192.0.2.1/24 dev a0');
    agent = new Agent(space, 'a');
    await agent.ask({ do: 'watch' });
    await told('the first list', () => agent.links().length > 0);
  });

  afterAll(async () => {
    const code = await agent.end();
    await space.dispose();
    if (code !== 0) throw new Error(`the agent ended with ${code}`);
  });

  it('lists what is there first', async () => {
    expect(link('lo')).toMatchObject({ index: 1, up: true, loopback: true });
    expect(link('lo')?.mac).toBeUndefined();
    expect(link('lo')?.addresses).toContainEqual(expect.objectContaining({ ip: '127.0.0.1', prefixLength: 8, scope: 254 }));
    expect(link('a0')).toMatchObject({
      index: Number(space.run('a', 'cat /sys/class/net/a0/ifindex')),
      mac: '02:00:00:00:00:aa',
      mtu: 1400,
      kind: 'veth',
      up: true,
      running: true,
      loopback: false,
      noarp: false,
      broadcast: true,
      multicast: true,
      pointToPoint: false,
    });
    expect(link('a0')).not.toHaveProperty('master');
    expect(address('a0', '192.0.2.1')).toEqual({
      ip: '192.0.2.1',
      prefixLength: 24,
      scope: 0,
      tentative: false,
      dadFailed: false,
      deprecated: false,
    });
    expect(await agent.ask({ do: 'current' })).toEqual(agent.links());
  });

  it('tells of addresses that come, are being checked, and go', async () => {
    agent.events.length = 0;
    space.run('a', 'ip addr add 2001:db8::1/64 dev a0');
    await told('the address', () => address('a0', '2001:db8::1')?.tentative === false);
    const tentative = agent.events.flatMap((event) => event.links ?? []).flatMap((each) => each.addresses.filter((one) => one.tentative));
    expect(tentative).toContainEqual(expect.objectContaining({ ip: '2001:db8::1', prefixLength: 64 }));
    space.run('a', 'ip addr change 2001:db8::1/64 dev a0 preferred_lft 0');
    await told('that it is deprecated', () => address('a0', '2001:db8::1')?.deprecated === true);
    space.run('a', 'ip addr del 2001:db8::1/64 dev a0');
    await told('that it is gone', () => address('a0', '2001:db8::1') === undefined);
    expect(address('a0', '192.0.2.1')).toBeDefined();
  });

  it('tells that another host has the address', async () => {
    space.run('b', 'ip addr add 2001:db8::2/64 dev b0 nodad');
    space.run('a', 'ip addr add 2001:db8::2/64 dev a0');
    await told('the conflict', () => address('a0', '2001:db8::2')?.dadFailed === true);
    expect(address('a0', '192.0.2.1')?.dadFailed).toBe(false);
    space.run('a', 'ip addr del 2001:db8::2/64 dev a0');
  });

  it('tells that a link is down, and that it has no carrier', async () => {
    space.run('b', 'ip link set b0 down');
    await told('no carrier', () => link('a0')?.up === true && !link('a0')?.running);
    space.run('a', 'ip link set a0 down');
    await told('down', () => link('a0')?.up === false);
    expect(link('a0')?.running).toBe(false);
    space.run('a', 'ip link set a0 up');
    space.run('b', 'ip link set b0 up');
    await told('up again', () => link('a0')?.up === true && link('a0')?.running === true);
  });

  it('tells of another MAC, size, name and of NOARP', async () => {
    space.run('a', 'ip link set a0 address 02:00:00:00:00:ab');
    space.run('a', 'ip link set a0 mtu 1300 arp off');
    await told('the changes', () => link('a0')?.mac === '02:00:00:00:00:ab' && link('a0')?.mtu === 1300 && link('a0')?.noarp === true);
    space.run('a', 'ip link set a0 down');
    space.run('a', 'ip link set a0 name a1 arp on');
    await told('the name', () => link('a1') !== undefined && link('a0') === undefined);
    space.run('a', 'ip link set a1 name a0');
    space.run('a', 'ip link set a0 up');
    await told('up', () => link('a0')?.running === true);
    expect(link('a0')?.noarp).toBe(false);
  });

  it('tells of a port of a bridge, and that it left is not that it went', async () => {
    space.run('a', 'ip link add br0 type bridge');
    await told('the bridge', () => link('br0')?.kind === 'bridge');
    space.run('a', 'ip link set a0 master br0');
    await told('the port', () => link('a0')?.master === link('br0')?.index);
    agent.events.length = 0;
    space.run('a', 'ip link set a0 nomaster');
    await told('the port left', () => agent.events.length > 0 && link('a0')?.master === undefined);
    await sleep(100);
    expect(agent.events.every((event) => event.links?.some(({ name }) => name === 'a0'))).toBe(true);
    expect(address('a0', '192.0.2.1')).toBeDefined();
    space.run('a', 'ip link del br0');
    await told('no bridge', () => link('br0') === undefined);
  });

  it('tells that a link went, and that it came again as another', async () => {
    const before = link('a0')?.index;
    space.run('a', 'ip link del a0');
    await told('it went', () => link('a0') === undefined);
    space.link('a', 'a0', 'b', 'b0');
    await told('it came', () => link('a0')?.running === true);
    expect(link('a0')?.index).not.toBe(before);
    expect(link('a0')?.addresses.filter(({ ip }) => ip.includes('.'))).toEqual([]);
  });

  it('lists again when the kernel could not hold its events, and tells many changes at once', async () => {
    const changes = 8_000;
    const batch = Array.from({ length: changes }, (_, i) => `link set lo mtu ${50_000 + i}`);
    space.run('a', 'ip addr add 10.0.0.1/32 dev lo');
    await told('the address', () => address('lo', '10.0.0.1') !== undefined);
    agent.events.length = 0;
    const stalled = agent.ask({ do: 'stall', durationMs: 3_000 });
    await told('it does not read', () => agent.events.length === 1);
    space.run('a', 'ip -batch -', `${batch.join('\n')}\naddr del 10.0.0.1/32 dev lo\naddr add 10.0.0.2/32 dev lo\n`);
    expect(drops()).toBeGreaterThan(0);
    await stalled;
    await told('the end', () => link('lo')?.mtu === 50_000 + changes - 1 && address('lo', '10.0.0.2') !== undefined);
    expect(address('lo', '10.0.0.1')).toBeUndefined();
    expect(agent.events.length).toBeLessThan(changes / 10);
  });

  it('tells nothing once it is closed, and closes its socket', async () => {
    const before = (await agent.ask({ do: 'descriptors' })) as number;
    await agent.ask({ do: 'unwatch' });
    expect(await agent.ask({ do: 'descriptors' })).toBe(before - 1);
    agent.events.length = 0;
    space.run('a', 'ip link set a0 mtu 1200');
    await sleep(100);
    expect(agent.events).toEqual([]);
    await agent.ask({ do: 'unwatch' });
  });
});
