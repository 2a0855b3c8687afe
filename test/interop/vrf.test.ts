import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { NodePlan, PeerSession } from '../../src/announce/plan.ts';
import { Space } from '../lab/space.ts';
import { need } from '../support/need.ts';
import { until } from '../support/until.ts';
import { Ours } from './ours.ts';
import { startBirdPeer } from './peers/bird.ts';
import { startFrrPeer } from './peers/frr.ts';
import type { PeerDaemon } from './peers/peer.ts';
import { OURS, THEIRS, ip, planOf, routes } from './plans.ts';

/*
 * Two routers with one address, each on a device of its own, as VRFs have it. The kernel here has no VRF devices: to bind a socket to
 * any other device is the same call, and without it both sessions would be with the router of the better route.
 */

/** Our addresses on the second device. */
const BLUE = { ipv4: '10.99.0.11', ipv6: 'fd99::11', asn: OURS.asn };
const [PLAIN_VIP, BLUE_VIP] = ['192.0.2.1/32', '192.0.2.2/32'] as const;

need('netns', 'file:/usr/lib/frr/bgpd', 'command:vtysh', 'command:bird', 'command:birdc').describe(
  'a session that is bound to a device',
  () => {
    let space: Space;
    let directory: string;
    let plain: PeerDaemon;
    let blue: PeerDaemon;
    let ours: Ours;

    beforeAll(() => {
      directory = mkdtempSync(join(tmpdir(), 'hlb-vrf-'));
      space = new Space('vrf');
      for (const name of ['a', 'b', 'c']) space.add(name);
      space.link('a', 'eth0', 'b', 'eth0');
      space.link('a', 'blue0', 'c', 'eth0');
      for (const name of ['all', 'default']) space.run('a', `sysctl -qw net.ipv4.conf.${name}.rp_filter=0`);
      for (const device of ['eth0', 'blue0']) space.run('a', `sysctl -qw net.ipv4.conf.${device}.rp_filter=0`);
      for (const [device, side, metric] of [
        ['eth0', OURS, 100],
        ['blue0', BLUE, 500],
      ] as const) {
        space.run('a', `ip addr add ${side.ipv4}/24 dev ${device} metric ${metric}`);
        space.run('a', `ip -6 addr add ${side.ipv6}/64 dev ${device} nodad metric ${metric}`);
      }
      for (const host of ['b', 'c']) {
        space.run(host, `ip addr add ${THEIRS.ipv4}/24 dev eth0`);
        space.run(host, `ip -6 addr add ${THEIRS.ipv6}/64 dev eth0 nodad`);
      }
    });

    afterAll(async () => {
      await space?.dispose();
      rmSync(directory, { recursive: true, force: true });
    });

    afterEach(async () => {
      await ours?.stop('SIGKILL');
      await Promise.all([plain?.stop(), blue?.stop()]);
    });

    function plan(session: Partial<PeerSession>): NodePlan {
      const [first, second] = [planOf(session, routes({}, PLAIN_VIP)), planOf({ ...session, vrf: 'blue0' }, routes({}, BLUE_VIP))];
      const peers = [
        ...first.peers.map((peer) => ({ ...peer, name: 'plain' })),
        ...second.peers.map((peer) => ({ ...peer, name: 'blue' })),
      ];
      return { ...second, peers };
    }

    it('comes up with a device that is made later, BFD too, and again with another one of the same name', async () => {
      const guard = { name: 'g', transmitIntervalMs: 100, receiveIntervalMs: 100, detectMultiplier: 5 };
      const bfd = { ...guard, echoIntervalMs: 50, echoMode: false, passiveMode: false, minimumTtl: 254 };
      const lines = ['passive on; hold time 30; error wait time 1, 2; bfd on;', 'ipv4 { import all; export none; };'];
      const timers = 'min rx interval 100 ms; min tx interval 100 ms; multiplier 5;';
      const text = `log stderr all; router id 10.98.0.2; protocol device { scan time 1; }
protocol bfd { interface "*" { ${timers} }; }
protocol bgp s1 { local 10.98.0.2 as ${THEIRS.asn}; neighbor 10.98.0.1 as ${OURS.asn}; ${lines.join(' ')} }\n`;
      blue = startBirdPeer({ space, directory, host: 'c', local: THEIRS, remote: BLUE, families: ['ipv4'], text });
      ours = await Ours.start(space, 'a', directory);
      const session = { vrf: 'red0', address: ip('10.98.0.2'), holdTimeMs: 30_000, keepaliveTimeMs: 10_000, bfd };
      ours.apply(planOf({ ...session, families: ['ipv4'] }, routes({}, BLUE_VIP)));
      const says = (reason: string): boolean => ours.report().problems.some((problem) => problem.reason === reason);
      for (let round = 0; round < 2; round++) {
        await until('the device to be missed', () => says('NoDevice') && says('CannotReceiveBfd'), 10_000);
        space.link('a', 'red0', 'c', `red${round}`);
        space.run('a', 'ip addr add 10.98.0.1/24 dev red0');
        space.run('c', `ip addr add 10.98.0.2/24 dev red${round}`);
        const isUp = (): boolean => ours.bfd()?.state === 'Up' && blue.established() && blue.routes().has(BLUE_VIP);
        await until('BGP and BFD', isUp, 40_000, 200).catch((error: unknown) => {
          throw new Error(`${String(error)}\n${JSON.stringify(ours.report())}\n${blue.describe()}`);
        });
        expect(ours.report().problems).toEqual([]);
        space.run('a', 'ip link del red0');
      }
    }, 120_000);

    it.each([
      ['we dial, IPv4', { over: 'ipv4', passive: true }],
      ['we dial, IPv6', { over: 'ipv6', passive: true }],
      ['we dial with a key, IPv4', { over: 'ipv4', passive: true, password: 'secret' }],
      ['the routers dial, IPv4', { over: 'ipv4', passive: false }],
      ['the routers dial, IPv6', { over: 'ipv6', passive: false }],
    ] as const)(
      'reaches its own router, and no other that has the same address: %s',
      async (_, options) => {
        const { over, passive } = options;
        const password = 'password' in options ? { password: options.password } : {};
        const common = { space, directory, local: THEIRS, families: ['ipv4', 'ipv6'], ...options } as const;
        plain = startFrrPeer({ ...common, host: 'b', remote: OURS });
        blue = startBirdPeer({ ...common, host: 'c', remote: BLUE });
        ours = await Ours.start(space, 'a', directory);
        ours.apply(plan({ address: ip(THEIRS[over]), passive: !passive, ...password }));
        const has = (peer: PeerDaemon): string => [...peer.routes().keys()].join(' ');
        try {
          await until('each route at its router', () => has(plain) === PLAIN_VIP && has(blue) === BLUE_VIP, 40_000, 200);
        } catch (error) {
          const said = [JSON.stringify(ours.report()), plain.describe(), blue.describe()].join('\n');
          throw new Error(`${String(error)}\n${said}`, { cause: error });
        }
        expect(plain.routes().get(PLAIN_VIP)?.nextHop).toBe(OURS.ipv4);
        expect(blue.routes().get(BLUE_VIP)?.nextHop).toBe(BLUE.ipv4);
        await until('our report', () => ['plain', 'blue'].every((name) => ours.peer(name)?.state === 'Established'), 5_000);
        expect(ours.report().problems).toEqual([]);
      },
      90_000,
    );
  },
);
