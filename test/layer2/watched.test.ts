import { array, assert, integer, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { watchedRanges } from '../../src/layer2/watched.ts';
import { parseIp } from '../../src/net/ip.ts';

const ip = (text: string) => {
  const found = parseIp(text);
  if (found === undefined) throw new Error(text);
  return found;
};
const dotted = (word: number): string => [24, 16, 8, 0].map((shift) => (word >>> shift) & 255).join('.');

describe('what a kernel filter lets through', () => {
  it('is one range for a block, and as many as there are blocks', () => {
    const block = (third: number): string[] => Array.from({ length: 256 }, (_, last) => `192.0.${third}.${last}`);
    const { v4, v6 } = watchedRanges([...block(2), ...block(4), '2001:db8::1', '2001:db8:1::1', '2001:db8::2'].map(ip), 32);
    expect(v4.map(({ from, to }) => [dotted(from), dotted(to)])).toEqual([
      ['192.0.2.0', '192.0.2.255'],
      ['192.0.4.0', '192.0.4.255'],
    ]);
    expect(v6).toEqual([{ from: 1, to: 2 }]);
    expect(watchedRanges([], 32)).toEqual({ v4: [], v6: [] });
  });

  it('closes the narrowest gaps where there are too many', () => {
    const { v4 } = watchedRanges(['10.0.0.1', '10.0.0.3', '10.9.0.1', '200.0.0.1'].map(ip), 3);
    expect(v4.map(({ from, to }) => [dotted(from), dotted(to)])).toEqual([
      ['10.0.0.1', '10.0.0.3'],
      ['10.9.0.1', '10.9.0.1'],
      ['200.0.0.1', '200.0.0.1'],
    ]);
  });

  it('has every address in it, whatever they are, in at most so many ranges that do not touch', () => {
    const words = array(integer({ min: 0, max: 0xffffffff }), { minLength: 1, maxLength: 100 });
    assert(
      property(words, integer({ min: 1, max: 32 }), (all, most) => {
        const { v4 } = watchedRanges(
          all.map((word) => ip(dotted(word))),
          most,
        );
        expect(v4.length).toBeLessThanOrEqual(most);
        for (const word of all) expect(v4.some(({ from, to }) => from <= word && word <= to)).toBe(true);
        for (const [at, { from, to }] of v4.entries()) {
          expect(from).toBeLessThanOrEqual(to);
          expect(from - 1).toBeGreaterThan(v4[at - 1]?.to ?? -2);
        }
      }),
    );
  });
});
