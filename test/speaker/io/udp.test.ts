import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { Space } from '../../lab/space.ts';
import { Agent } from '../../native/agentClient.ts';
import { ip } from '../support.ts';
import { need } from '../../support/need.ts';
import { until } from '../../support/until.ts';

const A = { ipv4: ip('10.98.0.1'), ipv6: ip('fd98::1'), link: ip('fe80::a') };
const B = { ipv4: ip('10.98.0.2'), ipv6: ip('fd98::2'), link: ip('fe80::b') };

need('netns').describe('UDP sockets', () => {
  const space = new Space('udp');
  const agents: Agent[] = [];
  let here: Agent;
  let there: Agent;
  let index = 0;
  let marked = 0;

  const start = (name: string): Agent => {
    const agent = new Agent(space, name);
    agents.push(agent);
    return agent;
  };

  beforeAll(() => {
    space.add('a');
    space.add('b');
    for (const name of ['a', 'b']) space.run(name, 'sysctl -qw net.ipv6.conf.default.addr_gen_mode=1');
    space.link('a', 'a0', 'b', 'b0');
    for (const [name, device, side] of [
      ['a', 'a0', A],
      ['b', 'b0', B],
    ] as const) {
      space.run(name, `ip addr add ${side.ipv4}/24 dev ${device}`);
      space.run(name, `ip -6 addr add ${side.ipv6}/64 dev ${device} nodad`);
      space.run(name, `ip -6 addr add ${side.link}/64 dev ${device} nodad`);
    }
    index = Number(space.run('b', 'cat /sys/class/net/b0/ifindex'));
    here = start('a');
    there = start('b');
  });

  beforeEach(() => {
    there.events.length = 0;
  });

  afterAll(async () => {
    const codes = await Promise.all(agents.map((agent) => agent.end()));
    await space.dispose();
    if (codes.some((code) => code !== 0)) throw new Error(`an agent ended with ${codes.join(', ')}`);
  });

  const heard = async (bytes: string) => until(`the datagram ${bytes}`, () => there.datagrams().find((each) => each.bytes === bytes));
  const fresh = (): string => (0xab0000 + ++marked).toString(16);

  it.each(['ipv4', 'ipv6', 'link'] as const)('tells the hop limit, the interface and both addresses of a datagram (%s)', async (family) => {
    const name = `t-${family}`;
    await there.ask({ do: 'udpListen', name, options: { family: family === 'ipv4' ? 'ipv4' : 'ipv6', port: 3784 } });
    const scope = family === 'link' ? { scope: 'a0' } : {};
    for (const ttl of [255, 254, 1]) {
      const sender = `${name}-${ttl}`;
      const local = await here.ask({ do: 'udpOpen', name: sender, options: { remote: B[family], port: 3784, ttl, ...scope } });
      expect(local).toBe(A[family]);
      const bytes = fresh();
      await here.ask({ do: 'udpSend', name: sender, bytes });
      const datagram = await heard(bytes);
      expect(datagram).toMatchObject({ ttl, source: A[family], destination: B[family], interfaceIndex: index });
      expect(datagram.sourcePort).toBeGreaterThanOrEqual(49_152);
    }
    await there.ask({ do: 'udpClose', name });
  });

  it('sends from the source that was asked for, and from a port for each sender', async () => {
    space.run('a', 'ip addr add 10.98.0.7/32 dev lo');
    await there.ask({ do: 'udpListen', name: 'p', options: { family: 'ipv4', port: 4784 } });
    const ports = new Set<number>();
    for (const name of ['p1', 'p2', 'p3']) {
      const options = { remote: B.ipv4, port: 4784, ttl: 255, source: ip('10.98.0.7') };
      expect(await here.ask({ do: 'udpOpen', name, options })).toBe('10.98.0.7');
      const bytes = fresh();
      await here.ask({ do: 'udpSend', name, bytes });
      const datagram = await heard(bytes);
      expect(datagram.source).toBe('10.98.0.7');
      ports.add(datagram.sourcePort);
    }
    expect(ports.size).toBe(3);
    await there.ask({ do: 'udpClose', name: 'p' });
  });

  it('says who is in the way: a taken port, no route, a foreign source, an interface that does not exist', async () => {
    await there.ask({ do: 'udpListen', name: 'q', options: { family: 'ipv4', port: 3785 } });
    await expect(there.ask({ do: 'udpListen', name: 'q2', options: { family: 'ipv4', port: 3785 } })).rejects.toThrow('EADDRINUSE');
    const options = { remote: B.ipv4, port: 3785, ttl: 255 };
    const open = (more: object) => here.ask({ do: 'udpOpen', name: 'q3', options: { ...options, ...more } });
    await expect(open({ remote: ip('203.0.113.1') })).rejects.toThrow('ENETUNREACH');
    await expect(open({ source: ip('203.0.113.1') })).rejects.toThrow('EADDRNOTAVAIL');
    await expect(open({ device: 'nowhere' })).rejects.toThrow('ENODEV');
    await there.ask({ do: 'udpClose', name: 'q' });
    await there.ask({ do: 'udpListen', name: 'q', options: { family: 'ipv4', port: 3785 } });
    await there.ask({ do: 'udpClose', name: 'q' });
  });

  it('has a socket of a device beside the one of all others, and the device is asked first', async () => {
    await there.ask({ do: 'udpListen', name: 'all', options: { family: 'ipv4', port: 3784, share: true } });
    await there.ask({ do: 'udpListen', name: 'b0', options: { family: 'ipv4', port: 3784, device: 'b0', share: true } });
    await here.ask({ do: 'udpOpen', name: 'd', options: { remote: B.ipv4, port: 3784, ttl: 255, device: 'a0' } });
    const bytes = fresh();
    await here.ask({ do: 'udpSend', name: 'd', bytes });
    expect((await heard(bytes)).listener).toBe('b0');
    for (const name of ['all', 'b0']) await there.ask({ do: 'udpClose', name });
  });

  it('leaves a datagram alone that no BFD packet is as long as, and reads on', async () => {
    await there.ask({ do: 'udpListen', name: 'long', options: { family: 'ipv4', port: 3784 } });
    await here.ask({ do: 'udpOpen', name: 'l', options: { remote: B.ipv4, port: 3784, ttl: 255 } });
    const long = 'cd'.repeat(1281);
    const bytes = fresh();
    await here.ask({ do: 'udpSend', name: 'l', bytes: long, times: 100 });
    await here.ask({ do: 'udpSend', name: 'l', bytes });
    await heard(bytes);
    expect(there.datagrams().map((datagram) => datagram.bytes)).toEqual([bytes]);
    await there.ask({ do: 'udpClose', name: 'long' });
  });

  it('leaves no descriptor open', async () => {
    const count = async () => Number(await here.ask({ do: 'descriptors' }));
    const before = await count();
    const options = { remote: B.ipv4, port: 3784, ttl: 255 };
    for (let i = 0; i < 20; i++) {
      await here.ask({ do: 'udpOpen', name: 'x', options });
      await here.ask({ do: 'udpClose', name: 'x' });
      await here.ask({ do: 'udpOpen', name: 'y', options: { ...options, source: ip('203.0.113.1') } }).catch(() => undefined);
    }
    expect(await count()).toBe(before);
  });
});
