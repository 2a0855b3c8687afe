import { describe, expect, it } from 'vitest';
import { type ChaosOptions, chaos } from './chaos.ts';

const SEEDS = Number(process.env['CHAOS_SEEDS'] ?? 60);
const FIRST = process.env['SEED'] === 'random' ? Math.floor(Math.random() * 1e9) : 1;

/** Three packets of 100 ms: the detection time. */
const DOUBLE_MS = 300;
/** Parts that are joined again are to converge within a second; they do so in less. */
const HEAL_MS = 700;
/** While packets are lost those that tell of an owner may be among them. */
const LOSSY_MS = 1000;
/** A process that stood still listens before it answers, and heirs that are lost one after the other add up. */
const DARK_MS = 1500;

function problemOf(seed: number, options?: ChaosOptions): string {
  const { double, heal, lossy, dark, story } = chaos(seed, options);
  const isSettled = story.at(-1)?.endsWith('in the end') !== true;
  if (double <= DOUBLE_MS && heal <= HEAL_MS && lossy <= LOSSY_MS && dark <= DARK_MS && isSettled) return 'none';
  return `seed ${seed}: two answered for ${double} ms (${heal} when joined, ${lossy} with losses), none for ${dark} ms\n${story.join('\n')}`;
}

/**
 * Whole speakers in virtual time: killed, ended, frozen, their clocks set ahead, drained, cut off, flapped, deaf or mute, with packets lost and
 * without the API server, at random; asked for every VIP every 10 ms.
 */
describe('the chaos of some speakers on one segment', () => {
  it(`never has two answers for long, nor none: ${SEEDS} histories of a minute`, () => {
    for (let seed = FIRST; seed < FIRST + SEEDS; seed++) expect(problemOf(seed)).toBe('none');
  }, 240_000);

  // Histories that once were more than is allowed; what a seed makes of the world changes with the speakers.
  it.each([26, 42, 47, 97, 112, 147, 175, 261, 524, 722, 753, 960, 1056, 1239, 1350, 2485, 2577, 10_456])(
    'also not in history %i',
    (seed) => {
      expect(problemOf(seed)).toBe('none');
    },
  );

  it('goes on for half an hour', () => {
    expect(problemOf(1, { durationMs: 30 * 60_000 })).toBe('none');
  }, 240_000);
});
