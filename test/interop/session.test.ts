import { describe, expect, it } from 'vitest';
import { need } from '../support/need.ts';
import { sleep } from '../support/until.ts';
import { DAEMONS, OPENBGPD } from './daemons.ts';
import { FAREWELL } from './ours.ts';
import { Pair } from './pair.ts';
import type { PeerDaemon, RouteView } from './peers/peer.ts';
import { OURS, THEIRS, community, ip, planOf, routes } from './plans.ts';

const V4 = ['192.0.2.1/32', '192.0.2.2/32'] as const;
const V6 = '2001:db8::1/128';
const PLAIN = {};
/** Other sessions run beside: a slow machine is not to end this one. */
const CALM = { holdTimeMs: 9_000, keepaliveTimeMs: 1_000 };
const RICH = {
  med: 50,
  communities: [community(64512, 7), community(64512, 100)],
  largeCommunities: [[64512, 1, 2] as const],
};

const TIMEOUT_MS = 120_000;

function keys(daemon: PeerDaemon): string[] {
  return [...daemon.routes().keys()].toSorted();
}

function route(daemon: PeerDaemon, name: string): RouteView {
  const found = daemon.routes().get(name);
  if (found === undefined) throw new Error(`the peer has no ${name}, but ${keys(daemon).join(' ')}`);
  return found;
}

describe.concurrent('a session', () => {
  for (const row of DAEMONS) {
    need('netns', 'command:tcpdump', 'command:tshark', ...row.needs).describe(row.name, () => {
      it(
        'holds our routes with their attributes, follows changes on one session, and hears our goodbye',
        async (hooks) => {
          const pair = new Pair(hooks);
          const capture = await pair.capture();
          const daemon = await pair.daemon(row);
          const ours = await pair.ours();
          ours.apply(planOf(CALM, routes(PLAIN, ...V4, V6)));
          await pair.routesAre(...V4, V6);
          expect(daemon.established()).toBe(true);
          for (const [name, nextHop] of [
            [V4[0], OURS.ipv4],
            [V6, OURS.ipv6],
          ] as const) {
            expect(route(daemon, name)).toMatchObject({ nextHop, asPath: [OURS.asn], communities: [], largeCommunities: [] });
            expect(route(daemon, name).origin).toMatch(/^i/);
          }

          ours.apply(planOf(CALM, routes({ ...RICH, localPref: 300, asPathPrepend: 2 }, V4[0], V6), routes(PLAIN, V4[1])));
          const hasPath = (): boolean =>
            keys(daemon).length === 3 && route(daemon, V4[0]).asPath.length === 3 && route(daemon, V6).asPath.length === 3;
          await pair.eventually('the prepended path', hasPath);
          for (const name of [V4[0], V6]) {
            expect(route(daemon, name)).toMatchObject({
              med: 50,
              asPath: [OURS.asn, OURS.asn, OURS.asn],
              communities: ['64512:7', '64512:100'],
              largeCommunities: ['64512:1:2'],
            });
          }
          expect(route(daemon, V4[1])).toMatchObject({ asPath: [OURS.asn], communities: [] });

          ours.apply(planOf(CALM, routes(PLAIN, V4[0], V6)));
          await pair.routesAre(V4[0], V6);
          ours.apply(planOf(CALM));
          await pair.routesAre();
          await ours.stop('SIGTERM');
          await pair.eventually('the peer to see the session end', () => !daemon.established());

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
        },
        TIMEOUT_MS,
      );

      it(
        'holds our routes on iBGP with an AS of four octets',
        async (hooks) => {
          const pair = new Pair(hooks);
          const asn = 4_200_000_001;
          const daemon = await pair.daemon(row, { local: { ...THEIRS, asn }, remote: { ...OURS, asn } });
          const ours = await pair.ours();
          ours.apply(planOf({ ...CALM, myAsn: asn, peerAsn: asn }, routes({ localPref: 300 }, V4[0], V6)));
          await pair.routesAre(V4[0], V6);
          for (const name of [V4[0], V6]) expect(route(daemon, name)).toMatchObject({ localPref: 300, asPath: [] });
        },
        TIMEOUT_MS,
      );

      it(
        'gets its routes again after it was killed, and drops them when we are',
        async (hooks) => {
          const pair = new Pair(hooks);
          const asn = 4_200_000_001;
          const plan = planOf({ ...CALM, myAsn: asn }, routes(PLAIN, V4[0], V6));
          let daemon = await pair.daemon(row, { remote: { ...OURS, asn } });
          const ours = await pair.ours();
          ours.apply(plan);
          await pair.routesAre(V4[0], V6);
          expect(route(daemon, V4[0]).asPath).toEqual([asn]);
          await daemon.stop();
          await pair.eventually('us to see it go', () => ours.peer()?.state !== 'Established', 5_000);
          daemon = await pair.daemon(row, { remote: { ...OURS, asn } });
          await pair.routesAre(V4[0], V6);
          await ours.stop('SIGKILL');
          await pair.routesAre();
        },
        TIMEOUT_MS,
      );

      it(
        'gets one family only where the session has one, over IPv6',
        async (hooks) => {
          const pair = new Pair(hooks);
          const daemon = await pair.daemon(row, { over: 'ipv6', families: ['ipv6'] });
          const ours = await pair.ours();
          ours.apply(planOf({ ...CALM, address: ip(THEIRS.ipv6) }, routes(PLAIN, V4[0], V6)));
          await pair.routesAre(V6);
          await sleep(1_000);
          expect(keys(daemon)).toEqual([V6]);
          expect(route(daemon, V6).nextHop).toBe(OURS.ipv6);
        },
        TIMEOUT_MS,
      );

      it(
        'talks with the right TCP MD5 key only',
        async (hooks) => {
          const pair = new Pair(hooks);
          // OpenBGPD does not take the key as the side that is connected to.
          const daemon = await pair.daemon(row, { password: 'right', passive: row !== OPENBGPD });
          const ours = await pair.ours();
          ours.apply(planOf({ ...CALM, password: 'wrong' }, routes(PLAIN, V4[0])));
          await sleep(4_000);
          expect(daemon.established()).toBe(false);
          ours.apply(planOf({ ...CALM, password: 'right' }, routes(PLAIN, V4[0])));
          await pair.routesAre(V4[0]);
        },
        TIMEOUT_MS,
      );
    });
  }
});
