import { afterAll, beforeAll, expect, it } from 'vitest';
import { Pinger, SegmentLab } from '../lab/segment.ts';
import { need } from '../support/need.ts';
import { sleep, until } from '../support/until.ts';

need('netns', 'command:ping', 'command:nft', 'command:arping', 'command:curl', 'file:dist/src/cli/heraldlb.js').describe(
  'three speakers on one segment, a client that asks 500 times a second',
  () => {
    let lab: SegmentLab;

    beforeAll(async () => {
      lab = await SegmentLab.start({ tag: 'l2f', flags: ['--l2-failback-seconds', '2'] });
      lab.startSpeakers();
      await lab.settled();
    }, 120_000);

    afterAll(async () => {
      await lab?.close();
    });

    it('works', async () => {
      const owner = lab.owner() ?? '';
      const pinger = new Pinger(lab);
      await until('answers', () => pinger.count > 200);
      const at = Date.now();
      lab.kill(owner, 'SIGKILL');
      await sleep(1500);
      await pinger.stop();
      console.log(owner, pinger.resumedAfter(at), pinger.lost, pinger.darkMs);
      expect(pinger.resumedAfter(at)).toBeLessThan(1000);
    });
  },
);
