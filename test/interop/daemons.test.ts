import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NodePlan, PeerSession, RouteSet } from '../../src/announce/plan.ts';
import type { Ip } from '../../src/net/ip.ts';
import type { Prefix } from '../../src/net/prefix.ts';
import { Space } from '../lab/space.ts';
import { need } from '../support/need.ts';
import { sleep, until } from '../support/until.ts';
import { Ours } from './ours.ts';
import { startBirdPeer } from './peers/bird.ts';
import { startExabgpPeer } from './peers/exabgp.ts';
import { startFrrPeer } from './peers/frr.ts';
import { startGobgpPeer } from './peers/gobgp.ts';
import { startOpenbgpdPeer } from './peers/openbgpd.ts';
import type { PeerDaemon, PeerOptions, RouteView, StartPeer } from './peers/peer.ts';

const OURS = { ipv4: '10.1.0.1', ipv6: 'fd01::1', asn: 4200000001 };
const THEIRS = { ipv4: '10.1.0.2', ipv6: 'fd01::2', asn: 65001 };
const V4 = '192.0.2.1/32';
const V6 = '2001:db8::1/128';

interface Daemon {
  readonly name: string;
  readonly command: string;
  readonly start: StartPeer;
  /** TCP MD5 cannot be tried with this daemon here, and why. */
  readonly noMd5?: string;
}

const DAEMONS: readonly Daemon[] = [
  { name: 'FRR', command: 'file:/usr/lib/frr/bgpd', start: startFrrPeer },
  { name: 'BIRD', command: 'command:bird', start: startBirdPeer },
  { name: 'GoBGP', command: 'command:gobgpd', start: startGobgpPeer },
  {
    name: 'ExaBGP',
    command: 'command:exabgp',
    start: startExabgpPeer,
    noMd5: 'ExaBGP sets the key on connections that it makes, not on its listener',
  },
  {
    name: 'OpenBGPD',
    command: 'command:bgpctl',
    start: startOpenbgpdPeer,
    noMd5: 'the portable OpenBGPD has no TCP MD5 on Linux without PF_KEY',
  },
];

function session(change: Partial<PeerSession> = {}): PeerSession {
  return {
    myAsn: OURS.asn,
    peerAsn: THEIRS.asn,
    address: THEIRS.ipv4 as Ip,
    port: 179,
    holdTimeMs: 9000,
    keepaliveTimeMs: 3000,
    connectTimeMs: 1000,
    routerId: OURS.ipv4 as Ip,
    families: ['ipv4', 'ipv6'],
    ebgpMultiHop: false,
    gracefulRestart: false,
    ...change,
  };
}

function routes(prefixes: readonly string[], attributes: Partial<RouteSet['attributes']> = {}): RouteSet[] {
  return [{ attributes: { communities: [], largeCommunities: [], ...attributes }, prefixes: prefixes as Prefix[] }];
}

for (const daemon of DAEMONS) {
  need('netns', daemon.command as 'command:bird').describe(`${daemon.name}, on its own view`, () => {
    let space: Space;
    let directory: string;
    let ours: Ours;
    let theirs: PeerDaemon;
    let generation = 0;

    beforeEach(async () => {
      directory = mkdtempSync(join(tmpdir(), 'hlb-interop-'));
      space = new Space('iop');
      space.add('us');
      space.add('them');
      space.link('us', 'eth0', 'them', 'eth0');
      for (const [name, host] of [
        ['us', OURS],
        ['them', THEIRS],
      ] as const) {
        space.run(name, `ip addr add ${host.ipv4}/24 dev eth0`);
        space.run(name, `ip -6 addr add ${host.ipv6}/64 dev eth0 nodad`);
      }
      ours = await Ours.start(space, 'us', directory);
    });

    afterEach(async () => {
      await ours.stop('SIGKILL');
      await space.dispose();
      rmSync(directory, { recursive: true, force: true });
    });

    function startTheirs(change: Partial<PeerOptions> = {}): void {
      theirs = daemon.start({ space, host: 'them', directory, local: THEIRS, remote: OURS, families: ['ipv4', 'ipv6'], ...change });
    }

    function apply(config: PeerSession, sets: readonly RouteSet[]): void {
      generation += 1;
      const plan: NodePlan = { generation, node: 'n1', peers: [{ name: 'p1', session: config, routes: sets }], claims: [] };
      ours.apply(plan);
    }

    const up = (): Promise<boolean> => until(`${daemon.name} to be Established`, () => theirs.established(), 30_000, 200);
    const holds = (what: string, check: (table: Map<string, RouteView>) => boolean): Promise<boolean> =>
      until(`${daemon.name} to hold ${what}`, () => check(theirs.routes()), 10_000, 100);

    it('takes both families on one session, changes without a reset, and withdrawals', async () => {
      startTheirs();
      await sleep(500);
      apply(session(), routes([V4, '192.0.2.2/32', V6], { communities: [65000 * 65536 + 7], largeCommunities: [[64512, 1, 2]], med: 5 }));
      await up();
      await holds('three routes', (table) => table.size === 3);
      const table = theirs.routes();
      for (const [prefix, nextHop] of [
        [V4, OURS.ipv4],
        [V6, OURS.ipv6],
      ] as const) {
        expect(table.get(prefix)).toMatchObject({
          nextHop,
          asPath: [OURS.asn],
          origin: 'igp',
          med: 5,
          communities: ['65000:7'],
          largeCommunities: ['64512:1:2'],
        });
      }
      const comings = theirs.flaps?.();
      await until('our own report', () => ours.peer()?.counters.timesEstablished === 1);
      apply(session(), routes([V4, V6], { communities: [65000 * 65536 + 8] }));
      await holds(
        'the changed routes',
        (now) => now.size === 2 && [V4, V6].every((prefix) => now.get(prefix)?.communities.join() === '65000:8'),
      );
      expect(theirs.flaps?.()).toBe(comings);
      expect(ours.peer()?.counters.timesEstablished).toBe(1);
      apply(session(), []);
      await holds('nothing', (now) => now.size === 0);
      expect(theirs.established()).toBe(true);
    }, 90_000);

    it('sees LOCAL_PREF and an empty AS path on iBGP', async () => {
      startTheirs({ local: { ...THEIRS, asn: 64512 }, remote: { ...OURS, asn: 64512 } });
      await sleep(500);
      apply(session({ myAsn: 64512, peerAsn: 64512 }), routes([V4], { localPref: 250 }));
      await up();
      await holds('the route', (table) => table.size === 1);
      expect(theirs.routes().get(V4)).toMatchObject({ localPref: 250, asPath: [] });
    }, 60_000);

    it('hears from us when it has been gone for a while, and drops us when we are killed', async () => {
      startTheirs({ holdTimeSeconds: 6 });
      await sleep(500);
      apply(session({ holdTimeMs: 6000, keepaliveTimeMs: 2000 }), routes([V4]));
      await up();
      await holds('the route', (table) => table.has(V4));
      await theirs.stop();
      startTheirs({ holdTimeSeconds: 6 });
      await up();
      await holds('the route again', (table) => table.has(V4));
      await ours.stop('SIGKILL');
      await until(`${daemon.name} to drop the route`, () => !theirs.established() && !theirs.routes().has(V4), 10_000, 200);
      expect(theirs.routes().size).toBe(0);
    }, 120_000);

    if (daemon.noMd5 === undefined) {
      it('accepts the right TCP MD5 key and no other (RFC 2385)', async () => {
        startTheirs({ password: 'right' });
        await sleep(500);
        apply(session({ password: 'wrong' }), routes([V4]));
        await sleep(4000);
        expect(theirs.established()).toBe(false);
        apply(session({ password: 'right' }), routes([V4]));
        await up();
        await holds('the route', (table) => table.has(V4));
      }, 90_000);
    }
  });
}

describe('the matrix', () => {
  it('says why a cell is empty', () => {
    const empty = DAEMONS.filter((daemon) => daemon.noMd5 !== undefined);
    for (const daemon of empty) console.log(`not run: TCP MD5 with ${daemon.name}: ${daemon.noMd5}`);
    expect(empty.map((daemon) => daemon.name)).toEqual(['ExaBGP', 'OpenBGPD']);
  });
});
