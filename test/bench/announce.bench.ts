import { bench, describe } from 'vitest';
import { PlanMemory, planNode } from '../../src/announce/nodePlan.ts';
import { bgpAdvertisement, config, l2Advertisement, node, peer, pool, service, slice } from '../announce/support.ts';

const nodes = Array.from({ length: 10 }, (_, i) => node(`node${i + 1}`));
const names = Array.from({ length: 10_000 }, (_, i) => `s${i}`);
const world = {
  config: config({
    pools: [pool('main', '10.0.0.0/16')],
    peers: [peer('tor')],
    bgpAdvertisements: [bgpAdvertisement('bgp', { communities: [1] })],
    l2Advertisements: [l2Advertisement('l2')],
  }),
  services: names.map((name, i) => service(name, [`10.0.${i >> 8}.${i & 255}`])),
  slices: names.map((name, i) => slice(name, [`node${(i % 10) + 1}`, `node${((i + 1) % 10) + 1}`])),
  nodes,
};
const memory = new PlanMemory();
planNode(world, 'node1', 1, memory);
const services = [...world.services];
let round = 0;

describe('a plan of one of 10 nodes with 10,000 Services, by BGP and layer 2', () => {
  bench('from cold', () => void planNode(world, 'node1', 1), { iterations: 5 });
  bench('one Service has another address', () => {
    round += 1;
    services[5000] = service('s5000', [`10.0.200.${round % 250}`]);
    planNode({ ...world, services: [...services] }, 'node1', 1, memory);
  });
});
