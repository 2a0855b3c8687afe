import { expect, it } from 'vitest';
import { logNotices } from '../../speaker/noticeLog.ts';
import type { Notice } from '../../speaker/notices.ts';
import type { ServiceKey } from '../../src/cluster/service.ts';
import { createLogger } from '../../src/host/log.ts';

function linesOf(notices: readonly Notice[]): object[] {
  const lines: object[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line) as object) };
  logNotices(createLogger({ level: 'info', name: 'test', destination }), notices);
  return lines;
}

const noticeOf = (i: number, more: Partial<Notice> = {}): Notice => ({
  service: `default/web-${i}` as ServiceKey,
  type: 'Normal',
  reason: 'nodeAssigned',
  message: 'announcing from here',
  ...more,
});

it('has a line for each of a few, and one for many that are alike', () => {
  const few = linesOf([noticeOf(1), noticeOf(2)]);
  expect(few).toMatchObject([1, 2].map((i) => ({ level: 'info', service: `default/web-${i}`, reason: 'nodeAssigned' })));
  const many = Array.from({ length: 40 }, (_, i) => noticeOf(i));
  const other = noticeOf(7, { type: 'Warning', reason: 'announceFailed', message: 'no interface' });
  expect(linesOf([...many, other])).toMatchObject([
    { level: 'info', count: 40, first: 'default/web-0', last: 'default/web-39', reason: 'nodeAssigned', msg: 'announcing from here' },
    { level: 'warn', service: 'default/web-7', reason: 'announceFailed', msg: 'no interface' },
  ]);
});
