import { array, assert, constantFrom, integer, oneof, property, record } from 'fast-check';
import { expect, it } from 'vitest';
import { serviceKey } from '../../src/cluster/service.ts';
import { Texts } from '../../src/rows/texts.ts';
import { NoticeQueue } from '../../speaker/noticeQueue.ts';
import type { Notice } from '../../speaker/notices.ts';

const notice = record({
  service: constantFrom(serviceKey('a', 'b'), serviceKey('a', 'c'), serviceKey('ä', '日本')),
  type: constantFrom('Normal' as const, 'Warning' as const),
  reason: constantFrom('nodeAssigned' as const, 'announceFailed' as const),
  message: constantFrom('announcing from node "node1"', 'not announced: why', ''),
});

it('gives out what came in, in its order, and holds no name of those that are gone', () => {
  assert(
    property(array(oneof(notice, integer({ min: 0, max: 3 })), { maxLength: 40 }), (steps) => {
      const names = new Texts();
      const queue = new NoticeQueue(names);
      const [came, gone]: [Notice[], Notice[]] = [[], []];
      for (const step of steps) {
        if (typeof step === 'number') gone.push(...queue.take(step));
        else {
          queue.push(step);
          came.push(step);
        }
      }
      expect([...gone, ...queue.take(100)]).toEqual(came);
      expect([queue.length, names.size]).toEqual([0, 0]);
    }),
  );
});
