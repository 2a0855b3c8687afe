import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Addressed, AddressTable } from '../../src/layer2/addressTable.ts';

const keyOf = ({ w0, w1, w2, w3 }: Addressed): string => [w0, w1, w2, w3].join();

/** Few different words, so that places are fought over. */
const word = fc.oneof(fc.integer({ min: -4, max: 40 }), fc.constantFrom(-(2 ** 31), 2 ** 31 - 1, 0x0a140000, 0x0a150000));
const address = fc.record({ w0: fc.constantFrom(0, 1), w1: fc.constantFrom(0, -1), w2: fc.constantFrom(0, 7), w3: word });
const command = fc.record({ address, remove: fc.boolean(), value: fc.nat() });

it('holds what a Map would, whatever comes and goes', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 400 }), (commands) => {
      const table = new AddressTable<Addressed & { readonly value: number }>();
      const map = new Map<string, number>();
      for (const { address: at, remove, value } of commands) {
        if (remove) {
          table.delete(at);
          map.delete(keyOf(at));
        } else {
          table.set({ ...at, value });
          map.set(keyOf(at), value);
        }
        expect(table.find6(at.w0, at.w1, at.w2, at.w3)?.value).toBe(map.get(keyOf(at)));
      }
      expect(new Map([...table].map((entry) => [keyOf(entry), entry.value]))).toEqual(map);
      for (const entry of table) expect(table.find6(entry.w0, entry.w1, entry.w2, entry.w3)).toBe(entry);
    }),
    { numRuns: 300 },
  );
});

it('finds IPv4 addresses by their one word, neighbours and blocks that begin alike', () => {
  const table = new AddressTable<Addressed>();
  const words = [0, 1, 2, 3].flatMap((block) => Array.from({ length: 2_500 }, (_, at) => (0x0a000000 + block * 0x10000 + at) | 0));
  for (const w3 of words) table.set({ w0: 0, w1: 0, w2: 0, w3 });
  for (const w3 of words.filter((_, at) => at % 3 === 0)) table.delete({ w0: 0, w1: 0, w2: 0, w3 });
  expect(words.filter((w3) => table.find4(w3)?.w3 === w3)).toHaveLength(words.length - Math.ceil(words.length / 3));
  expect(table.find4(0x0b000000)).toBeUndefined();
});
