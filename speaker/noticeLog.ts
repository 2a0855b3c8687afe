import type { Logger } from '../src/host/log.ts';
import type { Notice } from './notices.ts';

/** Each has its Event; in the log thousands that are alike would bury all else, and cost both threads more than the Events do. */
const MOST_LINES = 10;

export function logNotices(log: Logger, notices: readonly Notice[]): void {
  const alike = new Map<string, Notice[]>();
  for (const notice of notices) {
    const key = `${notice.type} ${notice.reason} ${notice.message}`;
    const known = alike.get(key);
    if (known === undefined) alike.set(key, [notice]);
    else known.push(notice);
  }
  for (const group of alike.values()) {
    const level = group[0]?.type === 'Warning' ? 'warn' : 'info';
    if (group.length <= MOST_LINES) for (const { service, reason, message } of group) log[level]({ service, reason }, message);
    else
      log[level](
        { count: group.length, first: group[0]?.service, last: group.at(-1)?.service, reason: group[0]?.reason },
        `${group[0]?.message}`,
      );
  }
}
