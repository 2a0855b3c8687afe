import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { NodePlan } from '../../src/announce/plan.ts';
import { need } from '../support/need.ts';
import { BIRD, NEWER } from './daemons.ts';
import { Pair } from './pair.ts';
import { programs } from './peers/programs.ts';
import { OURS, THEIRS, ip, planOf, routes } from './plans.ts';

/* One speaker with many routers: BIRD has a session for each pair of addresses, half of them over IPv6. */

const [A, B] = ['192.0.2.1/32', '192.0.2.2/32'] as const;
const EACH = 50;
/** Of either half. */
const WITH_BFD = 10;
const BFD = {
  name: 'slow',
  transmitIntervalMs: 300,
  receiveIntervalMs: 300,
  detectMultiplier: 5,
  echoIntervalMs: 100,
  echoMode: false,
  passiveMode: false,
  minimumTtl: 254,
};
/** Nobody is there. */
const NOWHERE = '10.99.0.250';

interface Door {
  readonly name: string;
  readonly ours: string;
  readonly theirs: string;
  readonly bfd: boolean;
}

const DOORS: readonly Door[] = Array.from({ length: EACH }, (_, i) => i).flatMap((i) => [
  { name: `f${i}`, ours: `10.99.0.${20 + i}`, theirs: `10.99.0.${120 + i}`, bfd: i < WITH_BFD },
  { name: `s${i}`, ours: `fd99::a:${20 + i}`, theirs: `fd99::b:${20 + i}`, bfd: i < WITH_BFD },
]);

function addAddresses(pair: Pair, host: string, addresses: readonly string[]): void {
  const lines = addresses.map((address) => `addr add ${address}${address.includes(':') ? '/64' : '/24'} dev eth0 nodad`);
  pair.space.run(host, ['ip', '-batch', '-'], `${lines.join('\n')}\n`);
}

/** Each session has tables of its own, so that no route hides another. */
function birdConfig(): string {
  const sessions = DOORS.map(
    ({ name, ours, theirs, bfd }) => `
ipv4 table t4${name};
ipv6 table t6${name};
protocol bgp ${name} {
  local ${theirs} as ${THEIRS.asn};
  neighbor ${ours} as ${OURS.asn};
  hold time 90; passive on; strict bind on; error wait time 1, 2;${bfd ? ' bfd on;' : ''}
  ipv4 { table t4${name}; import all; export none; extended next hop on; };
  ipv6 { table t6${name}; import all; export none; };
}`,
  );
  const bfd = 'protocol bfd { interface "*" { min rx interval 300 ms; min tx interval 300 ms; multiplier 5; }; }';
  return `log stderr all;\nrouter id ${THEIRS.ipv4};\nprotocol device { }\n${bfd}\n${sessions.join('')}\n`;
}

function planTo(...prefixes: readonly string[]): NodePlan {
  const plan = planOf({ holdTimeMs: 90_000, keepaliveTimeMs: 30_000 }, routes({}, ...prefixes));
  const peers = plan.peers.flatMap((first) => [
    { ...first, name: 'nowhere', session: { ...first.session, address: ip(NOWHERE) } },
    ...DOORS.map(({ name, ours, theirs, bfd }) => ({
      ...first,
      name,
      session: { ...first.session, address: ip(theirs), sourceAddress: ip(ours), ...(bfd ? { bfd: BFD } : {}) },
    })),
  ]);
  return { ...plan, peers };
}

need('netns', ...BIRD.needs).describe('a hundred sessions of one speaker', () => {
  it('come up, have a new VIP, and come back with the router; one that is not there holds nobody up', async (hooks) => {
    const pair = new Pair(hooks);
    for (const [host, side] of [
      ['a', 'ours'],
      ['b', 'theirs'],
    ] as const)
      addAddresses(
        pair,
        host,
        DOORS.map((door) => door[side]),
      );
    const text = birdConfig();
    await pair.daemon(BIRD, { text });
    const birdc = (...words: string[]): string =>
      pair.space.attempt('b', [programs(NEWER).birdc, '-s', join(pair.directory, 'bird-b/ctl'), ...words]) ?? '';
    const count = (pattern: RegExp, ...words: string[]): number => birdc(...words).match(pattern)?.length ?? 0;
    const areUp = (): boolean =>
      count(/\bEstablished\b/g, 'show', 'protocols') === DOORS.length && count(/ Up /g, 'show', 'bfd', 'sessions') === 2 * WITH_BFD;
    const have = (prefix: string): boolean =>
      count(new RegExp(`(?<![\\d.])${prefix.replaceAll('.', '\\.')} `, 'g'), 'show', 'route', 'table', 'all') === DOORS.length;
    const ours = await pair.ours();
    ours.apply(planTo(A));
    await pair.eventually('all sessions', () => areUp() && have(A));
    ours.apply(planTo(A, B));
    await pair.eventually('the new VIP at all', () => have(A) && have(B));
    const times = (): number[] => [...new Set(DOORS.map(({ name }) => ours.peer(name)?.counters.timesEstablished ?? 0))];
    await pair.eventually('our report', () => times().join() === '1', 5_000);
    expect(times()).toEqual([1]);
    expect(ours.peer('nowhere')?.state).not.toBe('Established');
    await pair.daemon(BIRD, { text });
    await pair.eventually('all sessions again', () => areUp() && have(A) && have(B));
  }, 120_000);
});
