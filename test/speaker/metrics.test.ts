import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { JoinedRegistry } from '../../speaker/metrics.ts';
import { byKey } from '../../speaker/peerMetrics.ts';

const PROGRAM = { program: 'speaker' };

async function* pieces(...all: readonly string[]): AsyncIterable<string> {
  await Promise.resolve();
  yield* all;
}

function registryOf(counts: ReadonlyMap<string, number>): Registry {
  const registry = new Registry();
  registry.setDefaultLabels(PROGRAM);
  byKey(registry, 'answers_total', 'Answers', 'ip', () => counts);
  byKey(registry, 'drops_total', 'What got none', 'reason', () => new Map([['a "quoted" one', 2]]));
  return registry;
}

it.each([0, 1, 499, 500, 501, 1000, 1701])('a page of %i addresses is what the registry makes of it as a whole', async (count) => {
  const counts = new Map(Array.from({ length: count }, (_, i): [string, number] => [`10.0.${i >> 8}.${i & 255}`, i]));
  const registry = registryOf(counts);
  const joined = new JoinedRegistry(registry, () => pieces('worker', ' 1\n'));
  expect(await joined.metrics()).toBe(`${await registry.metrics()}\nworker 1\n`);
});

it('makes a long metric in pieces that are short', async () => {
  const counts = new Map(Array.from({ length: 10_000 }, (_, i): [string, number] => [`10.0.${i >> 8}.${i & 255}`, i]));
  const joined = new JoinedRegistry(registryOf(counts), () => pieces());
  const lengths: number[] = [];
  for await (const part of joined.parts()) lengths.push(part.length);
  expect(lengths.length).toBeGreaterThan(20);
  expect(Math.max(...lengths)).toBeLessThan(40_000);
});
