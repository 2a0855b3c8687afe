import { expect, it } from 'vitest';
import { warmAnswers } from '../../speaker/warmAnswers.ts';

it('answers what is asked for the addresses that are held, of either family, and nothing else', () => {
  // Of 16 addresses of each family one is nobody's; each is asked for four times in a round.
  expect(warmAnswers(1)).toBe(15 * 2 * 4);
  expect(warmAnswers(3)).toBe(3 * 15 * 2 * 4);
});
