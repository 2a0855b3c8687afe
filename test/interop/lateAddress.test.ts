import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { expect, it } from 'vitest';
import { Space } from '../lab/space.ts';
import { need } from '../support/need.ts';
import { until } from '../support/until.ts';
import { Ours } from './ours.ts';
import { startBirdPeer } from './peers/bird.ts';
import { OURS, THEIRS, planOf, routes } from './plans.ts';

need('netns', 'command:bird').describe('an IPv6 address that comes after the session', () => {
  it('becomes the next hop of IPv6 routes', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'hlb-late-'));
    const space = new Space('late');
    try {
      for (const name of ['a', 'b']) space.add(name);
      space.link('a', 'eth0', 'b', 'eth0');
      // On a slow machine the link-local one is there before the session, and would be the next hop.
      space.run('a', 'ip link set dev eth0 addrgenmode none');
      space.run('a', 'ip -6 addr flush dev eth0 scope link');
      space.run('a', `ip addr add ${OURS.ipv4}/24 dev eth0`);
      space.run('b', `ip addr add ${THEIRS.ipv4}/24 dev eth0`);
      space.run('b', `ip -6 addr add ${THEIRS.ipv6}/64 dev eth0 nodad`);
      const peer = startBirdPeer({ space, host: 'b', directory, local: THEIRS, remote: OURS, families: ['ipv4', 'ipv6'] });
      const ours = await Ours.start(space, 'a', directory);
      ours.apply(planOf({}, routes({}, '192.0.2.1/32', '2001:db8::1/128')));
      await until('the IPv4 route alone', () => [...peer.routes().keys()].join() === '192.0.2.1/32', 20_000, 200);
      const missing = { reason: 'NoNextHop', peer: 'p1', family: 'ipv6' };
      await until('the problem', () => ours.report().problems.some((problem) => isDeepStrictEqual(problem, missing)), 5_000);
      space.run('a', `ip -6 addr add ${OURS.ipv6}/64 dev eth0 nodad`);
      await until('the IPv6 route', () => peer.routes().get('2001:db8::1/128')?.nextHop === OURS.ipv6, 20_000, 200);
      await until('no problem any more', () => ours.report().problems.length === 0, 5_000);
      // It is another one now, and then there is none: the session stays.
      space.run('a', 'ip -6 addr add fd99::7/64 dev eth0 nodad');
      space.run('a', `ip -6 addr del ${OURS.ipv6}/64 dev eth0`);
      await until('the other next hop', () => peer.routes().get('2001:db8::1/128')?.nextHop === 'fd99::7', 20_000, 200);
      space.run('a', 'ip -6 addr del fd99::7/64 dev eth0');
      await until('no IPv6 route', () => [...peer.routes().keys()].join() === '192.0.2.1/32', 20_000, 200);
      expect(ours.peer()?.counters.timesEstablished).toBe(1);
      await ours.stop('SIGKILL');
    } finally {
      await space.dispose();
      rmSync(directory, { recursive: true, force: true });
    }
  }, 90_000);
});
