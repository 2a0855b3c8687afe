import { chaos } from '../../sim/chaos.ts';

// Many histories of the simulator, or one with its story:
//   node test/support/run.mjs test/bench/layer2/chaos.ts FIRST_SEED COUNT [SECONDS] [ACT,...|all] [wide]

const from = Number(process.argv[2] ?? 1);
const count = Number(process.argv[3] ?? 1);
const durationMs = Number(process.argv[4] ?? 60) * 1000;
const acts = process.argv[5] === 'all' ? undefined : process.argv[5]?.split(',');
const isWide = process.argv[6] === 'wide';
const LOUD = { double: 250, heal: 400, lossy: 700, dark: 600 };
const KINDS = ['double', 'heal', 'lossy', 'dark'] as const;
const found = { double: [] as number[], heal: [] as number[], lossy: [] as number[], dark: [] as number[] };
const start = performance.now();
for (let seed = from; seed < from + count; seed++) {
  const verdict = chaos(seed, { durationMs, isVerbose: count === 1, isWide, ...(acts === undefined ? {} : { acts }) });
  for (const kind of KINDS) found[kind].push(verdict[kind]);
  const isLoud = KINDS.some((kind) => verdict[kind] > LOUD[kind]) || verdict.story.at(-1)?.endsWith('in the end') === true;
  if (count > 1 && !isLoud) continue;
  console.log(`seed ${seed}: ${KINDS.map((kind) => `${kind} ${verdict[kind]}`).join(', ')}`);
  if (count <= 3) console.log(verdict.story.join('\n'));
}
for (const kind of KINDS) {
  const sorted = found[kind].toSorted((a, b) => a - b);
  const at = (part: number): number | undefined => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
  console.log(`${kind.padEnd(8)} p50 ${at(0.5)}  p90 ${at(0.9)}  p99 ${at(0.99)}  worst ${at(1)}`);
}
console.log(`${count} histories of ${durationMs / 1000} s, ${Math.round((performance.now() - start) / count)} ms each`);
