import { describe, expect, it } from 'vitest';
import type { Ip } from '../../src/net/ip.ts';
import { SimHost, Stranger, World, planFor } from './speakers.ts';

const VIPS = ['10.0.1.1', '10.0.1.2', '10.0.1.3', '10.0.1.4'] as Ip[];
const TAKEN = VIPS[1] as Ip;

function started(count: number, hasStranger = true) {
  const world = new World(5);
  const hosts = Array.from({ length: count }, (_, i) => new SimHost(world, i + 1, { failback: { kind: 'immediate' } }));
  const stranger = new Stranger(world, TAKEN);
  stranger.isThere = hasStranger;
  for (const host of hosts) {
    host.plan = planFor(host, hosts, VIPS, 1);
    host.start();
  }
  return { world, hosts, stranger };
}

/** Whether any of ours answered for the address in the meantime, looked at every 10 ms. */
function isTaken(world: World, forMs: number, vip = TAKEN): boolean {
  for (const end = world.now + forMs; world.now < end;) {
    world.runUntil(world.now + 10);
    if (world.answering(vip, 0).length > 0) return true;
  }
  return false;
}

const refuser = (hosts: readonly SimHost[]): SimHost | undefined =>
  hosts.find(
    (host) => host.engine?.report().problems.some((problem) => problem.reason === 'AddressInUse' && problem.ip === TAKEN) === true,
  );

/** No plan says that the address is new: it has been a Service's for long. */
describe('an address that a stranger has', () => {
  it.each([1, 3])('is not taken by %i speakers that begin, nor when they begin anew', (count) => {
    const { world, hosts } = started(count);
    expect(isTaken(world, 20_000)).toBe(false);
    expect(refuser(hosts)).toBeDefined();
    expect(VIPS.map((vip) => world.answering(vip, 0).length)).toEqual([1, 0, 1, 1]);
    for (const host of hosts) host.kill();
    for (const host of hosts) host.start();
    expect(isTaken(world, 20_000)).toBe(false);
  });

  it('is not taken by the next owner: not when the one that was refused dies, ends, or is drained', () => {
    const fates: ((host: SimHost, hosts: readonly SimHost[]) => void)[] = [
      (host) => host.kill(),
      (host) => host.terminate(),
      (host, hosts) => hosts.forEach((each) => each.apply(planFor(each, hosts, VIPS, 2, [host.node]))),
    ];
    for (const meet of fates) {
      const { world, hosts } = started(3);
      world.runUntil(10_000);
      for (let left = 0; left < 2; left++) {
        const host = refuser(hosts);
        if (host === undefined) throw new Error('nobody was refused');
        meet(host, hosts);
        expect(isTaken(world, 10_000)).toBe(false);
      }
    }
  });

  it('is taken when the stranger has gone', () => {
    const { world, hosts, stranger } = started(3);
    world.runUntil(10_000);
    stranger.isThere = false;
    expect(isTaken(world, 60_000)).toBe(true);
    expect(refuser(hosts)).toBeUndefined();
  });
});

it('what a speaker had is taken at once when that one dies, and every one of its heirs likewise', () => {
  const { world, hosts } = started(4, false);
  world.runUntil(10_000);
  for (let left = 3; left > 0; left--) {
    const [owner] = world.answering(TAKEN, 0);
    owner?.kill();
    world.runUntil(world.now + 450);
    expect(world.answering(TAKEN, 0)).toHaveLength(1);
  }
  expect(hosts.filter(({ engine }) => engine !== undefined)).toHaveLength(1);
});
