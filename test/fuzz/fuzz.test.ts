import { describe, expect, it } from 'vitest';
import { fuzzBfd } from './bfdFuzz.ts';
import { createTally, fuzzBgp } from './bgpFuzz.ts';
import { Random } from './random.ts';

/** The share of `make fuzz` that fits here. Its seeds are fixed: a failure names one, and has it again. */
const SEEDS = [20_261_123, 7];
const MESSAGES = 30_000;
/** No message takes long; on a machine that has other things to do it may have to wait. */
const WORST_MS = 5000;

describe('mutated messages', () => {
  it.each(SEEDS)('of BGP: nothing throws, nothing hangs, all is counted (seed %i)', { timeout: 120_000 }, (seed) => {
    const tally = createTally();
    for (let session = 0; tally.messages + tally.decoded < MESSAGES; session++) {
      const own = seed + session * 7919;
      try {
        fuzzBgp(new Random(own), tally);
      } catch (error) {
        throw new Error(`seed ${own}`, { cause: error });
      }
    }
    expect(tally.worstMs).toBeLessThan(WORST_MS);
    // It got everywhere, and was refused for many reasons.
    for (const state of ['Connect', 'Active', 'OpenSent', 'OpenConfirm', 'Established']) expect(tally.states[state]).toBeGreaterThan(20);
    for (const answer of ['1/1', '1/2', '1/3', '2/0', '2/2', '2/7', '3/1', '3/2', '3/9', '3/10', '5/1', '5/2', '5/3'])
      expect(tally.answers).toHaveProperty([answer]);
  });

  it('of BFD: nothing throws, nothing spins, all is counted', { timeout: 120_000 }, () => {
    const tally = createTally();
    const [seed = 0] = SEEDS;
    for (let session = 0; tally.messages < MESSAGES / 2; session++) {
      const own = seed + session * 7919;
      try {
        fuzzBfd(new Random(own), tally);
      } catch (error) {
        throw new Error(`seed ${own}`, { cause: error });
      }
    }
    expect(tally.worstMs).toBeLessThan(WORST_MS);
    for (const state of ['AdminDown', 'Down', 'Init', 'Up']) expect(tally.states[`BFD ${state}`]).toBeGreaterThan(20);
  });
});
