import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, createWriteStream, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { PeerReport } from '../../speaker/report.ts';
import { Ours } from '../interop/ours.ts';
import { startFrrPeer } from '../interop/peers/frr.ts';
import type { PeerDaemon } from '../interop/peers/peer.ts';
import { OURS, THEIRS, ip, planOf, routes } from '../interop/plans.ts';
import { Space, lines } from '../lab/space.ts';
import { need } from '../support/need.ts';
import { until } from '../support/until.ts';

/*
 * The speaker's engine as a process of its own, with a good router (FRR) on one link and peers that mean no good on another. What
 * they do is shown to be nothing to the good one: its session comes up once and stays, and the VIPs stay in its table.
 */

const ROOT = resolve(import.meta.dirname, '../..');
const VIPS = ['192.0.2.1/32', '192.0.2.2/32'];
const BAD_LINK = '10.98.0.1';
/** Each has a peer of its own: the speaker is patient with one that has failed. */
const SOURCES = { slow: 11, half: 12, huge: 13, deaf: 15, resets: 16, packed: 17, single: 18 } as const;
const UNDISTURBED = { isUp: true, timesUp: [1, 1], vips: VIPS };
/** Of a storm: of one address alone the ports are soon used up. */
const STORM = { configured: [21, 22, 23, 24], unconfigured: [96, 97, 98, 99] } as const;
/** What must be nothing to the others, a minute; the storm is a little faster, and lasts five seconds at least. */
const STORM_RATE = 100_000;
const STORM_COUNT = 10_000;
const STORM_PACE = 2000;
const EXTRA = '192.0.2.3/32';
const addressOf = (name: keyof typeof SOURCES): string => `10.98.0.${SOURCES[name]}`;

need('netns', 'file:/usr/lib/frr/bgpd', 'command:vtysh', 'command:cc', 'command:chrt').describe('a speaker among hostile peers', () => {
  let space: Space;
  let directory: string;
  let good: PeerDaemon;
  let ours: Ours;
  let hostile: Hostile;
  let program: string;
  let pid = 0;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'hlb-hostile-'));
    chmodSync(directory, 0o755);
    space = new Space('hst');
    for (const name of ['us', 'good', 'bad']) space.add(name);
    space.link('us', 'eth0', 'good', 'eth0');
    space.link('us', 'eth1', 'bad', 'eth0');
    space.run('us', `ip addr add ${OURS.ipv4}/24 dev eth0`);
    space.run('us', `ip addr add ${BAD_LINK}/24 dev eth1`);
    space.run('good', `ip addr add ${THEIRS.ipv4}/24 dev eth0`);
    for (const last of [...Object.values(SOURCES), ...Object.values(STORM).flat()])
      space.run('bad', `ip addr add 10.98.0.${last}/24 dev eth0`);
    // A window that is soon shut.
    space.run('bad', ['sysctl', '-qw', 'net.ipv4.tcp_rmem=4096 8192 16384']);
    const options = { space, host: 'good', directory, local: THEIRS, remote: OURS, families: ['ipv4'], holdTimeSeconds: 9 } as const;
    good = startFrrPeer(options);
    ours = await Ours.start(space, 'us', directory);
    ours.apply(plan());
    space.run('bad', ['sysctl', '-qw', 'net.ipv4.tcp_tw_reuse=1', 'net.ipv4.ip_local_port_range=2000 65000']);
    hostile = await Hostile.start(space, directory);
    program = join(directory, 'storm');
    execFileSync('cc', ['-O2', '-o', program, join(ROOT, 'test/speaker/storm.c')]);
    await until('the good session', () => good.established(), 60_000);
    await until('the VIPs', () => VIPS.every((vip) => good.routes().has(vip)), 30_000);
    [pid = 0] = execFileSync('ip', ['netns', 'pids', space.ns('us')], { encoding: 'utf8' })
      .split('\n')
      .filter(Boolean)
      .map(Number);
  }, 180_000);

  afterEach(async () => {
    await hostile?.do('letGo', '');
  }, 60_000);

  /** What the good router says of its session, and of the VIPs. */
  const goodView = (): unknown => ({
    isUp: good.established(),
    timesUp: [good.flaps?.(), reportOf('p1')?.counters.timesEstablished],
    vips: [...good.routes().keys()].sort(),
  });

  afterAll(async () => {
    hostile?.stop();
    await ours?.stop('SIGKILL');
    await good?.stop();
    await space?.dispose();
    rmSync(directory, { recursive: true, force: true });
  }, 60_000);

  function plan(...extra: readonly string[]): ReturnType<typeof planOf> {
    const { peers, ...rest } = planOf({ holdTimeMs: 9000, keepaliveTimeMs: 3000, families: ['ipv4'] }, routes({}, ...VIPS, ...extra));
    const [first] = peers;
    if (first === undefined) throw new Error('a plan of nobody');
    const more = (Object.keys(SOURCES) as (keyof typeof SOURCES)[]).map((name) => ({
      ...first,
      name,
      session: { ...first.session, address: ip(addressOf(name)), passive: true },
      routes: [routes({}, ...(name === 'deaf' ? TABLE : VIPS))],
    }));
    const storm = STORM.configured.map((last) => ({
      ...first,
      name: `storm${last}`,
      session: { ...first.session, address: ip(`10.98.0.${last}`), passive: true },
    }));
    return { ...rest, peers: [first, ...more, ...storm] };
  }

  /** Speaker and attacker go before what else the machine does: they stand for machines of their own. */
  function goFirst(isFirst: boolean): void {
    const policy = isFirst ? ['-r', '-p', '1'] : ['-o', '-p', '0'];
    for (const thread of readdirSync(`/proc/${pid}/task`)) space.attempt('us', ['chrt', ...policy, thread]);
  }

  /** A storm that goes on until it is told to be calm, and has done its part by then. */
  function brew(sources: readonly string[], reset: boolean): { calm(): Promise<Storm> } {
    const words = ['chrt', '-r', '1', program, BAD_LINK, '179', String(STORM_PACE), String(STORM_COUNT), reset ? 'rst' : 'fin', ...sources];
    const child = spawn('ip', ['netns', 'exec', space.ns('bad'), ...words], { stdio: ['pipe', 'pipe', 'inherit'] });
    const result = new Promise<Storm>((done) => lines(child, (line) => done(JSON.parse(line) as Storm)));
    return {
      calm() {
        child.stdin.end();
        return result;
      },
    };
  }

  const reportOf = (name: string): PeerReport | undefined => ours.peer(name);
  const rssMb = (): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
  /** User and system time, of all threads. */
  const cpuMs = (): number => {
    const [, rest = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ');
    const fields = rest.split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10;
  };
  const openFiles = (): number => readdirSync(`/proc/${pid}/fd`).length;

  it('one byte at a time: the peer gets as far as its bytes, and no other notices', async () => {
    const slow = await hostile.do('slow', addressOf('slow'), { count: 3, everyMs: 1000 });
    expect(slow).toEqual({ heard: ['1'], isClosed: false });
    expect(reportOf('slow')?.state).toBe('OpenSent');
    expect(goodView()).toEqual(UNDISTURBED);
  }, 60_000);

  it('half a header, then silence: of all the connections from one address the last one is kept', async () => {
    const all = (await hostile.do('half', addressOf('half'), { count: 12 })) as { heard: string[]; isClosed: boolean }[];
    expect(all.at(-1)).toEqual({ heard: ['1'], isClosed: false });
    for (const one of all.slice(0, -1)) expect(one).toEqual({ heard: ['1', '3 6/7 '], isClosed: true });
    expect(goodView()).toEqual(UNDISTURBED);
  }, 90_000);

  it('65,535 bytes that nobody has agreed to: Bad Message Length, with the length', async () => {
    const { heard, isClosed } = (await hostile.do('huge', addressOf('huge'))) as { heard: string[]; isClosed: boolean };
    expect(heard.at(-1)).toBe('3 1/2 ffff');
    expect(isClosed).toBe(true);
    expect(goodView()).toEqual(UNDISTURBED);
  }, 60_000);

  it.each([
    ['unconfigured', false],
    ['unconfigured', true],
    ['configured', false],
    ['configured', true],
  ] as const)(
    'ten thousand connections that come and go, from %s addresses (reset: %s): a new VIP goes out meanwhile, and nothing is left of them',
    async (kind, reset) => {
      const sources = STORM[kind].map((last) => `10.98.0.${last}`);
      const [files, before, usedMs] = [openFiles(), rssMb(), cpuMs()];
      goFirst(true);
      const storm = brew(sources, reset);
      ours.apply(plan(EXTRA));
      await until('the new VIP at the good router', () => good.routes().has(EXTRA), 30_000, 50);
      const { count, failed, ms, slowestMs, cpuMs: theirMs } = await storm.calm();
      goFirst(false);
      const perMinute = Math.round((count / ms) * 60_000);
      const [each, their] = [(cpuMs() - usedMs) / count, theirMs / count].map((cost) => cost.toFixed(2));
      report(
        `connect-close, ${kind}${reset ? ', reset' : ''}: ${perMinute} a minute, the slowest ${slowestMs} ms; CPU ${each} ms each, the attacker's ${their}; RSS ${before.toFixed(0)} -> ${rssMb().toFixed(0)} MB`,
      );
      expect({ isFast: perMinute >= STORM_RATE, failed }).toEqual({ isFast: true, failed: 0 });
      ours.apply(plan());
      await until('the new VIP to be gone', () => !good.routes().has(EXTRA), 30_000, 50);
      await until('no connection to be left', () => openFiles() <= files + 2, 20_000);
      expect(rssMb() - before).toBeLessThan(100);
      expect(goodView()).toEqual(UNDISTURBED);
    },
    120_000,
  );

  it('a peer that asks for everything again and again and reads nothing: what waits for it is bounded', async () => {
    const before = rssMb();
    const { sent } = (await hostile.do('deaf', addressOf('deaf'), { ms: 4000 })) as { sent: number };
    const most = rssMb();
    report(`a shut window: ${sent} refreshes asked for; RSS ${before.toFixed(0)} -> ${most.toFixed(0)} MB`);
    expect(sent).toBeGreaterThan(2000);
    expect(reportOf('deaf')?.state).toBe('Established');
    expect(most - before).toBeLessThan(100);
    expect(goodView()).toEqual(UNDISTURBED);
  }, 90_000);

  it('RST in every state', async () => {
    const stages = await hostile.do('resets', addressOf('resets'));
    expect(stages).toEqual(['connected', 'opened', 'established', 'in a message']);
    await until('both sessions to be counted', () => reportOf('resets')?.counters.timesEstablished === 2, 10_000);
    await until('the peer to be forgotten', () => reportOf('resets')?.state !== 'Established', 10_000);
    expect(goodView()).toEqual(UNDISTURBED);
  }, 90_000);

  it.each([
    ['packed', true, 1250],
    ['single', false, 1_000_000],
  ] as const)(
    'a table of a million prefixes (%s): read, counted, and dropped',
    async (name, packed, updates) => {
      const before = rssMb();
      const fed = (await hostile.do('feed', addressOf(name), { prefixes: 1_000_000, packed })) as Fed;
      report(
        `a million prefixes, ${name}: ${fed.seconds.toFixed(1)} s, longest wait for a keepalive ${Math.round(fed.longestGapMs)} ms; RSS ${before.toFixed(0)} -> ${rssMb().toFixed(0)} MB`,
      );
      expect(fed.isClosed).toBe(false);
      expect(fed.heard.filter((one) => one.startsWith('3'))).toEqual([]);
      await until('all to be counted', () => reportOf(name)?.counters.prefixesReceived === 1_000_000, 60_000);
      expect(reportOf(name)).toMatchObject({
        state: 'Established',
        counters: { updatesReceived: updates, updatesFaulty: 0, prefixesWithdrawn: 0 },
      });
      // Ours come every 3 s, of a hold time of 9 s.
      expect(fed.longestGapMs).toBeLessThan(9000);
      expect(rssMb() - before).toBeLessThan(100);
      expect(goodView()).toEqual(UNDISTURBED);
    },
    240_000,
  );
});

/** What {@link file://./storm.c} says in the end. */
interface Storm {
  readonly count: number;
  readonly failed: number;
  readonly ms: number;
  readonly slowestMs: number;
  readonly cpuMs: number;
}

interface Fed {
  readonly heard: readonly string[];
  readonly isClosed: boolean;
  readonly seconds: number;
  readonly longestGapMs: number;
}

/** 20,000 addresses: more than a shut window takes. */
const TABLE = Array.from({ length: 20_000 }, (_, i) => `10.50.${i >> 8}.${i & 255}/32`);

function report(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** The peers of {@link file://./hostilePeer.ts}. */
class Hostile {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (result: unknown) => void>();
  #count = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    lines(child, (line) => {
      const { id, result } = JSON.parse(line) as { readonly id: number; readonly result: unknown };
      this.#waiting.get(id)?.(result);
      this.#waiting.delete(id);
    });
  }

  static async start(space: Space, directory: string): Promise<Hostile> {
    const program = [process.execPath, join(ROOT, 'test/support/run.mjs'), 'test/speaker/hostilePeer.ts', BAD_LINK, String(THEIRS.asn)];
    const child = spawn('ip', ['netns', 'exec', space.ns('bad'), ...program], { cwd: ROOT, stdio: 'pipe' });
    child.stderr.pipe(createWriteStream(join(directory, 'hostile.log')));
    const hostile = new Hostile(child);
    await new Promise((done) => void hostile.#waiting.set(0, done));
    return hostile;
  }

  do(act: string, source: string, more: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    const id = ++this.#count;
    const answer = new Promise<unknown>((done) => void this.#waiting.set(id, done));
    this.#child.stdin?.write(`${JSON.stringify({ id, act, source, ...more })}\n`);
    return answer;
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }
}
