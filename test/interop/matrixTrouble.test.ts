import { describe, expect, it } from 'vitest';
import type { NodePlan } from '../../src/announce/plan.ts';
import { need } from '../support/need.ts';
import { BIRD, DAEMONS, EXABGP, FRR, GOBGP, NEWER, OPENBGPD } from './daemons.ts';
import type { Ours } from './ours.ts';
import { Pair } from './pair.ts';
import { OURS, THEIRS, ip, planOf, routes } from './plans.ts';

const [VIP, V6] = ['192.0.2.1/32', '2001:db8::1/128'] as const;
const TIMEOUT_MS = 240_000;
const ROUNDS = 4;
const CALM = { holdTimeMs: 9_000, keepaliveTimeMs: 1_000 };
const AS_TRANS = 23_456;

/** What nft lets through on the daemon's side: nothing, or all that carries no data. `counter` counts the SYNs of either side. */
function gate(pair: Pair, dropped: 'everything' | 'data' | 'nothing'): void {
  const verdict = { everything: 'tcp dport 179 drop; tcp sport 179 drop;', data: 'tcp flags & psh != 0 drop;', nothing: '' }[dropped];
  const chain = (hook: string): string =>
    `chain ${hook} { type filter hook ${hook} priority 0; tcp flags & (syn | ack) == syn tcp dport 179 counter; ${verdict} }`;
  pair.space.run('b', 'nft -f -', `flush ruleset\ntable inet gate {\n${chain('input')}\n${chain('output')}\n}\n`);
}

/** How often we, and they, have tried to connect. */
function dials(pair: Pair): readonly number[] {
  return [...pair.space.run('b', 'nft list table inet gate').matchAll(/counter packets (\d+)/g)].map((match) => Number(match[1]));
}

/** Who has dialled each connection that stands, as one side sees it. */
function diallers(pair: Pair, side: 'a' | 'b'): readonly ('us' | 'them')[] {
  const text = pair.space.run(side, ['ss', '-Htn', 'state', 'established', '( sport = :179 or dport = :179 )']);
  const lines = text.split('\n').filter(Boolean);
  return lines.map((line) => (/:179\s+\S+:\d+/.test(line) === (side === 'a') ? 'them' : 'us'));
}

/**
 * Connections come up, and no OPEN gets through: where a daemon takes a second one, both wait for it. Then it has our OPENs, and we are
 * not there to go on: the choice is its own.
 */
async function collide(pair: Pair, ours: Ours): Promise<readonly ('us' | 'them')[]> {
  gate(pair, 'data');
  await pair.eventually('both connections', () => diallers(pair, 'a').length >= 2);
  ours.signal('SIGSTOP');
  gate(pair, 'nothing');
  await pair.eventually('their choice', () => diallers(pair, 'b').length === 1);
  const chosen = diallers(pair, 'b');
  ours.signal('SIGCONT');
  return chosen;
}

/** Without a retry time of its own, the session waits longer each time. */
function patient(plan: NodePlan): NodePlan {
  for (const { session } of plan.peers) delete (session as { connectTimeMs?: number }).connectTimeMs;
  return plan;
}

describe.concurrent('interop matrix, trouble', () => {
  // The one that rests longest after an error goes first.
  for (const row of [GOBGP, ...DAEMONS.filter((each) => each !== GOBGP)]) {
    need('netns', 'command:nft', 'command:ss', 'command:tcpdump', 'command:tshark', ...row.needs).describe(row.name, () => {
      it(
        `and we dial each other at once, ${ROUNDS} times: one session, which stays (RFC 4271 §6.8)`,
        async (hooks) => {
          const pair = new Pair(hooks);
          const ours = await pair.ours();
          for (let round = 1; round <= ROUNDS; round++) {
            gate(pair, 'everything');
            // Whose connection survives is a matter of the higher identifier: theirs is 10.99.0.2.
            const routerId = ip(round % 2 === 0 ? '10.99.0.9' : OURS.ipv4);
            const higher = round % 2 === 0 ? 'us' : 'them';
            ours.apply(planOf({ ...CALM, holdTimeMs: 15_000, routerId }, routes({}, VIP, V6)));
            const daemon = await pair.daemon(row, { passive: false, holdTimeSeconds: 15 });
            await pair.eventually('both to dial', () => dials(pair).every((count) => count > 0));
            const takesBoth = row === FRR || row === BIRD;
            expect(takesBoth ? await collide(pair, ours) : [higher]).toEqual([higher]);
            gate(pair, 'nothing');
            await pair.routesAre(VIP, V6);
            await pair.eventually('one connection', () => diallers(pair, 'a').length === 1);
            await pair.eventually('our report', () => ours.peer()?.state === 'Established' && pair.counters()?.prefixesAnnounced === 2);
            // The connection that goes may have got as far as Established with us: they choose until they have our KEEPALIVE.
            const { timesEstablished = 0, messagesReceived = 0 } = pair.counters() ?? {};
            const last = diallers(pair, 'a');
            expect(takesBoth ? last : [higher]).toEqual([higher]);
            if (round > ROUNDS - 2) await pair.eventually('a keepalive', () => (pair.counters()?.messagesReceived ?? 0) > messagesReceived);
            expect(daemon.established()).toBe(true);
            expect(ours.peer()).toMatchObject({ state: 'Established', counters: { timesEstablished, prefixesAnnounced: 2 } });
            expect(diallers(pair, 'a')).toEqual(last);
          }
        },
        TIMEOUT_MS,
      );

      it(
        'hangs and is left, and leaves us when we hang; each is found again (RFC 4271 §6.5)',
        async (hooks) => {
          const pair = new Pair(hooks);
          const daemon = await pair.daemon(row, { holdTimeSeconds: 3 });
          const ours = await pair.ours();
          ours.apply(planOf({}, routes({}, VIP)));
          await pair.routesAre(VIP);
          daemon.signal('SIGSTOP');
          await pair.eventually('our hold timer', () => /Hold Timer Expired/.test(ours.peer()?.lastError?.text ?? ''));
          expect(ours.peer()?.state).not.toBe('Established');
          daemon.signal('SIGCONT');
          await pair.eventually('our session again', () => ours.peer()?.state === 'Established');
          await pair.routesAre(VIP);

          ours.signal('SIGSTOP');
          await pair.routesAre();
          expect(daemon.established()).toBe(false);
          ours.signal('SIGCONT');
          await pair.routesAre(VIP);
          await pair.eventually('our report', () => ours.peer()?.state === 'Established');
          expect(daemon.established()).toBe(true);
        },
        TIMEOUT_MS,
      );

      it(
        'is told of a wrong AS number, and told us; nobody storms, and the right one is enough (RFC 4271 §6.2)',
        async (hooks) => {
          const pair = new Pair(hooks);
          gate(pair, 'nothing');
          const ours = await pair.ours();
          const error = (): string => ours.peer()?.lastError?.text ?? '';
          let daemon = await pair.daemon(row, { remote: { ...OURS, asn: 64_999 } });
          ours.apply(patient(planOf(CALM, routes({}, VIP))));
          await pair.eventually('their refusal', () => /^received .*Bad Peer AS/.test(error()));
          expect(daemon.established()).toBe(false);
          daemon = await pair.daemon(row);
          await pair.routesAre(VIP);
          expect(daemon.established()).toBe(true);

          const capture = await pair.capture();
          ours.apply(patient(planOf({ ...CALM, peerAsn: 64_999 }, routes({}, VIP))));
          await pair.eventually('our refusal', () => /^sent .*Bad Peer AS/.test(error()));
          const [tries = 0] = dials(pair);
          await pair.eventually('another try', () => (dials(pair)[0] ?? 0) > tries);
          expect(daemon.count()).toBe(0);
          ours.apply(patient(planOf(CALM, routes({}, VIP))));
          // It rests for more than a minute after an error, and takes no connection.
          if (row === OPENBGPD) daemon = await pair.daemon(row);
          await pair.routesAre(VIP);
          expect(daemon.established()).toBe(true);

          const packets = await capture.fields(
            `ip.src == ${OURS.ipv4} && (tcp.flags == 2 || bgp.type == 3)`,
            'frame.time_relative',
            'bgp.notify.major_error',
            'bgp.notify.minor_error_open',
          );
          const refusal = packets.findIndex(([, major, minor]) => major === '2' && minor === '2');
          expect(refusal).toBeGreaterThan(0);
          const [told = 0, again = 0] = packets.slice(refusal).map(([time]) => Number(time));
          // Five seconds, less a quarter at most (RFC 4271 §10).
          expect(again - told).toBeGreaterThan(3.7);
        },
        TIMEOUT_MS,
      );
    });
  }

  const ASN = 4_200_000_001;
  // Most know us by the capability that they do not have themselves, and FRR, which knows, does not look at AS4_PATH then. GoBGP has
  // nothing to switch it off.
  for (const [row, capabilities, knowsUsAs, path] of [
    [FRR, 'none', ASN, AS_TRANS],
    [BIRD, 'none', AS_TRANS, ASN],
    [BIRD, 'asn2', ASN, ASN],
    [EXABGP, 'asn2', AS_TRANS, ASN],
    [OPENBGPD, 'none', ASN, ASN],
    [OPENBGPD, 'asn2', ASN, ASN],
  ] as const) {
    // OpenBGPD 8 has nothing to switch them off, either.
    if (NEWER && row === OPENBGPD && capabilities === 'none') continue;
    need('netns', ...row.needs).describe(
      `${row.name} with ${capabilities === 'none' ? 'no capabilities' : 'AS numbers of two octets'}`,
      () => {
        it(
          'has our routes, and our AS number of four octets as AS_TRANS with AS4_PATH (RFC 6793)',
          async (hooks) => {
            const pair = new Pair(hooks);
            const daemon = await pair.daemon(row, { capabilities, remote: { ...OURS, asn: knowsUsAs } });
            const ours = await pair.ours();
            ours.apply(planOf({ ...CALM, myAsn: ASN }, routes({}, VIP, V6)));
            await pair.routesAre(...(capabilities === 'none' ? [VIP] : [VIP, V6]));
            expect(daemon.established()).toBe(true);
            expect(daemon.routes().get(VIP)).toMatchObject({ nextHop: OURS.ipv4, asPath: [path] });
            await pair.eventually('our report', () => ours.peer()?.state === 'Established');
            expect(ours.peer()).toMatchObject({ asn: THEIRS.asn, families: capabilities === 'none' ? ['ipv4'] : ['ipv4', 'ipv6'] });
          },
          TIMEOUT_MS,
        );
      },
    );
  }
});
