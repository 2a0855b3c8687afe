import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { NodePlan, PeerSession } from '../../src/announce/plan.ts';
import { need } from '../support/need.ts';
import { sleep } from '../support/until.ts';
import { BIRD, FRR, NEWER } from './daemons.ts';
import { Ours } from './ours.ts';
import { Pair } from './pair.ts';
import { startBirdPeer } from './peers/bird.ts';
import { programs } from './peers/programs.ts';
import { OURS, THEIRS, community, ip, planOf, prefix, routes } from './plans.ts';

/* What is changed while sessions are up, on our side and on the router's: seen from the router. */

const [A, B, V6] = ['192.0.2.1/32', '192.0.2.2/32', '2001:db8::1/128'] as const;
const TIMEOUT_MS = 120_000;
const CALM = { holdTimeMs: 9_000, keepaliveTimeMs: 1_000, families: ['ipv4'] } as const;
/** Twenty take 45 s. */
const RESTARTS = Number(process.env['HERALDLB_RESTARTS'] ?? 5);

function vtysh(pair: Pair, ...commands: readonly string[]): string {
  const words = [programs(NEWER).vtysh, '--vty_socket', join(pair.directory, 'frr-b'), ...commands.flatMap((command) => ['-c', command])];
  return pair.space.run('b', words);
}

interface FrrSession {
  readonly bgpState: string;
  readonly remoteRouterId: string;
  readonly connectionsEstablished: number;
}

function frrSession(pair: Pair, address: string = OURS.ipv4): FrrSession | undefined {
  return (JSON.parse(vtysh(pair, `show bgp neighbors ${address} json`)) as Record<string, FrrSession>)[address];
}

function pids(pair: Pair, host: string): number[] {
  const text = execFileSync('ip', ['netns', 'pids', pair.space.ns(host)], { encoding: 'utf8' });
  return text.split('\n').filter(Boolean).map(Number);
}

describe.concurrent('changes while sessions are up', () => {
  need('netns', ...BIRD.needs).describe('BIRD', () => {
    it(
      'has other communities of ten thousand routes again and again, and sees no route go',
      async (hooks) => {
        const pair = new Pair(hooks);
        const daemon = await pair.daemon(BIRD, { families: ['ipv4'], holdTimeSeconds: 90 });
        const ours = await pair.ours();
        const prefixes = Array.from({ length: 10_000 }, (_, i) => `100.64.${i >> 8}.${i & 255}/32`);
        const plan = (low: number): NodePlan =>
          planOf({ ...CALM, holdTimeMs: 90_000 }, routes({ communities: [community(OURS.asn, low)] }, ...prefixes));
        const birdc = (words: string): string =>
          pair.space.run('b', [programs(NEWER).birdc, '-s', join(pair.directory, 'bird-b/ctl'), ...words.split(' ')]);
        const having = (low: number): boolean =>
          birdc(`show route where (${OURS.asn}, ${low}) ~ bgp_community count`).includes('10000 of 10000 routes');
        for (const low of [1, 2, 3, 4, 5]) {
          ours.apply(plan(low));
          await pair.eventually(`community ${low}`, () => having(low));
        }
        expect(birdc('show protocols all s1')).toMatch(/Import withdraws: +0 +0 /);
        await pair.eventually('our report', () => ours.peer()?.state === 'Established', 5_000);
        expect([daemon.established(), ours.peer()?.counters.timesEstablished]).toEqual([true, 1]);
      },
      TIMEOUT_MS,
    );
  });

  for (const row of [FRR, BIRD]) {
    need('netns', ...row.needs).describe(row.name, () => {
      it(
        `is killed ${RESTARTS} times in a row: it has all routes each time, and nothing of the sessions is left with us`,
        async (hooks) => {
          const pair = new Pair(hooks);
          const ours = await pair.ours();
          const [pid = 0] = pids(pair, 'a');
          const files = (): number => readdirSync(`/proc/${pid}/fd`).length;
          ours.apply(planOf({ ...CALM, connectTimeMs: 500 }, routes({}, A, B)));
          let open = 0;
          for (let start = 0; start <= RESTARTS; start++) {
            await pair.daemon(row, { families: ['ipv4'] });
            await pair.routesAre(A, B);
            if (start === 0) open = files();
            if (start === RESTARTS) break;
            for (const each of pids(pair, 'b')) process.kill(each, 'SIGKILL');
            await pair.eventually('us to see it go', () => ours.peer()?.state !== 'Established', 10_000);
          }
          expect(files()).toBe(open);
          await pair.eventually('our report', () => ours.peer()?.counters.timesEstablished === RESTARTS + 1, 5_000);
        },
        TIMEOUT_MS * 2,
      );

      it(
        'drops what it kept of a family that a speaker has no more when it is back from a crash (RFC 4724 §4.2)',
        async (hooks) => {
          const pair = new Pair(hooks);
          const daemon = await pair.daemon(row, { gracefulRestart: true, holdTimeSeconds: 90 });
          const keeps = { holdTimeMs: 90_000, keepaliveTimeMs: 30_000, gracefulRestart: true } as const;
          const before = await Ours.start(pair.space, 'a', pair.directory);
          before.apply(planOf(keeps, routes({}, A, V6)));
          await pair.routesAre(A, V6);
          await before.stop('SIGKILL');
          await pair.eventually('it to keep all', () => !daemon.established() && daemon.routes().size === 2);
          const ours = await pair.ours();
          ours.apply(planOf({ ...keeps, families: ['ipv4'] }, routes({}, A, V6)));
          await pair.routesAre(A);
          expect(daemon.established()).toBe(true);
        },
        TIMEOUT_MS,
      );

      it(
        'changes its key first, and we follow: the session is back soon after we have, too',
        async (hooks) => {
          const pair = new Pair(hooks);
          const start = (password: string) => pair.daemon(row, { families: ['ipv4'], password, holdTimeSeconds: 3 });
          const daemon = await start('old');
          const ours = await pair.ours();
          ours.apply(planOf({ ...CALM, password: 'old' }, routes({}, A)));
          await pair.routesAre(A);
          if (row === FRR) vtysh(pair, 'configure', `router bgp ${THEIRS.asn}`, `neighbor ${OURS.ipv4} password new`);
          else rekeyBird(pair);
          // By its own word, or by the hold time.
          await pair.eventually('the end of the session', () => !daemon.established() && ours.peer()?.state !== 'Established');
          // The SYN that waits for an answer has the old key, and the kernel sends it more and more seldom.
          await sleep(5_000);
          expect(daemon.established()).toBe(false);
          ours.apply(planOf({ ...CALM, password: 'new' }, routes({}, A)));
          await pair.eventually('the session', () => daemon.established() && daemon.routes().has(A), 5_000);
        },
        TIMEOUT_MS,
      );
    });
  }

  need('netns', ...FRR.needs).describe('FRR', () => {
    it(
      'has another identifier, and we have: each time one session more, with the new one',
      async (hooks) => {
        const pair = new Pair(hooks);
        await pair.daemon(FRR, { families: ['ipv4'] });
        const ours = await pair.ours();
        ours.apply(planOf(CALM, routes({}, A)));
        await pair.routesAre(A);
        expect(frrSession(pair)).toMatchObject({ remoteRouterId: OURS.ipv4, connectionsEstablished: 1 });
        ours.apply(planOf({ ...CALM, routerId: ip('10.255.0.1') }, routes({}, A)));
        await pair.eventually('our new identifier', () => frrSession(pair)?.remoteRouterId === '10.255.0.1');
        await pair.routesAre(A);
        vtysh(pair, 'configure', `router bgp ${THEIRS.asn}`, 'bgp router-id 10.255.0.2');
        await pair.eventually('a session after its own change', () => (frrSession(pair)?.connectionsEstablished ?? 0) >= 3);
        await pair.routesAre(A);
        expect(frrSession(pair)).toMatchObject({ bgpState: 'Established', remoteRouterId: '10.255.0.1' });
      },
      TIMEOUT_MS,
    );

    it(
      'is told to have us no more: its reason stays the news while it closes what we dial, and we are back soon after that',
      async (hooks) => {
        const pair = new Pair(hooks);
        const daemon = await pair.daemon(FRR, { families: ['ipv4'] });
        const ours = await pair.ours();
        ours.apply(planOf(CALM, routes({}, A)));
        await pair.routesAre(A);
        const configure = (line: string): void => void vtysh(pair, 'configure', `router bgp ${THEIRS.asn}`, line);
        configure(`neighbor ${OURS.ipv4} shutdown message rack 7 goes on Monday`);
        const said = (): string => ours.peer()?.lastError?.text ?? '';
        await pair.eventually('its reason', () => said() === 'received Cease/Administrative Shutdown: rack 7 goes on Monday');
        await sleep(4_000);
        expect(said()).toBe('received Cease/Administrative Shutdown: rack 7 goes on Monday');
        expect(daemon.established()).toBe(false);
        configure(`no neighbor ${OURS.ipv4} shutdown`);
        await pair.routesAre(A);
        await daemon.stop();
        await pair.eventually('that nobody is there', () => said() === 'ECONNREFUSED');
      },
      TIMEOUT_MS,
    );

    it(
      'has us by IPv4 and by IPv6: the end of one session is nothing to the other',
      async (hooks) => {
        const pair = new Pair(hooks);
        const daemon = await pair.daemon(FRR);
        await pair.eventually('FRR', () => daemon.describe().includes('BGP state'));
        const more = [`neighbor ${OURS.ipv6} remote-as ${OURS.asn}`, `neighbor ${OURS.ipv6} passive`];
        const family = ['address-family ipv6 unicast', `neighbor ${OURS.ipv6} activate`];
        vtysh(pair, 'configure', `router bgp ${THEIRS.asn}`, ...more, ...family);
        const ours = await pair.ours();
        const [first] = planOf({ ...CALM, families: ['ipv4'] }, routes({}, A)).peers;
        const plan = (isBoth: boolean): NodePlan => {
          const over = planOf({ ...CALM, families: ['ipv6'], address: ip(THEIRS.ipv6) }, routes({}, V6));
          return { ...over, peers: [first!, ...(isBoth ? over.peers.map((peer) => ({ ...peer, name: 'p2' })) : [])] };
        };
        ours.apply(plan(true));
        await pair.routesAre(A, V6);
        expect(ours.report().problems).toEqual([]);
        ours.apply(plan(false));
        await pair.routesAre(A);
        expect(vtysh(pair, `show bgp neighbors ${OURS.ipv6}`)).toContain('Cease/Peer De-configured');
        ours.apply(plan(true));
        await pair.routesAre(A, V6);
        expect(daemon.flaps?.()).toBe(1);
      },
      TIMEOUT_MS,
    );

    it(
      'comes back as another router: other AS, identifier and families, without capabilities, and as it was',
      async (hooks) => {
        const pair = new Pair(hooks);
        const ours = await pair.ours();
        const session = { ...CALM, peerAsn: 'external', families: ['ipv4', 'ipv6'], gracefulRestart: true } as const;
        ours.apply(planOf(session, routes({}, A, V6)));
        const inside = `neighbor ${OURS.ipv4} activate\nexit-address-family\n`;
        const other = `router bgp 64999\nbgp router-id 9.9.9.9\nno bgp ebgp-requires-policy\nneighbor ${OURS.ipv4} remote-as ${OURS.asn}
neighbor ${OURS.ipv4} passive\naddress-family ipv4 unicast\n${inside}address-family ipv6 unicast\n${inside}`;
        for (const [options, asn, ...wanted] of [
          [{ families: ['ipv4'] }, THEIRS.asn, A],
          [{ text: other }, 64_999, A, V6],
          [{ families: ['ipv4'], capabilities: 'none' }, THEIRS.asn, A],
          [{}, THEIRS.asn, A, V6],
        ] as const) {
          await pair.daemon(FRR, options);
          await pair.routesAre(...wanted);
          await pair.eventually('our report', () => ours.peer()?.asn === asn && ours.peer()?.families.length === wanted.length, 5_000);
        }
        expect(ours.report().problems).toEqual([]);
      },
      TIMEOUT_MS,
    );

    it(
      'has no route whose communities fill a message, and has it when they do not (RFC 4271 §9.2)',
      async (hooks) => {
        const pair = new Pair(hooks);
        const daemon = await pair.daemon(FRR);
        const ours = await pair.ours();
        const plan = (count: number): NodePlan => {
          const communities = Array.from({ length: count }, (_, i) => community(OURS.asn, i + 1));
          return planOf({ ...CALM, families: ['ipv4', 'ipv6'] }, routes({ communities }, A, V6), routes({}, B));
        };
        const has = (prefix: string, count: number): boolean => daemon.routes().get(prefix)?.communities.length === count;
        // More than a message of 4,096 octets has room for: FRR takes longer ones (RFC 8654).
        ours.apply(plan(1_100));
        await pair.eventually('many communities', () => has(A, 1_100) && has(V6, 1_100) && has(B, 0));
        ours.apply(plan(20_000));
        await pair.routesAre(B);
        const problem = { reason: 'AttributesTooLong', peer: 'p1', prefixes: 2, limit: 65_535 };
        await pair.eventually('the problem', () => JSON.stringify(ours.report().problems) === JSON.stringify([problem]), 5_000);
        ours.apply(plan(255));
        await pair.eventually('them again', () => has(A, 255) && has(V6, 255) && has(B, 0));
        await pair.eventually('no problem any more', () => ours.report().problems.length === 0, 5_000);
        expect(ours.peer()?.counters.timesEstablished).toBe(1);
      },
      TIMEOUT_MS,
    );

    it(
      'sees sessions change, come and go, and the others stay as they are',
      async (hooks) => {
        const pair = new Pair(hooks);
        const sources = ['10.99.0.1', '10.99.0.11', '10.99.0.12', '10.99.0.13'] as const;
        for (const source of sources.slice(1)) pair.space.run('a', `ip addr add ${source}/24 dev eth0`);
        const daemon = await pair.daemon(FRR, { families: ['ipv4'] });
        await pair.eventually('FRR', () => daemon.describe().includes('BGP state'));
        const more = sources.slice(1).flatMap((source) => [`neighbor ${source} remote-as ${OURS.asn}`, `neighbor ${source} passive`]);
        vtysh(pair, 'configure', `router bgp ${THEIRS.asn}`, ...more);
        const ours = await pair.ours();
        const plan = (peers: Readonly<Record<string, Partial<PeerSession>>>): NodePlan => {
          const { peers: _, ...rest } = planOf({});
          const made = Object.entries(peers).map(([source, session]) => {
            const [first] = planOf({ ...CALM, sourceAddress: ip(source), ...session }, routes({}, A)).peers;
            return { ...first!, name: source };
          });
          return { ...rest, generation: rest.generation + 100, peers: made };
        };
        /** How often each came up; absent: it is down. When it did FRR works out anew for each answer, a second more or less. */
        const ups = (): string =>
          JSON.stringify(
            sources.map((source) => {
              const said = frrSession(pair, source);
              return said?.bgpState === 'Established' ? [said.connectionsEstablished] : [];
            }),
          );
        const [one, two, three, four] = sources;
        const isUp = (): boolean[] => (JSON.parse(ups()) as unknown[][]).map((said) => said.length > 0);
        ours.apply(plan({ [one]: {}, [two]: {}, [three]: {} }));
        await pair.eventually('three sessions', () => isUp().join() === 'true,true,true,false');
        const first = JSON.parse(ups()) as unknown[];
        // More routes, another order, another key of an object that means the same: nobody's session is touched.
        ours.apply(plan({ [three]: {}, [one]: {}, [two]: {} }));
        // What only the next connection would have to do with, neither.
        ours.apply(plan({ [one]: { connectTimeMs: 2_000, delayOpenMs: 500 }, [two]: {}, [three]: {} }));
        ours.apply(plan({ [one]: { connectTimeMs: 2_000, delayOpenMs: 500 }, [two]: { holdTimeMs: 12_000 }, [four]: {} }));
        const count = (source: string): number => frrSession(pair, source)?.connectionsEstablished ?? 0;
        await pair.eventually('the change', () => isUp().join() === 'true,true,false,true' && count(two) === 2);
        const then = JSON.parse(ups()) as unknown[];
        expect(then[0]).toEqual(first[0]);
        ours.apply(plan({ [one]: { connectTimeMs: 1_000 }, [three]: {} }));
        await pair.eventually('the next', () => isUp().join() === 'true,false,true,false');
        expect((JSON.parse(ups()) as unknown[])[0]).toEqual(first[0]);
        expect(ours.report().problems).toEqual([]);
      },
      TIMEOUT_MS,
    );

    it(
      'and another router come out of one prefix: each has its session, and the end of one is nothing to the other',
      async (hooks) => {
        const pair = new Pair(hooks);
        pair.space.add('c');
        pair.space.link('a', 'eth1', 'c', 'eth0');
        pair.space.run('a', 'ip addr add 10.99.1.1/24 dev eth1');
        pair.space.run('c', 'ip addr add 10.99.1.2/24 dev eth0');
        const ours = await pair.ours();
        const plan = planOf({ ...CALM, listenRange: prefix('10.99.0.0/16') }, routes({}, A));
        for (const { session } of plan.peers) delete (session as { address?: unknown }).address;
        ours.apply(plan);
        const first = await pair.daemon(FRR, { families: ['ipv4'], passive: false });
        const sides = { local: { ...THEIRS, ipv4: '10.99.1.2' }, remote: { ...OURS, ipv4: '10.99.1.1' } };
        const both = { space: pair.space, host: 'c', directory: pair.directory, families: ['ipv4'], passive: false, ...sides } as const;
        const second = startBirdPeer({ newer: NEWER, ...both });
        hooks.onTestFinished(() => second.stop());
        await pair.routesAre(A);
        await pair.eventually('the other one', () => second.routes().has(A));
        const names = (): string[] =>
          ours
            .report()
            .peers.filter(({ state }) => state === 'Established')
            .map(({ name }) => name);
        await pair.eventually('our report', () => names().toSorted().join() === `p1@${THEIRS.ipv4},p1@10.99.1.2`);
        await second.stop();
        await pair.eventually('the end of one', () => names().join() === `p1@${THEIRS.ipv4}`);
        expect(first.flaps?.()).toBe(1);
      },
      TIMEOUT_MS,
    );
  });
});

/** Its file with the new key, read again. */
function rekeyBird(pair: Pair): void {
  const home = join(pair.directory, 'bird-b');
  const path = join(home, 'bird.conf');
  writeFileSync(path, readFileSync(path, 'utf8').replace('"old"', '"new"'));
  pair.space.run('b', [programs(NEWER).birdc, '-s', join(home, 'ctl'), 'configure']);
}
