import { describe, expect, it } from 'vitest';
import { type Malformed, isMalformed } from '../../../src/wire/bgp/malformed.ts';
import { type MessageContext, decodeMessage, encodeMessage } from '../../../src/wire/bgp/message.ts';
import { createFramer, feedFramer, nextMessage } from '../../../src/wire/bgp/framer.ts';
import { updateAction } from '../../../src/wire/bgp/update.ts';
import { CORPUS, type Row } from './malformedCorpus.ts';

const CONTEXT: MessageContext = { as4: true, ebgp: true, addPath: [], extended: false };
const ACTIONS = { 'session-reset': 'reset', 'afi-disable': 'disable', 'treat-as-withdraw': 'withdraw', 'attribute-discard': 'discard' };

function describeFault({ code, subcode, action }: Malformed): string {
  return `${code}/${subcode} ${ACTIONS[action]}`;
}

function outcome({ bytes, context }: Row, withData: boolean): string {
  const result = decodeMessage(bytes, { ...CONTEXT, ...context });
  const faults = isMalformed(result) ? [result] : result.type === 'update' ? result.faults : [];
  if (faults.length === 0) return 'ok';
  const text = faults.map(describeFault).join(' ');
  return withData ? `${text} ${Buffer.from(faults[0]?.data ?? []).toString('hex')}` : text;
}

const hasData = (expected: string): boolean => expected.split(' ').length === 3;

describe('malformed messages', () => {
  it('are many, each with a name of its own', () => {
    expect(CORPUS.length).toBeGreaterThanOrEqual(120);
    expect(new Set(CORPUS.map(({ name }) => name)).size).toBe(CORPUS.length);
  });

  it.each(CORPUS.map((row) => [row.name, row] as const))('%s', (_, row) => {
    expect(outcome(row, hasData(row.expected))).toBe(row.expected);
  });

  it('RFC 7606 §3 h: the strongest action counts', () => {
    const row = CORPUS.find(({ name }) => name.startsWith('two faults'));
    const update = decodeMessage(row?.bytes ?? new Uint8Array(0), CONTEXT);
    expect(!isMalformed(update) && update.type === 'update' && updateAction(update)).toBe('treat-as-withdraw');
  });

  it.each(CORPUS.map((row) => [row.name, row] as const))('%s: what it deserves fits into a NOTIFICATION', (_, row) => {
    const result = decodeMessage(row.bytes, { ...CONTEXT, ...row.context });
    const faults = isMalformed(result) ? [result] : result.type === 'update' ? result.faults : [];
    for (const { code, subcode, data } of faults) {
      expect(encodeMessage({ type: 'notification', code, subcode, data }).length).toBeLessThanOrEqual(4096);
    }
  });

  const early = CORPUS.filter(({ name, expected }) => expected.startsWith('1/') && !/plain|beyond the bytes/.test(name));

  it.each(early.map((row) => [row.name, row] as const))('%s: found by the framer before the body has come', (_, row) => {
    const framer = createFramer();
    framer.extended = row.context?.extended ?? false;
    feedFramer(framer, row.bytes.subarray(0, 19));
    const result = nextMessage(framer);
    expect(result !== undefined && isMalformed(result) && describeFault(result)).toBe(row.expected.split(' ').slice(0, 2).join(' '));
  });
});
