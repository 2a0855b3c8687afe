import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { PlanMemory, planChanges } from '../../src/announce/nodePlan.ts';
import { bgpAdvertisement, config, node, peer, pool, service, slice } from './support.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const COUNT = 20_000;
/** For each Service; 330 are what is needed: docs/decisions/0013-memory-of-a-speaker.md. */
const MAX_BYTES = 450;

function heldBytes(): number {
  collect();
  return process.memoryUsage().heapUsed;
}

it('a plan by BGP keeps of a Service a few hundred bytes besides what it was given', () => {
  const context = {
    config: config({ pools: [pool('main', '10.0.0.0/8')], peers: [peer('tor')], bgpAdvertisements: [bgpAdvertisement('all')] }),
    nodes: [node('node1'), node('node2')],
  };
  const numbers = Array.from({ length: COUNT }, (_, i) => i);
  const services = numbers.map((i) => service(`s${i}`, [`10.0.${i >> 8}.${i & 255}`]));
  const { endpoints } = slice('any', ['node1', 'node2']);
  const slices = numbers.map((i) => ({ ...slice(`s${i}`, []), endpoints }));
  const memory = new PlanMemory();
  const before = heldBytes();
  const plan = planChanges(context, { services: { gone: [], came: services }, slices: { gone: [], came: slices } }, 'node1', 1, memory);
  const each = (heldBytes() - before) / COUNT;
  expect(plan.plan.peers[0]?.routes[0]?.prefixes).toHaveLength(COUNT);
  expect(each).toBeGreaterThan(100);
  expect(each).toBeLessThan(MAX_BYTES);
  expect([services.length, slices.length, [...plan.verdicts].length]).toEqual([COUNT, COUNT, COUNT]);
});
