import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Space } from '../../lab/space.ts';
import { sleep } from '../../support/until.ts';

/** The kernel takes minutes for ten thousand IPv6 addresses on an interface. */
const KERNEL_VIPS6 = 1_000;

export type Kind = 'kernel' | 'c' | 'herald';
export type Family = '4' | '6';

export interface Answered {
  readonly perSecond: number;
  readonly replies: number;
  readonly p50: number;
  readonly p99: number;
  readonly lost: number;
}

/**
 * Responders, each on a link of its own with an asker at the other end, so that all of them are there the whole time and can be asked in turns.
 * The askers have one core and the responders another, where there are two, and all of them are scheduled as the speaker is: what else the
 * machine does takes no time from either.
 */
export class AnswerLab {
  readonly #space = new Space('l2b');
  readonly #directory = mkdtempSync(join(tmpdir(), 'hlb-l2bench-'));
  readonly #segment = join(this.#directory, 'segment');
  readonly #vips: number;
  readonly #goFirst: boolean;
  readonly #children: ChildProcess[] = [];

  /** @param goFirst real time, as the speaker asks for it */
  constructor(vips: number, goFirst: boolean) {
    this.#vips = vips;
    this.#goFirst = goFirst;
    execFileSync('cc', ['-O2', '-o', this.#segment, 'test/bench/layer2/segment.c']);
  }

  link(kind: string): void {
    const [answer, ask] = [`answer-${kind}`, `ask-${kind}`];
    for (const name of [answer, ask]) this.#space.add(name);
    this.#space.link(answer, 'eth0', ask, 'eth0');
    this.#space.run(answer, 'ip addr add 10.99.0.1/16 dev eth0');
    this.#space.run(answer, 'ip -6 addr add 2001:db8:99::1/48 dev eth0 nodad');
    // Answers of the kernel need a way back that it believes in.
    this.#space.run(ask, 'ip addr add 10.99.0.2/16 dev eth0');
    this.#space.run(ask, 'ip -6 addr add 2001:db8:99::2/48 dev eth0 nodad');
  }

  addKernelAddresses(): void {
    const lines = Array.from({ length: this.#vips }, (_, vip) => [
      `addr add ${vip4(vip)}/32 dev lo`,
      ...(vip < KERNEL_VIPS6 ? [`addr add ${vip6(vip)}/128 dev eth0 nodad`] : []),
    ]).flat();
    this.#space.run('answer-kernel', ['ip', '-batch', '-'], `${lines.join('\n')}\n`);
  }

  startC(): ChildProcess {
    const child = spawn('ip', this.#enter('answer-c', 'respond', ...this.#first, this.#segment, 'respond', 'eth0'), { stdio: 'inherit' });
    this.#children.push(child);
    return child;
  }

  /** @param kind of the link it is on */
  async startHerald(kind: string, vips: number, flags: readonly string[] = []): Promise<ChildProcess> {
    const program = [
      process.execPath,
      ...flags,
      'test/support/run.mjs',
      'test/bench/layer2/answers.ts',
      ...(this.#goFirst ? ['--first'] : []),
    ];
    const child = spawn('ip', this.#enter(`answer-${kind}`, 'respond', ...program), { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#children.push(child);
    const lines = createInterface({ input: child.stdout });
    await new Promise((done) => lines.once('line', done));
    child.stdin.write(`${vips}\n`);
    await new Promise((done) => lines.once('line', done));
    return child;
  }

  async ask(kind: Kind, family: Family, window: number, seconds: number): Promise<Answered> {
    const vips = kind === 'kernel' && family === '6' ? Math.min(KERNEL_VIPS6, this.#vips) : this.#vips;
    const words = ['ask', 'eth0', family, String(vips), String(window), String(seconds), this.#mac(`answer-${kind}`)];
    return JSON.parse(await this.#run(kind, words)) as Answered;
  }

  async flood(kind: string, what: string, perSecond: number, seconds: number): Promise<number> {
    const text = await this.#run(kind, ['flood', 'eth0', what, String(perSecond), String(seconds)]);
    return (JSON.parse(text) as { perSecond: number }).perSecond;
  }

  /** @returns when it listens; the promise in it, what it has heard */
  async count(kind: string, vips: number, seconds: number): Promise<{ readonly heard: Promise<string> }> {
    const words = this.#enter(`ask-${kind}`, 'ask', this.#segment, 'count', 'eth0', String(vips), String(seconds));
    const child = spawn('ip', words, { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines = createInterface({ input: child.stdout });
    await new Promise((done) => lines.once('line', done));
    return { heard: new Promise((done) => lines.once('line', done)) };
  }

  async dispose(): Promise<void> {
    for (const child of this.#children) child.kill('SIGTERM');
    await this.#space.dispose();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  get #first(): readonly string[] {
    return this.#goFirst ? ['chrt', '--rr', '1'] : [];
  }

  #mac(host: string): string {
    return /link\/ether (\S+)/.exec(this.#space.run(host, 'ip link show eth0'))?.[1] ?? '';
  }

  async #run(kind: string, words: readonly string[]): Promise<string> {
    const child = spawn('ip', this.#enter(`ask-${kind}`, 'ask', ...this.#first, this.#segment, ...words), {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    await new Promise((done) => child.once('close', done));
    return text;
  }

  /** `ip netns exec`, `taskset` and `chrt` become the program, so the child's PID is its own. */
  #enter(host: string, role: 'ask' | 'respond', ...words: readonly string[]): string[] {
    const pinned = availableParallelism() > 1 ? ['taskset', '-c', role === 'ask' ? '1' : '0'] : [];
    return ['netns', 'exec', this.#space.ns(host), ...pinned, ...words];
  }
}

const vip4 = (vip: number): string => `10.20.${vip >> 8}.${vip & 255}`;
const vip6 = (vip: number): string => `2001:db8:20::${vip.toString(16)}`;

/** Waits until a process that has announced all its addresses has nothing more to do. */
export async function settled(child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 90; tries++) {
    const before = cpuSeconds(child);
    await sleep(1_000);
    if (cpuSeconds(child) - before < 0.03) return;
  }
  throw new Error('it does not come to rest');
}

/** What all threads of a process have had of the cores so far, in seconds. */
export function cpuSeconds({ pid }: ChildProcess): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  const spent = threads.map((thread) => Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]));
  return spent.reduce((sum, each) => sum + each, 0) / 1e9;
}

export function peakMegabytes({ pid }: ChildProcess): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}
