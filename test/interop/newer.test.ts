import { describe, expect, it } from 'vitest';
import { need } from '../support/need.ts';
import { NEWER_DAEMONS } from './daemons.ts';
import { Ours } from './ours.ts';
import { Pair } from './pair.ts';
import { OURS, planOf, routes } from './plans.ts';

/*
 * The newer versions that `newer/build.sh` brings: one session with all of the matrix at once, over a crash of ours. Cell by cell the matrix
 * is theirs with PEERS=newer, which takes as long as with those of the system.
 */

const [VIP, V6] = ['192.0.2.1/32', '2001:db8::1/128'] as const;
const TABLE = Array.from({ length: 10_000 }, (_, index) => `100.64.${index >> 8}.${index & 0xff}/32`);
const ALL = TABLE.length + 2;
const TIMEOUT_MS = 180_000;
const RICH = { med: 50, largeCommunities: [[64_512, 1, 2] as const] };
/** GoBGP reads again what it has kept, and agrees on no enhanced refresh. */
const AGREED = { addPath: true, extendedMessages: true, enhancedRefresh: true };
const [, , GOBGP, EXABGP, OPENBGPD] = NEWER_DAEMONS;

describe.concurrent('newer versions', () => {
  for (const row of NEWER_DAEMONS) {
    need('netns', ...row.needs).describe(row.name, () => {
      it(
        'has a session with a key, GTSM, both families, ADD-PATH and extended messages, asks again, and keeps our routes over a crash',
        async (hooks) => {
          const pair = new Pair(hooks);
          // OpenBGPD's own listener has no keys on Linux, and ExaBGP sends a TTL of its own where it dials.
          const dials = row === EXABGP;
          const key = row === OPENBGPD ? {} : { password: 'tulip' };
          const whole = { ...key, ttlSecurity: true, extended: true, gracefulRestart: true, holdTimeSeconds: 90 };
          const daemon = await pair.daemon(row, { ...whole, passive: !dials });
          const session = {
            holdTimeMs: 90_000,
            keepaliveTimeMs: 30_000,
            ...key,
            ttlSecurityHops: 1,
            addPath: true,
            gracefulRestart: true,
            passive: dials,
          };
          const first = await pair.ours();
          first.apply(planOf(session, routes(RICH, VIP, V6), routes({}, ...TABLE)));
          await pair.eventually('the whole table', () => daemon.count() === ALL);
          expect(daemon.agreed()).toEqual({ ...AGREED, enhancedRefresh: row !== GOBGP, extendedMessages: row !== OPENBGPD });
          await pair.eventually('our report of it', () => pair.counters()?.prefixesAnnounced === ALL);
          const { updatesSent = 0 } = pair.counters() ?? {};
          // Two of them are the End-of-RIBs.
          daemon.refresh();
          if (row !== GOBGP) await pair.eventually('the table again', () => pair.counters()?.updatesSent === 2 * (updatesSent - 2) + 2);

          first.apply(planOf(session, routes(RICH, VIP, V6)));
          await pair.routesAre(VIP, V6);
          expect(daemon.routes().get(VIP)).toMatchObject({
            nextHop: OURS.ipv4,
            asPath: [OURS.asn],
            med: 50,
            largeCommunities: ['64512:1:2'],
          });
          expect(daemon.routes().get(V6)).toMatchObject({
            nextHop: OURS.ipv6,
            asPath: [OURS.asn],
            med: 50,
            largeCommunities: ['64512:1:2'],
          });
          expect(pair.counters()?.timesEstablished).toBe(1);

          await first.stop('SIGKILL');
          // ExaBGP keeps no table.
          if (row === EXABGP) return;
          const stale = (): string => {
            const held = [...(daemon.stale?.() ?? [])].toSorted(([a], [b]) => a.localeCompare(b));
            return JSON.stringify(held);
          };
          await pair.eventually('stale routes', () => stale() === JSON.stringify([VIP, V6].map((prefix) => [prefix, true])));
          const second = await Ours.start(pair.space, 'a', pair.directory);
          hooks.onTestFinished(() => second.stop('SIGKILL'));
          second.apply(planOf(session, routes(RICH, VIP)));
          await pair.eventually('the one that is left', () => stale() === JSON.stringify([[VIP, false]]));
        },
        TIMEOUT_MS,
      );
    });
  }
});
