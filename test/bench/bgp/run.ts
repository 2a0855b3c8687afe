import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Space } from '../../lab/space.ts';
import { sleep, until } from '../../support/until.ts';
import { Recording, type Seen } from './capture.ts';
import { type Receiver, startReceiver } from './receiver.ts';
import { RECEIVER, SENDER } from './routes.ts';
import { type Running, SENDERS, type Sender, wallMs } from './senders.ts';
import { markdownTable, spread } from './table.ts';

/*
 * The speed of announcing, one sender beside the other: same machine, same receiver (BIRD), two namespaces and a veth pair, the
 * senders taking turns. As root:
 *   node test/support/run.mjs test/bench/bgp/run.ts [--sizes 1000,10000,100000] [--runs 3] [--senders floor,HeraldLB,BIRD] [--tables first,inject,one] [--alone]
 */
const { values } = parseArgs({
  options: {
    sizes: { type: 'string', default: '1000,10000,100000' },
    runs: { type: 'string', default: '3' },
    senders: { type: 'string' },
    tables: { type: 'string', default: 'first,inject,one' },
    trials: { type: 'string', default: '200' },
    alone: { type: 'boolean', default: false },
  },
});
const sizes = values.sizes.split(',').map(Number);
const runs = Number(values.runs);
const names = values.senders?.split(',');
const senders = SENDERS.filter(({ name }) => names === undefined || names.some((each) => name.startsWith(each)));
const tables = values.tables.split(',');

interface Result {
  readonly firstMs: number;
  readonly lastMs: number;
  readonly allMs: number;
  /** The same, from the first message on the new connection. */
  readonly wholeMs?: number;
  readonly updates: number;
  readonly bytes: number;
  readonly cpuMs: number;
  readonly rssMb: number;
}

/** So many stand while one more is announced. */
const BASE = 10_000;

const directory = mkdtempSync(join(tmpdir(), 'hlb-bench-'));
const space = new Space('bb');
let turn = 0;

try {
  execFileSync('chmod', ['755', directory]);
  for (const name of ['snd', 'rcv']) space.add(name);
  space.link('snd', 'eth0', 'rcv', 'eth0');
  space.run('snd', `ip addr add ${SENDER.ip}/24 dev eth0`);
  space.run('rcv', `ip addr add ${RECEIVER.ip}/24 dev eth0`);
  if (tables.includes('first')) await manyTable('Routes loaded first, then the session comes up (ms from Established)', firstTable);
  if (tables.includes('inject')) await manyTable('The same number announced while Established (ms from the command)', injected);
  if (tables.includes('one')) await oneTable();
} finally {
  await space.dispose();
  rmSync(directory, { recursive: true, force: true });
}

/** Every sender once, then every sender again: what the machine does meanwhile hits all alike. */
async function manyTable(title: string, measure: (sender: Sender, size: number) => Promise<Result | undefined>): Promise<void> {
  console.log(`\n### ${title}\n`);
  for (const size of sizes) {
    const results = new Map<Sender, Result[]>(senders.map((sender) => [sender, []]));
    for (let run = 0; run < runs; run++) {
      for (const [sender, list] of results) {
        const what = `${sender.name}, ${size} routes`;
        const found = await attempt(what, () => measure(sender, size));
        console.error(`${what}: ${found.map(({ allMs }) => allMs.toFixed(1)).join()} ms`);
        list.push(...found);
      }
    }
    const floor = spread(([...results][0]?.[1] ?? []).map(({ allMs }) => allMs)).median;
    const rows = [...results].filter(([, list]) => list.length > 0).map(([sender, list]) => row(sender, list, floor));
    const head = [
      'sender',
      'x floor',
      'all held',
      'from the first OPEN',
      'first UPDATE',
      'last UPDATE',
      'UPDATEs',
      'bytes',
      'CPU ms',
      'peak RSS MB',
    ];
    console.log(`${size} routes, n = ${runs}: median (lowest to highest)\n\n${markdownTable(head, rows)}\n`);
  }
}

/** One sender that cannot do it does not end the run. */
async function attempt<T>(what: string, measure: () => Promise<T | undefined>): Promise<T[]> {
  try {
    const found = await measure();
    return found === undefined ? [] : [found];
  } catch (error) {
    console.error(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    return [];
  }
}

function row(sender: Sender, list: readonly Result[], floor: number): string[] {
  const of = (pick: (result: Result) => number, digits = 0): string => spread(list.map(pick)).text(digits);
  const ratio = (spread(list.map(({ allMs }) => allMs)).median / floor).toFixed(2);
  const whole = list.every(({ wholeMs }) => wholeMs !== undefined) ? of(({ wholeMs = NaN }) => wholeMs, 1) : '';
  const times = [of(({ allMs }) => allMs, 1), whole, of(({ firstMs }) => firstMs, 1), of(({ lastMs }) => lastMs, 1)];
  return [sender.name, ratio, ...times, of((r) => r.updates), of((r) => r.bytes), of((r) => r.cpuMs), of((r) => r.rssMb)];
}

interface Session {
  readonly running: Running;
  readonly receiver: Receiver;
  readonly recording: Recording;
}

async function withSession<T>(sender: Sender, loaded: number, use: (session: Session) => Promise<T>): Promise<T> {
  const home = join(directory, `run-${++turn}`);
  execFileSync('mkdir', ['-m', '755', home]);
  const receiver = await startReceiver(space, 'rcv', home);
  let running: Running | undefined;
  try {
    running = await sender.start({ space, host: 'snd', directory: home }, loaded);
    await sleep(500);
    if (values.alone) goFirst();
    const recording = await Recording.start(space, 'rcv', home);
    return await use({ running, receiver, recording });
  } finally {
    await running?.stop();
    await receiver.stop();
    await leave();
  }
}

/** All threads of both ends go before what else the machine does: each stands for a machine of its own. */
function goFirst(): void {
  for (const pid of ['snd', 'rcv'].flatMap((host) => pids(host))) execFileSync('chrt', ['-a', '-r', '-p', '1', String(pid)]);
}

/** Nothing of a sender may still listen when the next one begins. */
async function leave(): Promise<void> {
  for (const pid of pids()) process.kill(pid, 'SIGKILL');
  await until('the namespace to be empty', () => pids().length === 0, 10_000, 20);
}

function pids(host = 'snd'): number[] {
  return execFileSync('ip', ['netns', 'pids', space.ns(host)], { encoding: 'utf8' })
    .split('\n')
    .filter(Boolean)
    .map(Number);
}

async function firstTable(sender: Sender, size: number): Promise<Result | undefined> {
  if (size > (sender.most?.loaded ?? Infinity)) return undefined;
  return withSession(sender, size, async ({ receiver, recording }) => {
    const before = cpuMs();
    await receiver.enable();
    const allAt = await holds(receiver, size);
    const cpu = cpuMs() - before;
    const rssMb = peakRss();
    const seen = await recording.stop();
    const established = seen.find(({ from, type }) => from === 'receiver' && type === 4);
    return { ...result(seen, established?.atMs ?? NaN, allAt, cpu, rssMb), wholeMs: allAt - (seen[0]?.atMs ?? NaN) };
  });
}

async function injected(sender: Sender, size: number): Promise<Result | undefined> {
  if (size > (sender.most?.injected ?? Infinity)) return undefined;
  return withSession(sender, 0, async ({ running, receiver, recording }) => {
    if (running.inject === undefined) return undefined;
    await receiver.enable();
    await until('the session', () => receiver.established(), 60_000, 20);
    await running.prepare?.(size);
    await sleep(3500);
    const before = cpuMs();
    const startMs = wallMs();
    const [allAt] = await Promise.all([holds(receiver, size), running.inject(size)]);
    const cpu = cpuMs() - before;
    const rssMb = peakRss();
    const seen = await recording.stop();
    return result(
      seen.filter(({ atMs }) => atMs >= startMs),
      startMs,
      allAt,
      cpu,
      rssMb,
    );
  });
}

/** @returns when the receiver said that it has all of them */
async function holds(receiver: Receiver, size: number): Promise<number> {
  const start = performance.now();
  for (;;) {
    if ((await receiver.held()) >= size) return wallMs();
    if (performance.now() - start > 180_000) throw new Error(`the receiver has ${await receiver.held()} of ${size} routes after 3 minutes`);
    // Between two questions the answer is late; more of them would keep the receiver from its work.
    await sleep(1);
  }
}

function result(seen: readonly Seen[], startMs: number, allAtMs: number, cpu: number, rssMb: number): Result {
  const updates = seen.filter(({ from, isUpdate }) => from === 'sender' && isUpdate);
  return {
    firstMs: (updates[0]?.atMs ?? NaN) - startMs,
    lastMs: (updates.at(-1)?.atMs ?? NaN) - startMs,
    allMs: allAtMs - startMs,
    updates: updates.length,
    bytes: updates.reduce((sum, { length }) => sum + length, 0),
    cpuMs: cpu,
    rssMb,
  };
}

/** Of all processes of the sender. A tick of the kernel is 10 ms. */
function cpuMs(): number {
  return pids().reduce((sum, pid) => {
    const fields = procFile(pid, 'stat').split(') ')[1]?.split(' ') ?? [];
    return sum + (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * 10;
  }, 0);
}

function peakRss(): number {
  return pids().reduce((sum, pid) => sum + Number(/VmHWM:\s+(\d+)/.exec(procFile(pid, 'status'))?.[1] ?? 0) / 1024, 0);
}

function procFile(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}

/** 10,000 routes stand; one more is asked for, again and again, and looked for on the wire. */
async function oneTable(): Promise<void> {
  const rows: string[][] = [];
  for (const churn of [0, 500]) {
    // Churn is the cluster's, which only HeraldLB watches.
    for (const sender of senders.filter(({ name }) => churn === 0 || name === 'HeraldLB'))
      rows.push(...(await attempt(`${sender.name}, one route`, () => oneRow(sender, churn))));
  }
  console.log('\n### One VIP more while 10,000 are announced (ms from the change, or the command, to the UPDATE on the wire)\n');
  console.log(markdownTable(['sender', 'p50', 'p99', 'highest', 'trials'], rows));
}

async function oneRow(sender: Sender, churn: number): Promise<string[] | undefined> {
  return withSession(sender, BASE, async ({ running, receiver, recording }) => {
    if (running.one === undefined) return undefined;
    await receiver.enable();
    await holds(receiver, BASE);
    await sleep(3500);
    await running.churn?.(churn);
    const trials = sender.name === 'HeraldLB' ? Number(values.trials) : 30;
    const asked: { readonly id: number; readonly atMs: number }[] = [];
    for (let trial = 0; trial < trials; trial++) {
      const id = BASE + trial;
      asked.push({ id, atMs: await running.one(id) });
      await sleep(20 + (trial % 17));
    }
    await until('the last one', async () => (await receiver.held()) >= BASE + trials, 20_000);
    const seen = await recording.stop();
    const delays = asked.map(({ id, atMs }) => arrival(seen, id) - atMs).toSorted((a, b) => a - b);
    const at = (share: number): string => (delays[Math.min(delays.length - 1, Math.floor(delays.length * share))] ?? NaN).toFixed(1);
    return [churn > 0 ? `${sender.name}, ${churn} changes of endpoints/s` : sender.name, at(0.5), at(0.99), at(1), String(trials)];
  });
}

/** When the host route was on the wire. */
function arrival(seen: readonly Seen[], id: number): number {
  const nlri = Buffer.from([32, 10, 100 + (id >> 16), (id >> 8) & 255, id & 255]);
  // What comes later than the first table has it in an UPDATE of few prefixes, and so at its end.
  return seen.find(({ isUpdate, length, bytes }) => isUpdate && length < 1000 && bytes.includes(nlri))?.atMs ?? NaN;
}
