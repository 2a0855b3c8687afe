import { array, assert, constantFrom, integer, property, record } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { packedOf, prefixCount, routeSetOf } from '../../src/announce/packedSet.ts';
import { NOBODY, PrefixTable } from '../../src/announce/prefixTable.ts';
import { runsOf } from '../../src/bgp/packedRoutes.ts';
import type { Family } from '../../src/net/ip.ts';
import { type Prefix, parsePrefix } from '../../src/net/prefix.ts';

const OWNERS = [1, 2, 7];
const ATTRIBUTES = { communities: [], largeCommunities: [] };

function prefix(text: string): Prefix {
  const found = parsePrefix(text);
  if (found === undefined) throw new Error(`${text} is no prefix`);
  return found;
}

const written = {
  ipv4: record({ host: integer({ min: 0, max: 40 }), bits: constantFrom(32, 32, 32, 31, 24, 9, 0) }).map(({ host, bits }) =>
    prefix(`10.${host % 3}.${host % 2}.${host * 6}/${bits}`),
  ),
  ipv6: record({ host: integer({ min: 0, max: 40 }), bits: constantFrom(128, 128, 127, 64, 61, 0) }).map(({ host, bits }) =>
    prefix(`2001:db8:${host % 3}::${(host * 7).toString(16)}:${host % 2}/${bits}`),
  ),
};

/** The texts of an owner, as a set of routes has them. */
function held(table: PrefixTable, owner: number): readonly Prefix[] {
  const nlri = table.runs(new Set([owner])).get(owner);
  return nlri === undefined ? [] : routeSetOf({ attributes: ATTRIBUTES, nlri }).prefixes;
}

/** @returns whose prefixes are others now */
function changed(model: Map<Prefix, number>, changes: ReadonlyMap<Prefix, number>): ReadonlySet<number> {
  const touched = new Set<number>();
  for (const [key, owner] of changes) {
    const before = model.get(key) ?? NOBODY;
    if (before !== owner) [before, owner].forEach((each) => touched.add(each));
    if (owner === NOBODY) model.delete(key);
    else model.set(key, owner);
  }
  touched.delete(NOBODY);
  return touched;
}

describe.each(['ipv4', 'ipv6'] as const satisfies readonly Family[])('a table of %s prefixes', (family) => {
  const change = array(record({ prefix: written[family], owner: constantFrom(NOBODY, ...OWNERS) }), { maxLength: 30 });

  it('says what a map says, whatever becomes of it', () => {
    assert(
      property(array(change, { maxLength: 8 }), (changes) => {
        const [table, model] = [new PrefixTable(family), new Map<Prefix, number>()];
        for (const some of changes) {
          const now = new Map(some.map((each) => [each.prefix, each.owner]));
          expect(table.change(now)).toEqual(changed(model, now));
          for (const owner of OWNERS) {
            const wanted = [...model.keys()].filter((key) => model.get(key) === owner);
            expect([...held(table, owner)].sort()).toEqual(wanted.sort());
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('has them in one order, whatever the order in which they came', () => {
    assert(
      property(array(written[family], { minLength: 1, maxLength: 40 }), (prefixes) => {
        const [forth, back] = [new PrefixTable(family), new PrefixTable(family)];
        for (const each of prefixes) forth.change(new Map([[each, 1]]));
        back.change(new Map(prefixes.toReversed().map((each) => [each, 1])));
        expect(held(forth, 1)).toEqual(held(back, 1));
        expect(runsOf(held(forth, 1))).toEqual([...back.runs(new Set([1])).values()]);
      }),
    );
  });
});

describe('a set of routes', () => {
  it('counts without making texts, and is the same for who compares it', () => {
    const table = new PrefixTable('ipv4');
    table.change(
      new Map([
        [prefix('192.0.2.9/32'), 1],
        [prefix('192.0.2.10/32'), 1],
        [prefix('192.0.2.0/24'), 1],
      ]),
    );
    const [nlri] = table.runs(new Set([1])).values();
    if (nlri === undefined) throw new Error('nothing');
    const set = routeSetOf({ attributes: ATTRIBUTES, nlri });
    expect(prefixCount(set)).toBe(3);
    expect(set).toEqual({ attributes: ATTRIBUTES, prefixes: ['192.0.2.0/24', '192.0.2.9/32', '192.0.2.10/32'] });
    expect(packedOf(set)?.nlri).toBe(nlri);
    expect(packedOf({ ...set })).toBeUndefined();
  });
});
