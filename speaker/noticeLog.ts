import type { Logger } from '../src/host/log.ts';
import type { Notice } from './notices.ts';

/** Of more that are alike one line tells: each has its Event, and thousands of lines would bury all else. */
const MOST_LINES = 10;

export function logNotices(log: Logger, notices: readonly Notice[]): void {
  const alike = new Map<string, [Notice, ...Notice[]]>();
  for (const notice of notices) {
    const key = `${notice.type} ${notice.reason} ${notice.message}`;
    const known = alike.get(key);
    if (known === undefined) alike.set(key, [notice]);
    else known.push(notice);
  }
  for (const group of alike.values()) {
    const [{ type, reason, message, service: first }] = group;
    const level = type === 'Warning' ? 'warn' : 'info';
    if (group.length > MOST_LINES) log[level]({ reason, count: group.length, first, last: group.at(-1)?.service }, message);
    else for (const { service } of group) log[level]({ service, reason }, message);
  }
}
