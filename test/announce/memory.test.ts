import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { PlanMemory, planChanges } from '../../src/announce/nodePlan.ts';
import { Texts } from '../../src/rows/texts.ts';
import { ServiceRows } from '../../speaker/serviceRows.ts';
import { SliceRows } from '../../speaker/sliceRows.ts';
import { bgpAdvertisement, config, node, peer, pool, service, slice } from './support.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const COUNT = 20_000;
/** For each Service with its slice, in V8's heap and outside, with pages that are not full; see docs/decisions/0013-memory-of-a-speaker.md. */
const MAX_BYTES = 450;

/** What lives: a collection lets go what those before it have found, buffers last. */
async function heldBytes(): Promise<number> {
  for (let i = 0; i < 5; i++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

it('a speaker by BGP keeps a few hundred bytes of a Service with its slice and its plan', async () => {
  const context = {
    config: config({ pools: [pool('main', '10.0.0.0/8')], peers: [peer('tor')], bgpAdvertisements: [bgpAdvertisement('all')] }),
    nodes: [node('node1'), node('node2')],
  };
  const before = await heldBytes();
  const [names, texts] = [new Texts(), new Texts()];
  const rows = { services: new ServiceRows(names, texts), slices: new SliceRows(names, texts) };
  for (let i = 0; i < COUNT; i++) {
    const view = service(`s${i}`, [`10.0.${i >> 8}.${i & 255}`], { labels: { app: `s${i}`, tier: 'web' } });
    rows.services.set(view.key, { ...view, uid: `4f3c0000-0000-4000-8000-${String(i).padStart(12, '0')}` });
    rows.slices.set(`${view.key}-x${i % 7919}`, slice(`s${i}`, ['node1', 'node2']));
  }
  const memory = new PlanMemory({ names, services: rows.services.glimpses, slices: rows.slices });
  const changes = { services: { gone: [], came: rows.services.values() }, slices: { gone: [], came: rows.slices.values() } };
  const plan = planChanges(context, changes, 'node1', 1, memory);
  const each = ((await heldBytes()) - before) / COUNT;
  expect(plan.plan.peers[0]?.routes[0]?.prefixes).toHaveLength(COUNT);
  expect(each).toBeGreaterThan(100);
  expect(each).toBeLessThan(MAX_BYTES);
  expect([rows.services.size, rows.slices.size, [...plan.verdicts].length]).toEqual([COUNT, COUNT, COUNT]);
});
