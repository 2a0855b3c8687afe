import { execFileSync, spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { lines } from '../lab/space.ts';
import { need } from '../support/need.ts';
import { sleep } from '../support/until.ts';
import { BIRD, FRR } from './daemons.ts';
import { Pair } from './pair.ts';
import { OURS, THEIRS, planOf, routes } from './plans.ts';

/* A cable that loses one frame in twenty, doubles as many and brings one in ten too late (see badLink.c), with every segment in a frame of its own. */

const TABLE = Array.from({ length: 10_000 }, (_, i) => `10.100.${i >> 8}.${i & 255}/32`);
const [LOST, DOUBLED, LATE] = [50, 50, 100] as const;
const CHANGES = 20;
const SESSION = { holdTimeMs: 30_000, keepaliveTimeMs: 5_000, families: ['ipv4'] } as const;

interface Told {
  readonly seen: number;
  readonly lost: number;
  readonly doubled: number;
  readonly late: number;
}

interface BadLink {
  tell(): Promise<Told>;
  end(): void;
}

/** Takes the place of the cable between `a` and `b`. */
function badLink(pair: Pair): BadLink {
  const { space } = pair;
  const program = join(pair.directory, 'badLink');
  execFileSync('cc', ['-O2', '-o', program, resolve(import.meta.dirname, '../lab/badLink.c')]);
  space.run('a', 'ip link del eth0');
  space.add('m');
  for (const [host, port, side] of [
    ['a', 'left', OURS],
    ['b', 'right', THEIRS],
  ] as const) {
    space.link(host, 'eth0', 'm', port);
    space.run(host, 'ip link set eth0 gso_max_segs 1');
    space.run(host, `ip addr add ${side.ipv4}/24 dev eth0`);
  }
  const words = [program, 'left', 'right', String(LOST), String(DOUBLED), String(LATE), '1'];
  const child = spawn('ip', ['netns', 'exec', space.ns('m'), ...words], { stdio: ['pipe', 'pipe', 'inherit'] });
  const waiting: ((line: string) => void)[] = [];
  lines(child, (line) => waiting.shift()?.(line));
  return {
    async tell() {
      const line = new Promise<string>((done) => waiting.push(done));
      child.stdin.write('\n');
      return JSON.parse(await line) as Told;
    },
    end: () => void child.kill('SIGKILL'),
  };
}

for (const row of [FRR, BIRD])
  need('netns', 'command:cc', ...row.needs).describe(`a bad cable to ${row.name}`, () => {
    it('costs time and no session, and what the router has in the end is right', async (hooks) => {
      const pair = new Pair(hooks);
      const link = badLink(pair);
      hooks.onTestFinished(() => link.end());
      const daemon = await pair.daemon(row, { families: ['ipv4'], holdTimeSeconds: 30 });
      const ours = await pair.ours();
      ours.apply(planOf(SESSION, routes({}, ...TABLE)));
      await pair.eventually('all of the table', () => daemon.count() === TABLE.length, 60_000);
      for (let i = 0; i < CHANGES; i++) {
        ours.apply(planOf(SESSION, routes({ med: i }, ...TABLE.slice(i * 50, 5000 + i * 50)), routes({}, ...TABLE.slice(7000))));
        await sleep(100);
      }
      ours.apply(planOf(SESSION, routes({}, ...TABLE.slice(0, 3000)), routes({ med: 7 }, TABLE[6000] ?? '')));
      await pair.eventually('the last table', () => daemon.count() === 3001, 60_000);
      expect(ours.peer()).toMatchObject({ state: 'Established', counters: { timesEstablished: 1 } });
      const told = await link.tell();
      process.stdout.write(`${row.name}: ${JSON.stringify(told)}\n`);
      for (const count of [told.lost, told.doubled, told.late]) expect(count).toBeGreaterThan(5);
    }, 180_000);
  });
