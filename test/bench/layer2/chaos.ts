import { chaos } from '../../sim/chaos.ts';

// Many histories of the simulator, or one with its story:
//   node test/support/run.mjs test/bench/layer2/chaos.ts FIRST_SEED COUNT

const from = Number(process.argv[2] ?? 1);
const count = Number(process.argv[3] ?? 1);
const LOUD = { double: 250, dark: 350 };
const doubles: number[] = [];
const darks: number[] = [];
const start = performance.now();
for (let seed = from; seed < from + count; seed++) {
  const { double, dark, story } = chaos(seed);
  doubles.push(double);
  darks.push(dark);
  if (count === 1 || double > LOUD.double || dark > LOUD.dark)
    console.log(`seed ${seed}: double ${double}, dark ${dark}${count <= 3 ? `\n${story.join('\n')}` : ''}`);
}
const sorted = (list: number[]): string =>
  [0.5, 0.9, 0.99, 1].map((part) => list.toSorted((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * part))]).join(' ');
console.log('double', sorted(doubles), 'dark', sorted(darks), `${Math.round((performance.now() - start) / count)} ms each`);
