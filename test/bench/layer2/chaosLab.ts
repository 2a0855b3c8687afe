import { writeFileSync } from 'node:fs';
import { DRAIN_LABEL } from '../../../src/announce/drain.ts';
import { ArpWatch, type Span } from '../../lab/arpWatch.ts';
import { SegmentLab } from '../../lab/segment.ts';
import { type LogEntry, speakerLogs } from '../../lab/speakerLog.ts';
import { randomOf } from '../../sim/speakers.ts';
import { sleep } from '../../support/until.ts';

/*
 * Real speakers on one segment, killed, ended, stopped, cut off, flapped and drained at random, with an API server that comes and
 * goes, while a client asks for every VIP 50 times a second and reads on the wire who answers:
 *   node test/support/run.mjs test/bench/layer2/chaosLab.ts [SECONDS] [SEED] [TRACE]
 * What is too long is printed with all that the speakers have logged and that was done to them meanwhile; TRACE is a file for the whole story.
 */
const SECONDS = Number(process.argv[2] ?? 300);
const SEED = Number(process.argv[3] ?? 1);
const TRACE = process.argv[4];
const DETECTION_MS = 300;
/** The detection time (three packets of 100 ms), and what the slack of the checker, a busy machine and the last packet add. */
const DOUBLE_MS = 500;
/** Parts that are joined again converge within a second. */
const HEAL_MS = 1000;
/** A silence that is to be explained. */
const DARK_MS = 600;
/** So long before it is looked for what led to it. */
const BEFORE_MS = 700;
/** What the side of Kubernetes says while there is no API server. */
const NOISE = /^(watch|listed|failed; trying)/;
const AFTER_MS = 100;
const VIPS = ['10.10.0.200', '10.10.0.201', '10.10.0.202'];

const random = randomOf(SEED);
const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
const start = Date.now();
/** What was done to the speakers. */
const deeds: LogEntry[] = [];
const tell = (what: string): void => {
  deeds.push({ at: Date.now(), node: '-', text: what });
  console.log(`${String(Date.now() - start).padStart(7)} ${what}`);
};

/** When a node was joined to the others again. */
const heals: number[] = [];

function heal(lab: SegmentLab, node: string): void {
  heals.push(Date.now());
  lab.heal(node);
}

function isHealing({ from, who }: Span): boolean {
  return who.length > 0 && heals.some((at) => at <= from + 50 && from - at < HEAL_MS);
}

/** A double answer of more than is allowed. */
function isLong(span: Span): boolean {
  return span.to - span.from > (isHealing(span) ? HEAL_MS : DOUBLE_MS);
}

/** One of longer than the detection time, whatever is allowed. */
function isRemarkable({ from, to }: Span): boolean {
  return to - from > DETECTION_MS;
}

type Act = (lab: SegmentLab, node: string) => Promise<void>;

async function restart(lab: SegmentLab, node: string, signal: NodeJS.Signals): Promise<void> {
  const gone = new Promise<void>((resolve) => {
    lab.speakers.get(node)?.once('exit', () => resolve());
  });
  lab.kill(node, signal);
  await gone;
  await sleep(random() * 6000);
  lab.startSpeaker(node);
  await sleep(4000);
}

/** Each leaves all as it was. */
const ACTS: Readonly<Record<string, Act>> = {
  kill: (lab, node) => restart(lab, node, 'SIGKILL'),
  end: (lab, node) => restart(lab, node, 'SIGTERM'),
  freeze: async (lab, node) => {
    lab.kill(node, 'SIGSTOP');
    await sleep(pick([100, 280, 320, 500, 2000]) * (0.5 + random()));
    lab.kill(node, 'SIGCONT');
  },
  cut: async (lab, node) => {
    lab.cut(node);
    await sleep(pick([150, 300, 400, 1500, 5000]) * (0.5 + random()));
    heal(lab, node);
  },
  flap: async (lab, node) => {
    for (let times = 0; times < 5; times++) {
      lab.cut(node);
      await sleep(random() * 400);
      heal(lab, node);
      await sleep(random() * 400);
    }
  },
  drain: async (lab, node) => {
    const label = (value: string | null): Promise<unknown> =>
      lab.client.patch({ apiVersion: 'v1', kind: 'Node', name: node }, { metadata: { labels: { [DRAIN_LABEL]: value } } });
    await label('');
    await sleep(1000 + random() * 4000);
    await label(null);
  },
  'no API server': async (lab) => {
    lab.door.shut();
    await sleep(2000 + random() * 10_000);
    lab.door.reopen();
  },
};

/** Acts overlap, but one node at least is always left in peace. */
async function rage(lab: SegmentLab): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  const busy = new Map<string, Promise<void>>();
  const end = Date.now() + SECONDS * 1000;
  while (Date.now() < end) {
    await sleep(random() < 0.3 ? random() * 400 : 500 + random() * 3000);
    const name = pick(Object.keys(ACTS));
    const node = name === 'no API server' ? name : pick(lab.nodes);
    if (busy.has(node) || (node !== name && lab.nodes.filter((each) => busy.has(each)).length > lab.nodes.length - 2)) continue;
    tell(`${name}: ${node}`);
    counts.set(name, (counts.get(name) ?? 0) + 1);
    busy.set(
      node,
      (ACTS[name] as Act)(lab, node).finally(() => {
        tell(`${name}: ${node} over`);
        busy.delete(node);
      }),
    );
  }
  await Promise.all(busy.values());
  return counts;
}

function storyOf(lab: SegmentLab): LogEntry[] {
  return [...deeds, ...speakerLogs(lab.directory, lab.nodes)].toSorted((a, b) => a.at - b.at);
}

const lineOf = ({ at, node, text }: LogEntry): string => `${String(Math.round(at - start)).padStart(7)} ${node.padEnd(7)} ${text}`;

function explain({ vip, from, to, who }: Span, story: readonly LogEntry[]): void {
  console.log(`\n${vip}: ${who.length === 0 ? 'nobody' : who.join(', ')} for ${Math.round(to - from)} ms`);
  const concerns = (text: string): boolean => !NOISE.test(text) && (!/"ip":/.test(text) || text.includes(`"${vip}"`));
  const led = story.filter(({ at, text }) => at > from - BEFORE_MS && at < to + AFTER_MS && concerns(text));
  const marks = [
    { at: from, node: '-', text: 'IT BEGINS' },
    { at: to, node: '-', text: 'IT ENDS' },
  ];
  console.log(
    [...led, ...marks]
      .toSorted((a, b) => a.at - b.at)
      .map(lineOf)
      .join('\n'),
  );
}

function show(name: string, spans: readonly Span[]): void {
  const lengths = spans.map(({ from, to }) => to - from).toSorted((a, b) => a - b);
  const at = (part: number): number => Math.round(lengths[Math.min(lengths.length - 1, Math.floor(lengths.length * part))] ?? 0);
  console.log(`${name.padEnd(24)} ${lengths.length} times  p50 ${at(0.5)} ms  p90 ${at(0.9)} ms  worst ${at(1)} ms`);
}

const lab = await SegmentLab.start({ tag: 'l2c', nodes: 4, vips: VIPS, flags: ['--l2-failback-seconds', '2', '--log-level', 'debug'] });
try {
  lab.startSpeakers();
  await lab.settled();
  const watch = new ArpWatch(lab);
  const counts = await rage(lab);
  await sleep(5000);
  await lab.settled();
  await watch.stop();
  const story = storyOf(lab);
  if (TRACE !== undefined) writeFileSync(TRACE, `${story.map(lineOf).join('\n')}\n`);
  const long = [...watch.doubles.filter(isRemarkable), ...watch.darks.filter(({ from, to }) => to - from > DARK_MS)];
  for (const span of long) explain(span, story);
  console.log(
    `seed ${SEED}, ${SECONDS} s, ${watch.questions} questions, ${[...counts].map(([name, count]) => `${name} ${count}`).join(', ')}`,
  );
  show('two answered', watch.doubles);
  show('  when joined again', watch.doubles.filter(isHealing));
  show(
    '  at other times',
    watch.doubles.filter((span) => !isHealing(span)),
  );
  show('nobody, over 100 ms', watch.darks);
  for (const vip of VIPS) if (lab.owner(vip) === undefined) throw new Error(`${vip} has no owner in the end`);
  if (watch.doubles.some(isLong)) process.exitCode = 1;
} finally {
  await lab.close();
}
