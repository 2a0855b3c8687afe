import { afterAll, beforeAll, expect, it } from 'vitest';
import type { PacketCounters } from '../../../speaker/io/answers.ts';
import { Space } from '../../lab/space.ts';
import { Agent } from '../../native/agentClient.ts';
import { need } from '../../support/need.ts';
import { sleep, until } from '../../support/until.ts';

const SOURCE = '020000000001';

/** "Who has 192.0.2.N?", broadcast. */
function arp(last: number, tag = ''): string {
  const target = `c00002${last.toString(16).padStart(2, '0')}`;
  return `ffffffffffff${SOURCE}${tag}08060001080006040001${SOURCE}c0000201000000000000${target}`;
}

/** A neighbour solicitation for fe80::N to all nodes; nothing here checks its checksum. */
function solicitation(last: number, type = '87'): string {
  const node = `fe80${'00'.repeat(13)}${last.toString(16).padStart(2, '0')}`;
  const zeros = '00'.repeat(13);
  const ip = `6000000000183afffe80${zeros}01ff02${zeros}01`;
  return `333300000001${SOURCE}86dd${ip}${type}00000000000000${node}`;
}

/** A broadcast that is no business of layer 2: IPv4 UDP. */
const NOISE = `ffffffffffff${SOURCE}08004500002e00000000401100000a000001ffffffff${'00'.repeat(26)}`;

need('netns').describe('packet sockets', () => {
  const space = new Space('pkt');
  const agents: Agent[] = [];
  let here: Agent;
  let there: Agent;

  const start = (name: string): Agent => {
    const agent = new Agent(space, name);
    agents.push(agent);
    return agent;
  };

  /** Frames sent after everything else that must not arrive: when this one is here, the others would be too. */
  const marker = async (last: number): Promise<void> => {
    await there.ask({ do: 'raw', interface: 'b0', frame: arp(last) });
    await until(`the frame for .${last}`, () => here.frames().includes(arp(last)));
  };

  beforeAll(() => {
    space.add('a');
    space.add('b');
    // No IPv6 of the kernel's own: what is heard was sent by the test.
    for (const name of ['a', 'b']) space.run(name, 'sysctl -qw net.ipv6.conf.default.disable_ipv6=1');
    space.link('a', 'a0', 'b', 'b0');
    here = start('a');
    there = start('b');
  });

  afterAll(async () => {
    const codes = await Promise.all(agents.map((agent) => agent.end()));
    await space.dispose();
    if (codes.some((code) => code !== 0)) throw new Error(`an agent ended with ${codes.join(', ')}`);
  });

  it('hears ARP and neighbour discovery, and nothing else', async () => {
    await here.ask({ do: 'open', interface: 'a0' });
    here.events.length = 0;
    const frames = [NOISE, arp(10), solicitation(1), solicitation(2, '88'), solicitation(3, '85'), arp(11)];
    for (const frame of frames) await there.ask({ do: 'raw', interface: 'b0', frame });
    await until('four frames', () => here.frames().length >= 4);
    await marker(12);
    expect(here.frames().toSorted()).toEqual([arp(10), arp(11), arp(12), solicitation(1), solicitation(2, '88')].toSorted());
  });

  it('does not hear a frame of a VLAN that has no device here', async () => {
    here.events.length = 0;
    await there.ask({ do: 'raw', interface: 'b0', frame: arp(20, '81000064') });
    await marker(21);
    expect(here.frames()).toEqual([arp(21)]);
  });

  it('does not hear a frame for another host', async () => {
    here.events.length = 0;
    await there.ask({ do: 'raw', interface: 'b0', frame: arp(22).replace('ffffffffffff', '02000000beef') });
    await marker(23);
    expect(here.frames()).toEqual([arp(23)]);
  });

  it('hears of the addresses that it watches, as sender and as target, and of no other', async () => {
    // Fewer than there may be ranges: nothing between two of them is let through.
    const vips = [...Array.from({ length: 20 }, (_, at) => 100 + 4 * at), 100];
    await here.ask({ do: 'narrow', interface: 'a0', addresses: [...vips.map((last) => `192.0.2.${last}`), 'fe80::64', 'fe80::66'] });
    here.events.length = 0;
    const from104 = arp(99).replaceAll('c0000201', 'c0000268');
    const heard = [arp(100), arp(176), from104, solicitation(0x64), solicitation(0x66, '88')];
    const unheard = [arp(99), arp(101), arp(103), arp(177), solicitation(0x63), solicitation(0x65), solicitation(0x67, '88')];
    for (const frame of [...unheard, ...heard]) await there.ask({ do: 'raw', interface: 'b0', frame });
    await marker(104);
    await until('all that it should hear', () => here.frames().length >= heard.length + 1);
    expect(here.frames().toSorted()).toEqual([...heard, arp(104)].toSorted());
    await here.ask({ do: 'narrow', interface: 'a0', addresses: [] });
    here.events.length = 0;
    for (const frame of heard) await there.ask({ do: 'raw', interface: 'b0', frame });
    await here.ask({ do: 'close', interface: 'a0' });
    expect(here.frames()).toEqual([]);
    await here.ask({ do: 'open', interface: 'a0' });
  });

  it('does not hear its own frames, and the other end does', async () => {
    here.events.length = 0;
    await there.ask({ do: 'open', interface: 'b0' });
    expect(await here.ask({ do: 'send', interface: 'a0', frame: arp(30) })).toBe(true);
    await until('the frame at the other end', () => there.frames().includes(arp(30)));
    await marker(31);
    expect(here.frames()).toEqual([arp(31)]);
    await there.ask({ do: 'close', interface: 'b0' });
  });

  it('goes on with the same socket after the link was down', async () => {
    for (let round = 0; round < 3; round++) {
      const before = (await here.ask({ do: 'counters', interface: 'a0' })) as PacketCounters;
      space.run('a', 'ip link set a0 down');
      await until('the reader is told', async () => {
        const now = (await here.ask({ do: 'counters', interface: 'a0' })) as PacketCounters;
        return now.readErrors > before.readErrors;
      });
      expect(await here.ask({ do: 'send', interface: 'a0', frame: arp(39) })).toBe(false);
      space.run('a', 'ip link set a0 up');
      await until('carrier', () => space.run('a', 'ip -o link show a0').includes('LOWER_UP'));
      expect(await here.ask({ do: 'send', interface: 'a0', frame: arp(40) })).toBe(true);
      here.events.length = 0;
      await marker(41 + round);
    }
  });

  it('sends at once when the link is back, before it has read that it was down', async () => {
    here.events.length = 0;
    const sent = here.ask({ do: 'stall', durationMs: 700, send: { interface: 'a0', frame: arp(45) } });
    await until('it does not read', () => here.events.length === 1);
    space.run('a', 'ip link set a0 down');
    space.run('a', 'ip link set a0 up');
    expect(await sent).toBe(true);
    await marker(46);
  });

  it('works again when opened anew after the interface was made anew', async () => {
    space.run('a', 'ip link del a0');
    await until('the reader is told', async () => ((await here.ask({ do: 'counters', interface: 'a0' })) as PacketCounters).readErrors > 0);
    await here.ask({ do: 'close', interface: 'a0' });
    await expect(here.ask({ do: 'open', interface: 'a0' })).rejects.toThrow('ENODEV');
    space.link('a', 'a0', 'b', 'b0');
    const other = start('b');
    await here.ask({ do: 'open', interface: 'a0' });
    here.events.length = 0;
    await other.ask({ do: 'raw', interface: 'b0', frame: arp(50) });
    await until('the frame', () => here.frames().includes(arp(50)));
    there = other;
  });

  it('lets nothing past the filter while it opens under a flood', async () => {
    const fresh = start('a');
    await fresh.ask({ do: 'descriptors' });
    // ARP, which the sockets are bound to, of a VLAN that is not ours: only the filter holds it off.
    await there.ask({ do: 'flood', interface: 'b0', frame: arp(60, '81000064'), durationMs: 1_500 });
    const before = await fresh.ask({ do: 'descriptors' });
    for (let round = 0; round < 50; round++) {
      await fresh.ask({ do: 'open', interface: 'a0' });
      await fresh.ask({ do: 'close', interface: 'a0' });
    }
    const flooded = await until('the flood ends', () => there.events.find((event) => event.event === 'flooded'));
    expect(flooded.sent).toBeGreaterThan(5_000);
    await sleep(50);
    expect(fresh.frames()).toEqual([]);
    expect(await fresh.ask({ do: 'descriptors' })).toBe(before);
  });
});
