import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Membership } from '../../../speaker/io/multicast.ts';
import { type Ip, ipFromBytes } from '../../../src/net/ip.ts';
import { Space } from '../../lab/space.ts';
import { Agent } from '../../native/agentClient.ts';
import { need } from '../../support/need.ts';
import { until } from '../../support/until.ts';

/** The solicited-node group of an address that ends with these three bytes. */
function group(low: number): Ip {
  const bytes = new Uint8Array(16);
  bytes.set([0xff, 2]);
  bytes.set([1, 0xff, low >> 16, (low >> 8) & 0xff, low & 0xff], 11);
  return ipFromBytes(bytes);
}

function at(name: string, ...lows: readonly number[]): Membership[] {
  return lows.map((low) => ({ ip: group(low), interface: name }));
}

need('netns').describe('the membership of multicast groups', () => {
  const space = new Space('mld');
  let agent: Agent;

  /** Of the groups these tests use: 0xabNNNN. */
  const joined = (name: string): string[] =>
    [...space.run('a', `ip -6 maddr show dev ${name}`).matchAll(/inet6 (ff02::1:ffab:[0-9a-f]+)/g)].map(([, ip]) => ip ?? '').toSorted();

  /** MLDv2 reports sent at an interface, as the kernel counts them. */
  const reports = (name: string): number =>
    Number(/^Icmp6OutMLDv2Reports\s+(\d+)/m.exec(space.run('a', `cat /proc/net/dev_snmp6/${name}`))?.[1] ?? Number.NaN);

  /** What does not fit into the first slice of time comes a moment later. */
  const becomes = async (name: string, wanted: readonly string[]): Promise<void> => {
    await until('the groups', () => JSON.stringify(joined(name)) === JSON.stringify(wanted)).catch(() => undefined);
    expect(joined(name)).toEqual(wanted);
  };

  const errors = (): (string | undefined)[] => agent.events.filter((event) => event.event === 'groupError').map((event) => event.interface);

  beforeAll(() => {
    space.add('a');
    space.add('b');
    space.link('a', 'a0', 'b', 'b0');
    space.link('a', 'a1', 'b', 'b1');
    agent = new Agent(space, 'a');
  });

  afterAll(async () => {
    const code = await agent.end();
    await space.dispose();
    if (code !== 0) throw new Error(`the agent ended with ${code}`);
  });

  it('joins and leaves until it is what was asked for, at each interface by itself', async () => {
    await agent.ask({ do: 'groups', groups: [...at('a0', 0xab0001, 0xab0002), ...at('a1', 0xab0002)] });
    await becomes('a0', [group(0xab0001), group(0xab0002)]);
    await becomes('a1', [group(0xab0002)]);
    await agent.ask({ do: 'groups', groups: at('a0', 0xab0002, 0xab0003, 0xab0003) });
    await becomes('a0', [group(0xab0002), group(0xab0003)]);
    await becomes('a1', []);
    expect(errors()).toEqual([]);
  });

  it('says so on the wire, where switches hear it', async () => {
    await until('the link-local address can be sent from', () => !space.run('a', 'ip -6 addr show dev a1').includes('tentative'));
    // What the kernel has to say of its own address is said, and repeated, first.
    let quiet = reports('a1');
    await until('no more reports', () => quiet === (quiet = reports('a1')), 10_000, 1_500);
    await agent.ask({ do: 'groups', groups: [...at('a0', 0xab0002, 0xab0003), ...at('a1', 0xab0007)] });
    await until('a report', () => reports('a1') > quiet);
    await agent.ask({ do: 'groups', groups: at('a0', 0xab0002) });
    expect(errors()).toEqual([]);
  });

  it('joins again where the interface was made anew', async () => {
    const before = (await agent.ask({ do: 'descriptors' })) as number;
    space.run('a', 'ip link del a0');
    await agent.ask({ do: 'groups', groups: at('a0', 0xab0002) });
    expect(errors()).toEqual(['a0']);
    space.link('a', 'a0', 'b', 'b0');
    await becomes('a0', []);
    await agent.ask({ do: 'groups', groups: at('a0', 0xab0002) });
    await becomes('a0', [group(0xab0002)]);
    // Made anew between two calls, too.
    space.run('a', 'ip link del a0');
    space.link('a', 'a0', 'b', 'b0');
    await agent.ask({ do: 'groups', groups: at('a0', 0xab0002) });
    await becomes('a0', [group(0xab0002)]);
    await until('no socket is left over', async () => (await agent.ask({ do: 'descriptors' })) === before);
  });

  it('tells once of an interface that is not there, and joins the others', async () => {
    agent.events.length = 0;
    await agent.ask({ do: 'groups', groups: [...at('none', 0xab0001, 0xab0002), ...at('a1', 0xab0009)] });
    expect(errors()).toEqual(['none']);
    await becomes('a1', [group(0xab0009)]);
  });

  it('tells of what is no group, and joins the others', async () => {
    agent.events.length = 0;
    await agent.ask({ do: 'groups', groups: [{ ip: '2001:db8::1' as Ip, interface: 'a1' }, ...at('a1', 0xab000a)] });
    expect(errors()).toEqual(['a1']);
    await becomes('a1', [group(0xab000a)]);
  });

  it('holds more groups than one socket can, and leaves them all', async () => {
    agent.events.length = 0;
    const before = (await agent.ask({ do: 'descriptors' })) as number;
    const lows = Array.from({ length: 5_000 }, (_, i) => 0xab0000 + i);
    const become = async (wanted: readonly number[]): Promise<void> => {
      await agent.ask({ do: 'groups', groups: at('a1', ...wanted) });
      await until(`${wanted.length} groups`, () => joined('a1').length === wanted.length);
    };
    await become(lows);
    expect(errors()).toEqual([]);
    // Fewer, then as many again: places that became free are used.
    await become(lows.slice(2_500));
    await become(lows);
    // Others before all of these are joined.
    await agent.ask({ do: 'groups', groups: [] });
    await agent.ask({ do: 'groups', groups: at('a1', ...lows) });
    await become(lows.slice(0, 10));
    await become([]);
    expect(errors()).toEqual([]);
    await until('the sockets are closed', async () => ((await agent.ask({ do: 'descriptors' })) as number) < before);
  });

  it('makes do with less memory for a socket than it counts on', async () => {
    agent.events.length = 0;
    const lows = Array.from({ length: 1_000 }, (_, i) => 0xab0000 + i);
    // Of the namespace where it can be set there; older kernels have but one, and it is as small as this.
    space.attempt('a', 'sysctl -qw net.core.optmem_max=20480');
    await agent.ask({ do: 'groups', groups: at('a1', ...lows) });
    await until('all of them', () => joined('a1').length === 1_000);
    expect(errors()).toEqual([]);
    await agent.ask({ do: 'groups', groups: [] });
  });

  it('hears others while it joins thousands', async () => {
    const lows = Array.from({ length: 10_000 }, (_, i) => 0xab0000 + i);
    await agent.ask({ do: 'groups', groups: at('a1', ...lows) });
    let answers = 0;
    while (joined('a1').length < lows.length) {
      await agent.ask({ do: 'descriptors' });
      answers += 1;
    }
    expect(answers).toBeGreaterThan(3);
    await agent.ask({ do: 'groups', groups: [] });
    await until('none is left', () => joined('a1').length === 0);
  });
});
