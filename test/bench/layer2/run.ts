import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Space } from '../../lab/space.ts';
import { sleep } from '../../support/until.ts';

/*
 * How quickly questions for VIPs are answered, by the kernel, by C on AF_PACKET and by HeraldLB, in turns in one run; what a flood of broadcasts
 * that concern nobody costs; and how long it takes to announce all VIPs of a node. As root:
 *   node test/support/run.mjs test/bench/layer2/run.ts [ROUNDS] [VIPS]
 */
const ROUNDS = Number(process.argv[2] ?? 3);
const VIPS = Number(process.argv[3] ?? 10_000);
const SECONDS = 3;
const WINDOWS = [1, 64, 512];
/** The kernel takes minutes for ten thousand IPv6 addresses on an interface. */
const KERNEL_VIPS6 = 1_000;
/** By then all announcements of a take-over are over. */
const ANNOUNCED_MS = 9_000;
const FLOOD_PER_SECOND = 50_000;

const directory = mkdtempSync(join(tmpdir(), 'hlb-l2bench-'));
const space = new Space('l2b');
const segment = join(directory, 'segment');

interface Responder {
  readonly name: string;
  start(): Promise<ChildProcess | undefined>;
  stop(child: ChildProcess | undefined): Promise<void>;
}

function build(): void {
  execFileSync('cc', ['-O2', '-o', segment, 'test/bench/layer2/segment.c']);
  for (const name of ['answer', 'ask']) space.add(name);
  space.link('answer', 'eth0', 'ask', 'eth0');
  space.run('answer', 'ip addr add 10.99.0.1/16 dev eth0');
  space.run('answer', 'ip -6 addr add 2001:db8:99::1/48 dev eth0 nodad');
  // Answers of the kernel need a way back that it believes in.
  space.run('ask', 'ip addr add 10.99.0.2/16 dev eth0');
  space.run('ask', 'ip -6 addr add 2001:db8:99::2/48 dev eth0 nodad');
}

function mac(host: string): string {
  return /link\/ether (\S+)/.exec(space.run(host, 'ip link show eth0'))?.[1] ?? '';
}

const vip4 = (vip: number): string => `10.20.${vip >> 8}.${vip & 255}`;
const vip6 = (vip: number): string => `2001:db8:20::${vip.toString(16)}`;

function addresses(verb: 'add' | 'del'): void {
  const lines = Array.from({ length: VIPS }, (_, vip) => [
    `addr ${verb} ${vip4(vip)}/32 dev lo`,
    ...(vip < KERNEL_VIPS6 ? [`addr ${verb} ${vip6(vip)}/128 dev eth0${verb === 'add' ? ' nodad' : ''}`] : []),
  ]).flat();
  space.run('answer', ['ip', '-batch', '-'], `${lines.join('\n')}\n`);
}

const enter = (host: string, ...words: readonly string[]): string[] => ['netns', 'exec', space.ns(host), ...words];

async function herald(vips: number): Promise<ChildProcess> {
  const program = [process.execPath, 'test/support/run.mjs', 'test/bench/layer2/answers.ts'];
  const child = spawn('ip', enter('answer', ...program), { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout });
  await new Promise((done) => lines.once('line', done));
  child.stdin.write(`${vips}\n`);
  await new Promise((done) => lines.once('line', done));
  return child;
}

const RESPONDERS: readonly Responder[] = [
  {
    name: 'kernel',
    start: async () => {
      addresses('add');
      return undefined;
    },
    stop: async () => addresses('del'),
  },
  {
    name: 'C on AF_PACKET',
    start: async () => spawn('ip', enter('answer', segment, 'respond', 'eth0'), { stdio: 'inherit' }),
    stop: async (child) => void child?.kill('SIGTERM'),
  },
  {
    name: 'HeraldLB',
    start: async () => {
      const child = await herald(VIPS);
      await sleep(ANNOUNCED_MS);
      return child;
    },
    stop: async (child) => void child?.kill('SIGTERM'),
  },
];

interface Answered {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly lost: number;
}

async function run(...words: readonly string[]): Promise<string> {
  const child = spawn('ip', enter('ask', segment, ...words), { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await new Promise((done) => child.once('close', done));
  return text;
}

async function ask(family: string, window: number, vips: number): Promise<Answered> {
  return JSON.parse(await run('ask', 'eth0', family, String(vips), String(window), String(SECONDS), mac('answer'))) as Answered;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** utime + stime, in seconds. */
function cpu(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function rss(pid: number): number {
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

/** `ip netns exec` becomes the program, so the child's PID is its own. */
const pidOf = (child: ChildProcess): number => child.pid ?? 0;

async function askAll(name: string, found: Map<string, Answered[]>): Promise<void> {
  for (const [family, window] of ['4', '6'].flatMap((each) => WINDOWS.map((size) => [each, size] as const))) {
    const key = `${family} ${name} ${window}`;
    const vips = name === 'kernel' && family === '6' ? KERNEL_VIPS6 : VIPS;
    found.set(key, [...(found.get(key) ?? []), await ask(family, window, vips)]);
  }
}

async function answersTable(): Promise<void> {
  const found = new Map<string, Answered[]>();
  for (let round = 0; round < ROUNDS; round++) {
    for (const responder of RESPONDERS) {
      const child = await responder.start();
      await sleep(300);
      await askAll(responder.name, found);
      await responder.stop(child);
      await sleep(300);
    }
  }
  for (const [family, title] of [
    ['4', 'ARP'],
    ['6', 'NDP'],
  ] as const) {
    console.log(
      `\n| ${title}, ${VIPS} VIPs | p50 us, one at a time | p99 us | replies/s, window 64 | window 512 | to C | lost |\n|---|---|---|---|---|---|---|`,
    );
    const rate = (name: string, window: number): number =>
      median((found.get(`${family} ${name} ${window}`) ?? []).map(({ perSecond }) => perSecond));
    for (const { name } of RESPONDERS) {
      const single = found.get(`${family} ${name} 1`) ?? [];
      const lost = WINDOWS.flatMap((window) => found.get(`${family} ${name} ${window}`) ?? []).reduce((sum, each) => sum + each.lost, 0);
      const ratio = median([64, 512].map((window) => rate(name, window) / rate('C on AF_PACKET', window)));
      const cells = [median(single.map(({ p50 }) => p50)), median(single.map(({ p99 }) => p99)), rate(name, 64), rate(name, 512)];
      console.log(`| ${name} | ${cells.map((cell) => Math.round(cell)).join(' | ')} | ${ratio.toFixed(2)} | ${lost} |`);
    }
  }
}

async function floodTable(): Promise<void> {
  console.log(`\n| broadcasts that concern nobody | sent/s | % of a core |\n|---|---|---|`);
  const child = await herald(VIPS);
  await sleep(ANNOUNCED_MS);
  for (const kind of ['arp', 'udp']) {
    const before = cpu(pidOf(child));
    const { perSecond } = JSON.parse(await run('flood', 'eth0', kind, String(FLOOD_PER_SECOND), '5')) as { perSecond: number };
    console.log(`| ${kind} | ${perSecond} | ${(((cpu(pidOf(child)) - before) / 5) * 100).toFixed(1)} |`);
  }
  const before = cpu(pidOf(child));
  await sleep(5_000);
  console.log(`| none | 0 | ${(((cpu(pidOf(child)) - before) / 5) * 100).toFixed(1)} |`);
  child.kill('SIGTERM');
}

async function takeOver(): Promise<void> {
  const child = await herald(1);
  await sleep(ANNOUNCED_MS);
  const counter = spawn('ip', enter('ask', segment, 'count', 'eth0', String(VIPS), '10'), { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: counter.stdout });
  await new Promise((done) => lines.once('line', done));
  const last = new Promise<string>((done) => lines.once('line', done));
  child.stdin?.write(`${VIPS / 2}\n`);
  console.log(`\ntake-over of ${VIPS / 2} VIPs of IPv4 and as many of IPv6 at once, as a client sees the announcements: ${await last}`);
  await sleep(ANNOUNCED_MS);
  console.log(`peak resident memory of the process: ${rss(pidOf(child)).toFixed(0)} MB`);
  child.kill('SIGTERM');
}

try {
  build();
  await answersTable();
  await floodTable();
  await takeOver();
} finally {
  await space.dispose();
  rmSync(directory, { recursive: true, force: true });
}
process.exit(0);
