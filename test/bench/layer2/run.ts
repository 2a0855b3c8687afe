import { type ChildProcess } from 'node:child_process';
import { parseArgs } from 'node:util';
import { sleep } from '../../support/until.ts';
import { AnswerLab, type Answered, type Family, type Kind, cpuSeconds, peakMegabytes, settled } from './answerLab.ts';

/*
 * How quickly questions for VIPs are answered, by the kernel, by C on AF_PACKET and by HeraldLB, in turns in one run; what a flood of broadcasts
 * that concern nobody costs; and how long it takes to announce all VIPs of a node. Both sides run in real time, as the speaker does, but with
 * `--ordinary`. As root:
 *   node test/support/run.mjs test/bench/layer2/run.ts [ROUNDS] [VIPS] [--windows 1,64] [--families 4,6] [--seconds 1] [--parts answers,flood,takeOver]
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    windows: { type: 'string', default: '1,16,64,256,512' },
    families: { type: 'string', default: '4,6' },
    seconds: { type: 'string', default: '1' },
    parts: { type: 'string', default: 'answers,flood,takeOver' },
    flags: { type: 'string', default: '' },
    ordinary: { type: 'boolean', default: false },
  },
});
const ROUNDS = Number(positionals[0] ?? 7);
const VIPS = Number(positionals[1] ?? 10_000);
const WINDOWS = values.windows.split(',').map(Number);
const FAMILIES = values.families.split(',') as Family[];
const SECONDS = Number(values.seconds);
const FLAGS = values.flags.split(' ').filter(Boolean);
/** By then all announcements of a take-over are over. */
const ANNOUNCED_MS = 9_000;
const FLOOD_PER_SECOND = 50_000;
const KINDS: readonly Kind[] = ['kernel', 'c', 'herald'];
const NAMES = { kernel: 'kernel', c: 'C on AF_PACKET', herald: 'HeraldLB' };

interface Measured extends Answered {
  /** Processor time of the responder; the kernel's own cannot be told apart. */
  readonly cpuUs: number;
}

/** By round. */
type Cells = Map<string, Measured[]>;
const cellOf = (kind: Kind, family: Family, window: number): string => `${kind} ${family} ${window}`;

async function measure(lab: AnswerLab, responder: ChildProcess | undefined, kind: Kind, family: Family, window: number): Promise<Measured> {
  const before = responder === undefined ? Number.NaN : cpuSeconds(responder);
  const answered = await lab.ask(kind, family, window, SECONDS);
  const spent = responder === undefined ? Number.NaN : cpuSeconds(responder) - before;
  return { ...answered, cpuUs: (spent * 1e6) / answered.replies };
}

/** In each round each is asked once for each window, one right after the other, and another one begins each time. */
async function askInTurns(lab: AnswerLab, responders: ReadonlyMap<Kind, ChildProcess>): Promise<Cells> {
  const cells: Cells = new Map();
  for (let round = 0; round < ROUNDS; round++) {
    for (const [family, window] of FAMILIES.flatMap((each) => WINDOWS.map((size) => [each, size] as const))) {
      const turn = KINDS.map((_, at) => KINDS[(at + round) % KINDS.length] ?? 'c');
      for (const kind of turn) {
        const key = cellOf(kind, family, window);
        cells.set(key, [...(cells.get(key) ?? []), await measure(lab, responders.get(kind), kind, family, window)]);
      }
    }
  }
  return cells;
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

const thousands = (number: number): string => Math.round(number).toLocaleString('en');
const spread = (ratios: readonly number[]): string =>
  `${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)})`;

function printTable(cells: Cells, family: Family): void {
  console.log(
    `\n| ${family === '4' ? 'ARP' : 'NDP'}, under way | ${KINDS.map((kind) => `${NAMES[kind]}, replies/s`).join(' | ')} | HeraldLB to C, by round | CPU us a reply, C | HeraldLB | CPU, HeraldLB to C | p50 us, ${KINDS.map((kind) => NAMES[kind]).join(' / ')} | p99 us | lost |`,
  );
  console.log('|---|---|---|---|---|---|---|---|---|---|---|');
  for (const window of WINDOWS) {
    const of = (kind: Kind): readonly Measured[] => cells.get(cellOf(kind, family, window)) ?? [];
    const ratios = (value: (measured: Measured) => number): number[] =>
      of('herald').map((ours, round) => value(ours) / value(of('c')[round] ?? ours));
    const cpu = (kind: Kind): string => median(of(kind).map(({ cpuUs }) => cpuUs)).toFixed(2);
    const row = [
      window,
      ...KINDS.map((kind) => thousands(median(of(kind).map(({ perSecond }) => perSecond)))),
      spread(ratios(({ perSecond }) => perSecond)),
      cpu('c'),
      cpu('herald'),
      spread(ratios(({ cpuUs }) => cpuUs)),
      KINDS.map((kind) => median(of(kind).map(({ p50 }) => p50))).join(' / '),
      KINDS.map((kind) => median(of(kind).map(({ p99 }) => p99))).join(' / '),
      KINDS.map((kind) => of(kind).reduce((sum, { lost }) => sum + lost, 0)).join(' / '),
    ];
    console.log(`| ${row.join(' | ')} |`);
  }
}

async function answersTable(): Promise<void> {
  const lab = new AnswerLab(VIPS, !values.ordinary);
  try {
    for (const kind of KINDS) lab.link(kind);
    lab.addKernelAddresses();
    const herald = await lab.startHerald('herald', VIPS, FLAGS);
    await sleep(ANNOUNCED_MS);
    await settled(herald);
    const responders = new Map([['c', lab.startC()] as const, ['herald', herald] as const]);
    const cells = await askInTurns(lab, responders);
    for (const family of FAMILIES) printTable(cells, family);
  } finally {
    await lab.dispose();
  }
}

async function floodTable(): Promise<void> {
  console.log(`\n| broadcasts that concern nobody | sent/s | % of a core |\n|---|---|---|`);
  const lab = new AnswerLab(VIPS, !values.ordinary);
  try {
    lab.link('flood');
    const child = await lab.startHerald('flood', VIPS);
    await sleep(ANNOUNCED_MS);
    await settled(child);
    // What the process does by itself is over after the first.
    for (const what of ['none', 'arp', 'udp']) {
      const before = cpuSeconds(child);
      const perSecond = what === 'none' ? 0 : await lab.flood('flood', what, FLOOD_PER_SECOND, 5);
      if (what === 'none') await sleep(5_000);
      console.log(`| ${what} | ${perSecond} | ${(((cpuSeconds(child) - before) / 5) * 100).toFixed(1)} |`);
    }
  } finally {
    await lab.dispose();
  }
}

async function takeOver(): Promise<void> {
  const lab = new AnswerLab(VIPS, !values.ordinary);
  try {
    lab.link('claim');
    const child = await lab.startHerald('claim', 1);
    await sleep(ANNOUNCED_MS);
    const { heard } = await lab.count('claim', VIPS * 2, 10);
    child.stdin?.write(`${VIPS}\n`);
    console.log(`\ntake-over of ${VIPS} VIPs of IPv4 and as many of IPv6 at once, as a client sees the announcements: ${await heard}`);
    await sleep(ANNOUNCED_MS);
    console.log(`peak resident memory of the process: ${peakMegabytes(child).toFixed(0)} MB`);
  } finally {
    await lab.dispose();
  }
}

const PARTS: Readonly<Record<string, () => Promise<void>>> = { answers: answersTable, flood: floodTable, takeOver };
for (const part of values.parts.split(',')) await PARTS[part]?.();
process.exit(0);
