import { describe, expect, it } from 'vitest';
import { announcementFrames, probeFrame } from '../../src/layer2/gratuitous.ts';
import type { Ip } from '../../src/net/ip.ts';
import type { Mac } from '../../src/net/mac.ts';
import { SimHost, World, planFor } from '../sim/speakers.ts';
import { ETH0, ip, nodePlan, startEngine } from './support.ts';

const VIP6 = ip('fd00::1');
const VIP = ip('198.51.100.1');

/** The weak points of MetalLB's layer 2, by their numbers. */
describe('layer 2', () => {
  it('W11: an interface that appears later joins the groups of the VIPs, and hears of them', () => {
    const { engine, hands, clock } = startEngine();
    void engine.start(0);
    hands.setLinks([ETH0]);
    engine.apply({ plan: nodePlan(1, [], [{ ip: VIP6, services: [] }]), fresh: [] });
    const eth1 = { ...ETH0, name: 'eth1', index: 7, mac: '02:00:00:00:00:07' as Mac };
    hands.setLinks([ETH0, eth1]);
    clock.advance(10);
    const port = hands.ports.find(({ link }) => link.name === 'eth1');
    expect([...(port?.groups ?? [])]).toEqual(['ff02::1:ff00:1']);
    expect(port?.sent.length).toBeGreaterThan(0);
    // Made anew under the same name.
    hands.setLinks([ETH0, { ...eth1, index: 9 }]);
    clock.advance(10);
    expect([...(hands.ports.at(-1)?.groups ?? [])]).toEqual(['ff02::1:ff00:1']);
  });

  it.each([
    ['W12: an interface that is not there', ['eth9'], [ETH0]],
    ['W12b: an interface that is down', ['eth0'], [{ ...ETH0, up: false }]],
  ])('%s is a problem that is told, and nothing is said to be announced', (_, interfaces, links) => {
    const { engine, hands } = startEngine();
    void engine.start(0);
    hands.setLinks(links);
    engine.apply({ plan: nodePlan(1, [], [{ ip: VIP, services: [], interfaces }]), fresh: [] });
    expect(engine.report().claims).toMatchObject([{ ip: VIP, phase: 'waiting', interfaces: [] }]);
    expect(engine.report().problems).toEqual([{ reason: 'NoUsableInterface', ip: VIP, interfaces }]);
  });

  it('W12: a node whose link goes is passed over as long as there is another, and gets its VIPs back with the link', () => {
    const world = new World(7);
    const hosts = [1, 2, 3].map((number) => new SimHost(world, number, { failback: { kind: 'immediate' } }));
    const vip = '10.0.1.1' as Ip;
    for (const host of hosts) {
      host.plan = planFor(host, hosts, [vip], 1);
      host.start();
    }
    world.runUntil(10_000);
    const [owner] = world.answering(vip, 0);
    // Its session with the others runs over another interface.
    owner?.setUp(false);
    world.runUntil(10_100);
    const [next, ...more] = world.answering(vip, 0);
    expect(more).toEqual([]);
    expect(next).toBeDefined();
    expect(next).not.toBe(owner);
    owner?.setUp(true);
    world.runUntil(12_000);
    expect(world.answering(vip, 0)).toEqual([owner]);
  });

  it('W12b: a member of a VRF announces as any other interface', () => {
    const { engine, hands, clock } = startEngine();
    void engine.start(0);
    hands.setLinks([{ ...ETH0, vrf: 'red' }]);
    engine.apply({ plan: nodePlan(1, [], [{ ip: VIP, services: [] }]), fresh: [] });
    clock.advance(10);
    expect(engine.report().claims).toMatchObject([{ phase: 'claimed', interfaces: ['eth0'] }]);
    expect(hands.ports[0]?.sent.length).toBeGreaterThan(0);
  });

  it('W21: two parts of a segment own a VIP each, and one of them gives it up within 0.3 s of being joined', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const world = new World(seed);
      const hosts = [1, 2, 3, 4].map((number) => new SimHost(world, number, { failback: { kind: 'immediate' } }));
      const vip = '10.0.1.1' as Ip;
      for (const host of hosts) {
        host.plan = planFor(host, hosts, [vip], 1);
        host.start();
      }
      world.runUntil(10_000);
      expect(world.answering(vip, 0)).toHaveLength(1);
      for (const host of hosts.slice(2)) host.part = 1;
      world.runUntil(15_000);
      expect([world.answering(vip, 0).length, world.answering(vip, 1).length]).toEqual([1, 1]);
      for (const host of hosts) host.part = 0;
      world.runUntil(15_300);
      expect(world.answering(vip, 0)).toHaveLength(1);
    }
  });

  it('W23: who asks before it takes a VIP over IPv6 (DAD, without a source link-layer address) is answered', () => {
    const { engine, hands, clock } = startEngine();
    void engine.start(0);
    hands.setLinks([ETH0]);
    engine.apply({ plan: nodePlan(1, [], [{ ip: VIP6, services: [] }]), fresh: [] });
    clock.advance(10_000);
    const [port] = hands.ports;
    const before = port?.sent.length ?? 0;
    port?.hear(probeFrame(VIP6, { ...ETH0, mac: '02:00:00:00:00:77' as Mac }));
    expect(port?.sent.length).toBe(before + 1);
  });

  it('W23: another host that announces a VIP is told, by its MAC', () => {
    const { engine, hands, clock } = startEngine();
    void engine.start(0);
    hands.setLinks([ETH0]);
    engine.apply({ plan: nodePlan(1, [], [{ ip: VIP, services: [] }]), fresh: [] });
    clock.advance(10);
    const stranger = { ...ETH0, mac: '02:00:00:00:00:77' as Mac };
    for (const frame of announcementFrames(VIP, stranger)) hands.ports[0]?.hear(frame);
    expect(engine.report().problems).toEqual([{ reason: 'AddressInUse', ip: VIP, mac: stranger.mac, interface: 'eth0' }]);
    expect(engine.layer2.counters.conflicts).toBe(1);
  });
});
