import { type ChildProcess, spawn } from 'node:child_process';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SPEAKER_FLAGS } from '../lab/daemons.ts';
import { Space, lines } from '../lab/space.ts';
import { need } from '../support/need.ts';
import { until } from '../support/until.ts';

const VIPS = 10_000;
/** CPU time, collector and compiler with it: three times what is usual for a plan whose code runs for the first time, and what the session bears. */
const LONGEST_STEP_MS = 300;
/** So much may follow from one time that the machine let a speaker wait. */
const EXCUSED = 4;

interface Report {
  readonly state: string;
  readonly downs: number;
  readonly stalls: number;
  readonly claimed: number;
  readonly announced: number;
  readonly longestMs: number;
  /** How often the machine let this process wait for so long that no session could have lived through it. */
  readonly starved: number;
}

need('netns', 'file:speaker/native/build/Release/heraldlb.node').describe('ten thousand VIPs of either family on two nodes', () => {
  const space = new Space('l2u');
  const speakers = new Map<string, { readonly child: ChildProcess; readonly heard: string[] }>();

  const start = (node: string, ...words: readonly string[]): void => {
    const program = [
      process.execPath,
      ...SPEAKER_FLAGS,
      'test/support/run.mjs',
      'test/speaker/burstProgram.ts',
      node,
      ...words,
      String(VIPS),
    ];
    const child = spawn('ip', ['netns', 'exec', space.ns(node), ...program], { stdio: ['pipe', 'pipe', 'inherit'] });
    const heard: string[] = [];
    lines(child, (line) => heard.push(line));
    speakers.set(node, { child, heard });
  };

  const tell = (node: string, line: string): void => void speakers.get(node)?.child.stdin?.write(`${line}\n`);

  const report = async (node: string): Promise<Report> => {
    const heard = speakers.get(node)?.heard ?? [];
    const before = heard.length;
    tell(node, 'report');
    return JSON.parse(await until('a report', () => heard[before], 20_000)) as Report;
  };

  const reports = (): Promise<Report[]> => Promise.all([report('a'), report('b')]);

  beforeAll(async () => {
    for (const name of ['a', 'b']) space.add(name);
    space.link('a', 'eth0', 'b', 'eth0');
    // The VIPs are in the subnets of the nodes.
    for (const [at, name] of ['a', 'b'].entries()) {
      space.run(name, `ip addr add 10.98.0.${at + 1}/8 dev eth0`);
      space.run(name, `ip addr add 2001:db8:20::ffff:${at + 1}/64 dev eth0 nodad`);
    }
    start('a', 'b', '10.98.0.1', '10.98.0.2');
    start('b', 'a', '10.98.0.2', '10.98.0.1');
    await until('the session is up', async () => (await reports()).every(({ state }) => state === 'Up'), 60_000);
  }, 90_000);

  afterAll(async () => {
    for (const { child } of speakers.values()) child.kill('SIGTERM');
    await space.dispose();
  });

  it('are taken and announced without a word of the session, and by the other node when one dies', async () => {
    const before = await reports();
    for (const node of ['a', 'b']) tell(node, 'reset');
    for (const node of ['a', 'b']) tell(node, `arrive ${VIPS}`);
    const isShared = (all: readonly Report[]): boolean => all.every(({ claimed, announced }) => claimed === VIPS && announced >= VIPS);
    const shared = await until(
      'both have their half',
      async () => {
        const all = await reports();
        return isShared(all) ? all : undefined;
      },
      60_000,
    );
    // What the machine has done to them is not their fault.
    const excused = EXCUSED * shared.reduce((sum, { starved }) => sum + starved, 0);
    for (const [at, { downs, stalls, longestMs }] of shared.entries()) {
      expect(longestMs).toBeLessThan(LONGEST_STEP_MS);
      expect(downs - (before[at]?.downs ?? 0)).toBeLessThanOrEqual(excused);
      expect(stalls - (before[at]?.stalls ?? 0)).toBeLessThanOrEqual(excused);
    }
    tell('a', 'reset');
    speakers.get('b')?.child.kill('SIGKILL');
    const alone = await until(
      'all are announced by the one that is left',
      async () => {
        const each = await report('a');
        return each.claimed === 2 * VIPS && each.announced === 2 * VIPS ? each : undefined;
      },
      60_000,
    );
    expect(alone.longestMs).toBeLessThan(LONGEST_STEP_MS);
    expect(alone.stalls - (shared[0]?.stalls ?? 0)).toBeLessThanOrEqual(EXCUSED * alone.starved);
  }, 180_000);
});
