import { spawn } from 'node:child_process';
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
    /** What any host said of the stranger's address: who it is at. */
    const said = new Set<string>();
    let dump: ReturnType<typeof spawn> | undefined;

    beforeAll(async () => {
      lab = await SegmentLab.start({ tag: 'l2s', nodes: 2, vips: [VIP, STRANGE, VIP6], flags: ['--l2-failback', 'immediate'] });
      lab.space.run('frr', `ip addr add ${STRANGE}/32 dev eth0`);
      dump = lab.space.start(
        'client',
        ['tcpdump', '-i', 'eth0', '-l', '-n', 'arp', 'host', STRANGE].toSpliced(5, 0, '--immediate-mode'),
        `${lab.directory}/dump.log`,
      );
      lines(dump, (line) => {
        const mac = /Reply \S+ is-at (\S+),/.exec(line)?.[1];
        if (mac !== undefined) said.add(mac);
        else if (line.includes(`who-has ${STRANGE}`) && line.includes(`tell ${STRANGE}`)) said.add(line);
      });
      lab.startSpeakers();
      await lab.settled();
    }, 120_000);

    afterAll(async () => {
      dump?.kill('SIGTERM');
      await lab?.close();
    });

    const refuser = (): Promise<string> =>
      until('a speaker that was refused', () => lab.nodes.find((name) => /problems\{reason="AddressInUse".*\} 1/.test(lab.metrics(name))));

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
      expect([...said]).toEqual([macOf(lab.space, 'frr')]);
    }, 120_000);
  },
);
