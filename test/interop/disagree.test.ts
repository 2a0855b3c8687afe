import { describe, expect, it } from 'vitest';
import type { PeerSession } from '../../src/announce/plan.ts';
import { need } from '../support/need.ts';
import { BIRD, type Daemon, FRR, OPENBGPD } from './daemons.ts';
import { Pair } from './pair.ts';
import type { PeerOptions } from './peers/peer.ts';
import { OURS, THEIRS, ip, planOf, routes } from './plans.ts';

/*
 * Where the two sides want something else: roles, numbers of prefixes, hold times, AS numbers, identifiers. Each is seen from the router, in
 * what it says of its session, and in what travels.
 */

const [A, B, C, D] = ['192.0.2.1/32', '192.0.2.2/32', '192.0.2.3/32', '192.0.2.4/32'] as const;
const TIMEOUT_MS = 120_000;
const CALM = { holdTimeMs: 9_000, keepaliveTimeMs: 1_000, families: ['ipv4'] } as const;
const TOOLS = ['netns', 'command:tcpdump', 'command:tshark', 'command:nft'] as const;

/** A configuration with one more line for the neighbour (`neighbor X ...` of FRR without its first two words), and one for the channel. */
function text(
  row: Daemon,
  extra: string,
  channel = '',
  more: { readonly asn?: number; readonly remote?: string; readonly id?: string } = {},
): string {
  const { asn = THEIRS.asn, remote = String(OURS.asn), id = THEIRS.ipv4 } = more;
  if (row === BIRD) {
    const lines = [`local ${THEIRS.ipv4} as ${asn};`, `neighbor ${OURS.ipv4} as ${remote};`, 'passive on; error wait time 1, 2;', extra];
    return `log stderr all;\nrouter id ${id};\nprotocol device { }\nprotocol bgp s1 {\n${lines.join('\n')}\nipv4 { import all; export none; ${channel} };\n}\n`;
  }
  if (row === OPENBGPD)
    return `AS ${asn}\nrouter-id ${id}\nlisten on ${THEIRS.ipv4}\nneighbor ${OURS.ipv4} {\nremote-as ${remote}\npassive\n${extra}\n}\nallow from any\nallow to any\n`;
  const neighbor = (line: string): string => (line === '' ? '' : `neighbor ${OURS.ipv4} ${line}\n`);
  return `router bgp ${asn}
bgp router-id ${id}
no bgp ebgp-requires-policy
no bgp network import-check
${neighbor(`remote-as ${remote}`)}${neighbor('passive')}${neighbor(extra)}address-family ipv4 unicast
${neighbor(channel)}exit-address-family
`;
}

async function both(
  hooks: ConstructorParameters<typeof Pair>[0],
  row: Daemon,
  options: Partial<PeerOptions>,
  session: Partial<PeerSession>,
  ...prefixes: string[]
) {
  const pair = new Pair(hooks);
  const capture = await pair.capture();
  const daemon = await pair.daemon(row, { families: ['ipv4'], ...options });
  const ours = await pair.ours();
  const apply = (change: Partial<PeerSession>, ...list: string[]): void => ours.apply(planOf({ ...CALM, ...change }, routes({}, ...list)));
  apply(session, ...prefixes);
  const error = (): string => ours.peer()?.lastError?.text ?? '';
  return { pair, daemon, ours, capture, apply, error };
}

const ROLE: ReadonlyMap<Daemon, (role: string, strict?: boolean) => string> = new Map([
  [FRR, (role: string, strict = false) => `local-role ${role}${strict ? ' strict-mode' : ''}`],
  [BIRD, (role: string, strict = false) => `local role ${role};${strict ? ' require roles on;' : ''}`],
]);

describe.concurrent('where the two sides want something else', () => {
  for (const [row, write] of ROLE) {
    need(...TOOLS, ...row.needs).describe(`${row.name}, roles (RFC 9234)`, () => {
      it(
        'that do not fit end with Role Mismatch, none where one is asked for too, and those that fit have a session',
        async (hooks) => {
          const { pair, daemon, error, apply } = await both(hooks, row, { text: text(row, write('provider')) }, { role: 'provider' }, A);
          await pair.eventually('the mismatch', () => /^(sent|received) .*Role Mismatch/.test(error()));
          expect(daemon.established()).toBe(false);
          apply({ role: 'customer' }, A);
          await pair.routesAre(A);
          expect(daemon.established()).toBe(true);
          // Without a role there is no word of it where the router does not insist.
          apply({}, B);
          await pair.routesAre(B);
          await pair.daemon(row, { text: text(row, write('provider', true)) });
          await pair.eventually('its refusal', () => /^received .*Role Mismatch/.test(error()));
          apply({ role: 'customer' }, C);
          await pair.routesAre(C);
        },
        TIMEOUT_MS,
      );
    });
  }

  for (const [row, extra, channel] of [
    [FRR, '', 'maximum-prefix 2'],
    [BIRD, '', 'import limit 2 action disable;'],
    [OPENBGPD, 'max-prefix 2', ''],
  ] as const) {
    need(...TOOLS, ...row.needs).describe(`${row.name} that takes two prefixes`, () => {
      it(
        'says so with a Cease when more come, is asked again now and then and not at once, and has two of us afterwards (RFC 4486)',
        async (hooks) => {
          const { pair, daemon, error, apply, capture } = await both(hooks, row, { text: text(row, extra, channel) }, {}, A, B);
          await pair.routesAre(A, B);
          // FRR looks before it counts: the third is one too many when the fourth comes.
          apply({}, A, B, C, D);
          await pair.eventually('its Cease', () => error().startsWith('received Cease/Maximum Number of Prefixes Reached'));
          const dials = async (): Promise<number> =>
            (await capture.fields(`ip.src == ${OURS.ipv4} && tcp.flags == 2`, 'frame.number')).length;
          await pair.eventually('the end of the session', () => !daemon.established());
          const before = await dials();
          const at = performance.now();
          await new Promise((done) => void setTimeout(done, 5_000));
          const seconds = (performance.now() - at) / 1000;
          expect((await dials()) - before).toBeLessThanOrEqual(Math.ceil(seconds / 0.75) + 1);
          apply({}, A, B);
          // It does not take a session of ours again before it is told to.
          await pair.daemon(row, { text: text(row, extra, channel) });
          await pair.routesAre(A, B);
        },
        TIMEOUT_MS,
      );
    });
  }

  for (const [row, zero, three] of [
    [FRR, 'timers 0 0', 'timers 1 3'],
    [BIRD, 'hold time 0;', 'hold time 3; keepalive time 1;'],
  ] as const) {
    need(...TOOLS, ...row.needs).describe(`${row.name}, hold times`, () => {
      it(
        'of zero on one side or both: no keepalives, and the session stays; the shorter of two others counts (RFC 4271 §4.2)',
        async (hooks) => {
          const { pair, daemon, apply, ours, capture } = await both(
            hooks,
            row,
            { text: text(row, zero) },
            { holdTimeMs: 0, keepaliveTimeMs: 0 },
            A,
          );
          await pair.routesAre(A);
          const count = (): number => pair.counters()?.messagesReceived ?? 0;
          await pair.eventually('what is said at the start', () => ours.peer()?.state === 'Established' && count() > 0);
          await new Promise((done) => void setTimeout(done, 1_500));
          const sent = pair.counters()?.messagesSent;
          await new Promise((done) => void setTimeout(done, 3_500));
          expect(pair.counters()).toMatchObject({ messagesSent: sent, timesEstablished: 1 });
          expect(daemon.established()).toBe(true);
          apply({ holdTimeMs: 90_000, keepaliveTimeMs: 30_000 }, B);
          await pair.routesAre(B);
          await pair.daemon(row, { text: text(row, three) });
          await pair.routesAre(B);
          const heard = count();
          await pair.eventually('five keepalives', () => count() >= heard + 5);
          expect(daemon.established()).toBe(true);
          expect((await capture.fields('bgp.type == 3 && bgp.notify.major_error == 4', 'frame.number')).length).toBe(0);
        },
        TIMEOUT_MS,
      );
    });
  }

  need(...TOOLS, ...FRR.needs).describe('FRR in a confederation (RFC 5065)', () => {
    it(
      'is known by its identifier from outside, by nothing else, and by its own AS from inside that',
      async (hooks) => {
        const member = (remote: number): string =>
          text(FRR, '', '', { asn: 65_010, remote: String(remote) }).replace(
            'no bgp ebgp',
            `bgp confederation identifier ${THEIRS.asn}\nbgp confederation peers 64777\nno bgp ebgp`,
          );
        const { pair, daemon, apply, error } = await both(hooks, FRR, { text: member(OURS.asn) }, {}, A);
        await pair.routesAre(A);
        expect(daemon.routes().get(A)?.asPath).toEqual([OURS.asn]);
        apply({ peerAsn: 65_010 }, A);
        await pair.eventually('our refusal', () => error() === 'sent OPEN Message Error/Bad Peer AS');
        await pair.daemon(FRR, { text: member(65_010) });
        apply({ myAsn: 65_010, peerAsn: 65_010, holdTimeMs: 12_000 }, A, B);
        await pair.routesAre(A, B);
      },
      TIMEOUT_MS,
    );
  });

  for (const row of [FRR, BIRD]) {
    need(...TOOLS, ...row.needs).describe(`${row.name}, AS numbers and identifiers`, () => {
      it(
        'that are not said beforehand: internal and external are told apart; a local AS is shown alone',
        async (hooks) => {
          const inside = text(row, '', '', { asn: OURS.asn });
          const { pair, daemon, apply, error, ours } = await both(hooks, row, {}, { peerAsn: 'external' }, A);
          await pair.routesAre(A);
          await pair.eventually('our report', () => ours.peer()?.asn === THEIRS.asn);
          apply({ peerAsn: 'internal' }, A);
          await pair.eventually('our refusal', () => /^sent .*Bad Peer AS/.test(error()));
          expect(daemon.established()).toBe(false);
          await pair.daemon(row, { text: inside });
          apply({ peerAsn: 'internal', holdTimeMs: 12_000 }, A);
          await pair.routesAre(A);
          expect(daemon.routes().get(A)).toMatchObject({ asPath: [], localPref: 100 });
          await pair.daemon(row, { text: text(row, '', '', { remote: '64999' }) });
          apply({ localAsn: 64_999, holdTimeMs: 15_000 }, A, B);
          await pair.routesAre(A, B);
          expect(daemon.routes().get(A)?.asPath).toEqual([64_999]);
        },
        TIMEOUT_MS,
      );

      it(
        'an identifier that is ours, too, is nothing between two ASes, and is refused within one (RFC 6286 §2.2)',
        async (hooks) => {
          const { pair, daemon, error, apply } = await both(hooks, row, { text: text(row, '', '', { id: OURS.ipv4 }) }, {}, A);
          await pair.routesAre(A);
          expect(daemon.established()).toBe(true);
          await pair.daemon(row, { text: text(row, '', '', { id: OURS.ipv4, asn: OURS.asn }) });
          apply({ peerAsn: OURS.asn, holdTimeMs: 12_000 }, A);
          await pair.eventually('the refusal', () => /^(sent|received) .*Bad BGP Identifier/.test(error()));
          expect(daemon.established()).toBe(false);
          apply({ peerAsn: OURS.asn, routerId: ip('10.99.0.7') }, A);
          await pair.routesAre(A);
        },
        TIMEOUT_MS,
      );
    });
  }
});
