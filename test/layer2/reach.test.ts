import { array, assert, constantFrom, integer, oneof, property, tuple, uint8Array } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Reach, MOST_REACH_RANGES, reachIn, reachRanges } from '../../src/layer2/reach.ts';
import { NO_NOTE, decodeNote, encodeNote } from '../../src/layer2/reachNote.ts';
import { isWatched, watchedRanges } from '../../src/layer2/watched.ts';
import { subnetContains, subnetOf } from '../../src/net/subnet.ts';
import { type Ip, ipFromBytes, ipToBytes } from '../../src/net/ip.ts';
import { prefixOf } from '../../src/net/prefix.ts';

const ips = oneof(
  uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => ipFromBytes(bytes)),
  uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => ipFromBytes(bytes)),
);
const groups = array(tuple(ips, constantFrom<Reach[]>(0, 1, 2)), { maxLength: MOST_REACH_RANGES }).map((list) => new Map<Ip, Reach>(list));

describe('what a node cannot announce', () => {
  it('is told in ranges that say the same of each of its addresses, and arrive as they were', () => {
    assert(
      property(groups, (map) => {
        const ranges = reachRanges(map);
        for (const [ip, reach] of map) expect(reachIn(ranges, ip)).toBe(reach);
        expect(decodeNote(encodeNote({ ...NO_NOTE, reach: ranges }))).toEqual({ ...NO_NOTE, reach: ranges });
      }),
    );
  });

  it('is one range where it is a pool, and never more than a packet carries', () => {
    const pool = Array.from({ length: 10_000 }, (_, i): [Ip, Reach] => [`10.1.${i >> 8}.${i & 255}` as Ip, 1]);
    expect(reachRanges(new Map(pool))).toEqual([{ reach: 1, from: '10.1.0.0', to: '10.1.39.15' }]);
    const ragged = new Map(pool.map(([ip], i): [Ip, Reach] => [ip, i % 2 === 0 ? 1 : 2]));
    expect(reachRanges(ragged)).toHaveLength(MOST_REACH_RANGES);
  });

  it('goes with what it does not answer for, of which none is forgotten', () => {
    assert(
      property(array(ips, { maxLength: 40 }), groups, (unheld, map) => {
        const note = { reach: reachRanges(map), unheld: watchedRanges(unheld, 8), own: [] };
        const read = decodeNote(encodeNote(note)) ?? NO_NOTE;
        expect(read).toEqual(note);
        expect(unheld.filter((ip) => !isWatched(read.unheld, ip))).toEqual([]);
      }),
    );
    expect(isWatched(watchedRanges(['10.0.0.1' as Ip, '10.0.0.9' as Ip], 8), '10.0.0.5' as Ip)).toBe(false);
  });

  it('and with the addresses of the node itself: all where they are few, and else as many as a packet has room for', () => {
    const read = (own: readonly Ip[]): readonly Ip[] => decodeNote(encodeNote({ ...NO_NOTE, own }))?.own ?? [];
    assert(
      property(array(ips, { maxLength: 5 }), (own) => {
        expect(new Set(read(own))).toEqual(new Set(own));
      }),
    );
    const many = Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? `10.0.0.${i}` : `fd00::${i}`) as Ip);
    expect(read(many).length).toBeGreaterThan(15);
    expect(encodeNote({ ...NO_NOTE, own: many }).length).toBeLessThanOrEqual(110);
  });

  it('is nothing that arbitrary bytes could break', () => {
    assert(
      property(uint8Array({ maxLength: 200 }), (bytes) => {
        const note = decodeNote(bytes);
        // Whatever can be read says the same when it is written again.
        expect(note === undefined ? undefined : decodeNote(encodeNote(note))).toEqual(note);
      }),
    );
  });
});

it('a subnet contains what has the same bits in front', () => {
  assert(
    property(ips, ips, integer({ min: 0, max: 32 }), (a, b, length) => {
      const isIn = prefixOf(a, length) === (a.includes(':') === b.includes(':') ? prefixOf(b, length) : undefined);
      expect(subnetContains(subnetOf(prefixOf(a, length)), ipToBytes(b))).toBe(isIn);
    }),
  );
});
