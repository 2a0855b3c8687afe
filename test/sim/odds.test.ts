import { describe, expect, it } from 'vitest';
import type { PlanMessage } from '../../speaker/channel.ts';
import type { Ip } from '../../src/net/ip.ts';
import { SimHost, World, planFor } from './speakers.ts';

const VIPS = ['10.0.1.1', '10.0.1.2', '10.0.1.3', '10.0.1.4', '10.0.1.5'] as Ip[];

function started(count: number): { readonly world: World; readonly hosts: readonly SimHost[] } {
  const world = new World(11);
  const hosts = Array.from({ length: count }, (_, i) => new SimHost(world, i + 1, { failback: { kind: 'immediate' } }));
  for (const host of hosts) {
    host.plan = planFor(host, hosts, VIPS, 1);
    host.start();
  }
  world.runUntil(10_000);
  return { world, hosts };
}

/** How long any VIP was answered for by so many, in steps of 10 ms. */
function during(world: World, forMs: number, isWrong: (answers: number) => boolean): number {
  let wrong = 0;
  for (const end = world.now + forMs; world.now < end;) {
    world.runUntil(world.now + 10);
    if (VIPS.some((vip) => isWrong(world.answering(vip, 0).length))) wrong += 10;
  }
  return wrong;
}

/** A plan in which all are preferred to one of the nodes. */
function preferring(host: SimHost, hosts: readonly SimHost[], other = host): PlanMessage {
  const { plan, fresh } = planFor(host, hosts, VIPS, 2);
  if (plan.layer2 === undefined) throw new Error('no layer 2 in the plan');
  const contests = plan.layer2.contests.map((contest) => ({
    ...contest,
    weights: contest.nodes.map((node) => (node === other.node ? 0 : 1)),
  }));
  return { plan: { ...plan, layer2: { ...plan.layer2, contests } }, fresh };
}

describe('what is rare', () => {
  it('the only one that has listened to the end flaps: what it had is answered for as soon as its link is there again', () => {
    const { world, hosts } = started(3);
    const [owner, late, missing] = hosts as [SimHost, SimHost, SimHost];
    for (const host of [late, missing]) host.kill();
    world.runUntil(world.now + 2000);
    late.start();
    world.runUntil(world.now + 300);
    for (let times = 0; times < 3; times++) {
      owner.part = 1;
      owner.setUp(false);
      world.runUntil(world.now + 200);
      expect(VIPS.flatMap((vip) => world.answering(vip, 1))).toEqual([]);
      owner.part = 0;
      owner.setUp(true);
      expect(during(world, 200, (answers) => answers !== 1)).toBeLessThanOrEqual(10);
    }
    expect(late.engine?.ownership.phase()).toBe('joining');
  });

  it('a speaker that becomes deaf while it listens first is left nothing, then and afterwards', () => {
    const { world, hosts } = started(4);
    const [late, missing] = hosts as [SimHost, SimHost];
    for (const host of [late, missing]) host.kill();
    world.runUntil(world.now + 2000);
    late.start();
    world.runUntil(world.now + 500);
    expect(late.engine?.ownership.phase()).toBe('joining');
    late.isDeaf = true;
    expect(during(world, 8000, (answers) => answers !== 1)).toBe(0);
  });

  it('a speaker that gets its first plan long after it began listens before it takes anything', () => {
    const { world, hosts } = started(3);
    const late = hosts[0] as SimHost;
    late.kill();
    world.runUntil(world.now + 1000);
    world.isApiDown = true;
    late.start();
    world.runUntil(world.now + 20_000);
    world.isApiDown = false;
    if (late.plan !== undefined) late.apply(late.plan);
    expect(during(world, 8000, (answers) => answers !== 1)).toBeLessThanOrEqual(20);
    expect(VIPS.some((vip) => world.answering(vip, 0).includes(late))).toBe(true);
  });

  it('what is to be handed to one that was not told so is kept, and handed over when it is', () => {
    const { world, hosts } = started(3);
    const [owner] = world.answering(VIPS[0] as Ip, 0) as [SimHost];
    owner.apply(preferring(owner, hosts));
    expect(during(world, 10_000, (answers) => answers !== 1)).toBe(0);
    expect(world.answering(VIPS[0] as Ip, 0)).toEqual([owner]);
    for (const host of hosts) if (host !== owner) host.apply(preferring(host, hosts, owner));
    expect(during(world, 1000, (answers) => answers === 0)).toBe(0);
    expect(VIPS.flatMap((vip) => world.answering(vip, 0))).not.toContain(owner);
  });

  it('an owner that may not be one any more by an edit goes on until another is heard, and ends at once where there is none', () => {
    const { world, hosts } = started(3);
    const [owner] = world.answering(VIPS[0] as Ip, 0) as [SimHost];
    const others = hosts.filter((host) => host !== owner);
    const without = (host: SimHost): PlanMessage => {
      const { plan, fresh } = planFor(host, hosts, VIPS, 2);
      const contests = planFor(host, others, VIPS, 2).plan.layer2?.contests ?? [];
      const layer2 = plan.layer2 && { ...plan.layer2, contests, ...(host === owner ? { candidacies: [], groups: [] } : {}) };
      return { plan: { ...plan, ...(layer2 === undefined ? {} : { layer2 }) }, fresh };
    };
    owner.apply(without(owner));
    expect(during(world, 3000, (answers) => answers !== 1)).toBe(0);
    for (const host of others) host.apply(without(host));
    expect(during(world, 1000, (answers) => answers === 0)).toBe(0);
    expect(VIPS.flatMap((vip) => world.answering(vip, 0))).not.toContain(owner);
    expect(VIPS.map((vip) => world.answering(vip, 0).length)).toEqual(VIPS.map(() => 1));
    // Nobody may have it at all.
    for (const host of others) {
      const { plan } = without(host);
      host.apply({
        plan: { ...plan, ...(plan.layer2 && { layer2: { ...plan.layer2, contests: [], candidacies: [], groups: [] } }) },
        fresh: [],
      });
      expect(VIPS.flatMap((vip) => world.answering(vip, 0))).not.toContain(host);
    }
  });

  it('a node without the address by which it is known gives way to those that have theirs; and where all have lost it each keeps its own', () => {
    for (const strayed of [[0], [1], [2], [0, 1, 2]]) {
      const { world, hosts } = started(3);
      const before = VIPS.map((vip) => world.answering(vip, 0));
      const lost = strayed.map((at) => hosts[at] as SimHost);
      for (const host of lost) host.stray(true);
      world.runUntil(world.now + 1000);
      const isAll = strayed.length === hosts.length;
      for (let second = 0; second < 10; second++) {
        const found = VIPS.map((vip) => world.answering(vip, 0));
        expect(found.map((each) => each.length)).toEqual(VIPS.map(() => 1));
        const isRight = isAll ? found.every((each, at) => each[0] === before[at]?.[0]) : !found.flat().includes(lost[0] as SimHost);
        expect(isRight).toBe(true);
        world.runUntil(world.now + 1000);
      }
      for (const host of lost) host.stray(false);
      world.runUntil(world.now + 6000);
      expect(VIPS.map((vip) => world.answering(vip, 0))).toEqual(before);
    }
  });

  it('a drain that only some were told of leaves no address to nobody, whoever of the others dies then', () => {
    for (const drained of [0, 3]) {
      for (let told = 1; told < 15; told++) {
        const { world, hosts } = started(4);
        const node = hosts[drained]?.node ?? '';
        hosts.filter((_, at) => (told >> at) % 2 === 1).forEach((host) => host.apply(planFor(host, hosts, VIPS, 2, [node])));
        expect(during(world, 200, (answers) => answers === 0)).toBe(0);
        hosts[(drained + 1) % 4]?.kill();
        world.runUntil(world.now + 500);
        expect(VIPS.map((vip) => world.answering(vip, 0).length)).toEqual(VIPS.map(() => 1));
      }
    }
  });

  it.each(['isDeaf', 'isMute'] as const)('one of three %s: the others carry everything, and it has its own back afterwards', (fault) => {
    for (const at of [0, 1, 2]) {
      const { world, hosts } = started(3);
      const host = hosts[at] as SimHost;
      host[fault] = true;
      expect(during(world, 8000, (answers) => answers === 0)).toBeLessThanOrEqual(500);
      host[fault] = false;
      expect(during(world, 3000, (answers) => answers > 1)).toBeLessThanOrEqual(300);
      expect(VIPS.some((vip) => world.answering(vip, 0).includes(host))).toBe(true);
    }
  });
});
