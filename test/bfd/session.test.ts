import { describe, expect, it } from 'vitest';
import type { BfdConfig, BfdDownReason, BfdVerdict } from '../../src/bfd/contract.ts';
import { transitionOf } from '../../src/bfd/fsm.ts';
import { bfdCounters } from '../../src/bfd/session.ts';
import { BFD_DIAG, BFD_STATES, type BfdPacket, type BfdState } from '../../src/wire/bfd.ts';
import { Lone, OURS, THEIRS } from './lone.ts';

/** A session in `state`, whose peer is where it must be for that. */
function inState(state: BfdState): Lone {
  const lone = new Lone().start();
  if (state === 'Up') return new Lone().up();
  if (state === 'Init') lone.hear({ state: 'Down' });
  if (state === 'AdminDown') lone.step({ type: 'stop' });
  return lone;
}

/** Ours, the peer's, and what becomes of ours; §6.8.6 word by word. */
const TRANSITIONS: readonly (readonly [ours: BfdState, theirs: BfdState, next: BfdState, diag: number])[] = [
  ['Down', 'AdminDown', 'Down', 0],
  ['Down', 'Down', 'Init', 0],
  ['Down', 'Init', 'Up', 0],
  ['Down', 'Up', 'Down', 0],
  ['Init', 'AdminDown', 'Down', 3],
  ['Init', 'Down', 'Init', 0],
  ['Init', 'Init', 'Up', 0],
  ['Init', 'Up', 'Up', 0],
  ['Up', 'AdminDown', 'Down', 3],
  ['Up', 'Down', 'Down', 3],
  ['Up', 'Init', 'Up', 0],
  ['Up', 'Up', 'Up', 0],
  ['AdminDown', 'AdminDown', 'AdminDown', 7],
  ['AdminDown', 'Down', 'AdminDown', 7],
  ['AdminDown', 'Init', 'AdminDown', 7],
  ['AdminDown', 'Up', 'AdminDown', 7],
];

describe('§6.2, §6.8.6: the state machine', () => {
  it('has a row for every pair of states', () => {
    expect(TRANSITIONS).toHaveLength(BFD_STATES.length ** 2);
  });
  it.each(TRANSITIONS)('%s, and the peer says %s: %s', (ours, theirs, next, diag) => {
    const lone = inState(ours);
    expect(lone.status.state).toBe(ours);
    const downs = bfdCounters(lone.state).timesDown;
    lone.hear({ state: theirs });
    expect(lone.status).toMatchObject({ state: next, localDiag: diag, remoteState: theirs });
    expect(bfdCounters(lone.state).timesDown - downs).toBe(ours === 'Up' && next === 'Down' ? 1 : 0);
  });
  it('keeps the diagnostic until it is Up again, for a peer that could not hear it', () => {
    expect(transitionOf('Down', 'Down', BFD_DIAG.echoFailed)).toEqual({ state: 'Init', diag: BFD_DIAG.echoFailed });
    expect(transitionOf('Init', 'Up', BFD_DIAG.echoFailed)).toEqual({ state: 'Up', diag: BFD_DIAG.none });
  });
  it('tells a change of state at once, and only a change', () => {
    const lone = new Lone().start().hear({ state: 'Down' });
    expect(lone.take().map(({ at, packet }) => [at, packet.state])).toEqual([
      [1000, 'Down'],
      [1000, 'Init'],
    ]);
    lone.hear({ state: 'Down' }).hear({ state: 'Down' });
    expect(lone.take()).toEqual([]);
  });
  it('says what it says while Up in Init already, since that packet takes the other side Up', () => {
    const said = (change: Partial<BfdConfig>): unknown => {
      const lone = new Lone(change).start().hear({ state: 'Down' }).hear({ state: 'Init' });
      return lone.take().map(({ packet }) => [packet.state, packet.diag]);
    };
    expect(said({ upDiag: 8 })).toEqual([
      ['Down', 0],
      ['Init', 8],
      ['Up', 8],
    ]);
    // What is said until it is Up goes before it.
    expect(said({ upDiag: 6, downDiag: 8 })).toEqual([
      ['Down', 8],
      ['Init', 8],
      ['Up', 6],
    ]);
    expect(said({})).toEqual([
      ['Down', 0],
      ['Init', 0],
      ['Up', 0],
    ]);
  });
  it('reports what has changed, and is quiet when nothing has', () => {
    const lone = new Lone().up();
    expect(lone.reports.map(({ state }) => state)).toContain('Up');
    expect(lone.reports.at(-1)).toEqual(lone.status);
    lone.reports.length = 0;
    lone.passHearing(1000, 40, { state: 'Up' });
    expect(lone.reports).toEqual([]);
    lone.hear({ state: 'Up', desiredMinTxUs: 60_000 });
    expect(lone.reports).toMatchObject([{ detectionMs: 180 }]);
  });
});

describe('§6.8.1: the variables', () => {
  it('knows nothing of the peer at first, and waits for packets no more often than once a second', () => {
    const lone = new Lone().start();
    expect(lone.last).toMatchObject({
      state: 'Down',
      diag: 0,
      myDiscriminator: OURS,
      yourDiscriminator: 0,
      desiredMinTxUs: 1_000_000,
      poll: false,
    });
    expect(lone.status).toMatchObject({ remoteDiscriminator: 0, remoteState: 'Down', verdict: 'Unknown' });
    expect(lone.status).not.toHaveProperty('detectionMs');
  });
  it('takes the discriminator of the peer from every packet, so that a restarted one is followed', () => {
    const lone = new Lone().up();
    lone.hear({ state: 'Down', myDiscriminator: 99, yourDiscriminator: 0 });
    expect(lone.last).toMatchObject({ state: 'Down', diag: 3, yourDiscriminator: 99 });
    expect(lone.status.lastDown).toMatchObject({ reason: 'NeighborSignaledDown' });
    lone.hear({ state: 'Down', myDiscriminator: 99 });
    lone.hear({ state: 'Init', myDiscriminator: 99 });
    expect(lone.status).toMatchObject({ state: 'Up', remoteDiscriminator: 99 });
  });
  it('forgets the peer after a detection time, in Down too', () => {
    const lone = new Lone().start().hear({ state: 'AdminDown', desiredMinTxUs: 1_000_000 });
    expect(lone.status).toMatchObject({ state: 'Down', remoteState: 'AdminDown', remoteDiscriminator: THEIRS, detectionMs: 3000 });
    lone.pass(2999);
    expect(lone.status.remoteDiscriminator).toBe(THEIRS);
    lone.pass(1);
    expect(lone.status).toMatchObject({ state: 'Down', remoteDiscriminator: 0, remoteState: 'Down' });
    expect(lone.status).not.toHaveProperty('detectionMs');
    expect(lone.pass(1000).last.yourDiscriminator).toBe(0);
  });
  it('says the C bit and what it offers', () => {
    const lone = new Lone({ controlPlaneIndependent: true, echoReceiveMs: 50, multiplier: 7 }).start();
    expect(lone.last).toMatchObject({ controlPlaneIndependent: true, requiredMinEchoRxUs: 50_000, detectMult: 7, demand: false });
    expect(new Lone().start().last).toMatchObject({ controlPlaneIndependent: false, requiredMinEchoRxUs: 0 });
  });
});

describe('§6.1, §6.8.7: when to send', () => {
  it('is silent until it is started, and as the passive one until the peer has spoken', () => {
    const unstarted = new Lone().pass(10_000);
    unstarted.step({ type: 'stop' });
    unstarted.hear({ state: 'Down', poll: true });
    expect(unstarted.sent).toEqual([]);
    const passive = new Lone({ passive: true }).start().pass(10_000);
    expect(passive.sent).toEqual([]);
    passive.hear({ state: 'Down', yourDiscriminator: 0 });
    expect(passive.last).toMatchObject({ state: 'Init', yourDiscriminator: THEIRS });
    passive.take();
    passive.passHearing(2000, 900, { state: 'Down' });
    expect(passive.take().length).toBeGreaterThanOrEqual(2);
  });
  it('as the passive one falls silent again when the peer is gone', () => {
    const lone = new Lone({ passive: true }).up();
    lone.pass(150);
    expect(lone.status).toMatchObject({ state: 'Down', localDiag: 1 });
    lone.take();
    expect(lone.pass(10_000).take()).toEqual([]);
    lone.hear({ state: 'Down', yourDiscriminator: 0 });
    expect(lone.take()).toHaveLength(1);
  });
  it('becomes active by configuration', () => {
    const lone = new Lone({ passive: true }).start().configure({ passive: false }).pass(0);
    expect(lone.take()).toHaveLength(1);
  });
  it.each([
    [0, 3, 75],
    [0.5, 3, 87.5],
    [1 - Number.EPSILON, 3, 100],
    [0, 1, 75],
    [1 - Number.EPSILON, 1, 90],
  ])('jitter: random %d with a multiplier of %d sends after %d ms of 100', (random, multiplier, wanted) => {
    const lone = new Lone({ transmitMs: 100, multiplier }).up();
    lone.random = () => random;
    lone.passHearing(200, 50, { state: 'Up' });
    lone.take();
    lone.passHearing(1000, 50, { state: 'Up' });
    const times = lone.take().map(({ at }) => at);
    const gaps = times.slice(1).map((at, index) => at - (times[index] ?? 0));
    expect(gaps.length).toBeGreaterThan(7);
    for (const gap of gaps) expect(gap).toBeCloseTo(wanted, 6);
  });
  it('draws the jitter anew for every packet', () => {
    const lone = new Lone({ transmitMs: 100 }).up();
    let seed = 1;
    lone.random = () => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
    lone.passHearing(5000, 50, { state: 'Up' });
    const times = lone.take().map(({ at }) => at);
    expect(new Set(times.slice(1).map((at, index) => at - (times[index] ?? 0))).size).toBeGreaterThan(20);
  });
  it('does not send faster than the peer can receive', () => {
    const lone = new Lone().up({ requiredMinRxUs: 400_000 });
    expect(lone.status.transmitMs).toBe(400);
    lone.pass(0);
    lone.take();
    lone.passHearing(2000, 100, { state: 'Up', requiredMinRxUs: 400_000 });
    expect(lone.take()).toHaveLength(5);
  });
  it('sends nothing by itself to a peer that wants nothing, but answers and tells changes', () => {
    const lone = new Lone().up({ requiredMinRxUs: 0 });
    lone.take();
    lone.passHearing(1000, 100, { state: 'Up', requiredMinRxUs: 0 });
    expect(lone.take()).toEqual([]);
    expect(lone.status.transmitMs).toBe(0);
    lone.hear({ state: 'Up', requiredMinRxUs: 0, poll: true });
    expect(lone.take()).toMatchObject([{ packet: { final: true } }]);
    lone.hear({ state: 'Down', requiredMinRxUs: 0 });
    expect(lone.take()).toMatchObject([{ packet: { state: 'Down' } }]);
  });
  it('goes back to once a second when it is not Up any more', () => {
    const lone = new Lone().up();
    lone.pass(150);
    lone.take();
    lone.pass(10_000);
    const slow = lone.take();
    expect(slow).toHaveLength(10);
    expect(slow.at(-1)?.packet).toMatchObject({ desiredMinTxUs: 1_000_000, state: 'Down', diag: 1, poll: false });
  });
});

describe('§6.5, §6.8.7: polls of the peer', () => {
  it.each(['Down', 'Init', 'Up'] as const)('are answered at once in %s', (state) => {
    const lone = inState(state).pass(10);
    const before = lone.state.nextAt;
    lone.take();
    lone.hear({ state: state === 'Up' ? 'Up' : 'Down', poll: true });
    const [answer, ...more] = lone.take();
    expect(answer).toMatchObject({ at: 1010, packet: { final: true, poll: false } });
    expect(more).toEqual([]);
    // The timer of periodic packets goes on as if nothing had been.
    expect(before).toBeGreaterThan(1010);
    expect(lone.state.nextAt).toBe(before);
  });
  it('are not answered in AdminDown', () => {
    const lone = inState('AdminDown');
    lone.take();
    lone.hear({ state: 'Up', poll: true });
    expect(lone.take()).toEqual([]);
    expect(lone.drops).toEqual(['BfdAdminDown']);
  });
  it('do not keep us from asking ourselves', () => {
    const lone = new Lone().start().hear({ state: 'Down' }).hear({ state: 'Init', poll: true });
    lone.take();
    for (let i = 0; i < 20; i++) lone.pass(20).hear({ state: 'Up', poll: true });
    const kinds = lone.take().map(({ packet }) => [packet.poll, packet.final]);
    expect(kinds.filter(([poll]) => poll).length).toBeGreaterThanOrEqual(7);
    expect(kinds.filter(([poll, final]) => poll && final)).toEqual([]);
    expect(kinds.filter(([, final]) => final)).toHaveLength(20);
  });
});

describe('§6.5, §6.8.3: our poll sequences', () => {
  it('one begins when the session comes up, since it becomes faster', () => {
    const lone = new Lone().start().hear({ state: 'Down' }).hear({ state: 'Init' });
    expect(lone.last).toMatchObject({ state: 'Up', poll: true, desiredMinTxUs: 50_000 });
    lone.take();
    lone.pass(100);
    // Faster at once; P on the periodic packets and on no others.
    expect(lone.take().map(({ at, packet }) => [at, packet.poll])).toEqual([
      [1050, true],
      [1100, true],
    ]);
    lone.hear({ state: 'Up', final: true });
    lone.pass(50);
    expect(lone.take()).toMatchObject([{ packet: { poll: false } }]);
  });
  it('none is needed when it stays as slow as it was', () => {
    expect(new Lone({ transmitMs: 2000 }).start().hear({ state: 'Down' }).hear({ state: 'Init' }).last).toMatchObject({
      state: 'Up',
      poll: false,
    });
  });
  it('sends more slowly only when the peer has confirmed it', () => {
    const lone = new Lone().up().pass(0);
    lone.configure({ transmitMs: 400 });
    lone.take();
    lone.passHearing(200, 50, { state: 'Up' });
    expect(lone.take().map(({ at, packet }) => [at, packet.poll, packet.desiredMinTxUs])).toEqual([
      [1050, true, 400_000],
      [1100, true, 400_000],
      [1150, true, 400_000],
      [1200, true, 400_000],
    ]);
    expect(lone.status.transmitMs).toBe(50);
    lone.hear({ state: 'Up', final: true });
    expect(lone.status.transmitMs).toBe(400);
    lone.passHearing(900, 50, { state: 'Up' });
    expect(lone.take().map(({ at, packet }) => [at, packet.poll])).toEqual([
      [1600, false],
      [2000, false],
    ]);
  });
  it('sends faster at once', () => {
    const lone = new Lone({ transmitMs: 400 }).up().pass(100).hear({ state: 'Up' });
    lone.take();
    lone.configure({ transmitMs: 50 }).pass(0);
    expect(lone.take()).toMatchObject([{ at: 1100, packet: { poll: true, desiredMinTxUs: 50_000 } }]);
    expect(lone.status.transmitMs).toBe(50);
  });
  it('shortens the detection time only when the peer has confirmed that it sends faster', () => {
    const lone = new Lone({ receiveMs: 500 }).up();
    expect(lone.status.detectionMs).toBe(1500);
    lone.configure({ receiveMs: 100 }).pass(50);
    expect(lone.last).toMatchObject({ poll: true, requiredMinRxUs: 100_000 });
    expect(lone.status.detectionMs).toBe(1500);
    lone.hear({ state: 'Up', final: true });
    expect(lone.status.detectionMs).toBe(300);
  });
  it('lengthens the detection time at once', () => {
    const lone = new Lone().up().configure({ receiveMs: 500 });
    expect(lone.status.detectionMs).toBe(1500);
    expect(lone.pass(50).last.poll).toBe(true);
  });
  it('a second change waits until an answer to the first cannot be taken for its own', () => {
    const lone = new Lone().up();
    lone.configure({ transmitMs: 200 }).pass(50);
    lone.configure({ transmitMs: 1000 }).pass(50);
    expect(lone.last).toMatchObject({ poll: true, desiredMinTxUs: 200_000 });
    lone.hear({ state: 'Up', final: true });
    expect(lone.status.transmitMs).toBe(200);
    // Another Final, of a poll that was sent twice.
    lone.passHearing(200, 50, { state: 'Up', final: true });
    expect(lone.last).toMatchObject({ poll: false, desiredMinTxUs: 200_000 });
    expect(lone.status.transmitMs).toBe(200);
    lone.hear({ state: 'Up' }).passHearing(250, 50, { state: 'Up' });
    expect(lone.last).toMatchObject({ poll: true, desiredMinTxUs: 1_000_000 });
    expect(lone.status.transmitMs).toBe(200);
    lone.hear({ state: 'Up', final: true });
    expect(lone.status.transmitMs).toBe(1000);
  });
  it('a second change does not take late answers to the first for its own, where the way is longer than the interval', () => {
    const lone = new Lone().up();
    lone.take();
    lone.configure({ transmitMs: 60 }).pass(100);
    expect(lone.take().filter(({ packet }) => packet.poll)).toHaveLength(2);
    // Two polls are out, at 1050 and 1100; the first is answered after 110 ms, and something else comes in between.
    lone.configure({ transmitMs: 1500 }).hear({ state: 'Up' });
    lone.pass(60).hear({ state: 'Up', final: true }).hear({ state: 'Up' });
    lone.pass(50).hear({ state: 'Up', final: true });
    expect(lone.status.transmitMs).toBe(60);
    lone.passHearing(100, 50, { state: 'Up' });
    expect(lone.take().some(({ packet }) => packet.poll && packet.desiredMinTxUs !== 60_000)).toBe(false);
    lone.passHearing(130, 65, { state: 'Up' });
    expect(lone.last).toMatchObject({ poll: true, desiredMinTxUs: 1_500_000 });
    expect(lone.hear({ state: 'Up', final: true }).status.transmitMs).toBe(1500);
  });
  it('an answer before the question is that to an earlier one', () => {
    const lone = new Lone().up().configure({ transmitMs: 400 }).hear({ state: 'Up', final: true });
    expect(lone.status.transmitMs).toBe(50);
    expect(lone.pass(50).hear({ state: 'Up', final: true }).status.transmitMs).toBe(400);
  });
  it('a Final that nobody asked for changes nothing', () => {
    const lone = new Lone().up().hear({ state: 'Up', final: true });
    lone.configure({ transmitMs: 400 });
    expect(lone.status.transmitMs).toBe(50);
  });
  it('ends with the session, and new values hold at once', () => {
    const lone = new Lone().up().configure({ transmitMs: 2000, receiveMs: 300 });
    lone.hear({ state: 'Down' });
    expect(lone.last).toMatchObject({ state: 'Down', poll: false, desiredMinTxUs: 2_000_000, requiredMinRxUs: 300_000 });
    expect(lone.status).toMatchObject({ transmitMs: 2000, detectionMs: 900 });
  });
  it('the same configuration again is none', () => {
    const lone = new Lone().up();
    lone.take();
    lone.configure({});
    expect(lone.take()).toEqual([]);
    expect(lone.pass(50).last.poll).toBe(false);
  });
  it('§6.8.12: another multiplier is told at once, without a poll', () => {
    const lone = new Lone().up();
    lone.take();
    lone.configure({ multiplier: 5 });
    expect(lone.take()).toMatchObject([{ at: 1000, packet: { detectMult: 5, poll: false } }]);
  });
  it('§6.5: what a poll tells too costs no packet of its own', () => {
    const lone = new Lone().up();
    lone.take();
    lone.configure({ multiplier: 5, transmitMs: 400 });
    expect(lone.take()).toEqual([]);
    expect(lone.pass(50).take()).toMatchObject([{ packet: { detectMult: 5, poll: true } }]);
  });
  it('in Down it needs none', () => {
    const lone = new Lone().start();
    lone.take();
    lone.configure({ transmitMs: 3000, receiveMs: 70 });
    expect(lone.take()).toMatchObject([{ packet: { desiredMinTxUs: 3_000_000, requiredMinRxUs: 70_000, poll: false } }]);
  });
});

describe('§6.8.3: the peer changes its mind', () => {
  it('is sent to faster at once, counted from the packet before', () => {
    const lone = new Lone().up({ requiredMinRxUs: 1_000_000 }).pass(0);
    lone.take();
    lone.pass(60).hear({ state: 'Up', requiredMinRxUs: 100_000, desiredMinTxUs: 500_000 });
    lone.pass(39);
    expect(lone.take()).toEqual([]);
    lone.pass(1);
    expect(lone.take()).toMatchObject([{ at: 1100 }]);
  });
  it('is sent to at once when that time is over already', () => {
    const lone = new Lone().up({ requiredMinRxUs: 1_000_000, desiredMinTxUs: 500_000 }).pass(700);
    lone.take();
    lone.hear({ state: 'Up', requiredMinRxUs: 100_000 }).pass(0);
    expect(lone.take()).toMatchObject([{ at: 1700 }]);
  });
  it('is sent to more slowly at once', () => {
    const lone = new Lone().up().hear({ state: 'Up', requiredMinRxUs: 500_000 });
    lone.take();
    lone.passHearing(450, 50, { state: 'Up', requiredMinRxUs: 500_000 });
    expect(lone.take()).toEqual([]);
  });
});

describe('§6.8.4: detection', () => {
  it.each([
    [50, 50_000, 3, 150],
    [50, 200_000, 3, 600],
    [300, 50_000, 3, 900],
    [50, 50_000, 1, 50],
    [50, 10_000, 255, 12_750],
  ])(
    'we can receive every %d ms, the peer sends every %d us, its multiplier is %d: after %d ms',
    (receiveMs, desiredMinTxUs, detectMult, wanted) => {
      const lone = new Lone({ receiveMs }).up({ desiredMinTxUs, detectMult });
      expect(lone.status.detectionMs).toBe(wanted);
      lone.pass(wanted - 0.001);
      expect(lone.status.state).toBe('Up');
      lone.pass(0.001);
      expect(lone.status).toMatchObject({
        state: 'Down',
        localDiag: 1,
        verdict: 'Down',
        lastDown: { at: 1000 + wanted, reason: 'DetectionTimeExpired' },
      });
      expect(lone.last).toMatchObject({ state: 'Down', diag: 1, yourDiscriminator: 0 });
    },
  );
  it('ends Init too, which takes nobody down', () => {
    const lone = new Lone().start().hear({ state: 'Down', desiredMinTxUs: 1_000_000 });
    expect(lone.pass(3000).status).toMatchObject({ state: 'Down', localDiag: 1, verdict: 'Unknown' });
    expect(lone.status).not.toHaveProperty('lastDown');
    expect(bfdCounters(lone.state)).toMatchObject({ timesUp: 0, timesDown: 0 });
  });
  it('counts from the last packet', () => {
    const lone = new Lone().up().passHearing(3000, 149, { state: 'Up' });
    expect(lone.status.state).toBe('Up');
    expect(lone.passHearing(150, 150).status.state).not.toBe('Up');
  });
  it('goes by what the peer says now', () => {
    const lone = new Lone().up().hear({ state: 'Up', detectMult: 10 });
    expect(lone.pass(499).status.state).toBe('Up');
    expect(lone.pass(1).status.state).toBe('Down');
  });
  it('a packet that was already there when the shell came late saves the session', () => {
    const lone = new Lone().up();
    lone.now = (lone.now + 400) as typeof lone.now;
    lone.hear({ state: 'Up' });
    expect(lone.pass(100).status.state).toBe('Up');
  });
});

describe('§6.6: a peer in demand mode', () => {
  it('gets no periodic packets while both are Up, and is still watched', () => {
    const lone = new Lone().up({ demand: true });
    lone.take();
    lone.passHearing(1000, 100, { state: 'Up', demand: true });
    expect(lone.take()).toEqual([]);
    expect(lone.status).toMatchObject({ state: 'Up', remoteDemand: true, transmitMs: 0 });
    expect(lone.pass(150).status.state).toBe('Down');
    expect(lone.take()[0]).toMatchObject({ packet: { state: 'Down', demand: false } });
  });
  it('is sent to until it is Up as well', () => {
    const lone = new Lone().start().hear({ state: 'Down', demand: true }).hear({ state: 'Init', demand: true, final: true });
    lone.take();
    lone.passHearing(200, 50, { state: 'Init', demand: true, final: true });
    expect(lone.take().length).toBeGreaterThanOrEqual(4);
  });
  it('is polled every interval until it answers', () => {
    const lone = new Lone().up({ demand: true });
    lone.take();
    lone.configure({ receiveMs: 60 });
    lone.passHearing(200, 50, { state: 'Up', demand: true });
    const polls = lone.take();
    expect(polls.length).toBeGreaterThanOrEqual(4);
    expect(polls.every(({ packet }) => packet.poll)).toBe(true);
    lone.hear({ state: 'Up', demand: true, final: true });
    lone.passHearing(300, 50, { state: 'Up', demand: true });
    expect(lone.take()).toEqual([]);
  });
  it('is sent to again when it has had enough of it', () => {
    const lone = new Lone().up({ demand: true });
    lone.passHearing(500, 50, { state: 'Up', demand: true });
    lone.take();
    lone.hear({ state: 'Up' }).pass(0);
    expect(lone.take()).toHaveLength(1);
    lone.passHearing(200, 50, { state: 'Up' });
    expect(lone.take()).toHaveLength(4);
  });
});

describe('§6.8.16: shut by hand', () => {
  it.each([
    [undefined, 7],
    [BFD_DIAG.pathDown, 5],
  ])('stop with the diagnostic %s says %d at once, and once a second from then on', (diag, wanted) => {
    const lone = new Lone().up();
    lone.take();
    lone.step(diag === undefined ? { type: 'stop' } : { type: 'stop', diag });
    expect(lone.take()).toMatchObject([
      { at: 1000, packet: { state: 'AdminDown', diag: wanted, desiredMinTxUs: 1_000_000, yourDiscriminator: THEIRS } },
    ]);
    lone.passHearing(3000, 500, { state: 'Down' });
    expect(lone.take()).toMatchObject([
      { packet: { state: 'AdminDown' } },
      { packet: { state: 'AdminDown' } },
      { packet: { state: 'AdminDown' } },
    ]);
    expect(lone.status).toMatchObject({ state: 'AdminDown', verdict: 'Unknown', lastDown: { reason: 'AdminDown' } });
  });
  it('says it again when told again', () => {
    const lone = new Lone().up();
    lone.take();
    for (let i = 0; i < 3; i++) lone.step({ type: 'stop' });
    expect(lone.take().map(({ packet }) => packet.state)).toEqual(['AdminDown', 'AdminDown', 'AdminDown']);
    expect(bfdCounters(lone.state).timesDown).toBe(1);
  });
  it('may have another reason later', () => {
    const lone = new Lone().up();
    lone.step({ type: 'stop' });
    lone.step({ type: 'stop', diag: BFD_DIAG.pathDown });
    expect(lone.reports.at(-1)).toMatchObject({ state: 'AdminDown', localDiag: 5 });
    expect(lone.last).toMatchObject({ state: 'AdminDown', diag: 5 });
  });
  it('starts again from Down', () => {
    const lone = new Lone().up();
    lone.step({ type: 'stop' });
    lone.hear({ state: 'Down' });
    lone.start();
    expect(lone.last).toMatchObject({ state: 'Down', diag: 0, yourDiscriminator: THEIRS });
    expect(lone.hear({ state: 'Down' }).status.state).toBe('Init');
  });
  it('start is nothing where it runs already', () => {
    const lone = new Lone().up();
    lone.take();
    lone.start();
    expect(lone.take()).toEqual([]);
    expect(lone.status.state).toBe('Up');
  });
});

/** What happens to a session that is Up, and what a client is told; RFC 5882 §3.2, §4.1. */
const VERDICTS: readonly (readonly [what: string, happens: (lone: Lone) => void, verdict: BfdVerdict, reason: BfdDownReason])[] = [
  ['the peer is silent', (lone) => lone.pass(150), 'Down', 'DetectionTimeExpired'],
  ['the peer says Down', (lone) => lone.hear({ state: 'Down', diag: 1 }), 'Down', 'NeighborSignaledDown'],
  ['the peer is shut', (lone) => lone.hear({ state: 'AdminDown', diag: 7 }), 'Unknown', 'NeighborAdminDown'],
  ['we are shut', (lone) => lone.step({ type: 'stop' }), 'Unknown', 'AdminDown'],
  ['the peer is silent, and then shut', (lone) => lone.pass(150).hear({ state: 'AdminDown' }), 'Unknown', 'DetectionTimeExpired'],
  ['the peer is shut, and then silent', (lone) => lone.hear({ state: 'AdminDown' }).pass(10_000), 'Unknown', 'NeighborAdminDown'],
  ['the peer is silent, and we are shut', (lone) => lone.pass(150).step({ type: 'stop' }), 'Unknown', 'DetectionTimeExpired'],
  ['the peer is silent, and then in Init', (lone) => lone.pass(150).hear({ state: 'Down' }), 'Down', 'DetectionTimeExpired'],
];

describe('RFC 5882: what a client is told', () => {
  it.each(VERDICTS)('%s', (_what, happens, verdict, reason) => {
    const lone = new Lone().up();
    expect(lone.status).toMatchObject({ verdict: 'Up' });
    happens(lone);
    expect(lone.status).toMatchObject({ verdict, lastDown: { reason } });
  });
  it('nothing before the session was Up', () => {
    const lone = new Lone().start().pass(60_000);
    expect(lone.status.verdict).toBe('Unknown');
    expect(lone.hear({ state: 'AdminDown' }).status.verdict).toBe('Unknown');
    expect(lone.hear({ state: 'Down' }).status.verdict).toBe('Unknown');
    expect(lone.hear({ state: 'Up' }).status.verdict).toBe('Up');
  });
  it('what the peer gave as its reason, and its C bit', () => {
    const lone = new Lone().up().hear({ state: 'Down', diag: 4, controlPlaneIndependent: true });
    expect(lone.status).toMatchObject({ localDiag: 3, remoteDiag: 4, remoteControlPlaneIndependent: true, lastDown: { remoteDiag: 4 } });
  });
});

describe('counters', () => {
  it('count packets, changes and drops', () => {
    const lone = new Lone().up();
    const before = bfdCounters(lone.state);
    expect(before).toMatchObject({ packetsSent: lone.sent.length, packetsReceived: 4, timesUp: 1, timesDown: 0, drops: {} });
    const auth: BfdPacket['auth'] = { type: 'simplePassword', keyId: 1, password: Uint8Array.of(1) };
    lone.hear({ state: 'Up', auth }).hear({ state: 'Up', auth });
    expect(bfdCounters(lone.state)).toMatchObject({ packetsReceived: 4, drops: { BfdAuthUnexpected: 2 } });
  });
});
