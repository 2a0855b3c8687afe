import { describe, expect, it } from 'vitest';
import { chaos } from './chaos.ts';
import { RANDOM, SHAPED, problemsOf, randomHistories } from './histories.ts';
import { problemOf } from './limits.ts';

const MORE = Number(process.env['CHAOS_SEEDS'] ?? 0);
const FIRST = process.env['SEED'] === 'random' ? Math.floor(Math.random() * 1e9) : 1_000_000;

/**
 * Whole speakers in virtual time: killed, ended, frozen, their clocks set ahead, drained, cut off, flapped, deaf or mute, with packets lost and
 * without the API server; asked for every VIP every 10 ms. How long two may answer, and nobody, stands in limits.ts. What a seed makes of the world
 * changes with the speakers: where a sum is a little more than is allowed, it is to be looked why, and may be more.
 */
describe('the chaos of some speakers on one segment', () => {
  const families = [...SHAPED, ...RANDOM, { name: 'more of them', histories: randomHistories(FIRST, MORE) }];
  it.each(families.map((family) => [family.name, family] as const))(
    'never has two answers for long, nor none: %s',
    (_, family) => {
      expect([...problemsOf(family).values()]).toEqual([]);
    },
    240_000,
  );

  it('goes on for half an hour', () => {
    expect(problemOf('half an hour', chaos(1, { durationMs: 30 * 60_000 }))).toBe('none');
  }, 240_000);
});
