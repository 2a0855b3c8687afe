import { array, assert, boolean, constantFrom, oneof, property, record, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Texts } from '../../src/rows/texts.ts';

/** Wide letters, a lone half of a pair, the same bytes in both widths, nothing at all, and more than any page has. */
const ODD = ['', 'a', 'ÿ', 'Ā', '日本', '\ud800', '\u0000', 'a\u0000', '\u0061\u0000', 'é'.repeat(300), '日'.repeat(200_000), 'x'.repeat(300_000)];
const text = oneof({ weight: 3, arbitrary: string({ maxLength: 30 }) }, { weight: 1, arbitrary: constantFrom(...ODD) });

describe('texts', () => {
  it('are held and let go as in a map of counts, and equal ones have one number', () => {
    assert(
      property(array(record({ text, isHeld: boolean() }), { maxLength: 60 }), (steps) => {
        const texts = new Texts();
        const known = new Map<string, { number: number; holders: number }>();
        for (const step of steps) {
          const entry = known.get(step.text);
          if (step.isHeld) {
            const number = texts.hold(step.text);
            expect(number).toBe(entry?.number ?? number);
            known.set(step.text, { number, holders: (entry?.holders ?? 0) + 1 });
          } else if (entry !== undefined) {
            texts.release(entry.number);
            entry.holders -= 1;
            if (entry.holders === 0) known.delete(step.text);
          }
        }
        expect(texts.size).toBe(known.size);
        expect(new Set([...known.values()].map(({ number }) => number)).size).toBe(known.size);
        for (const [key, { number }] of known) expect([texts.find(key), texts.text(number) === key]).toEqual([number, true]);
        for (const step of steps) expect(texts.find(step.text)).toBe(known.get(step.text)?.number ?? -1);
      }),
      { numRuns: 200 },
    );
  });

  it('are found again among tens of thousands that come and go, whose numbers and bytes are used again', () => {
    const texts = new Texts();
    const numbers = new Map<string, number>();
    for (let round = 0; round < 6; round++) {
      for (let i = 0; i < 20_000; i++) {
        const key = `namespace-${round}/name-${i}`;
        numbers.set(key, texts.hold(key));
        const old = `namespace-${round - 1}/name-${i}`;
        const number = numbers.get(old);
        // A few stay for ever.
        if (number === undefined || i % 1000 === 0) continue;
        texts.release(number);
        numbers.delete(old);
      }
    }
    expect(texts.size).toBe(numbers.size);
    expect(texts.room).toBeLessThan(45_000);
    expect([...numbers].every(([key, number]) => texts.find(key) === number && texts.text(number) === key)).toBe(true);
    expect(texts.find('namespace-1/name-7')).toBe(-1);
  });
});
