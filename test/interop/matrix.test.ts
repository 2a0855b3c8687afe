import { describe, expect, it } from 'vitest';
import { need } from '../support/need.ts';
import { BIRD, DAEMONS, type Daemon, EXABGP, FRR, GOBGP, NEWER, OPENBGPD } from './daemons.ts';
import { Pair } from './pair.ts';
import type { Agreed } from './peers/peer.ts';
import { FAR, OURS, ip, planOf, routes } from './plans.ts';

const [VIP, V6] = ['192.0.2.1/32', '2001:db8::1/128'] as const;
const TABLE = Array.from({ length: 10_000 }, (_, index) => `100.64.${index >> 8}.${index & 0xff}/32`);
/** With the one of IPv6. */
const ALL = TABLE.length + 1;
const TIMEOUT_MS = 180_000;
const SLOW = { holdTimeMs: 90_000, keepaliveTimeMs: 30_000 };

/** What each of them offers beside the session itself. */
const AGREES = new Map<Daemon, Agreed>([
  [FRR, { addPath: true, extendedMessages: true, enhancedRefresh: true }],
  [BIRD, { addPath: true, extendedMessages: true, enhancedRefresh: true }],
  [GOBGP, { addPath: true, extendedMessages: NEWER, enhancedRefresh: false }],
  [EXABGP, { addPath: true, extendedMessages: true, enhancedRefresh: true }],
  [OPENBGPD, { addPath: true, extendedMessages: false, enhancedRefresh: true }],
]);

/** Those whose tools show the identifier of a path. */
const SHOW_PATH_IDS = new Set([FRR, EXABGP, OPENBGPD]);

interface Said {
  readonly fromUs: boolean;
  readonly type: number;
  readonly length: number;
}

/** Every message of a packet, from tshark's lists of fields. */
function messages(packets: readonly string[][]): Said[] {
  return packets.flatMap(([source, types = '', lengths = '']) => {
    const sizes = lengths.split(',');
    return types.split(',').map((type, index) => ({ fromUs: source === OURS.ipv4, type: Number(type), length: Number(sizes[index]) }));
  });
}

const FIELDS = ['ip.src', 'bgp.type', 'bgp.length'];
const ROUTE_REFRESH = 5;

describe.concurrent('interop matrix', () => {
  for (const row of DAEMONS) {
    const agrees = AGREES.get(row);
    need('netns', 'command:tcpdump', 'command:tshark', 'command:nft', ...row.needs).describe(row.name, () => {
      it(
        'takes 10,000 routes with all that can be agreed on, asks for them again, and forgets them (RFC 2918, 7313, 7911, 8654)',
        async (hooks) => {
          const pair = new Pair(hooks);
          const capture = await pair.capture();
          const daemon = await pair.daemon(row, { extended: true, holdTimeSeconds: 90 });
          const ours = await pair.ours();
          const session = { ...SLOW, addPath: true };
          ours.apply(planOf(session, routes({}, ...TABLE, V6)));
          await pair.eventually('the whole table', () => daemon.count() === ALL);
          expect(daemon.agreed()).toEqual(agrees);
          await pair.eventually('our report of it', () => pair.counters()?.prefixesAnnounced === ALL);

          // Two of these are the End-of-RIBs.
          const table = (pair.counters()?.updatesSent ?? 0) - 2;
          daemon.refresh();
          if (row === GOBGP) await pair.eventually('it to have read its table again', () => daemon.count() === ALL);
          else await pair.eventually('the whole table again', () => pair.counters()?.updatesSent === 2 * table + 2);
          expect(daemon.count()).toBe(ALL);

          ours.apply(planOf(session, routes({}, VIP, V6)));
          await pair.routesAre(VIP, V6);
          const ids = [VIP, V6].map((prefix) => daemon.routes().get(prefix)?.pathId);
          expect(ids).toEqual(SHOW_PATH_IDS.has(row) ? [1, 1] : [undefined, undefined]);
          ours.apply(planOf(session));
          await pair.routesAre();
          expect(daemon.count()).toBe(0);
          expect(pair.counters()?.timesEstablished).toBe(1);

          const said = messages(await capture.fields('bgp', ...FIELDS));
          const longest = Math.max(...said.filter(({ fromUs }) => fromUs).map(({ length }) => length));
          expect(longest > 4096, `the longest message has ${longest} octets`).toBe(agrees?.extendedMessages === true);
          const refreshes = said.filter(({ type }) => type === ROUTE_REFRESH);
          expect(refreshes.some(({ fromUs }) => !fromUs)).toBe(row !== GOBGP);
          // Begin and end, of two families.
          expect(refreshes.filter(({ fromUs }) => fromUs)).toHaveLength(agrees?.enhancedRefresh === true ? 4 : 0);
        },
        TIMEOUT_MS,
      );

      it(
        'takes 10,000 routes in messages of 4,096 octets, where no more is agreed on, and forgets them',
        async (hooks) => {
          const pair = new Pair(hooks);
          const capture = await pair.capture();
          const daemon = await pair.daemon(row, { holdTimeSeconds: 90 });
          const ours = await pair.ours();
          const session = { ...SLOW, extendedMessages: false };
          ours.apply(planOf(session, routes({}, ...TABLE, V6)));
          await pair.eventually('the whole table', () => daemon.count() === ALL);
          expect(daemon.agreed()).toMatchObject({ addPath: false, extendedMessages: false });
          ours.apply(planOf(session, routes({}, V6)));
          await pair.routesAre(V6);
          expect(daemon.count()).toBe(1);
          await pair.eventually('our report of one session', () => pair.counters()?.timesEstablished === 1);
          const ownLengths = messages(await capture.fields('bgp', ...FIELDS)).flatMap(({ fromUs, length }) => (fromUs ? [length] : []));
          expect(Math.max(...ownLengths)).toBeLessThanOrEqual(4096);
          expect(Math.max(...ownLengths), 'and yet they are packed').toBeGreaterThan(4000);
        },
        TIMEOUT_MS,
      );

      it(
        'three hops away has a session with ebgpMultiHop, and none without',
        async (hooks) => {
          const pair = new Pair(hooks, 3);
          const daemon = await pair.daemon(row, { multihop: true, families: ['ipv4'] });
          const ours = await pair.ours();
          const session = { address: ip(FAR.ipv4), families: ['ipv4'] } as const;
          ours.apply(planOf(session, routes({}, VIP)));
          const error = (): string | undefined => ours.peer()?.lastError?.text;
          await pair.eventually('the first router to answer instead', () => error() !== undefined);
          expect(error()).toMatch(/^(EHOSTUNREACH|ConnectTimeout)/);
          expect(daemon.established()).toBe(false);
          ours.apply(planOf({ ...session, ebgpMultiHop: true }, routes({}, VIP)));
          await pair.routesAre(VIP);
          expect(daemon.established()).toBe(true);
          expect(daemon.routes().get(VIP)).toMatchObject({ nextHop: OURS.ipv4, asPath: [OURS.asn] });
        },
        TIMEOUT_MS,
      );
    });
  }

  // FRR's and BIRD's are in transport.test.ts.
  for (const row of [GOBGP, EXABGP, OPENBGPD]) {
    need('netns', 'command:nft', ...row.needs).describe(`${row.name} with GTSM (RFC 5082)`, () => {
      it(
        'has a session with a neighbour that sends 255, and with no other',
        async (hooks) => {
          const pair = new Pair(hooks);
          const { space } = pair;
          // ExaBGP has a TTL for the connections that it dials. 4 checks none: its Python has no name for the socket option.
          const isExabgp = row === EXABGP;
          const checksNone = isExabgp && !NEWER;
          const daemon = await pair.daemon(row, { ttlSecurity: true, passive: !isExabgp, families: ['ipv4'] });
          const ours = await pair.ours();
          const session = { families: ['ipv4'], passive: isExabgp } as const;
          ours.apply(planOf({ ...session, ttlSecurityHops: 1 }, routes({}, VIP)));
          await pair.routesAre(VIP);
          expect(daemon.established()).toBe(true);
          expect(ours.report().problems).toEqual([]);

          space.run('b', 'nft add table inet seen');
          space.run('b', ['nft', 'add chain inet seen in { type filter hook input priority 0; }']);
          space.run('b', ['nft', `add rule inet seen in ip saddr ${OURS.ipv4} ip ttl 1 tcp flags & (syn | psh) != 0 counter`]);
          const withOne = (): number => Number(/counter packets (\d+)/.exec(space.run('b', 'nft list table inet seen'))?.[1]);
          ours.apply(planOf(session, routes({}, VIP)));
          await pair.eventually('three packets with a TTL of one', () => withOne() >= 3);
          await pair.routesAre(...(checksNone ? [VIP] : []));
          expect(daemon.established()).toBe(checksNone);
        },
        TIMEOUT_MS,
      );
    });
  }
});
