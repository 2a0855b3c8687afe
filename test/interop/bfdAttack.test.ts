import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { NodePlan } from '../../src/announce/plan.ts';
import { Space, lines } from '../lab/space.ts';
import { need } from '../support/need.ts';
import { sleep, until } from '../support/until.ts';
import { NEWER } from './daemons.ts';
import { Ours } from './ours.ts';
import { type BfdRouter, startBirdBfd, startFrrBfd } from './peers/bfdRouter.ts';
import { needPrograms, programs } from './peers/programs.ts';
import { OURS, THEIRS, ip, planOf, routes } from './plans.ts';

/* A host of the link that sends bad BFD packets (see bfdStorm.c) beside live sessions with two routers. */

const VIP = '192.0.2.1/32';
const [FRR, BIRD, STRANGER] = [THEIRS.ipv4, '10.99.0.3', '10.99.0.66'] as const;
const PER_SECOND = 50_000;
const STORM_MS = 3_000;
/** How many of its kinds are refused for each reason; those to a port that is not open come nowhere. */
const REFUSED = {
  BfdNoSession: 4,
  BfdTooShort: 2,
  BfdLengthTooSmall: 1,
  BfdLengthBeyondPayload: 1,
  BfdVersion: 1,
  BfdDetectMultZero: 2,
  BfdAuthUnexpected: 1,
  BfdHopLimit: 1,
  BfdYourDiscriminatorZero: 1,
} as const;

function buildSwitch(space: Space): void {
  for (const name of ['sw', 'a', 'f', 'r', 'x']) space.add(name);
  space.run('sw', 'ip link add br0 type bridge');
  space.run('sw', 'ip link set br0 up');
  for (const [name, address] of [
    ['a', OURS.ipv4],
    ['f', FRR],
    ['r', BIRD],
    ['x', STRANGER],
  ] as const) {
    space.link(name, 'eth0', 'sw', `to-${name}`);
    space.run('sw', `ip link set to-${name} master br0`);
    space.run(name, `ip addr add ${address}/24 dev eth0`);
  }
}

function pidsOf(space: Space, host: string): string[] {
  return execFileSync('ip', ['netns', 'pids', space.ns(host)], { encoding: 'utf8' })
    .split('\n')
    .filter(Boolean);
}

/** They stand for machines of their own. */
function goFirst(space: Space): void {
  for (const host of ['a', 'f', 'r'])
    for (const pid of pidsOf(space, host))
      for (const thread of readdirSync(`/proc/${pid}/task`)) space.attempt(host, `chrt -r -p 1 ${thread}`);
}

/** Of all threads of our side, in milliseconds. */
function cpuMs(space: Space): number {
  const ticks = pidsOf(space, 'a').map((pid) => {
    const [user, system] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ').slice(11, 13) ?? [];
    return Number(user) + Number(system);
  });
  return ticks.reduce((sum, each) => sum + each, 0) * 10;
}

function planTo(): NodePlan {
  const echo = { echoIntervalMs: 50, echoMode: false, passiveMode: false, minimumTtl: 254 };
  const bfd = { name: 'fast', transmitIntervalMs: 50, receiveIntervalMs: 50, detectMultiplier: 3, ...echo };
  const plan = planOf({ holdTimeMs: 90_000, keepaliveTimeMs: 30_000, bfd }, routes({}, VIP));
  const peers = plan.peers.flatMap((peer) => [peer, { ...peer, name: 'p2', session: { ...peer.session, address: ip(BIRD) } }]);
  return { ...plan, peers };
}

/** @returns how many packets it sent */
async function storm(space: Space, program: string, discriminator: number, ms: number): Promise<number> {
  const words = [program, OURS.ipv4, String(PER_SECOND), FRR, String(discriminator), STRANGER];
  const child = spawn('ip', ['netns', 'exec', space.ns('x'), ...words], { stdio: ['pipe', 'pipe', 'inherit'] });
  const said = new Promise<string>((done) => lines(child, done));
  await sleep(ms);
  child.stdin.end();
  return (JSON.parse(await said) as { readonly sent: number }).sent;
}

need('netns', 'command:cc', 'command:chrt', ...needPrograms(NEWER, 'zebra', 'bfdd', 'bgpd', 'vtysh', 'bird', 'birdc')).describe(
  'a storm of bad BFD packets',
  () => {
    it('ends no session at 50 ms x 3, and each packet is counted', async (hooks) => {
      const directory = mkdtempSync(join(tmpdir(), 'hlb-bfdattack-'));
      chmodSync(directory, 0o755);
      const space = new Space('bfda');
      const routers: BfdRouter[] = [];
      let ours: Ours | undefined;
      hooks.onTestFinished(async () => {
        await ours?.stop('SIGKILL');
        for (const router of routers) await router.stop();
        await space.dispose();
        rmSync(directory, { recursive: true, force: true });
      });
      buildSwitch(space);
      const program = join(directory, 'storm');
      execFileSync('cc', ['-O2', '-o', program, join(import.meta.dirname, 'bfdStorm.c')]);
      const common = { space, directory, localAsn: THEIRS.asn, remote: OURS.ipv4, remoteAsn: OURS.asn, intervalMs: 50, multiplier: 3 };
      routers.push(
        await startFrrBfd({ ...common, host: 'f', local: FRR, newer: NEWER }),
        await startBirdBfd({ ...common, host: 'r', local: BIRD, newer: NEWER }),
      );
      ours = await Ours.start(space, 'a', directory);
      ours.apply(planTo());
      goFirst(space);
      const sessions = () => ours?.report().bfd ?? [];
      const areUp = (): boolean => sessions().length === 2 && sessions().every(({ state }) => state === 'Up');
      await until('both sessions', () => areUp() && routers.every((router) => router.kernelRoutes().length === 1), 60_000, 100);
      // An FRR 10 begins twice, and what it has from the session before is refused for a second.
      await sleep(2_000);
      const shown = space.run('f', [programs(NEWER).vtysh, '--vty_socket', join(directory, 'frr-f'), '-c', 'show bfd peers json']);
      const [{ 'remote-id': discriminator }] = JSON.parse(shown) as [{ readonly 'remote-id': number }];
      const downs = (): number[] => sessions().map(({ counters }) => counters.timesDown);
      const [before, droppedBefore, cpuBefore] = [downs(), ours.bfdDropped(), cpuMs(space)];

      const sent = await storm(space, program, discriminator, STORM_MS);
      const cpu = cpuMs(space) - cpuBefore;
      const dropped = (): Record<string, number> =>
        Object.fromEntries(
          Object.keys(REFUSED).map((reason) => [reason, (ours?.bfdDropped()[reason] ?? 0) - (droppedBefore[reason] ?? 0)]),
        );
      const sum = (): number => Object.values(dropped()).reduce((all, each) => all + each, 0);
      // A busy kernel loses some on the way: what has come is counted.
      let last = -1;
      const isStill = (): boolean => last === (last = sum());
      await until('the end of what is in the queue', isStill, 10_000, 300);
      process.stdout.write(`${sent} bad packets: ${cpu} ms of CPU, ${JSON.stringify(dropped())}\n`);
      expect([downs(), areUp()]).toEqual([before, true]);
      expect(sum()).toBeGreaterThan(sent / 2);
      const ofAll = Object.values(REFUSED).reduce((all, each) => all + each, 0);
      for (const [reason, kinds] of Object.entries(REFUSED)) expect((dropped()[reason] ?? 0) / sum()).toBeCloseTo(kinds / ofAll, 1);
      expect(routers.map((router) => [router.bfd().up, router.established()])).toEqual([
        [true, true],
        [true, true],
      ]);
    }, 180_000);
  },
);
