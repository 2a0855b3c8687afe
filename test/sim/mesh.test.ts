import { describe, expect, it } from 'vitest';
import type { MeshKey } from '../../speaker/channel.ts';
import { meshKeyOf } from '../../speaker/meshKey.ts';
import type { Ip } from '../../src/net/ip.ts';
import { SimHost, World, planFor, questionFor } from './speakers.ts';

const VIP = '10.0.1.1' as Ip;

function started(
  count: number,
  keys: readonly (MeshKey | undefined)[] = [],
  prepare: (hosts: readonly SimHost[]) => void = () => undefined,
) {
  const world = new World(3);
  const hosts = Array.from({ length: count }, (_, i) => new SimHost(world, i + 1, { failback: { kind: 'immediate' } }));
  prepare(hosts);
  for (const [i, host] of hosts.entries()) {
    const key = keys[i];
    host.plan = { ...planFor(host, hosts, [VIP], 1), ...(key === undefined ? {} : { meshKey: key }) };
    host.start();
  }
  world.runUntil(10_000);
  return { world, hosts };
}

const livenesses = (host: SimHost | undefined): string[] => host?.engine?.ownership.mesh.standings().map(({ liveness }) => liveness) ?? [];

describe('the mesh of speakers', () => {
  it('where BFD is filtered: Kubernetes says who lives, one answers, and each speaker tells of it', () => {
    const { world, hosts } = started(3, [], (all) => all.forEach((host) => void (host.isFiltered = true)));
    expect(world.answering(VIP, 0)).toHaveLength(1);
    for (const host of hosts) {
      expect(host.engine?.report().problems.map(({ reason }) => reason)).toEqual(['LivenessUnknown', 'LivenessUnknown']);
    }
  });

  it('where one node alone is filtered: the others go on without it, and no two answer', () => {
    const { world, hosts } = started(3, [], ([first]) => void (first && (first.isFiltered = true)));
    world.runUntil(15_000);
    expect(world.answering(VIP, 0).length).toBeLessThanOrEqual(1);
    expect(livenesses(hosts[1])).toEqual(['unknown', 'willing']);
  });

  it('between nodes that have no family in common: Kubernetes alone says who lives, and one answers', () => {
    const world = new World(3);
    const hosts = [1, 2].map((number) => new SimHost(world, number));
    const tell = (ready: readonly string[]): void => {
      for (const host of hosts) {
        const { plan, fresh } = planFor(host, hosts, [VIP], 1);
        const nodes = hosts.flatMap(({ node }) => (node !== host.node && ready.includes(node) ? [node] : []));
        const beyond = nodes.length === 0 ? {} : { beyond: { nodes, isReady: ready.includes(host.node) } };
        if (plan.layer2 !== undefined) host.apply({ plan: { ...plan, layer2: { ...plan.layer2, peers: [], ...beyond } }, fresh });
      }
    };
    tell(hosts.map(({ node }) => node));
    for (const host of hosts) host.start();
    world.runUntil(10_000);
    const [owner] = world.answering(VIP, 0);
    expect(world.answering(VIP, 0)).toHaveLength(1);
    const others = hosts.filter((host) => host !== owner);
    tell(others.map(({ node }) => node));
    world.runUntil(20_000);
    expect(world.answering(VIP, 0)).toEqual(others);
  });

  it('is signed where there is a key, and whoever has another key is neither believed nor taken for dead', () => {
    const key = { keyId: 7, password: 'correct horse' };
    const same = started(2, [key, key]);
    expect(livenesses(same.hosts[0])).toEqual(['willing']);
    expect(same.world.answering(VIP, 0)).toHaveLength(1);
    const other = started(2, [key, { keyId: 7, password: 'another' }]);
    expect(livenesses(other.hosts[0])).toEqual(['unknown']);
    expect(other.world.answering(VIP, 0)).toHaveLength(1);
    expect([...(other.hosts[0]?.engine?.ownership.mesh.dropped.keys() ?? [])]).toEqual(['BfdAuthWrong']);
    // One of them is restarted with the right key; the other does not change its own while it runs.
    const [, second] = other.hosts;
    if (second?.plan !== undefined) second.plan = { ...second.plan, meshKey: key };
    second?.start();
    other.world.runUntil(20_000);
    expect(livenesses(other.hosts[0])).toEqual(['willing']);
    expect(other.world.answering(VIP, 0)).toHaveLength(1);
  });

  /** As docs/install.md has it: each step is the Secret that the speakers read, restarted one after the other. */
  it.each([
    ['another key', [{ password: 'old' }, { password: 'old', accepted: 'new' }, { password: 'new', accepted: 'old' }, { password: 'new' }]],
    ['the first key', [undefined, { accepted: 'new' }, { password: 'new', accepted: '' }, { password: 'new' }]],
    ['no key any more', [{ password: 'old' }, { password: 'old', accepted: '' }, { accepted: 'old' }, undefined]],
  ] as const)('%s, step by step: all believe each other all the time, and exactly one answers', (_, steps) => {
    const [first, ...others] = steps.map((step) => meshKeyOf(step && { type: 'kubernetes.io/basic-auth', ...step }));
    const { world, hosts } = started(3, [first, first, first]);
    const seen = new Set<string>();
    let wrong = 0;
    const pass = (ms: number): void => {
      for (const end = world.now + ms; world.now < end;) {
        world.runUntil(world.now + 10);
        for (const host of hosts) for (const liveness of livenesses(host)) seen.add(liveness);
        if (world.answering(VIP, 0).length !== 1) wrong += 1;
      }
    };
    for (const key of others) {
      for (const host of hosts) {
        host.terminate();
        pass(2000);
        host.plan = { ...planFor(host, hosts, [VIP], 1), ...(key === undefined ? {} : { meshKey: key }) };
        host.start();
        // Until it has heard them.
        pass(300);
        seen.clear();
        pass(5000);
        expect([...seen]).not.toContain('unknown');
      }
    }
    expect(wrong).toBe(0);
    for (const host of hosts) expect(host.engine?.ownership.mesh.isSigned).toBe(steps.at(-1) !== undefined);
  });

  it.each([
    ['all nodes at once', [0, 1, 2], false],
    ['one node, the others not', [0], false],
    ['all, which took one another for moved', [0, 1, 2], true],
  ] as const)('sessions that end and begin anew at once stay up, and see a death: those of %s', (_, which, areMoved) => {
    const { world, hosts } = started(3);
    const [owner] = world.answering(VIP, 0) as [SimHost];
    const again = [owner, ...hosts.filter((host) => host !== owner)].filter((_host, at) => which.some((each) => each === at));
    for (const host of again) {
      const { plan, fresh } = planFor(host, hosts, [VIP], 2);
      if (plan.layer2 === undefined) throw new Error('no layer 2 in the plan');
      const moved = plan.layer2.peers.map((peer, at) => ({ ...peer, address: `10.0.0.${200 + at}` as Ip }));
      const none = { contests: [], candidacies: [], groups: [], peers: [] };
      host.apply({ plan: { ...plan, layer2: { ...plan.layer2, ...(areMoved ? { peers: moved } : none) } }, fresh });
    }
    world.runUntil(world.now + 300);
    for (const host of again) host.apply(planFor(host, hosts, [VIP], 3));
    world.runUntil(world.now + 100);
    for (const host of hosts) expect(host.engine?.report().problems).toEqual([]);
    for (let steps = 0; steps < 60; steps++) {
      world.runUntil(world.now + 100);
      for (const host of hosts) expect(host.engine?.ownership.mesh.standings().map(({ isUp }) => isUp)).toEqual([true, true]);
    }
    const [victim, ...others] = [owner, ...hosts.filter((host) => host !== owner)].toReversed() as [SimHost, SimHost, SimHost];
    victim.kill();
    world.runUntil(world.now + 500);
    for (const host of others) expect(livenesses(host).toSorted()).toEqual(['dead', 'willing']);
    expect(world.answering(VIP, 0)).toHaveLength(1);
  });

  it('what is deleted and made again within a moment is answered for at once; after a while it is asked for first', () => {
    const { world, hosts } = started(3);
    const owners = world.answering(VIP, 0);
    const apply = (vips: readonly Ip[], generation: number): void => {
      for (const host of hosts) host.apply({ ...planFor(host, hosts, vips, generation), fresh: vips });
    };
    for (const [generation, pauseMs, isAnswered] of [
      [2, 100, true],
      [4, 1900, true],
      [6, 2100, false],
    ] as const) {
      apply([], generation);
      world.runUntil(world.now + pauseMs);
      expect(world.answering(VIP, 0)).toEqual([]);
      apply([VIP], generation + 1);
      world.runUntil(world.now + 10);
      expect(world.answering(VIP, 0), `after ${pauseMs} ms`).toEqual(isAnswered ? owners : []);
      world.runUntil(world.now + 1000);
      expect(world.answering(VIP, 0)).toEqual(owners);
    }
  });

  it('a speaker that stood still answers none of the questions that waited for it', () => {
    const { world } = started(3);
    const [owner] = world.answering(VIP, 0);
    if (owner === undefined) throw new Error('nobody answers');
    owner.freeze();
    const question = questionFor(VIP);
    world.at(world.now + 100, () => owner.input(() => owner.hear(question)));
    world.at(world.now + 1000, () => owner.input(() => owner.hear(question)));
    world.runUntil(12_000);
    const answered = new Set<SimHost>();
    world.answers = answered;
    owner.thaw();
    world.answers = undefined;
    expect(answered).not.toContain(owner);
    world.runUntil(16_000);
    expect(world.answering(VIP, 0)).toHaveLength(1);
  });

  it("a speaker that stood still gives up at once what is another's now: nobody announces it a second time", () => {
    const world = new World(7);
    const vips = ['10.0.1.1', '10.0.1.2', '10.0.1.3'] as Ip[];
    const hosts = [1, 2, 3].map((number) => new SimHost(world, number, { failback: { kind: 'never' } }));
    const [owner, heir, stranger] = hosts as [SimHost, SimHost, SimHost];
    for (const host of hosts) host.plan = planFor(host, hosts, vips, 1);
    owner.start();
    world.runUntil(8000);
    heir.start();
    stranger.start();
    world.runUntil(16_000);
    for (const vip of vips) expect(world.answering(vip, 0)).toEqual([owner]);
    // One that is not heard again keeps it in doubt for as long as a doubt can last.
    stranger.part = 2;
    owner.freeze();
    world.runUntil(world.now + 311);
    owner.thaw(true);
    let doubles = 0;
    for (let steps = 0; steps < 250; steps++) {
      world.runUntil(world.now + 10);
      if (vips.some((vip) => world.answering(vip, 0).length > 1)) doubles += 1;
    }
    const owners = new Set(vips.flatMap((vip) => world.answering(vip, 0)));
    expect(owners).toEqual(new Set([owner, heir]));
    expect(doubles).toBeLessThan(10);
  });

  it('a speaker that ends claims nothing with its last breath, as if all others were dead', () => {
    const { world, hosts } = started(3);
    const [owner] = world.answering(VIP, 0);
    if (owner === undefined) throw new Error('nobody answers');
    const idle = hosts.find((host) => host !== owner);
    // One that owns nothing, then the owner; the third takes over.
    for (const host of [idle, owner]) {
      const before = host?.frames;
      host?.terminate();
      world.runUntil(world.now + 2000);
      expect(host?.engine).toBeUndefined();
      expect(host?.frames).toBe(before);
    }
    expect(world.answering(VIP, 0)).toHaveLength(1);
  });

  it('a new owner that was heard before the plan that makes it one is not waited for, whatever happens to others meanwhile', () => {
    const { world, hosts } = started(4);
    const [owner] = world.answering(VIP, 0);
    if (owner === undefined) throw new Error('nobody answers');
    const plans = new Map(hosts.map((host) => [host, planFor(host, hosts, [VIP], 2, [owner.node])]));
    const tell = (host: SimHost): void => {
      const plan = plans.get(host);
      if (plan !== undefined) host.apply(plan);
    };
    for (const host of hosts) if (host !== owner) tell(host);
    world.runUntil(world.now + 10);
    const idle = hosts.find((host) => !world.answering(VIP, 0).includes(host));
    // Past the second announcement, so that it is not heard again soon.
    world.runUntil(world.now + 110);
    idle?.terminate();
    world.runUntil(world.now + 50);
    tell(owner);
    world.runUntil(world.now + 20);
    expect(world.answering(VIP, 0)).toHaveLength(1);
    expect(world.answering(VIP, 0)).not.toContain(owner);
  });

  it('two that were cut apart and are joined again: what one left to the other in their conflict is never without an answer', () => {
    const vips = ['10.0.1.1', '10.0.1.2', '10.0.1.3', '10.0.1.4'] as Ip[];
    for (let cutMs = 210; cutMs < 450; cutMs += 20) {
      const world = new World(cutMs);
      const hosts = [1, 2].map((number) => new SimHost(world, number, { failback: { kind: 'immediate' } }));
      for (const host of hosts) {
        host.plan = planFor(host, hosts, vips, 1);
        host.start();
      }
      const [, second] = hosts as [SimHost, SimHost];
      world.runUntil(8000);
      second.part = 1;
      world.runUntil(world.now + cutMs);
      second.part = 0;
      let dark = 0;
      for (let steps = 0; steps < 300; steps++) {
        world.runUntil(world.now + 10);
        if (vips.some((vip) => world.answering(vip, 0).length === 0)) dark += 10;
      }
      expect(dark, `cut for ${cutMs} ms`).toBeLessThanOrEqual(300);
    }
  });

  it('takes 10,000 addresses over within a second of the detection, each announced', () => {
    const vips = Array.from({ length: 10_000 }, (_, i) => `10.1.${i >> 8}.${i & 255}` as Ip).toSorted();
    const world = new World(5);
    const hosts = [1, 2].map((number) => new SimHost(world, number, { failback: { kind: 'immediate' } }));
    for (const host of hosts) {
      host.plan = planFor(host, hosts, vips, 1, ['node2']);
      host.start();
    }
    world.runUntil(12_000);
    const [first, second] = hosts;
    expect(first?.engine?.report().claims).toHaveLength(10_000);
    first?.kill();
    const before = second?.frames ?? 0;
    world.runUntil(12_000 + 310);
    expect(second?.engine?.report().claims).toHaveLength(10_000);
    world.runUntil(12_000 + 1310);
    // A request and a reply each (RFC 5227 §3).
    expect((second?.frames ?? 0) - before).toBeGreaterThanOrEqual(20_000);
    for (const vip of vips.filter((_, i) => i % 500 === 0)) expect(world.answering(vip, 0)).toEqual([second]);
  });
});
