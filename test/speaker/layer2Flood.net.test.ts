import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Space, lines } from '../lab/space.ts';
import { need } from '../support/need.ts';
import { sleep, until } from '../support/until.ts';

const VIPS = 10_000;
const FLOOD_SECONDS = 5;
const QUESTIONS = 100;
/** Three per cent of a core at 50,000 a second. */
const MOST_MICROS = 0.6;

interface Report {
  readonly state: string;
  readonly downs: number;
  readonly claimed: number;
  readonly drops: readonly string[];
  readonly cpuMicros: number;
}

need('netns', 'file:speaker/native/build/Release/heraldlb.node').describe('a segment whose hosts mean no good', () => {
  const space = new Space('l2d');
  const children: ChildProcess[] = [];
  const said = new Map<ChildProcess, string[]>();

  const start = (host: string, ...words: readonly string[]): ChildProcess => {
    const program = [process.execPath, 'test/support/run.mjs', 'test/speaker/floodProgram.ts', ...words];
    const child = spawn('ip', ['netns', 'exec', space.ns(host), ...program], { stdio: ['pipe', 'pipe', 'inherit'] });
    children.push(child);
    const heard: string[] = [];
    said.set(child, heard);
    lines(child, (line) => heard.push(line));
    return child;
  };

  const report = async (child: ChildProcess): Promise<Report> => {
    const heard = said.get(child) ?? [];
    const before = heard.length;
    child.stdin?.write('report\n');
    return JSON.parse(await until('a report', () => heard[before])) as Report;
  };

  const result = async (child: ChildProcess): Promise<unknown> => {
    if (child.exitCode === null) await once(child, 'exit');
    return JSON.parse(said.get(child)?.at(-1) ?? '{}');
  };

  let a: ChildProcess;
  let b: ChildProcess;

  beforeAll(async () => {
    for (const name of ['a', 'b', 'flooder', 'client']) space.add(name);
    space.link('a', 'mesh', 'b', 'mesh');
    space.link('a', 'eth0', 'flooder', 'eth0');
    space.link('a', 'eth1', 'client', 'eth0');
    for (const [host, device] of [
      ['a', 'eth0'],
      ['flooder', 'eth0'],
    ] as const)
      space.run(host, `ip link set ${device} mtu 9000`);
    space.run('a', 'ip addr add 10.98.0.1/24 dev mesh');
    space.run('b', 'ip addr add 10.98.0.2/24 dev mesh');
    a = start('a', 'speaker', 'a', 'b', '10.98.0.1', '10.98.0.2', String(VIPS));
    b = start('b', 'speaker', 'b', 'a', '10.98.0.2', '10.98.0.1', '0');
    await until('the session is up', async () => (await report(a)).state === 'Up' && (await report(b)).state === 'Up', 60_000);
    await until('all are claimed', async () => (await report(a)).claimed === VIPS * 2, 60_000);
    // What it announces of its own is over.
    await sleep(6_000);
  }, 120_000);

  afterAll(async () => {
    for (const child of children) child.kill('SIGTERM');
    await space.dispose();
  });

  it('with broadcasts that concern no VIP costs less than 3 % of a core where 50,000 come in a second', async () => {
    const [began, before] = [performance.now(), (await report(a)).cpuMicros];
    const { sent } = (await result(start('flooder', 'noise', 'eth0', '1'))) as { readonly sent: number };
    const after = (await report(a)).cpuMicros;
    // What it takes without them: BFD, and what it announces by itself.
    await sleep(performance.now() - began);
    const idle = (await report(a)).cpuMicros - after;
    expect(sent).toBeGreaterThan(50_000);
    expect((after - before - idle) / sent).toBeLessThan(MOST_MICROS);
  }, 60_000);

  it('costs neither the session with the other node nor the answers for other VIPs', async () => {
    const before = [await report(a), await report(b)];
    const mac = /link\/ether (\S+)/.exec(space.run('a', 'ip link show eth0'))?.[1] ?? '';
    const flood = start('flooder', 'flood', 'eth0', String(FLOOD_SECONDS), mac);
    const client = start('client', 'ask', 'eth0', String(QUESTIONS));
    expect(await result(client)).toMatchObject({ answered: QUESTIONS });
    expect(((await result(flood)) as { sent: number }).sent).toBeGreaterThan(100_000);
    const after = [await report(a), await report(b)];
    expect(after.map(({ state, downs }) => [state, downs])).toEqual(before.map(({ downs }) => ['Up', downs]));
    // It did come as far as the responder, which knows what is wrong with it.
    expect(after[0]?.drops).toEqual(expect.arrayContaining(['ArpHardwareLength', 'SourceMacIsGroup']));
    expect(after[0]?.claimed).toBe(VIPS * 2);
  }, 60_000);
});
