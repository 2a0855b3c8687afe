import { describe, expect, it, test } from 'vitest';
import { type Instant, instant } from '../../src/machine.ts';
import { conflicts, startConflicts } from '../../src/layer2/conflict.ts';
import type { ConflictEffect, ConflictEvent } from '../../src/layer2/conflictState.ts';
import { type Sighting } from '../../src/layer2/response.ts';
import { CLIENT_MAC, ip, mac } from './support.ts';

const A = ip('192.0.2.10');
const sighting: Sighting = { ip: A, mac: CLIENT_MAC, interface: 'eth0', by: 'arp-reply', phase: 'claimed' };

const by = (node: string, ...order: string[]): ConflictEvent => ({ kind: 'sighted', sighting, speaker: { node, order, isMet: true } });

const unmet = (node: string, ...order: string[]): ConflictEvent => ({ kind: 'sighted', sighting, speaker: { node, order, isMet: false } });

/** Until the address is left to node-a, which goes before. */
function quarrel(run: ReturnType<typeof machine>, end = 0): void {
  run.at(end - 300, by('node-a', 'node-a', 'node-b'));
  run.at(end - 50, { kind: 'tick' });
  run.at(end, by('node-a', 'node-a', 'node-b'));
}

function machine(config = {}): {
  at: (ms: number, event: ConflictEvent) => readonly ConflictEffect[];
  deadline: () => Instant | undefined;
} {
  let state = startConflicts('node-b', config);
  return {
    at: (ms, event) => {
      const [next, effects] = conflicts.step(state, event, { now: instant(ms), random: () => 0 });
      state = next;
      return effects;
    },
    deadline: () => conflicts.deadline(state),
  };
}

describe('a foreign claimant', () => {
  it('is reported once with its facts, fought each time, and forgotten after silence', () => {
    const run = machine();
    const first = { ip: A, mac: CLIENT_MAC, interface: 'eth0', by: 'arp-reply', firstSeen: 5, lastSeen: 5, count: 1 };
    expect(run.at(5, { kind: 'sighted', sighting })).toEqual([
      { kind: 'defend', ip: A },
      { kind: 'foreign', claim: first },
    ]);
    expect(run.at(1000, { kind: 'sighted', sighting })).toEqual([{ kind: 'defend', ip: A }]);
    expect(run.deadline()).toBe(301_000);
    expect(run.at(300_999, { kind: 'tick' })).toEqual([]);
    expect(run.at(301_000, { kind: 'tick' })).toEqual([{ kind: 'foreignGone', claim: { ...first, lastSeen: 1000, count: 2 } }]);
    expect(run.deadline()).toBeUndefined();
  });

  it('while we probe: the address is occupied, and not fought for', () => {
    const effects = machine().at(0, { kind: 'sighted', sighting: { ...sighting, phase: 'probing', by: 'probe' } });
    expect(effects.map(({ kind }) => kind)).toEqual(['occupied', 'foreign']);
  });

  it('a flood of made-up MACs fills no memory', () => {
    const run = machine({ maxClaims: 10 });
    let reported = 0;
    for (let i = 0; i < 1000; i++) {
      const made = mac(`02:00:00:00:${(i >> 8).toString(16).padStart(2, '0')}:${(i & 255).toString(16).padStart(2, '0')}`);
      reported += run.at(i, { kind: 'sighted', sighting: { ...sighting, mac: made } }).filter(({ kind }) => kind === 'foreign').length;
    }
    expect(reported).toBe(10);
  });

  it('nothing is left of a released address', () => {
    const run = machine();
    run.at(0, { kind: 'sighted', sighting });
    run.at(0, { kind: 'sighted', sighting, speaker: { node: 'node-a', order: ['node-a', 'node-b'], isMet: true } });
    run.at(1, { kind: 'released', ip: A });
    expect(run.deadline()).toBeUndefined();
  });
});

describe('another speaker', () => {
  test.each([
    ['before us', by('node-a', 'node-a', 'node-b')],
    ['we are no candidate', by('node-c', 'node-c')],
  ])('%s: both say once more that it is theirs; then the one that goes behind gives up', (_, event) => {
    const run = machine();
    expect(run.at(0, event)).toEqual([]);
    expect(run.at(250, { kind: 'tick' })).toEqual([{ kind: 'defend', ip: A, speaker: true }]);
    expect(run.at(300, event).map(({ kind }) => kind)).toEqual(['yield']);
  });

  test.each([
    ['behind us', by('node-a', 'node-b', 'node-a')],
    ['no candidate', by('node-a', 'node-b')],
    ['neither is one: the lesser name', by('node-c')],
  ])('%s: it is told soon, and if it goes on again, ever more rarely', (_, event) => {
    const run = machine();
    expect(run.at(0, event)).toEqual([]);
    expect(run.at(10, event)).toEqual([]);
    expect(run.deadline()).toBe(20);
    expect(run.at(20, { kind: 'tick' })).toEqual([{ kind: 'defend', ip: A, speaker: true }]);
    expect(run.at(30, event)).toEqual([]);
    expect(run.deadline()).toBe(60);
    expect(run.at(60, { kind: 'tick' })).toEqual([{ kind: 'defend', ip: A, speaker: true }]);
    expect(run.at(70, event)).toEqual([]);
    expect(run.deadline()).toBe(140);
    expect(run.at(140, { kind: 'tick' })).toEqual([{ kind: 'defend', ip: A, speaker: true }]);
    expect(run.at(1140, { kind: 'tick' })).toEqual([]);
    expect(run.deadline()).toBeUndefined();
  });

  it('is told soon, though it was said ever more rarely to a third', () => {
    const run = machine();
    const third = unmet('node-c', 'node-b', 'node-a', 'node-c');
    for (let at = 0; at < 150; at += 1) {
      run.at(at, third);
      run.at(at, { kind: 'tick' });
    }
    expect(run.at(150, by('node-a', 'node-b', 'node-a', 'node-c'))).toEqual([]);
    expect(run.at(170, { kind: 'tick' })).toEqual([{ kind: 'defend', ip: A, speaker: true }]);
  });

  it.each([true, false])('with which there is no session: who goes before says so at once, the other gives up at once (%s)', (isFirst) => {
    const run = machine();
    const event = unmet('node-a', ...(isFirst ? ['node-b', 'node-a'] : ['node-a', 'node-b']));
    const settled = isFirst ? { kind: 'defend', ip: A, speaker: true } : { kind: 'yield', ip: A, to: 'node-a' };
    expect(run.at(0, event)).toEqual([settled]);
    // Two that do not agree do not talk each other into a storm.
    let said = 0;
    for (let at = 1; at < 10_000; at += 1)
      said += [...run.at(at, event), ...run.at(at, { kind: 'tick' })].filter(({ kind }) => kind === 'defend').length;
    expect(said).toBeLessThan(25);
  });

  it('is not left what was said to a third before it came, which it has not heard of yet', () => {
    const run = machine();
    const order = ['node-a', 'node-b', 'node-c'];
    run.at(0, by('node-c', ...order));
    expect(run.at(20, { kind: 'tick' })).toEqual([{ kind: 'defend', ip: A, speaker: true }]);
    expect(run.at(100, by('node-a', ...order))).toEqual([]);
    expect(run.at(300, { kind: 'tick' })).toEqual([{ kind: 'defend', ip: A, speaker: true }]);
    expect(run.at(320, by('node-a', ...order))).toEqual([{ kind: 'yield', ip: A, to: 'node-a' }]);
  });

  it('that hears none of several is given nothing, whatever the order', () => {
    const event = unmet('node-a', 'node-a', 'node-b') as Extract<ConflictEvent, { kind: 'sighted' }>;
    const lost = { ...event, speaker: { node: 'node-a', order: ['node-a', 'node-b'], isMet: false, isLost: true } };
    expect(machine().at(0, lost)).toEqual([{ kind: 'defend', ip: A, speaker: true }]);
  });

  it('that goes on is given way to where this node hears nobody, whoever goes before; and is asked ever more rarely', () => {
    const run = machine();
    const event = unmet('node-a', 'node-b', 'node-a') as Extract<ConflictEvent, { kind: 'sighted' }>;
    const speaker = { node: 'node-a', order: ['node-b', 'node-a'], isMet: false, doubt: 'alone' as const };
    const deaf = { ...event, speaker };
    const taken: number[] = [];
    // It answers each time that it is told.
    for (let at = 0; at < 300; at += 1) {
      const effects = [...run.at(at, deaf), ...run.at(at, { kind: 'tick' })];
      if (effects.some(({ kind }) => kind === 'yield')) taken.push(at);
    }
    expect(taken).toHaveLength(1);
    expect(taken[0]).toBeLessThan(200);
    const asked: number[] = [];
    for (let at = 300; at < 10_000; at += 1) {
      if (!run.at(at, { kind: 'tick' }).some(({ kind }) => kind === 'resume')) continue;
      const effects = run.at(at, { ...deaf, sighting: { ...sighting, phase: 'probing' } });
      if (effects.some(({ kind }) => kind === 'yield')) asked.push(at);
    }
    expect(asked).toEqual([expect.any(Number), ...asked.slice(1)]);
    expect(asked.length).toBeLessThan(6);
  });

  it('and one that hears others as well gives way to nobody that goes behind', () => {
    const run = machine();
    const event = unmet('node-a', 'node-b', 'node-a');
    for (let at = 0; at < 2000; at += 1) {
      const effects = [...run.at(at, event), ...run.at(at, { kind: 'tick' })];
      expect(effects.map(({ kind }) => kind)).not.toContain('yield');
    }
  });

  it('that keeps what was left to it is asked ever more rarely', () => {
    const run = machine();
    const answer = unmet('node-a', 'node-a', 'node-b');
    const asked: number[] = [];
    run.at(0, answer);
    for (let at = 1; at < 40_000; at += 1) {
      if (!run.at(at, { kind: 'tick' }).some(({ kind }) => kind === 'resume')) continue;
      asked.push(at);
      run.at(at, { ...answer, sighting: { ...sighting, phase: 'probing' } } as ConflictEvent);
    }
    expect(asked).toEqual([400, 1200, 2800, 6000, 12_400, 20_400, 28_400, 36_400]);
  });

  it('to which the address is handed over meanwhile is not fought', () => {
    const run = machine();
    run.at(0, by('node-a', 'node-b', 'node-a'));
    run.at(100, { kind: 'released', ip: A });
    expect(run.deadline()).toBeUndefined();
  });

  it('with which a session comes up while it is asked: what it answers is no refusal any more', () => {
    const run = machine();
    const answered = (isMet: boolean): ConflictEvent => ({
      kind: 'sighted',
      sighting: { ...sighting, phase: 'probing' },
      speaker: { node: 'node-a', order: ['node-a', 'node-b'], isMet },
    });
    run.at(0, unmet('node-a', 'node-a', 'node-b'));
    run.at(400, { kind: 'tick' });
    expect(run.at(401, answered(true))).toEqual([{ kind: 'yield', ip: A, to: 'node-a' }]);
    run.at(1201, { kind: 'tick' });
    run.at(1202, { kind: 'speakerGone', node: 'node-a' });
    expect(run.at(1203, answered(true))).toEqual([{ kind: 'vouched', ip: A }]);
  });

  it('that still answers a probe keeps what was left to it', () => {
    const run = machine();
    quarrel(run);
    expect(run.at(1000, { kind: 'tick' })).toEqual([{ kind: 'resume', ip: A, probe: true }]);
    const answer = { ...by('node-a', 'node-a', 'node-b'), sighting: { ...sighting, phase: 'probing' as const } };
    expect(run.at(1100, answer as ConflictEvent)).toEqual([{ kind: 'yield', ip: A, to: 'node-a' }]);
  });

  it('gives back what was left to it when it is silent for long, or gone', () => {
    const run = machine({ yieldMs: 10_000 });
    const event = by('node-a', 'node-a', 'node-b');
    quarrel(run);
    expect(run.at(6000, event)).toEqual([]);
    run.at(16_000 - 1, { kind: 'tick' });
    expect(run.deadline()).toBe(16_000);
    expect(run.at(16_000, { kind: 'tick' })).toEqual([{ kind: 'resume', ip: A, probe: true }]);
    quarrel(run, 20_000);
    expect(run.at(20_001, { kind: 'speakerGone', node: 'node-x' })).toEqual([]);
    expect(run.at(20_002, { kind: 'speakerGone', node: 'node-a' })).toEqual([{ kind: 'resume', ip: A }]);
  });

  it('that answers while we probe says that nobody else has the address', () => {
    const event = { ...by('node-a', 'node-b', 'node-a'), sighting: { ...sighting, phase: 'probing' as const } };
    expect(machine().at(0, event as ConflictEvent)).toEqual([{ kind: 'vouched', ip: event.sighting.ip }]);
  });
});
