import { createInterface } from 'node:readline';
import { realClock } from '../../../speaker/clock.ts';
import { Deadlines } from '../../../speaker/deadlines.ts';
import { Engine } from '../../../speaker/engine.ts';
import { createHands } from '../../../speaker/io/realHands.ts';
import { goFirst } from '../../../speaker/priority.ts';
import { NO_RECORDER } from '../../../speaker/recorder.ts';
import { warmUp } from '../../../speaker/warmUp.ts';
import { createLogger } from '../../../src/host/log.ts';
import { ip } from '../../announce/support.ts';

/*
 * The wire thread of a speaker with nothing but layer 2. Each line of the input is a number: so many VIPs of either family are its own
 * from then on.
 */
const log = createLogger({ level: 'warn', name: 'bench', destination: { write: (line) => process.stderr.write(line) } });
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
  { node: 'bench' },
);
warmUp();
if (process.argv.includes('--first')) goFirst();
await engine.start(0);

let generation = 0;
createInterface({ input: process.stdin })
  .on('line', (line) => {
    const claims = Array.from({ length: Number(line) }, (_, vip) => [
      { ip: ip(`10.20.${vip >> 8}.${vip & 255}`) },
      { ip: ip(`2001:db8:20::${vip.toString(16)}`) },
    ]).flat();
    generation += 1;
    engine.apply({ plan: { generation, node: 'bench', peers: [], claims }, fresh: [] });
    process.stdout.write('applied\n');
  })
  .on('close', () => process.exit(0));
process.stdout.write('ready\n');
