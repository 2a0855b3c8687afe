import { describe, expect, it } from 'vitest';
import type { BfdAuthConfig, BfdConfig } from '../../src/bfd/contract.ts';
import { BFD_DIGEST, type BfdDigestType } from '../../src/wire/bfd.ts';
import { type Network, Pair, type Side, seeded } from './simulation.ts';

/** `BFD_SEEDS=5000` for a long run. */
const SEEDS = Number(process.env['BFD_SEEDS'] ?? 30);
const LONG_MS = 60_000 + SEEDS * 1000;
const SIDES = ['a', 'b'] as const;
/** Both sides are slow before they are Up: three packets a second apart, and a lost one each. */
const UP_WITHIN_MS = 4500;

type Random = () => number;
const pick = <T>(random: Random, of: readonly T[]): T => of[Math.floor(random() * of.length)] as T;

const AUTHS: readonly (BfdAuthConfig | undefined)[] = [
  undefined,
  ...(['simplePassword', ...(Object.keys(BFD_DIGEST) as BfdDigestType[])] as const).map((type) => ({
    type,
    keys: [{ keyId: 1, password: Uint8Array.of(1, 2, 3) }],
  })),
];

/** As a network may be that loses nothing: no packet is later than the one after the next. */
function network(random: Random): Network {
  return { delayMs: random() * 40, jitterMs: random() * 12, loss: 0, lateMs: random() * 6 };
}

function config(random: Random, change: Partial<BfdConfig> = {}): BfdConfig {
  const multiplier = pick(random, [1, 2, 3, 3, 3, 5, 10]);
  // With a multiplier of 1 a tenth of the interval is all there is for jitter of the network.
  const intervals = multiplier === 1 ? [300, 700, 1500] : [50, 50, 100, 300, 999, 1500];
  return {
    transmitMs: pick(random, intervals),
    receiveMs: pick(random, [50, 50, 100, 300, 999, 1500]),
    multiplier,
    passive: false,
    echoReceiveMs: 0,
    ...change,
  };
}

function pair(seed: number, change: Partial<BfdConfig> = {}): Pair {
  const random = seeded(seed * 7919 + 1);
  const auth = pick(random, AUTHS);
  const both = { ...(auth === undefined ? {} : { auth }), ...change };
  const made = new Pair(seed, network(random), config(random, both), config(random, { ...both, passive: random() < 0.3 }));
  made.start();
  return made;
}

/** Fails with the seed in the message, so that it can be run again alone. */
function eachSeed(run: (seed: number) => void): void {
  for (let seed = 1; seed <= SEEDS; seed++) {
    try {
      run(seed);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
}

function bringUp(sessions: Pair): void {
  expect(sessions.runUntil(() => sessions.bothUp(), UP_WITHIN_MS)).toBeDefined();
  // What was sent before is there by now, and the polls are answered.
  sessions.run(4000);
  expect(sessions.bothUp()).toBe(true);
  sessions.changes.length = 0;
}

/** RFC 5880 §6.8.2, §6.8.4: both sides know what the other one does. */
function expectAgreement(sessions: Pair): void {
  for (const [side, peer] of [SIDES, SIDES.toReversed()] as [Side, Side][]) {
    const { receiveMs, detectionMs } = sessions.status(side);
    const { transmitMs } = sessions.status(peer);
    expect(receiveMs).toBe(transmitMs);
    expect(detectionMs).toBe(transmitMs * sessions.hosts[peer].state.config.multiplier);
    expect(sessions.hosts[side].state.pacing.poll.phase).not.toBe('polling');
  }
}

describe('two sessions', () => {
  it(
    'come up, agree, and stay',
    () => {
      eachSeed((seed) => {
        const sessions = pair(seed);
        bringUp(sessions);
        expectAgreement(sessions);
        sessions.run(15_000);
        expect(sessions.changes).toEqual([]);
        for (const side of SIDES) expect(sessions.hosts[side].drops.filter((reason) => reason !== 'BfdAuthSequence')).toEqual([]);
      });
    },
    LONG_MS,
  );

  it(
    'stay while their timers are changed again and again',
    () => {
      eachSeed((seed) => {
        const sessions = pair(seed);
        const random = seeded(seed);
        bringUp(sessions);
        for (let i = 0; i < 8; i++) {
          const side = pick(random, SIDES);
          const { multiplier } = sessions.hosts[side].state.config;
          const { transmitMs, receiveMs, multiplier: wanted } = config(random);
          // Neither to nor from 1: the interval that is under way may be longer than that allows.
          if (multiplier === 1) sessions.configure(side, { transmitMs: Math.max(300, transmitMs), receiveMs });
          else sessions.configure(side, { transmitMs, receiveMs, multiplier: Math.max(2, wanted) });
          sessions.run(random() * 1500);
        }
        sessions.run(20_000);
        expect(sessions.changes).toEqual([]);
        expectAgreement(sessions);
      });
    },
    LONG_MS,
  );

  it(
    'see a cut wire within the detection time, and come back',
    () => {
      eachSeed((seed) => {
        const sessions = pair(seed);
        const random = seeded(seed);
        bringUp(sessions);
        sessions.run(random() * 2000);
        const isOneWay = random() < 0.5;
        for (const side of isOneWay ? (['a'] as const) : SIDES) sessions.cut.add(side);
        const promised = SIDES.map((side) => sessions.status(side).detectionMs ?? 0);
        const { lateMs, delayMs, jitterMs } = sessions.network;
        sessions.run(delayMs + jitterMs + Math.max(...promised) + lateMs);
        const deaf = sessions.changes.find(({ side }) => side === 'b');
        expect(deaf?.status).toMatchObject({ state: 'Down', localDiag: 1, verdict: 'Down' });
        const tookMs = (deaf?.at ?? Infinity) - sessions.hosts.b.heardAt;
        expect(tookMs).toBeGreaterThanOrEqual(promised[1] ?? 0);
        expect(tookMs).toBeLessThanOrEqual((promised[1] ?? 0) + lateMs);
        // The other one is told, or, where the deaf one is passive or deaf itself, hears nothing any more.
        sessions.run(delayMs + jitterMs + Math.max(...promised) + lateMs);
        expect(sessions.status('a').verdict).toBe('Down');
        sessions.cut.clear();
        sessions.run(2 * Math.max(...promised));
        bringUp(sessions);
      });
    },
    LONG_MS,
  );

  it(
    'come back after one of them was restarted',
    () => {
      eachSeed((seed) => {
        const sessions = pair(seed);
        bringUp(sessions);
        const promised = Math.max(...SIDES.map((side) => sessions.status(side).detectionMs ?? 0));
        sessions.restart(seed % 2 === 0 ? 'a' : 'b');
        // The other one noticed, and forgets the old sequence numbers.
        sessions.run(3 * promised);
        expect(sessions.changes.some(({ side, status }) => side === (seed % 2 === 0 ? 'b' : 'a') && status.state === 'Down')).toBe(true);
        bringUp(sessions);
        sessions.run(5000);
        expect(sessions.changes).toEqual([]);
      });
    },
    LONG_MS,
  );

  it(
    'survive any loss, and stay when it is over',
    () => {
      eachSeed((seed) => {
        const sessions = pair(seed, { echoTransmitMs: 50, echoReceiveMs: 50, multiplier: 2 + (seed % 3) });
        const random = seeded(seed);
        for (let i = 0; i < 6; i++) {
          sessions.network.loss = random();
          sessions.run(random() * 4000);
          if (random() < 0.3) sessions.step(pick(random, SIDES), { type: 'stop' });
          if (random() < 0.3) sessions.restart(pick(random, SIDES));
          if (random() < 0.5) sessions.configure(pick(random, SIDES), { receiveMs: pick(random, [50, 300, 1500]) });
        }
        sessions.network.loss = 0;
        for (const side of SIDES) sessions.step(side, { type: 'start' });
        // The longest detection time there is, twice, until old sequence numbers are forgotten.
        sessions.run(2 * 10 * 1500 + 1000);
        bringUp(sessions);
        sessions.run(5000);
        expect(sessions.changes).toEqual([]);
      });
    },
    LONG_MS,
  );

  it(
    'see with echo packets what control packets would not see in time',
    () => {
      eachSeed((seed) => {
        const sessions = pair(seed, { echoTransmitMs: 50, echoReceiveMs: 50, multiplier: 3 });
        bringUp(sessions);
        sessions.run(5000);
        expect(sessions.changes).toEqual([]);
        sessions.mirrors = false;
        const { lateMs, delayMs, jitterMs } = sessions.network;
        sessions.run(3 * 50 + 2 * (delayMs + jitterMs) + lateMs);
        expect(sessions.changes[0]?.status).toMatchObject({ state: 'Down', localDiag: 2, lastDown: { reason: 'EchoFailed' } });
      });
    },
    LONG_MS,
  );

  it(
    'AdminDown on one side is told, takes nobody down, and is over when it is over',
    () => {
      eachSeed((seed) => {
        const sessions = pair(seed);
        bringUp(sessions);
        sessions.step('a', { type: 'stop' });
        sessions.run(100);
        expect(sessions.status('b')).toMatchObject({
          state: 'Down',
          verdict: 'Unknown',
          lastDown: { reason: 'NeighborAdminDown' },
        });
        sessions.run(20_000);
        expect(sessions.status('b').verdict).toBe('Unknown');
        sessions.step('a', { type: 'start' });
        bringUp(sessions);
      });
    },
    LONG_MS,
  );
});
