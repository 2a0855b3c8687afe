import * as fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { RankCache, type VipGroup, electByHash, electionHash, electionOrder } from '../../src/layer2/elector.ts';
import { type ElectionPolicy, electAll } from '../../src/layer2/boundedLoad.ts';
import { ip } from './support.ts';

const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `node-${i}`);
const group = (vip: string, nodes: readonly string[], weights: Readonly<Record<string, number>> = {}): VipGroup => ({
  key: vip,
  firstVip: ip(vip),
  candidates: nodes.map((node) => ({ node, weight: weights[node] ?? 0 })),
});
const vips = (count: number, seed = 0): string[] => Array.from({ length: count }, (_, i) => `10.${seed}.${i >> 8}.${i & 255}`);

function loads(owners: ReadonlyMap<string, string>): number[] {
  const count = new Map<string, number>();
  for (const node of owners.values()) count.set(node, (count.get(node) ?? 0) + 1);
  return [...count.values()].sort((a, b) => b - a);
}

function moved(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): number {
  return [...before].filter(([key, node]) => after.has(key) && after.get(key) !== node).length;
}

describe("MetalLB's order", () => {
  test.each([
    ['10.0.0.1', ['node1', 'node2', 'node3'], ['node2', 'node1', 'node3'], ['3d44f3cc', '414b4c53', 'ccff1045']],
    ['fd00::1', ['node1', 'node2', 'node3'], ['node3', 'node1', 'node2'], ['319e5c3e', '98f81d8e', 'c8531a97']],
    [
      '172.18.0.200',
      ['kind-control-plane', 'kind-worker', 'kind-worker2'],
      ['kind-control-plane', 'kind-worker2', 'kind-worker'],
      ['0cc03617', '462fb86c', '848bf64d'],
    ],
  ])('%s', (vip, nodes, order, hashes) => {
    expect(electionOrder(group(vip, nodes), new RankCache())).toEqual(order);
    expect(electByHash(group(vip, nodes.toReversed()), new RankCache())).toBe(order[0]);
    const found = order.map((node) =>
      Buffer.from(electionHash(node, ip(vip)))
        .toString('hex')
        .slice(0, 8),
    );
    expect(found).toEqual(hashes);
  });

  it('puts a higher weight before any hash', () => {
    const nodes = ['node1', 'node2', 'node3'];
    expect(electionOrder(group('10.0.0.1', nodes, { node3: 5 }), new RankCache())).toEqual(['node3', 'node2', 'node1']);
  });

  it('has no owner without candidates', () => {
    for (const policy of ['hash', 'balanced'] as const) expect(electAll([group('10.0.0.1', [])], policy).size).toBe(0);
  });
});

describe('balanced', () => {
  test.each([
    [3, 3],
    [5, 5],
    [3, 7],
    [10, 100],
    [50, 500],
  ])('%i nodes, %i addresses: the busiest carries no more than its fair share and one', (nodes, count) => {
    for (let seed = 0; seed < 10; seed++) {
      const owners = electAll(
        vips(count, seed).map((vip) => group(vip, names(nodes))),
        'balanced',
      );
      expect(owners.size).toBe(count);
      expect(loads(owners)[0]).toBeLessThanOrEqual(Math.ceil(count / nodes) + 1);
    }
  });

  it('does not depend on the order of groups or candidates', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 1, max: 30 }), fc.infiniteStream(fc.nat()), (nodes, count, seeds) => {
        const groups = vips(count).map((vip, i) => group(vip, names(nodes).slice(0, 1 + (i % nodes))));
        const shuffled = groups
          .map((entry) => ({ entry, at: seeds.next().value }))
          .sort((a, b) => a.at - b.at)
          .map(({ entry }) => ({ ...entry, candidates: entry.candidates.toReversed() }));
        expect(Object.fromEntries(electAll(shuffled, 'balanced'))).toEqual(Object.fromEntries(electAll(groups, 'balanced')));
      }),
    );
  });

  it('gives every group one of its own candidates, of the highest weight', () => {
    const groups = vips(60).map((vip, i) => group(vip, names(6).slice(i % 4), { 'node-5': i % 2 }));
    const owners = electAll(groups, 'balanced');
    for (const [i, entry] of groups.entries()) {
      const owner = owners.get(entry.key);
      expect(entry.candidates.map(({ node }) => node)).toContain(owner);
      expect(i % 2 === 0 || owner === 'node-5').toBe(true);
    }
  });

  it('fills up around groups that have little choice', () => {
    const groups = vips(12).map((vip, i) => group(vip, i < 4 ? ['node-0'] : names(3)));
    expect(loads(electAll(groups, 'balanced'))).toEqual([4, 4, 4]);
  });

  test.each([
    [10, 100],
    [5, 40],
    [20, 500],
  ])('%i nodes, %i addresses: one node more or less, or one address more, moves few', (nodes, count) => {
    let gone = 0;
    let added = 0;
    let returned = 0;
    const trials = 6;
    for (let seed = 0; seed < trials; seed++) {
      const on = (list: string[], n = count): Map<string, string> =>
        electAll(
          vips(n, seed).map((vip) => group(vip, list)),
          'balanced',
        );
      const all = on(names(nodes));
      const less = on(names(nodes).slice(1));
      gone += moved(all, less);
      returned += moved(less, all);
      added += moved(all, on(names(nodes), count + 1));
    }
    const fair = count / nodes;
    expect(gone / trials).toBeLessThan(fair * 2);
    expect(returned / trials).toBeLessThan(fair * 2);
    expect(added / trials).toBeLessThan(fair);
  });
});

describe('10,000 addresses on 100 nodes', () => {
  const groups = vips(10_000).map((vip) => group(vip, names(100)));
  const cache = new RankCache();

  test.each(['hash', 'balanced'] satisfies ElectionPolicy[])('%s: the second election is quick', (policy) => {
    const first = electAll(groups, policy, cache);
    const start = performance.now();
    const second = electAll(groups, policy, cache);
    // The bound is loose: it only catches another order of growth.
    expect(performance.now() - start).toBeLessThan(5000);
    expect(second).toEqual(first);
    expect(first.size).toBe(10_000);
    expect(policy === 'hash' || loads(first)[0] === 100).toBe(true);
  });
});
