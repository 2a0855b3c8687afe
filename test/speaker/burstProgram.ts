/*
 * The program of layer2Burst.net.test.ts: the wire thread of a node with a session to its peer.
 *   NODE PEER SOURCE ADDRESS MOST
 * A line of its input: `arrive COUNT` applies a plan with so many new VIPs of either family that both may own, at most MOST;
 * `report` is answered, with the longest step since `reset`.
 */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { serialize } from 'node:v8';
import { type Clock, realClock } from '../../speaker/clock.ts';
import { Deadlines } from '../../speaker/deadlines.ts';
import { Engine } from '../../speaker/engine.ts';
import { Heard } from '../../speaker/heard.ts';
import { createHands } from '../../speaker/io/realHands.ts';
import { goFirst } from '../../speaker/priority.ts';
import { NO_RECORDER } from '../../speaker/recorder.ts';
import type { HeardReport } from '../../speaker/report.ts';
import { warmUp } from '../../speaker/warmUp.ts';
import { createLogger } from '../../src/host/log.ts';
import { RankCache } from '../../src/layer2/elector.ts';
import type { Ip } from '../../src/net/ip.ts';

const [node = '', peer = '', source = '', address = '', most = '0'] = process.argv.slice(2);
const REPORT_MS = 50;
const vip4 = (vip: number): Ip => `10.20.${vip >> 8}.${vip & 255}` as Ip;
const vip6 = (vip: number): Ip => `2001:db8:20::${(vip + 1).toString(16)}` as Ip;

/** Of the longest step, CPU time of this process: what others take of the machine counts for nothing. */
let [longestMs, longest] = [0, ''];
function timed<T>(name: string, run: () => T): T {
  const before = process.cpuUsage();
  const result = run();
  const { user, system } = process.cpuUsage(before);
  const ms = (user + system) / 1000;
  if (ms > longestMs) [longestMs, longest] = [ms, name];
  return result;
}

/** What this thread itself, without the collector's and the compiler's, has had of a processor: the first field, in ns. */
const ownMs = (): number => Number.parseInt(readFileSync('/proc/self/schedstat', 'utf8'), 10) / 1e6;

/** Of a time that was long this thread spent less: it waited for a processor, or for helpers of its own that did. */
const TICK_MS = 20;
const STARVED_MS = 80;
let starved = 0;
let last = { at: performance.now(), ownMs: ownMs() };
setInterval(() => {
  const now = { at: performance.now(), ownMs: ownMs() };
  if (now.at - last.at - (now.ownMs - last.ownMs) > STARVED_MS) starved += 1;
  last = now;
}, TICK_MS);
const clock: Clock = { now: realClock.now, wake: (delayMs, run) => realClock.wake(delayMs, () => timed('timer', run)) };
const log = createLogger({ level: 'warn', name: node, destination: { write: (line) => process.stderr.write(line) } });
let reporting: NodeJS.Timeout | undefined;
const heard = new Heard();
let latest: HeardReport | undefined;
/** What the worker is sent, as in the product, and what it makes of it. */
function tellWorker(): void {
  const news = engine.news(latest === undefined);
  serialize(news);
  latest = heard.hear(news);
}
const changed = (): void => {
  reporting ??= setTimeout(() => {
    reporting = undefined;
    timed('report', tellWorker);
  }, REPORT_MS);
};
const parts = { hands: createHands(log), clock, deadlines: new Deadlines(clock), random: Math.random, recorder: NO_RECORDER, log, changed };
const engine: Engine = new Engine(parts, { node, failback: { kind: 'immediate' } });
goFirst();
warmUp();
await engine.start(0);
const cache = new RankCache();
let generation = 0;

const nodes = [node, peer].toSorted();
// Made before there is a session: in the product it is the worker's work.
const all = Array.from({ length: Number(most) }, (_, vip) => [vip4(vip), vip6(vip)]).flat();
const allRanks = new Float64Array(all.flatMap((vip) => [...cache.ranks(nodes, vip)]));

function arrive(count: number): void {
  const vips = all.slice(0, 2 * count);
  const contests = [{ policy: 'balanced' as const, nodes, weights: [0, 0], tiers: [0, 0], vips, ranks: allRanks.slice(0, 4 * count) }];
  const peers = [{ node: peer, address: address as Ip, source: source as Ip, ready: true }];
  const layer2 = { candidacies: vips.map((ip) => ({ ip })), groups: vips, contests, peers };
  generation += 1;
  const message = { plan: { generation, node, peers: [], claims: [], layer2 }, fresh: vips };
  timed('plan', () => engine.apply(message));
}

function report(): void {
  if (latest === undefined) tellWorker();
  const [session] = engine.ownership.mesh.report();
  let claimed = 0;
  for (const { phase } of latest?.claims.values() ?? []) if (phase === 'claimed') claimed += 1;
  const said = {
    state: session?.state,
    downs: session?.counters.timesDown,
    stalls: engine.ownership.pulse.stalls,
    claimed,
    announced: [...engine.layer2.counters.announcements].length,
    longestMs,
    longest,
    starved,
  };
  process.stdout.write(`${JSON.stringify(said)}\n`);
}

arrive(0);
createInterface({ input: process.stdin })
  .on('line', (line) => {
    const [word, count] = line.split(' ');
    if (word === 'arrive') arrive(Number(count));
    else if (word === 'reset') [longestMs, longest, starved] = [0, '', 0];
    else report();
  })
  .on('close', () => process.exit(0));
