import { describe, expect, it } from 'vitest';
import { Handover } from '../../speaker/handover.ts';
import { Deadlines } from '../../speaker/deadlines.ts';
import { NO_RECORDER } from '../../speaker/recorder.ts';
import { createLogger } from '../../src/host/log.ts';
import { FakeClock, FakeHands, ip } from './support.ts';

const VIP = ip('192.0.2.10');
const PARTING = new Map([[VIP, { claim: { ip: VIP }, to: 'node-b' }]]);

function handover() {
  const clock = new FakeClock();
  const asked: number[] = [];
  const ended: string[] = [];
  const start = clock.now();
  const log = createLogger({ level: 'silent', name: 'test' });
  const parts = {
    hands: new FakeHands(),
    clock,
    deadlines: new Deadlines(clock),
    random: () => 0,
    recorder: NO_RECORDER,
    log,
    changed: () => undefined,
  };
  const part = new Handover(
    parts,
    (each) => ended.push(each),
    () => asked.push(clock.now() - start),
  );
  return { clock, asked, ended, part };
}

describe('an address that is handed over', () => {
  it('is asked for soon again, since the answer may be lost, and then once a second', () => {
    const { clock, asked, part } = handover();
    part.set(PARTING);
    clock.advance(3000);
    expect(asked).toEqual([60, 160, 360, 760, 1760, 2760]);
    expect(part.ends).toEqual({ heard: 0, timeout: 2 });
  });

  it('is kept by what the last plan says of it, and one that this node may not have any more not for long', () => {
    const { clock, ended, part } = handover();
    part.set(PARTING);
    expect(part.set(new Map([[VIP, { claim: { ip: VIP, interfaces: ['eth9'] }, to: 'node-b' }]]))).toEqual([
      { ip: VIP, interfaces: ['eth9'] },
    ]);
    clock.advance(60_000);
    expect(ended).toEqual([]);
    const stray = handover();
    stray.part.set(new Map([[VIP, { claim: { ip: VIP }, to: 'node-b', isStray: true }]]));
    stray.clock.advance(9000);
    expect(stray.ended).toEqual([]);
    stray.clock.advance(2000);
    expect([stray.ended, stray.part.size]).toEqual([[VIP], 0]);
  });

  it('is given up at once where the new owner was heard just now, but not where this node has spoken against it since', () => {
    const { ended, part } = handover();
    part.heard(VIP, 'node-b');
    expect(part.set(PARTING)).toEqual([]);
    part.said(VIP);
    expect(part.set(PARTING)).toEqual([{ ip: VIP }]);
    expect(part.heard(VIP, 'node-b')).toBe(true);
    expect(ended).toEqual([VIP]);
  });

  it('is given up when the new owner asks for it once more, though it was answered', () => {
    const { clock, ended, part } = handover();
    part.set(PARTING);
    expect([part.isWaitedFor(VIP, 'node-c'), part.isWaitedFor(VIP, undefined), part.isWaitedFor(VIP, 'node-b')]).toEqual([
      false,
      false,
      false,
    ]);
    clock.advance(5);
    // The same question, which came twice.
    expect(part.isWaitedFor(VIP, 'node-b')).toBe(false);
    expect(ended).toEqual([]);
    clock.advance(400);
    expect(part.isWaitedFor(VIP, 'node-b')).toBe(true);
    expect(ended).toEqual([VIP]);
    expect(part.size).toBe(0);
  });
});
