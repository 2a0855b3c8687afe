import { array, assert, boolean, integer, property, record } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteArena } from '../../src/rows/byteArena.ts';
import { SharedValues } from '../../src/rows/sharedValues.ts';

/** None, few, all that a page has less one, all, and more than that. */
const SIZES = [0, 1, 255, 256, 257, 262_143, 262_144, 300_000];

describe('an arena of bytes', () => {
  it('has every piece where it said, whatever came behind it and however full a page was', () => {
    assert(
      property(array(integer({ min: 0, max: SIZES.length - 1 }), { maxLength: 20 }), (picks) => {
        const arena = new ByteArena();
        const pieces = picks.map((pick, i) => new Uint8Array(SIZES[pick] ?? 0).fill(i + 1));
        const places = pieces.map((piece) => arena.append(piece));
        for (const [i, piece] of pieces.entries()) {
          const at = places[i] ?? 0;
          const begin = arena.offset(at);
          const found = arena.page(at).subarray(begin, begin + piece.length);
          expect(Buffer.compare(found, piece)).toBe(0);
        }
        expect(arena.size).toBe(pieces.reduce((sum, { length }) => sum + length, 0));
      }),
      { numRuns: 50 },
    );
  });
});

describe('shared values', () => {
  it('are held and let go as in a map of counts, and have no more numbers than there ever were values at a time', () => {
    assert(
      property(array(record({ key: integer({ min: 0, max: 5 }), isHeld: boolean() }), { maxLength: 80 }), (steps) => {
        const shared = new SharedValues<{ readonly key: number }>();
        const known = new Map<number, { readonly number: number; holders: number }>();
        const again: (readonly [found: number, wanted: number])[] = [];
        let most = 0;
        for (const { key, isHeld } of steps) {
          const entry = known.get(key);
          if (isHeld) {
            const number = shared.hold({ key }, key);
            again.push([number, entry?.number ?? number]);
            known.set(key, { number, holders: (entry?.holders ?? 0) + 1 });
          } else if (entry !== undefined) {
            shared.release(entry.number);
            entry.holders -= 1;
            if (entry.holders === 0) known.delete(key);
          }
          most = Math.max(most, known.size);
          for (const [each, { number }] of known) expect(shared.of(number)).toEqual({ key: each });
          const all = [...known.values()].map(({ number }) => number);
          expect(new Set(all).size).toBe(known.size);
          expect(all.every((number) => number < most)).toBe(true);
          // Nobody keeps a value alive that nobody holds.
          const kept = Array.from({ length: most }, (_, number) => number).filter((number) => shared.of(number) !== undefined);
          expect(kept).toEqual(all.toSorted((a, b) => a - b));
        }
        for (const [found, wanted] of again) expect(found).toBe(wanted);
      }),
    );
  });
});
