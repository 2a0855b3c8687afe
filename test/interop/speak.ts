import { createInterface } from 'node:readline';
import type { NodePlan } from '../../src/announce/plan.ts';
import { createLogger } from '../../src/host/log.ts';
import { realClock } from '../../speaker/clock.ts';
import { Deadlines } from '../../speaker/deadlines.ts';
import { Engine } from '../../speaker/engine.ts';
import { createHands } from '../../speaker/io/realHands.ts';
import { NO_RECORDER } from '../../speaker/recorder.ts';

/*
 * The speaker's engine on the real operating system, without Kubernetes: NodePlans come in as JSON lines, reports go out as
 * JSON lines. It ends when its input does, or with SIGTERM, and then says goodbye to the routers with the text it was given.
 *   node test/support/run.mjs test/interop/speak.ts PORT FAREWELL
 */
const [port = '179', farewell = 'stopped'] = process.argv.slice(2);
/** The sockets' last words leave in this time. */
const FAREWELL_MS = 300;
/** So often that a test which has seen something at the router finds it in the report as well. */
const EVERY_MS = 20;

const log = createLogger({ level: 'debug', name: 'speak', destination: { write: (line) => process.stderr.write(line) } });
const print = (): void =>
  void process.stdout.write(`${JSON.stringify({ bfdDropped: Object.fromEntries(engine.bfd.dropped()), ...engine.report() })}\n`);
const engine = new Engine(
  {
    hands: createHands(log),
    clock: realClock,
    deadlines: new Deadlines(realClock),
    random: Math.random,
    recorder: NO_RECORDER,
    log,
    changed: () => undefined,
  },
  { node: 'n1' },
);
await engine.start(Number(port));
const timer = setInterval(print, EVERY_MS);

let isEnding = false;
function end(): void {
  if (isEnding) return;
  isEnding = true;
  clearInterval(timer);
  engine.stop(farewell);
  setTimeout(() => process.exit(0), FAREWELL_MS);
}

process.on('SIGTERM', end);
// Whoever read the reports is gone.
process.stdout.on('error', end);
createInterface({ input: process.stdin })
  .on('line', (line) => engine.apply({ plan: JSON.parse(line) as NodePlan, fresh: [] }))
  .on('close', end);
print();
