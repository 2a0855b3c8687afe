import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { NodePlan } from '../../src/announce/plan.ts';
import { Space } from '../lab/space.ts';
import { need } from '../support/need.ts';
import { until } from '../support/until.ts';
import { Ours } from './ours.ts';
import { startBirdPeer } from './peers/bird.ts';
import { startFrrPeer } from './peers/frr.ts';
import type { PeerDaemon } from './peers/peer.ts';
import { OURS, THEIRS, planOf, routes } from './plans.ts';

/** The node with two routers, each on a link of its own. */
const LEFT = { local: THEIRS, remote: OURS };
const RIGHT = { local: { ipv4: '10.98.0.2', ipv6: 'fd98::2', asn: 64513 }, remote: { ipv4: '10.98.0.1', ipv6: 'fd98::1', asn: OURS.asn } };
const [V4, V6] = ['192.0.2.1/32', '2001:db8::1/128'] as const;
/** Of the right-hand router, beside what the kernel made for it. */
const LINK_LOCAL = 'fe80::98:2';

need('netns', 'file:/usr/lib/frr/bgpd', 'command:vtysh', 'command:bird', 'command:birdc').describe(
  'a peer that is the default gateway',
  () => {
    let space: Space;
    let directory: string;
    let left: PeerDaemon;
    let right: PeerDaemon;
    let ours: Ours;

    beforeAll(() => {
      directory = mkdtempSync(join(tmpdir(), 'hlb-gateway-'));
      space = new Space('gw');
      for (const name of ['a', 'b', 'c']) space.add(name);
      space.link('a', 'eth0', 'b', 'eth0');
      space.link('a', 'eth1', 'c', 'eth0');
      for (const [device, host, { local, remote }] of [
        ['eth0', 'b', LEFT],
        ['eth1', 'c', RIGHT],
      ] as const) {
        space.run('a', `ip addr add ${remote.ipv4}/24 dev ${device}`);
        space.run('a', `ip -6 addr add ${remote.ipv6}/64 dev ${device} nodad`);
        space.run(host, `ip addr add ${local.ipv4}/24 dev eth0`);
        space.run(host, `ip -6 addr add ${local.ipv6}/64 dev eth0 nodad`);
      }
      space.run('c', `ip -6 addr add ${LINK_LOCAL}/64 dev eth0 nodad`);
    });

    afterAll(async () => {
      await space?.dispose();
      rmSync(directory, { recursive: true, force: true });
    });

    afterEach(async () => {
      await ours?.stop('SIGKILL');
      await Promise.all([left?.stop(), right?.stop()]);
      for (const family of ['-4', '-6']) while (space.attempt('a', `ip ${family} route del default`) !== undefined);
    });

    function plan(family: 'ipv4' | 'ipv6'): NodePlan {
      const found = planOf({ defaultGateway: family, families: [family] }, routes({}, V4, V6));
      for (const { session } of found.peers) delete (session as { address?: unknown }).address;
      return found;
    }

    async function start(family: 'ipv4' | 'ipv6'): Promise<void> {
      const options = { space, directory, families: [family], over: family } as const;
      left = startFrrPeer({ ...options, host: 'b', ...LEFT });
      right = startBirdPeer({ ...options, host: 'c', ...RIGHT });
      ours = await Ours.start(space, 'a', directory);
      ours.apply(plan(family));
    }

    /** Both routers are asked: the one has the route, the other has not. */
    async function routeIsAt(who: 'left' | 'right' | 'neither', prefix: string): Promise<void> {
      const there = (): string => {
        const at = { left: left.routes().has(prefix), right: right.routes().has(prefix) };
        return at.left && at.right ? 'both' : at.left ? 'left' : at.right ? 'right' : 'neither';
      };
      try {
        await until(`the route at ${who}`, () => there() === who, 40_000, 200);
      } catch (error) {
        throw new Error(`${String(error)}\nours: ${JSON.stringify(ours.report())}\n${left.describe()}\n${right.describe()}`, {
          cause: error,
        });
      }
    }

    const reasons = (): string[] => ours.report().problems.map(({ reason }) => reason);

    it('is found when there is a default route, and followed to another router and back (IPv4)', async () => {
      await start('ipv4');
      await until('the problem', () => reasons().join() === 'NoDefaultGateway', 10_000);
      expect(ours.report().peers).toEqual([]);
      space.run('a', `ip route add default via ${THEIRS.ipv4} metric 100`);
      await routeIsAt('left', V4);
      await until('no problem', () => reasons().length === 0, 5_000);
      expect(ours.peer()).toMatchObject({ address: THEIRS.ipv4, state: 'Established' });
      // Another default route, and a better one: the gateway of the first has to let go of the VIP.
      space.run('a', `ip route add default via ${RIGHT.local.ipv4} metric 200`);
      space.run('a', `ip route replace default via ${RIGHT.local.ipv4} metric 50`);
      await routeIsAt('right', V4);
      expect(right.routes().get(V4)?.nextHop).toBe(RIGHT.remote.ipv4);
      // The link of the better one fails, and what is left is the first.
      space.run('a', 'ip link set eth1 down');
      await routeIsAt('left', V4);
      space.run('a', 'ip link set eth1 up');
    }, 150_000);

    it('keeps a session that works when the route is gone, and lets it go with the session', async () => {
      await start('ipv4');
      space.run('a', `ip route add default via ${THEIRS.ipv4}`);
      await routeIsAt('left', V4);
      await until('our report', () => ours.peer()?.state === 'Established', 5_000);
      space.run('a', 'ip route del default');
      const heard = ours.peer()?.counters.messagesReceived ?? 0;
      await until('the session to go on', () => (ours.peer()?.counters.messagesReceived ?? 0) >= heard + 6, 30_000);
      expect(ours.peer()?.counters.timesEstablished).toBe(1);
      await left.stop();
      await until('the problem', () => reasons().join() === 'NoDefaultGateway' && ours.report().peers.length === 0, 30_000);
    }, 120_000);

    it('is found over IPv6, by a global address and by a link-local one', async () => {
      await start('ipv6');
      space.run('a', `ip -6 route add default via ${THEIRS.ipv6} metric 100`);
      await routeIsAt('left', V6);
      // The router's configuration has our address on the link, so that the session to its link-local one is refused: that it is made is enough.
      space.run('a', `ip -6 route add default via ${LINK_LOCAL} dev eth1 metric 50`);
      await until('the session with the link-local gateway', () => ours.peer()?.address === LINK_LOCAL, 20_000);
      expect(ours.peer()).toMatchObject({ interface: 'eth1' });
      await routeIsAt('neither', V6);
      space.run('a', 'ip -6 route del default metric 50');
      await routeIsAt('left', V6);
    }, 150_000);
  },
);
