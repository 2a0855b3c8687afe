import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { NodePlan } from '../../src/announce/plan.ts';
import { Space } from '../lab/space.ts';
import { need } from '../support/need.ts';
import { until } from '../support/until.ts';
import { Ours } from './ours.ts';
import { startBirdPeer } from './peers/bird.ts';
import { startFrrPeer } from './peers/frr.ts';
import type { PeerDaemon, PeerOptions } from './peers/peer.ts';
import { OURS, THEIRS, ip, planOf, prefix, routes } from './plans.ts';

let space: Space;
let directory: string;
let peer: PeerDaemon | undefined;
const running: Ours[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'hlb-transport-'));
  space = new Space('tr');
  for (const name of ['a', 'b']) space.add(name);
  space.link('a', 'eth0', 'b', 'eth0');
  for (const [host, side] of [
    ['a', OURS],
    ['b', THEIRS],
  ] as const) {
    space.run(host, `ip addr add ${side.ipv4}/24 dev eth0`);
    space.run(host, `ip -6 addr add ${side.ipv6}/64 dev eth0 nodad`);
  }
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((ours) => ours.stop('SIGKILL')));
  await peer?.stop();
  peer = undefined;
  await space.dispose();
  rmSync(directory, { recursive: true, force: true });
});

async function start(host: string): Promise<Ours> {
  const ours = await Ours.start(space, host, directory);
  running.push(ours);
  return ours;
}

function options(more: Partial<PeerOptions> = {}): PeerOptions {
  return { space, host: 'b', directory, local: THEIRS, remote: OURS, families: ['ipv4', 'ipv6'], holdTimeSeconds: 9, ...more };
}

const PREFIX = '192.0.2.1/32';

for (const [name, startPeer, needs] of [
  ['FRR', startFrrPeer, ['file:/usr/lib/frr/bgpd', 'command:vtysh']],
  ['BIRD', startBirdPeer, ['command:bird', 'command:birdc']],
] as const) {
  need('netns', ...needs).describe(`GTSM with ${name} (RFC 5082)`, () => {
    it.each([
      ['dialled by us over IPv4', { passive: true }],
      ['dialled by us over IPv6', { passive: true, over: 'ipv6' }],
      ['dialled by the router', { passive: false }],
    ] as const)(
      'comes up, %s',
      async (_, more) => {
        peer = startPeer(options({ ttlSecurity: true, ...more }));
        const ours = await start('a');
        const address = ip('over' in more ? THEIRS.ipv6 : THEIRS.ipv4);
        ours.apply(planOf({ address, ttlSecurityHops: 1, passive: !more.passive }, routes({}, PREFIX)));
        await until('the route', () => peer?.routes().has(PREFIX) === true, 20_000, 200);
        expect(ours.report().problems).toEqual([]);
      },
      60_000,
    );

    // An eBGP neighbour on the link gets TTL 1 without GTSM.
    it.each([
      ['dials', false],
      ['is dialled', true],
    ] as const)(
      'does not come up where the router sends a small TTL and %s, and says so',
      async (_, passive) => {
        peer = startPeer(options({ passive }));
        const ours = await start('a');
        ours.apply(planOf({ ttlSecurityHops: 1, passive: !passive }, routes({}, PREFIX)));
        const problem = await until(
          'the problem',
          () => ours.report().problems.find(({ reason }) => reason === 'RouterTooFar'),
          30_000,
          200,
        );
        expect(problem).toMatchObject({ peer: 'p1', least: 255 });
        expect(peer.established()).toBe(false);
        // The same router is welcome where its distance does not matter.
        ours.apply(planOf({}, routes({}, PREFIX)));
        await until('the route', () => peer?.routes().has(PREFIX) === true, 30_000, 200);
        await until('no problem any more', () => ours.report().problems.length === 0, 5_000);
      },
      90_000,
    );
  });
}

need('netns', 'file:/usr/lib/frr/bgpd', 'command:vtysh').describe('FRR that connects', () => {
  const range = (over: 'ipv4' | 'ipv6', password: string): NodePlan => {
    const listenRange = prefix(over === 'ipv4' ? '10.99.0.0/24' : 'fd99::/64');
    const plan = planOf({ listenRange, password }, routes({}, PREFIX));
    for (const { session } of plan.peers) delete (session as { address?: unknown }).address;
    return plan;
  };

  it.each(['ipv4', 'ipv6'] as const)(
    'out of a prefix over %s has a session with the key of the prefix (TCP_MD5SIG_EXT)',
    async (over) => {
      peer = startFrrPeer(options({ over, passive: false, password: 'right' }));
      const ours = await start('a');
      ours.apply(range(over, 'right'));
      await until('the route', () => peer?.routes().has(PREFIX) === true, 30_000, 200);
      const name = `p1@${THEIRS[over]}`;
      await until('our report', () => ours.peer(name)?.state === 'Established', 5_000);
      expect(ours.report().problems).toEqual([]);
      // The key of the live session is another now, and FRR's is not.
      ours.apply(range(over, 'wrong'));
      await until('the session to end', () => ours.peer(name)?.state !== 'Established', 20_000);
      ours.apply(range(over, 'right'));
      await until('the session again', () => ours.peer(name)?.state === 'Established', 40_000);
    },
    120_000,
  );

  // The kernel here has no VRF devices; binding to any other device is the same call.
  it('to a device is taken by the listener of that device, as soon as it is there', async () => {
    const ours = await start('a');
    const plan = planOf({ vrf: 'blue0', passive: true, families: ['ipv4'], address: ip('10.98.0.2') }, routes({}, PREFIX));
    ours.apply(plan);
    const reasons = (): string[] => ours.report().problems.map(({ reason }) => reason);
    await until('both problems', () => reasons().includes('NoDevice') && reasons().includes('CannotListen'), 10_000);
    space.link('a', 'blue0', 'b', 'blue0');
    space.run('a', 'ip addr add 10.98.0.1/24 dev blue0');
    space.run('b', 'ip addr add 10.98.0.2/24 dev blue0');
    const [local, remote] = [
      { ...THEIRS, ipv4: '10.98.0.2' },
      { ...OURS, ipv4: '10.98.0.1' },
    ];
    peer = startFrrPeer(options({ passive: false, local, remote, families: ['ipv4'] }));
    await until('the route', () => peer?.routes().has(PREFIX) === true, 30_000, 200);
    await until('no problem any more', () => reasons().length === 0, 10_000);
    await until('our report', () => ours.peer()?.state === 'Established', 5_000);
    expect(ours.peer()?.counters.timesEstablished).toBe(1);
    // And in the other direction, from a socket that is bound to it.
    await peer.stop();
    peer = startFrrPeer(options({ passive: true, local, remote, families: ['ipv4'] }));
    ours.apply({ ...plan, peers: plan.peers.map((each) => ({ ...each, session: { ...each.session, passive: false } })) });
    await until('the route again', () => peer?.routes().has(PREFIX) === true, 30_000, 200);
  }, 120_000);
});

need('netns', 'file:/usr/lib/frr/bgpd', 'command:vtysh').describe('a session over each family with one router', () => {
  const vtysh = (...commands: readonly string[]): string =>
    space.run('b', ['vtysh', '--vty_socket', join(directory, 'frr-b'), ...commands.flatMap((command) => ['-c', command])]);
  /** State, how often it came up, and how many prefixes FRR has of it. */
  const session = (address: string, family: string): readonly unknown[] => {
    const { [address]: said } = JSON.parse(vtysh(`show bgp neighbors ${address} json`)) as Record<
      string,
      | {
          readonly bgpState: string;
          readonly connectionsEstablished: number;
          readonly addressFamilyInfo?: Record<string, { readonly acceptedPrefixCounter?: number } | undefined>;
        }
      | undefined
    >;
    return [said?.bgpState, said?.connectionsEstablished, said?.addressFamilyInfo?.[family]?.acceptedPrefixCounter];
  };

  it('carries the routes of its family; what becomes of the one is nothing to the other', async () => {
    peer = startFrrPeer(options({ families: ['ipv4'] }));
    await until('FRR', () => peer?.describe().includes('BGP state') === true, 30_000, 200);
    const neighbor = `neighbor ${OURS.ipv6}`;
    const lines = [`${neighbor} remote-as ${OURS.asn}`, `${neighbor} passive`, 'address-family ipv6 unicast', `${neighbor} activate`];
    vtysh('configure', `router bgp ${THEIRS.asn}`, ...lines);
    const ours = await start('a');
    const plan = (v4: readonly string[], v6?: readonly string[]): NodePlan => {
      const [first] = planOf({ families: ['ipv4'] }, routes({}, ...v4)).peers;
      const { peers, ...rest } = planOf({ families: ['ipv6'], address: ip(THEIRS.ipv6) }, routes({}, ...(v6 ?? [])));
      return {
        ...rest,
        peers: [...(first === undefined ? [] : [first]), ...(v6 === undefined ? [] : peers.map((p) => ({ ...p, name: 'p6' })))],
      };
    };
    const are = (what: string, v4: readonly unknown[], v6: readonly unknown[]): Promise<unknown> => {
      const seen = (): string => JSON.stringify([session(OURS.ipv4, 'ipv4Unicast'), session(OURS.ipv6, 'ipv6Unicast')]);
      return until(what, () => seen() === JSON.stringify([v4, v6]), 30_000, 200);
    };
    const up = (count: number, times = 1): readonly unknown[] => ['Established', times, count];
    ours.apply(plan([PREFIX], ['2001:db8::1/128', '2001:db8::2/128']));
    await are('both sessions', up(1), up(2));
    ours.apply(plan([PREFIX, '192.0.2.2/32'], ['2001:db8::1/128']));
    await are('the changes', up(2), up(1));
    ours.apply(plan([PREFIX]));
    await until('one session to end', () => session(OURS.ipv6, 'ipv6Unicast')[0] !== 'Established', 30_000, 200);
    ours.apply(plan([], ['2001:db8::1/128']));
    await are('it to come back beside the other', up(0), up(1, 2));
    expect(ours.report().problems).toEqual([]);
  }, 120_000);
});

const BACK = { myAsn: THEIRS.asn, peerAsn: OURS.asn, address: ip(OURS.ipv4), routerId: ip(THEIRS.ipv4) };

need('netns').describe('a TCP MD5 key that is changed (RFC 2385)', () => {
  const apply = (a: Ours, b: Ours, passwords: readonly [string, string]): void => {
    a.apply(planOf({ password: passwords[0] }, routes({}, PREFIX)));
    b.apply(planOf({ ...BACK, password: passwords[1] }));
  };
  const heard = (ours: Ours): number => ours.peer()?.counters.messagesReceived ?? 0;

  it('on both sides leaves the session up; on one it ends with the hold time, and heals with the key', async () => {
    const [a, b] = [await start('a'), await start('b')];
    const established = (): boolean => [a, b].every((each) => each.peer()?.state === 'Established');
    apply(a, b, ['old', 'old']);
    await until('the session', established, 20_000);
    apply(a, b, ['new', 'new']);
    const before = [heard(a), heard(b)] as const;
    // Keepalives come every second, and the hold time is three.
    await until('keepalives under the new key', () => heard(a) >= before[0] + 6 && heard(b) >= before[1] + 6, 20_000);
    expect([a, b].map((each) => each.peer()?.counters.timesEstablished)).toEqual([1, 1]);

    apply(a, b, ['other', 'new']);
    const expired = (each: Ours): boolean => /Hold Timer Expired/.test(each.peer()?.lastError?.text ?? '');
    await until('the hold timer', () => (expired(a) || expired(b)) && !established(), 20_000);
    apply(a, b, ['other', 'other']);
    await until('the session again', established, 40_000);
    expect(a.peer()?.counters.timesEstablished).toBe(2);
  }, 120_000);
});

need('netns').describe('a path that swallows everything', () => {
  it('ends the session with the hold time, is told, and the session comes back with it', async () => {
    const [a, b] = [await start('a'), await start('b')];
    a.apply(planOf({}, routes({}, PREFIX)));
    b.apply(planOf(BACK));
    await until('the session', () => a.peer()?.state === 'Established', 20_000);
    // Neither FIN nor RST: both ends believe in their connection.
    space.run('b', 'ip link set eth0 down');
    await until('the hold timer', () => /Hold Timer Expired/.test(a.peer()?.lastError?.text ?? ''), 20_000);
    expect(a.peer()?.state).not.toBe('Established');
    space.run('b', 'ip link set eth0 up');
    await until('the session again', () => a.peer()?.state === 'Established', 40_000);
  }, 90_000);
});
