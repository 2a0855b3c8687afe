import { type Shape, type Verdict, chaos, shaped } from './chaos.ts';
import { LIMITS, type Limits, problemOf } from './limits.ts';
import { SHAPES } from './shapes.ts';

/** One history, with what is allowed in it. */
export interface History {
  readonly name: string;
  readonly limits: Limits;
  readonly run: () => Verdict;
}

export interface Family {
  readonly name: string;
  readonly histories: readonly History[];
  /** What is allowed in all of them together. */
  readonly sum?: Verdict['sum'];
}

/** @returns what is not as it should be, by name */
export function problemsOf({ name, histories, sum }: Family): Map<string, string> {
  const problems = new Map<string, string>();
  const found = { double: 0, dark: 0 };
  for (const { name: one, limits, run } of histories) {
    const verdict = run();
    const problem = problemOf(one, verdict, limits);
    if (problem !== 'none') problems.set(one, problem);
    found.double += verdict.sum.double;
    found.dark += verdict.sum.dark;
  }
  if (sum !== undefined && (found.double > sum.double || found.dark > sum.dark))
    problems.set(`${name}, in all`, `two answered for ${found.double} ms, nobody for ${found.dark}`);
  return problems;
}

/** Of short ones in which one thing happens less is to be expected than of random ones. */
const SHAPE_LIMITS: Limits = { double: 150, heal: 250, lossy: 400, dark: 450 };

/** @param count so many of one shape */
function shapedHistories(name: string, shape: Shape, count: number): History[] {
  return from(1, count).map((seed) => ({
    name: `${name} (${seed})`,
    limits: { ...SHAPE_LIMITS, ...shape.limits },
    run: () => shaped(seed, shape),
  }));
}

export function randomHistories(first: number, count: number, isWide = false): History[] {
  return from(first, count).map((seed) => randomHistory(seed, isWide));
}

function randomHistory(seed: number, isWide: boolean): History {
  return { name: `${isWide ? 'wide ' : ''}history ${seed}`, limits: LIMITS, run: () => chaos(seed, { isWide }) };
}

function from(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first + i);
}

/** Once more than was allowed; what a seed makes of the world changes with the speakers. */
const ONCE_BAD = [
  26, 42, 47, 97, 112, 147, 175, 261, 524, 722, 753, 960, 1056, 1239, 1350, 2485, 2577, 10_456, 40_220, 40_546, 50_971, 51_182, 62_358,
];

// What CI runs. Which of it notices what is broken on purpose: test/bench/layer2/mutations.ts.
export const SHAPED: readonly Family[] = Object.entries(SHAPES).map(([name, shape]) => ({
  name,
  sum: shape.sum,
  histories: shapedHistories(name, shape, 12),
}));
export const RANDOM: readonly Family[] = [
  { name: 'random ones of a minute', histories: randomHistories(1, 40) },
  { name: 'some that once had more than is allowed', histories: ONCE_BAD.map((seed) => randomHistory(seed, false)) },
  { name: 'up to ten nodes and a bad network', histories: randomHistories(1, 5, true) },
];
