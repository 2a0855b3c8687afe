import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { docsOf } from '../../src/view/cause.ts';
import { type Room, nextStep } from '../../src/view/nextStep.ts';
import { type SessionFacts, sessionTrouble } from '../../src/view/sessionTrouble.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** The headings under one of the page's parts. */
function codesUnder(heading: string): string[] {
  const page = read('docs/troubleshoot.md');
  const part = page.slice(page.indexOf(`\n${heading}\n`) + heading.length + 2).split(/^## /m)[0] ?? '';
  return [...part.matchAll(/^### (\w+)$/gm)].map(([, code]) => code ?? '');
}

/** The heading that a link leads to: GitHub numbers those that have the same name. */
function target(docs: string): string | undefined {
  const seen = new Map<string, number>();
  let part = '';
  for (const [, level = '', heading = ''] of read('docs/troubleshoot.md').matchAll(/^(##+) (.+)$/gm)) {
    const plain = heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-');
    const count = seen.get(plain) ?? 0;
    seen.set(plain, count + 1);
    if (level === '##') part = `## ${heading}`;
    if (docs === `docs/troubleshoot.md#${plain}${count === 0 ? '' : `-${count}`}`) return part;
  }
  return undefined;
}

const PARTS: readonly (readonly [Room, string])[] = [
  ['ipam', '## Why a Service has no address'],
  ['announce', '## Why a node does not announce'],
  ['config', '## Mistakes in the configuration'],
  ['wire', '## What the wire cannot do'],
  ['session', '## Why a session is not up'],
  ['explain', '## What explain adds'],
];

describe.each(PARTS)('reasons of %s', (room, heading) => {
  it('each have a link that leads to their section, and something to do', () => {
    const codes = codesUnder(heading);
    expect(codes.length).toBeGreaterThan(8);
    expect(codes.filter((code) => target(docsOf(room, code)) !== heading)).toEqual([]);
    expect(codes.filter((code) => nextStep(room, code) === 'see the page')).toEqual([]);
  });
});

const FACTS: SessionFacts = { source: '192.0.2.99', hasKey: false, waits: false, holdTimeMs: 3000, myAsn: 64_512, peerAsn: 64_513 };

describe('the last error of a session', () => {
  it.each([
    ['sent OPEN Message Error/Bad Peer AS', 'BadPeerAs', /another AS number than peerASN 64513/],
    ['received OPEN Message Error/Bad Peer AS', 'BadPeerAs', /does not expect AS 64512/],
    ['received OPEN Message Error/Unacceptable Hold Time', 'UnacceptableHoldTime', /a hold time of 3 s is too short/],
    ['received Cease/Administrative Shutdown: maintenance', 'EndedByRouter', /maintenance/],
    ['sent Hold Timer Expired', 'HoldTimerExpired', /hold time/],
    ['sent UPDATE Message Error/Malformed AS_PATH', 'ProtocolError', /do not understand/],
    ['received OPEN Message Error/Role Mismatch', 'OpenRefused', /refused/],
    ['ConnectTimeout: a router more than one hop away needs ebgpMultiHop', 'NoAnswer', /ebgpMultiHop/],
    ['EHOSTUNREACH', 'NoRouteToRouter', /no way/],
    ['EADDRNOTAVAIL', 'SourceNotLocal', /no address 192\.0\.2\.99 to dial from/],
    ['sent Cease/Administrative Reset', 'Connecting', /begin it anew/],
    ['sent Cease/Other Configuration Change', 'Connecting', /begin it anew/],
    ['NoOpen', 'NoOpen', /says nothing/],
    ['ConnectionClosed', 'ConnectionLost', /was lost/],
    [undefined, 'Connecting', /not up yet/],
  ])('%s is %s', (lastError, reason, says) => {
    const trouble = sessionTrouble(lastError, FACTS);
    expect(trouble.reason).toBe(reason);
    expect(trouble.message).toMatch(says);
    expect(trouble.message).toContain(lastError ?? '');
  });
});
