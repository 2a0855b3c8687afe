import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { NodePlan } from '../../src/announce/plan.ts';
import { Space } from '../lab/space.ts';
import { need } from '../support/need.ts';
import { sleep, until } from '../support/until.ts';
import { Ours } from './ours.ts';
import { startFrrPeer } from './peers/frr.ts';
import type { PeerDaemon, PeerOptions } from './peers/peer.ts';
import { OURS, THEIRS, ip, planOf, routes } from './plans.ts';

/*
 * Those of the rules of test/bgp/crossVendor.test.ts that a real router has to show. Routers without capabilities, several hops away
 * and gone without a word are in the interop matrix, shares of the traffic in linkBandwidth.test.ts.
 */

const VIP = '192.0.2.1/32';
const [V4, V6] = [VIP, '2001:db8::1/128'] as const;

let space: Space;
let directory: string;
let peer: PeerDaemon | undefined;
const running: Ours[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'hlb-vendor-'));
  chmodSync(directory, 0o755);
  space = new Space('cv');
  for (const name of ['a', 'b']) space.add(name);
  space.link('a', 'eth0', 'b', 'eth0');
  space.run('a', `ip addr add ${OURS.ipv4}/24 dev eth0`);
  space.run('b', `ip addr add ${THEIRS.ipv4}/24 dev eth0`);
  space.run('b', `ip -6 addr add ${THEIRS.ipv6}/64 dev eth0 nodad`);
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((ours) => ours.stop('SIGKILL')));
  await peer?.stop();
  peer = undefined;
  await space.dispose();
  rmSync(directory, { recursive: true, force: true });
});

async function start(host: string): Promise<Ours> {
  const ours = await Ours.start(space, host, directory);
  running.push(ours);
  return ours;
}

function options(more: Partial<PeerOptions>): PeerOptions {
  return { space, host: 'b', directory, local: THEIRS, remote: OURS, families: ['ipv4'], holdTimeSeconds: 9, ...more };
}

const FRR = ['netns', 'file:/usr/lib/frr/bgpd', 'command:vtysh'] as const;

need(...FRR).describe('rule 2: families that do not fit', () => {
  const vtysh = (...commands: readonly string[]): string =>
    space.run('b', ['vtysh', '--vty_socket', join(directory, 'frr-b'), ...commands.flatMap((command) => ['-c', command])]);
  const configure = (...commands: readonly string[]): void => void vtysh('configure', `router bgp ${THEIRS.asn}`, ...commands);

  it.each([
    ['we refuse the router', 'sent', []],
    // With its own OPEN held back it sees ours first.
    ['the router refuses us', 'received', [`neighbor ${OURS.ipv4} timers delayopen 30`]],
  ])(
    'are an error that is said, %s; when the router is mended the session has all that it would have had',
    async (_, direction, commands) => {
      peer = startFrrPeer(options({ families: ['ipv6'] }));
      await until('FRR', () => peer?.describe().includes('BGP state') === true, 30_000, 200);
      if (commands.length > 0) configure(...commands);
      const ours = await start('a');
      ours.apply(planOf({ families: ['ipv4'], gracefulRestart: true }, routes({}, VIP)));
      const error = (): string => ours.peer()?.lastError?.text ?? '';
      await until('the refusal', () => error().startsWith(direction) && error().includes('Unsupported Capability'), 40_000, 200);
      // Tries where less might be offered.
      const sent = ours.peer()?.counters.messagesSent ?? 0;
      await until('more tries', () => (ours.peer()?.counters.messagesSent ?? 0) >= sent + 2, 60_000, 200);
      expect(ours.peer()?.counters.timesEstablished).toBe(0);
      configure('address-family ipv4 unicast', `neighbor ${OURS.ipv4} activate`);
      await until('the route', () => vtysh('show bgp ipv4 unicast json').includes(VIP), 120_000, 300);
      const said = peer.describe();
      for (const name of ['4 Byte AS', 'Route refresh', 'Graceful Restart Capability'])
        expect(said).toMatch(new RegExp(`${name}: advertised and received`, 'i'));
    },
    300_000,
  );
});

need(...FRR).describe('rule 9: one VIP from nodes of several ASes', () => {
  /** FRR's bgpd with two neighbours. */
  function startRouter(neighbours: readonly (readonly [address: string, asn: number])[], relaxed: boolean): (prefix: string) => number {
    const home = join(directory, 'frr-b');
    mkdirSync(home);
    const lines = neighbours.flatMap(([address, asn]) => [`neighbor ${address} remote-as ${asn}`, `neighbor ${address} passive`]);
    if (relaxed) lines.push('bgp bestpath as-path multipath-relax');
    writeFileSync(
      join(home, 'bgpd.conf'),
      `router bgp ${THEIRS.asn}\n bgp router-id ${THEIRS.ipv4}\n no bgp ebgp-requires-policy\n${lines.map((line) => ` ${line}\n`).join('')}`,
    );
    const id = (flag: string): number => Number(execFileSync('id', [flag, 'frr'], { encoding: 'utf8' }));
    for (const path of [home, join(home, 'bgpd.conf')]) chownSync(path, id('-u'), id('-g'));
    const flags = ['-S', '-Z', '-f', join(home, 'bgpd.conf'), '--vty_socket', home, '-i', join(home, 'pid'), '-z', join(home, 'zserv.api')];
    space.start('b', ['/usr/lib/frr/bgpd', ...flags, '-A', '127.0.0.1'], join(directory, 'frr-b.log'));
    return (prefix) => {
      const said = space.attempt('b', ['vtysh', '--vty_socket', home, '-c', `show bgp ipv4 unicast ${prefix} json`]) ?? '{}';
      const { paths = [] } = JSON.parse(said) as { paths?: { readonly multipath?: boolean; readonly valid?: boolean }[] };
      return paths.length < 2 ? -1 : paths.filter(({ multipath }) => multipath === true).length;
    };
  }

  it.each([
    ['nodes of one AS share it', [OURS.asn, OURS.asn], false, 2],
    ['nodes of two ASes do not share it by themselves', [OURS.asn, 64_520], false, 0],
    ['nodes of two ASes share it with multipath-relax', [OURS.asn, 64_520], true, 2],
  ] as const)(
    '%s',
    async (_, asns, relaxed, shares) => {
      space.add('c');
      space.link('c', 'eth0', 'b', 'eth1');
      space.run('c', 'ip addr add 10.98.0.1/24 dev eth0');
      space.run('b', 'ip addr add 10.98.0.2/24 dev eth1');
      const nodes = [
        ['a', OURS.ipv4, THEIRS.ipv4],
        ['c', '10.98.0.1', '10.98.0.2'],
      ] as const;
      const sharesOf = startRouter(
        nodes.map(([, address], i) => [address, asns[i] ?? 0]),
        relaxed,
      );
      for (const [i, [host, address, router]] of nodes.entries()) {
        const plan = planOf({ address: ip(router), routerId: ip(address), myAsn: asns[i] ?? 0, families: ['ipv4'] }, routes({}, VIP));
        (await start(host)).apply(plan);
      }
      await until('both paths', () => sharesOf(VIP) >= 0, 40_000, 200);
      // The choice comes after the path.
      await until('the choice', () => sharesOf(VIP) === shares, 10_000, 200);
      await sleep(300);
      expect(sharesOf(VIP)).toBe(shares);
    },
    120_000,
  );
});

need(...FRR).describe('rule 10: a node whose address is alone in its prefix, as DHCPv6 gives it', () => {
  it('has its session all the same: nothing here asks whether the router is on a connected prefix', async () => {
    space.run('a', `ip -6 addr add ${OURS.ipv6}/128 dev eth0 nodad`);
    space.run('a', `ip -6 route add ${THEIRS.ipv6} dev eth0`);
    peer = startFrrPeer(options({ over: 'ipv6', families: ['ipv4', 'ipv6'] }));
    const ours = await start('a');
    const plan: NodePlan = planOf({ address: ip(THEIRS.ipv6) }, routes({}, V4, V6));
    ours.apply(plan);
    await until('both routes', () => [V4, V6].every((prefix) => peer?.routes().has(prefix) === true), 40_000, 200);
    expect(peer.routes().get(V6)?.nextHop).toBe(OURS.ipv6);
    expect(ours.report().problems).toEqual([]);
  }, 90_000);
});
