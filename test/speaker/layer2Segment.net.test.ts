import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SegmentLab } from '../lab/segment.ts';
import { lines } from '../lab/space.ts';
import { macOf, whoHas } from '../lab/traffic.ts';
import { need } from '../support/need.ts';
import { sleep, until } from '../support/until.ts';

const VIP = '10.10.0.200';
const STRANGE = '10.10.0.201';
const VIP6 = 'fd10:10::200';

need('netns', 'command:arping', 'command:ndisc6', 'command:tcpdump', 'command:curl', 'file:dist/src/cli/heraldlb.js').describe(
  'two speakers on one segment, and a host that has one of the VIPs',
  () => {
    let lab: SegmentLab;
    let dump: ChildProcess | undefined;
    /** ARP and IPv6 on the segment, as tcpdump reads it. */
    const heard: string[] = [];

    beforeAll(async () => {
      lab = await SegmentLab.start({ tag: 'l2s', nodes: 2, vips: [VIP, STRANGE, VIP6], flags: ['--l2-failback', 'immediate'] });
      lab.space.run('frr', `ip addr add ${STRANGE}/32 dev eth0`);
      // All ports of the bridge: it passes the reports of MLD on to routers alone.
      const words = ['tcpdump', '-i', 'any', '-l', '-n', '-v', '--immediate-mode', 'ip6 or arp'];
      dump = lab.space.start('seg', words, join(lab.directory, 'dump.log'));
      lines(dump, (line) => void heard.push(line));
      lab.startSpeakers();
      await lab.settled();
    }, 120_000);

    afterAll(async () => {
      dump?.kill('SIGTERM');
      await lab?.close();
    });

    const refuser = (): Promise<string> =>
      until('a speaker that was refused', () => lab.nodes.find((name) => /problems\{reason="AddressInUse".*\} 1/.test(lab.metrics(name))));

    it('answers whoever asks, however it asks: one MAC', async () => {
      const owner = (await until('an owner', () => lab.owner())) ?? '';
      const ask = (...words: readonly string[]): string[] => {
        const text = lab.space.attempt('client', ['arping', '-c', '1', '-w', '1', ...words, VIP]) ?? '';
        return [...text.matchAll(/from (\S+) \(/g)].map(([, mac]) => mac ?? '');
      };
      const mac = macOf(lab.space, owner);
      // To the owner alone, as a neighbour cache confirms an entry, and without an address of one's own (RFC 5227 §2.1.1).
      expect(ask('-i', 'eth0', '-t', mac)).toEqual([mac]);
      expect(ask('-i', 'eth0', '-0')).toEqual([mac]);
    }, 60_000);

    it('joins the groups of its IPv6 VIPs on the wire, and tells whoever tries to take one that it is taken', async () => {
      expect(heard.some((line) => /listener report v2.*gaddr ff02::1:ff00:200 to_(ex|in)/.test(line))).toBe(true);
      const before = heard.length;
      lab.space.run('client', ['sysctl', '-qw', 'net.ipv6.conf.eth0.accept_dad=1', 'net.ipv6.conf.eth0.dad_transmits=1']);
      lab.space.run('client', `ip -6 addr add ${VIP6}/64 dev eth0`);
      await until('DAD to fail', () => lab.space.run('client', 'ip -6 addr show eth0').includes('dadfailed'));
      lab.space.run('client', `ip -6 addr del ${VIP6}/64 dev eth0`);
      // RFC 4861 §7.2.4: nobody asked by an address, so all are told, and S is not set.
      const said = await until('the advertisement', () =>
        heard.slice(before).find((line) => line.includes('> ff02::1: ') && line.includes(`tgt is ${VIP6}`)),
      );
      expect(said).toContain('Flags [override]');
    }, 60_000);

    it("the stranger's stays its own: when speakers begin, when all begin anew, and when the one that was refused is lost", async () => {
      await refuser();
      for (const name of lab.nodes) lab.kill(name, 'SIGKILL');
      await until('the ends of all', () => [...lab.speakers.values()].every(({ signalCode }) => signalCode !== null));
      lab.startSpeakers();
      await lab.settled();
      lab.kill(await refuser(), 'SIGKILL');
      await sleep(1000);
      await refuser();
      expect(whoHas(lab.space, 'client', STRANGE)).toEqual([macOf(lab.space, 'frr')]);
      // Nobody else ever said that it has it, neither in an answer nor in an announcement.
      const told = heard.flatMap((line) => /Reply (\S+) is-at ([0-9a-f:]{17})/.exec(line)?.slice(1).join(' ') ?? []);
      expect(told).toContain(`${STRANGE} ${macOf(lab.space, 'frr')}`);
      expect(told.filter((each) => each.startsWith(`${STRANGE} `) && !each.endsWith(macOf(lab.space, 'frr')))).toEqual([]);
      expect(heard.filter((line) => line.includes(`who-has ${STRANGE} tell ${STRANGE}`))).toEqual([]);
    }, 120_000);
  },
);
