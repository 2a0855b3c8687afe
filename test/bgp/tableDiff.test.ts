import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RunBuilder, firstOf, joinRuns, packedRoutes, runsOf, withPathIds } from '../../src/bgp/packedRoutes.ts';
import type { PackedSet, RouteSet } from '../../src/bgp/session.ts';
import { diffTables } from '../../src/bgp/tableDiff.ts';
import { parsePrefix, type Prefix } from '../../src/net/prefix.ts';
import { type NlriRun, nlriPrefixes } from '../../src/wire/bgp/nlri.ts';
import { PLAIN } from './simulation.ts';

/** Prefix to MED: one table, in which each prefix stands once. */
type Table = ReadonlyMap<string, number>;

const prefix = fc
  .oneof(
    fc.record({ host: fc.integer({ min: 0, max: 40 }), bits: fc.constant(32) }),
    fc.record({ host: fc.integer({ min: 0, max: 255 }), bits: fc.integer({ min: 24, max: 32 }) }),
    fc.record({ host: fc.integer({ min: 0, max: 40 }), bits: fc.constantFrom(64, 127, 128) }),
  )
  .map(({ host, bits }) => parsePrefix(bits > 32 ? `2001:db8::${host.toString(16)}/${bits}` : `192.0.2.${host}/${bits}`) as Prefix);
const table: fc.Arbitrary<Table> = fc
  .array(fc.tuple(prefix, fc.integer({ min: 0, max: 2 })), { maxLength: 60 })
  .map((entries) => new Map(entries));

function setsOf(wanted: Table): RouteSet[] {
  const byMed = new Map<number, Prefix[]>();
  for (const [each, med] of wanted) byMed.set(med, [...(byMed.get(med) ?? []), each as Prefix]);
  return [...byMed].map(([med, prefixes]) => ({ attributes: { ...PLAIN, med }, prefixes: prefixes.sort() }));
}

function apply(before: Table, { changed, gone }: ReturnType<typeof diffTables>): Map<string, number> {
  const after = new Map(before);
  for (const run of gone) for (const { prefix: name } of nlriPrefixes(run)) expect(after.delete(name), `${name} was held`).toBe(true);
  for (const { attributes, nlri } of changed) {
    for (const { prefix: name } of nlriPrefixes(nlri)) {
      expect(after.get(name), `${name} is news`).not.toBe(attributes.med);
      after.set(name, attributes.med ?? -1);
    }
  }
  return after;
}

describe('the difference of two packed tables', () => {
  it('leads from the one to the other, and says nothing twice', () => {
    fc.assert(
      fc.property(table, table, fc.boolean(), (held, other, follows) => {
        // As most tables do: a few routes more, a few less.
        const wanted = follows ? new Map([...held].slice(2).concat([...other].slice(0, 2))) : other;
        const diff = diffTables(packedRoutes(setsOf(held)), packedRoutes(setsOf(wanted)));
        expect(apply(held, diff)).toEqual(wanted);
      }),
      { numRuns: 400 },
    );
  });

  it('finds one prefix in the middle of many without naming the others', () => {
    const many = Array.from({ length: 5000 }, (_, i) => `10.0.${i >> 8}.${i & 255}/32` as Prefix);
    const packed = (prefixes: readonly Prefix[]): readonly PackedSet[] => packedRoutes([{ attributes: PLAIN, prefixes }]);
    const { changed, gone } = diffTables(packed(many), packed(many.toSpliced(2500, 1, '10.9.9.9/32' as Prefix)));
    expect(changed.flatMap(({ nlri }) => nlriPrefixes(nlri))).toEqual([{ prefix: '10.9.9.9/32' }]);
    expect(gone.flatMap((run) => nlriPrefixes(run))).toEqual([{ prefix: many[2500] }]);
  });
});

describe('packed routes', () => {
  it('have one family per set, and stay as they are when they came packed', () => {
    const sets = packedRoutes([{ attributes: PLAIN, prefixes: ['192.0.2.1/32', '2001:db8::1/128', '192.0.2.2/31'] as Prefix[] }]);
    expect(sets.map(({ nlri }) => nlriPrefixes(nlri).map((each) => each.prefix))).toEqual([
      ['192.0.2.1/32', '192.0.2.2/31'],
      ['2001:db8::1/128'],
    ]);
    expect(packedRoutes([...sets])).toEqual(sets);
    expect(packedRoutes([...sets])[0]).toBe(sets[0]);
  });

  it('know how long each prefix is, where all are', () => {
    const even = Array.from({ length: 9 }, (_, i) => `192.0.2.${i}/32`) as Prefix[];
    const odd = [...even, '198.51.100.0/24' as Prefix];
    const [ofEven, ofOdd] = [runsOf(even)[0], runsOf(odd)[0]];
    if (ofEven === undefined || ofOdd === undefined) throw new Error('no run');
    const builder = new RunBuilder('ipv4');
    for (const { bytes } of [ofEven, ofOdd]) builder.add(bytes, 0, 5);
    const known = (runs: readonly (NlriRun | undefined)[]) => runs.map((run) => run?.stride);
    expect(known([ofEven, withPathIds(ofEven), firstOf(ofOdd, 9), builder.run()])).toEqual([5, 9, undefined, 5]);
    expect(known([ofOdd, withPathIds(ofOdd), joinRuns(ofEven, ofOdd), joinRuns(ofOdd, ofEven)])).toEqual(Array(4).fill(undefined));
    builder.add(ofOdd.bytes, 45, 49);
    expect(known([builder.run()])).toEqual([undefined]);
  });

  it('get path identifiers where the session has them (RFC 7911 §3)', () => {
    const [set] = packedRoutes([{ attributes: PLAIN, prefixes: ['192.0.2.1/32', '198.51.100.0/24'] as Prefix[] }]);
    if (set === undefined) throw new Error('no set');
    expect(nlriPrefixes(withPathIds(set.nlri))).toEqual([
      { pathId: 1, prefix: '192.0.2.1/32' },
      { pathId: 1, prefix: '198.51.100.0/24' },
    ]);
  });
});
