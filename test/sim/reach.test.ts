import { describe, expect, it } from 'vitest';
import type { MeshKey } from '../../speaker/channel.ts';
import type { Ip } from '../../src/net/ip.ts';
import type { Prefix } from '../../src/net/prefix.ts';
import { SimHost, World, planFor } from './speakers.ts';

const VIPS = Array.from({ length: 12 }, (_, i) => `10.0.1.${i + 1}` as Ip);
const OTHERS = Array.from({ length: 12 }, (_, i) => `172.16.0.${i + 1}` as Ip);
const NEAR = ['10.0.0.0/16' as Prefix];
const FAR = ['192.168.7.0/24' as Prefix];

function started(subnets: readonly (readonly Prefix[])[], vips: readonly Ip[] = VIPS, key?: MeshKey) {
  const world = new World(3);
  const hosts = subnets.map((each, i) => {
    const host = new SimHost(world, i + 1, { failback: { kind: 'immediate' } });
    host.subnets = each;
    return host;
  });
  for (const host of hosts) {
    host.plan = { ...planFor(host, hosts, vips, 1), ...(key === undefined ? {} : { meshKey: key }) };
    host.start();
  }
  world.runUntil(10_000);
  return { world, hosts };
}

const owners = (world: World, vips: readonly Ip[]): string[][] => vips.map((vip) => world.answering(vip, 0).map(({ node }) => node));

describe('a node with no interface in the subnet of a VIP', () => {
  it.each([undefined, { keyId: 1, password: 'correct horse' }])('is not chosen while another has one (key: %s)', (key) => {
    const { world, hosts } = started([NEAR, FAR, NEAR], VIPS, key);
    const found = owners(world, VIPS);
    expect(found.every((each) => each.length === 1)).toBe(true);
    expect(new Set(found.flat())).toEqual(new Set(['node1', 'node3']));
    expect(hosts[1]?.engine?.ownership.note.reach).toEqual([{ reach: 1, from: VIPS[0], to: VIPS.at(-1) }]);
  });

  it('is chosen when those that have one are gone, and gives it back to the first that comes', () => {
    const { world, hosts } = started([NEAR, FAR]);
    hosts[0]?.kill();
    world.runUntil(world.now + 400);
    expect(new Set(owners(world, VIPS).flat())).toEqual(new Set(['node2']));
    hosts[0]?.start();
    world.runUntil(world.now + 6000);
    expect(owners(world, VIPS)).toEqual(VIPS.map(() => ['node1']));
  });

  it('is as good as others where no node has one: a VIP that is routed to the segment', () => {
    const { world } = started([NEAR, FAR, NEAR], OTHERS);
    const found = owners(world, OTHERS);
    expect(found.every((each) => each.length === 1)).toBe(true);
    expect(new Set(found.flat())).toEqual(new Set(['node1', 'node2', 'node3']));
  });

  it('takes its share as soon as its interface has an address there', () => {
    const { world, hosts } = started([NEAR, FAR]);
    const second = hosts[1] as SimHost;
    second.subnets = [...FAR, ...NEAR];
    second.setUp(true);
    world.runUntil(world.now + 500);
    expect(new Set(owners(world, VIPS).flat())).toEqual(new Set(['node1', 'node2']));
    second.subnets = FAR;
    second.setUp(true);
    let doubles = 0;
    for (let steps = 0; steps < 100; steps++) {
      world.runUntil(world.now + 10);
      if (owners(world, VIPS).some((each) => each.length !== 1)) doubles += 1;
    }
    expect(doubles).toBeLessThanOrEqual(3);
    expect(owners(world, VIPS)).toEqual(VIPS.map(() => ['node1']));
  });

  it('is chosen all the same where the L2Advertisement names its interface', () => {
    const world = new World(3);
    const hosts = [1, 2].map((number) => new SimHost(world, number, { failback: { kind: 'immediate' } }));
    for (const [i, host] of hosts.entries()) {
      host.subnets = i === 0 ? NEAR : FAR;
      const { plan, fresh } = planFor(host, hosts, VIPS, 1);
      const candidacies = VIPS.map((ip) => ({ ip, interfaces: ['eth0'] }));
      if (plan.layer2 !== undefined) host.plan = { plan: { ...plan, layer2: { ...plan.layer2, candidacies } }, fresh };
      host.start();
    }
    world.runUntil(10_000);
    expect(new Set(owners(world, VIPS).flat())).toEqual(new Set(['node1', 'node2']));
  });
});

it('a node that can announce some of its addresses and not others is elected for those alone', () => {
  const world = new World(3);
  const hosts = [1, 2, 3].map((number) => new SimHost(world, number, { failback: { kind: 'immediate' } }));
  for (const host of hosts) {
    const { plan, fresh } = planFor(host, hosts, VIPS, 1);
    // On the second node the advertisement of half of them names an interface that is not there.
    const candidacies = VIPS.map((ip, i) => ({ ip, interfaces: [host.node === 'node2' && i % 2 === 0 ? 'eth9' : 'eth0'] }));
    if (plan.layer2 !== undefined) host.plan = { plan: { ...plan, layer2: { ...plan.layer2, candidacies } }, fresh };
    host.start();
  }
  world.runUntil(10_000);
  const found = owners(world, VIPS);
  expect(found.every((each) => each.length === 1)).toBe(true);
  expect(found.filter((_, i) => i % 2 === 0).flat()).not.toContain('node2');
  expect(found.flat()).toContain('node2');
  for (const host of hosts) expect(host.engine?.report().problems.map(({ reason }) => reason)).not.toContain('NoUsableInterface');
});

it('the address of a node, given to a Service by whomever, is announced by nobody and told', () => {
  const world = new World(3);
  const hosts = [1, 2].map((number) => new SimHost(world, number, { failback: { kind: 'immediate' } }));
  const vips = [...VIPS, '10.0.0.2' as Ip];
  for (const host of hosts) {
    host.plan = planFor(host, hosts, vips, 1);
    host.start();
  }
  world.runUntil(10_000);
  expect(world.answering('10.0.0.2' as Ip, 0)).toEqual([]);
  expect(owners(world, VIPS).every((each) => each.length === 1)).toBe(true);
  for (const host of hosts)
    expect(host.engine?.report().problems).toEqual([{ reason: 'AddressOfNode', ip: '10.0.0.2', owner: 'Node/node2' }]);
});
