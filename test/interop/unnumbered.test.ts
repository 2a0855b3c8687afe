import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { NodePlan } from '../../src/announce/plan.ts';
import { Space } from '../lab/space.ts';
import { need } from '../support/need.ts';
import { until } from '../support/until.ts';
import { Ours } from './ours.ts';
import { type FrrUnnumbered, startFrrUnnumbered } from './peers/frrUnnumbered.ts';
import { THEIRS, planOf, routes } from './plans.ts';

const [V4, V6] = ['192.0.2.1/32', '2001:db8::1/128'] as const;

let space: Space;
let directory: string;
let frr: FrrUnnumbered | undefined;
let ours: Ours | undefined;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'hlb-unnumbered-'));
  space = new Space('un');
  for (const name of ['a', 'b']) space.add(name);
  space.link('a', 'eth0', 'b', 'eth0');
});

afterEach(async () => {
  await ours?.stop('SIGKILL');
  await frr?.stop();
  [ours, frr] = [undefined, undefined];
  await space.dispose();
  rmSync(directory, { recursive: true, force: true });
});

function unnumbered(more: Parameters<typeof planOf>[0] = {}): NodePlan {
  const plan = planOf({ peerAsn: 'external', interface: 'eth0', ...more }, routes({}, V4, V6));
  for (const { session } of plan.peers) delete (session as { address?: unknown }).address;
  return plan;
}

async function linkLocal(host: string): Promise<string> {
  const show = (): string | undefined => {
    const text = space.run(host, 'ip -6 -o addr show dev eth0 scope link');
    return text.includes('tentative') ? undefined : /inet6 (\S+)\//.exec(text)?.[1];
  };
  return until(`a link-local address of ${host}`, show, 10_000);
}

/** Both families lead to our link-local address on the interface that has no other. */
async function routesLeadToUs(): Promise<void> {
  const us = await linkLocal('a');
  for (const prefix of [V4, V6]) {
    const leads = (): boolean => frr?.hops(prefix).some(({ ip, interfaceName }) => ip === us && interfaceName === 'eth0') === true;
    try {
      await until(`${prefix} to lead to ${us}`, leads, 40_000, 300);
    } catch (error) {
      const said = `${String(error)}\nours: ${JSON.stringify(ours?.report())}\nFRR: ${frr?.describe()}\n${JSON.stringify(frr?.hops(prefix))}`;
      throw new Error(said, { cause: error });
    }
  }
}

/** Our report comes a little later than the routes. */
async function weSay(address: string): Promise<void> {
  await until(`a session with ${address}`, () => ours?.peer()?.state === 'Established' && ours.peer()?.address === address, 10_000);
}

need('netns', 'file:/usr/lib/frr/zebra', 'file:/usr/lib/frr/bgpd', 'command:vtysh').describe('a peer without an address', () => {
  it.each([
    ['dials the router that advertises itself', {}],
    ['is dialled by it', { passive: true }],
  ])(
    '%s, with routes of both families over the link (RFC 8950)',
    async (_, more) => {
      frr = startFrrUnnumbered(space, 'b', directory, THEIRS.asn);
      ours = await Ours.start(space, 'a', directory);
      ours.apply(unnumbered(more));
      await routesLeadToUs();
      await weSay(await linkLocal('b'));
      expect(ours.peer()?.families).toEqual(['ipv4', 'ipv6']);
      expect(ours.report().problems).toEqual([]);
    },
    120_000,
  );

  it('follows when the router is replaced', async () => {
    frr = startFrrUnnumbered(space, 'b', directory, THEIRS.asn);
    ours = await Ours.start(space, 'a', directory);
    ours.apply(unnumbered());
    await routesLeadToUs();
    const before = await linkLocal('b');
    await frr.stop();
    await until('the session to end', () => ours?.peer()?.state !== 'Established', 20_000);
    space.run('b', 'ip link set eth0 down');
    space.run('b', 'ip link set eth0 address 02:00:00:00:be:ef');
    space.run('b', 'ip link set eth0 up');
    expect(await linkLocal('b')).not.toBe(before);
    frr = startFrrUnnumbered(space, 'b', directory, THEIRS.asn);
    await routesLeadToUs();
    await weSay(await linkLocal('b'));
  }, 120_000);
});
