import { expect, it } from 'vitest';
import { type AcceptRate, takeAccept } from '../../src/bgp/acceptRate.ts';
import { instant } from '../../src/machine.ts';

/** How many of the connections that come at these times are looked at. */
function taken(times: readonly number[]): number {
  let rate: AcceptRate | undefined;
  let count = 0;
  for (const time of times) {
    const next = takeAccept(rate, instant(time));
    if (next === undefined) continue;
    rate = next;
    count++;
  }
  return count;
}

it('looks at a router that comes now and then, however long that goes on', () => {
  expect(taken(Array.from({ length: 1000 }, (_, i) => i * 250))).toBe(1000);
});

it('looks at twenty connections that come at once, and at five a second of a storm', () => {
  expect(taken(Array.from({ length: 50 }, () => 0))).toBe(20);
  const minute = Array.from({ length: 100_000 }, (_, i) => (i * 60_000) / 100_000);
  expect(taken(minute)).toBeGreaterThan(315);
  expect(taken(minute)).toBeLessThanOrEqual(320);
});

it('has forgotten a storm after four seconds of silence', () => {
  const storm = Array.from({ length: 1000 }, () => 0);
  expect(taken([...storm, ...Array.from({ length: 50 }, () => 4_000)])).toBe(40);
});
