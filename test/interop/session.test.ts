import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Capture } from '../e2e/wire.ts';
import { Space } from '../lab/space.ts';
import { type Need, need } from '../support/need.ts';
import { sleep, until } from '../support/until.ts';
import { FAREWELL, Ours } from './ours.ts';
import { startBirdPeer } from './peers/bird.ts';
import { startExabgpPeer } from './peers/exabgp.ts';
import { startFrrPeer } from './peers/frr.ts';
import { startGobgpPeer } from './peers/gobgp.ts';
import { startOpenbgpdPeer } from './peers/openbgpd.ts';
import type { PeerDaemon, PeerOptions, RouteView, StartPeer } from './peers/peer.ts';
import { OURS, THEIRS, community, ip, planOf, routes } from './plans.ts';

interface Row {
  readonly name: string;
  readonly start: StartPeer;
  readonly needs: readonly Need[];
  /** Set where the daemon does not take the key as the side that is connected to: then it dials. */
  readonly dialsForMd5?: true;
}

const ROWS: readonly Row[] = [
  { name: 'FRR', start: startFrrPeer, needs: ['file:/usr/lib/frr/bgpd', 'command:vtysh'] },
  { name: 'BIRD', start: startBirdPeer, needs: ['command:bird', 'command:birdc'] },
  { name: 'GoBGP', start: startGobgpPeer, needs: ['command:gobgpd', 'command:gobgp'] },
  { name: 'ExaBGP', start: startExabgpPeer, needs: ['command:exabgp'] },
  { name: 'OpenBGPD', start: startOpenbgpdPeer, needs: ['file:/usr/sbin/bgpd', 'command:bgpctl'], dialsForMd5: true },
];

const V4 = ['192.0.2.1/32', '192.0.2.2/32'] as const;
const V6 = '2001:db8::1/128';
const PLAIN = {};
const RICH = {
  med: 50,
  communities: [community(64512, 7), community(64512, 100)],
  largeCommunities: [[64512, 1, 2] as const],
};

let space: Space;
let directory: string;
let peer: PeerDaemon | undefined;
let ours: Ours | undefined;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'hlb-interop-'));
  // Daemons that drop their rights read their files here.
  chmodSync(directory, 0o755);
  space = new Space('io');
  space.add('a');
  space.add('b');
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
  await ours?.stop('SIGKILL');
  await peer?.stop();
  [ours, peer] = [undefined, undefined];
  await space.dispose();
  rmSync(directory, { recursive: true, force: true });
});

function options(more: Partial<PeerOptions> = {}): PeerOptions {
  return { space, host: 'b', directory, local: THEIRS, remote: OURS, families: ['ipv4', 'ipv6'], holdTimeSeconds: 3, ...more };
}

/** Polls; where it never comes true, the message has what both sides say. */
async function eventually(what: string, check: () => boolean, timeoutMs = 20_000): Promise<void> {
  try {
    await until(what, check, timeoutMs, 150);
  } catch (error) {
    let said = '';
    try {
      said = peer?.describe().slice(0, 3000) ?? '';
    } catch {
      said = 'nothing';
    }
    throw new Error(`${String(error)}\nours: ${JSON.stringify(ours?.report())}\ntheirs: ${said}`, { cause: error });
  }
}

function keys(): string[] {
  return [...(peer?.routes().keys() ?? [])].toSorted();
}

async function routesAre(...wanted: readonly string[]): Promise<void> {
  const sorted = wanted.toSorted().join(' ');
  await eventually(`the peer to have exactly: ${sorted}`, () => keys().join(' ') === sorted);
}

function route(name: string): RouteView {
  const found = peer?.routes().get(name);
  if (found === undefined) throw new Error(`the peer has no ${name}, but ${keys().join(' ')}`);
  return found;
}

for (const row of ROWS) {
  need('netns', 'command:tcpdump', 'command:tshark', ...row.needs).describe(row.name, () => {
    it('holds our routes with their attributes, follows changes on one session, and hears our goodbye', async () => {
      const capture = await Capture.start(space, 'b', 'eth0', directory, 'tcp port 179');
      peer = row.start(options());
      ours = await Ours.start(space, 'a', directory);
      ours.apply(planOf({}, routes(PLAIN, ...V4, V6)));
      await routesAre(...V4, V6);
      expect(peer.established()).toBe(true);
      for (const [name, nextHop] of [
        [V4[0], OURS.ipv4],
        [V6, OURS.ipv6],
      ] as const) {
        expect(route(name)).toMatchObject({ nextHop, asPath: [OURS.asn], communities: [], largeCommunities: [] });
        expect(route(name).origin).toMatch(/^i/);
      }

      ours.apply(planOf({}, routes({ ...RICH, localPref: 300, asPathPrepend: 2 }, V4[0], V6), routes(PLAIN, V4[1])));
      const hasPath = (): boolean => keys().length === 3 && route(V4[0]).asPath.length === 3 && route(V6).asPath.length === 3;
      await eventually('the prepended path', hasPath);
      for (const name of [V4[0], V6]) {
        expect(route(name)).toMatchObject({
          med: 50,
          asPath: [OURS.asn, OURS.asn, OURS.asn],
          communities: ['64512:7', '64512:100'],
          largeCommunities: ['64512:1:2'],
        });
      }
      expect(route(V4[1])).toMatchObject({ asPath: [OURS.asn], communities: [] });

      ours.apply(planOf({}, routes(PLAIN, V4[0], V6)));
      await routesAre(V4[0], V6);
      ours.apply(planOf({}));
      await routesAre();
      await ours.stop('SIGTERM');
      await eventually('the peer to see the session end', () => peer?.established() === false);

      // The kernel gives tcpdump what it holds back within a second.
      await sleep(1_500);
      const seen = await capture.fields(
        'bgp',
        'ip.src',
        'bgp.type',
        'bgp.notify.major_error',
        'bgp.notify.minor_error_cease',
        'bgp.notify.communication',
        'bgp.update.path_attribute.local_pref',
      );
      const fromUs = seen.filter(([source]) => source === OURS.ipv4);
      const opens = fromUs.flatMap(([, types = '']) => types.split(',')).filter((type) => type === '1');
      expect(opens, 'one session all along').toHaveLength(1);
      expect(
        fromUs.filter(([, , , , , localPref]) => localPref !== ''),
        'no LOCAL_PREF to another AS',
      ).toEqual([]);
      const goodbyes = fromUs.filter(([, types = '']) => types.split(',').includes('3'));
      expect(goodbyes.map(([, , major, minor, text]) => [major, minor, text])).toEqual([['6', '2', FAREWELL]]);
    });

    it('holds our routes on iBGP with an AS of four octets', async () => {
      const asn = 4_200_000_001;
      peer = row.start(options({ local: { ...THEIRS, asn }, remote: { ...OURS, asn } }));
      ours = await Ours.start(space, 'a', directory);
      ours.apply(planOf({ myAsn: asn, peerAsn: asn }, routes({ localPref: 300 }, V4[0], V6)));
      await routesAre(V4[0], V6);
      for (const name of [V4[0], V6]) expect(route(name)).toMatchObject({ localPref: 300, asPath: [] });
    });

    it('gets its routes again after it was killed, and drops them when we are', async () => {
      const asn = 4_200_000_001;
      const plan = planOf({ myAsn: asn }, routes(PLAIN, V4[0], V6));
      peer = row.start(options({ remote: { ...OURS, asn } }));
      ours = await Ours.start(space, 'a', directory);
      ours.apply(plan);
      await routesAre(V4[0], V6);
      expect(route(V4[0]).asPath).toEqual([asn]);
      await peer.stop();
      await eventually('us to see it go', () => ours?.peer()?.state !== 'Established', 5_000);
      peer = row.start(options({ remote: { ...OURS, asn } }));
      await routesAre(V4[0], V6);
      await ours.stop('SIGKILL');
      await routesAre();
    });

    it('gets one family only where the session has one, over IPv6', async () => {
      peer = row.start(options({ over: 'ipv6', families: ['ipv6'] }));
      ours = await Ours.start(space, 'a', directory);
      ours.apply(planOf({ address: ip(THEIRS.ipv6) }, routes(PLAIN, V4[0], V6)));
      await routesAre(V6);
      await sleep(1_000);
      expect(keys()).toEqual([V6]);
      expect(route(V6).nextHop).toBe(OURS.ipv6);
    });

    it('talks with the right TCP MD5 key only', async () => {
      peer = row.start(options({ password: 'right', passive: row.dialsForMd5 !== true }));
      ours = await Ours.start(space, 'a', directory);
      ours.apply(planOf({ password: 'wrong' }, routes(PLAIN, V4[0])));
      await sleep(4_000);
      expect(peer.established()).toBe(false);
      ours.apply(planOf({ password: 'right' }, routes(PLAIN, V4[0])));
      await routesAre(V4[0]);
    });
  });
}
