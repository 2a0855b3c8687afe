import { spawn } from 'node:child_process';
import { availableParallelism, setPriority } from 'node:os';
import { resolve } from 'node:path';
import { fuzzBfd } from './bfdFuzz.ts';
import { type Tally, createTally, fuzzBgp } from './bgpFuzz.ts';
import { Random } from './random.ts';

/*
 * As many mutated messages as are asked for, through the decoders and the whole machines.
 *   node --expose-gc test/support/run.mjs test/fuzz/main.ts COUNT SEED WORKERS
 * Every worker prints its seed. A failure prints the seed of its session: run with COUNT 1 and that seed to see it again.
 */
const [count = '1000000', seed = String(Date.now() % 1_000_000_000), workers = String(availableParallelism())] = process.argv.slice(2);
const ROOT = resolve(import.meta.dirname, process.env['HERALDLB_ROOT'] ?? '../..');
/** One session in so many is of BFD. */
const BFD_EVERY = 6;
const GROWTH_BYTES = 24_000_000;
const SAY_EVERY = 250_000;

function heap(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

function say(seed: number, started: number, tally: Tally, grownBytes: number): void {
  const seconds = Math.round((performance.now() - started) / 1000);
  console.log(JSON.stringify({ seed, seconds, grownBytes, ...tally }));
}

function work(most: number, first: number): void {
  setPriority(19);
  const tally = createTally();
  const started = performance.now();
  let settled: number | undefined;
  let said = 0;
  for (let session = 0; tally.messages + tally.decoded < most; session++) {
    const own = first + session * 7919;
    try {
      (session % BFD_EVERY === 0 ? fuzzBfd : fuzzBgp)(new Random(own), tally);
    } catch (error) {
      console.error(`FAILED with seed ${own}, ${session % BFD_EVERY === 0 ? 'BFD' : 'BGP'}`);
      throw error;
    }
    if (tally.messages + tally.decoded > said + SAY_EVERY) {
      said = tally.messages + tally.decoded;
      say(first, started, tally, 0);
    }
    if (settled === undefined && tally.messages + tally.decoded > most / 10) settled = heap();
  }
  const grownBytes = heap() - (settled ?? 0);
  say(first, started, tally, grownBytes);
  if (grownBytes > GROWTH_BYTES) throw new Error(`the heap has grown by ${grownBytes} bytes`);
}

async function parallel(): Promise<void> {
  const each = Math.ceil(Number(count) / Number(workers));
  console.log(`${count} messages, seed ${seed}, ${workers} workers`);
  const ends = Array.from({ length: Number(workers) }, (_, i) => {
    const own = String(Number(seed) + i * 104_729);
    const program = ['--expose-gc', 'test/support/run.mjs', 'test/fuzz/main.ts', String(each), own, '1'];
    const child = spawn(process.execPath, program, { cwd: ROOT, stdio: 'inherit' });
    return new Promise<number>((done) => {
      child.once('exit', (code) => done(code ?? 1));
    });
  });
  if ((await Promise.all(ends)).some((code) => code !== 0)) process.exitCode = 1;
}

if (workers === '1') work(Number(count), Number(seed));
else await parallel();
