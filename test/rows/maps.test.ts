import { array, assert, boolean, constantFrom, integer, property, record } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Column, Rows } from '../../src/rows/columns.ts';
import { SharedMap } from '../../src/rows/sharedMap.ts';
import { TextMultiMap } from '../../src/rows/textMultiMap.ts';
import { Texts } from '../../src/rows/texts.ts';

const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
const steps = array(record({ key: constantFrom(...keys), value: integer({ min: 0, max: 3 }), isGone: boolean() }), { maxLength: 60 });

describe('beside a map of the usual kind', () => {
  it('a shared map says the same after any changes, and holds no name that it does not have', () => {
    assert(
      property(steps, (all) => {
        const names = new Texts();
        const [found, wanted] = [new SharedMap<string, { readonly value: number }>(names), new Map<string, { readonly value: number }>()];
        const values = [0, 1, 2, 3].map((value) => ({ value }));
        for (const { key, value, isGone } of all) {
          const one = values[value] ?? { value };
          const [were, are] = [wanted, found].map((map) => (isGone ? map.delete(key) : void map.set(key, one)));
          expect(are).toBe(were);
        }
        for (const key of keys) expect(found.get(key)).toBe(wanted.get(key));
        expect([found.size, names.size]).toEqual([wanted.size, wanted.size]);
        expect([...found.places()].map((place) => names.text(place)).toSorted()).toEqual([...wanted.keys()].toSorted());
      }),
    );
  });

  it('a map of several has the same lists, and holds nothing that it does not have', () => {
    assert(
      property(steps, (all) => {
        const [names, values] = [new Texts(), new Texts()];
        const [found, wanted] = [new TextMultiMap(names, values), new Map<string, Set<string>>()];
        for (const { key, value, isGone } of all) {
          const of = wanted.get(key) ?? new Set<string>();
          wanted.set(key, of);
          if (isGone) {
            found.delete(key, `v${value}`);
            of.delete(`v${value}`);
          } else {
            found.add(key, `v${value}`);
            of.add(`v${value}`);
          }
        }
        for (const key of keys) {
          const of = [...(wanted.get(key) ?? [])].toSorted();
          expect([found.get(key).toSorted(), found.has(key), found.hasSeveral(key)]).toEqual([of, of.length > 0, of.length > 1]);
        }
        expect(names.size).toBe([...wanted.values()].filter(({ size }) => size > 0).length);
        expect(values.size).toBe(new Set([...wanted.values()].flatMap((of) => [...of])).size);
      }),
    );
  });
});

describe('rows', () => {
  it('are zeros when they are given out, also for the second time', () => {
    const rows = new Rows(3);
    const given = Array.from({ length: 50_000 }, () => rows.add());
    for (const row of given) for (const field of [0, 1, 2]) rows.set(row, field, row - field);
    expect(given.every((row) => rows.get(row, 2) === row - 2)).toBe(true);
    for (const row of given.filter((each) => each % 2 === 0)) rows.remove(row);
    const again = Array.from({ length: 25_000 }, () => rows.add());
    expect(again.every((row) => row % 2 === 0 && [0, 1, 2].every((field) => rows.get(row, field) === 0))).toBe(true);
    expect([rows.room, rows.get(49_999, 1)]).toEqual([50_000, 49_998]);
  });

  it('a column is zero where nothing was set, however far apart what was', () => {
    const column = new Column();
    for (const place of [0, 5, 40_000, 1_000_000]) column.set(place, place + 1);
    expect([0, 1, 5, 39_999, 40_000, 500_000, 1_000_000, 9_000_000].map((place) => column.get(place))).toEqual([
      1, 0, 6, 0, 40_001, 0, 1_000_001, 0,
    ]);
  });
});
