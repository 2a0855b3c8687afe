import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { instant } from '../../src/machine.ts';
import { signedBfd } from '../../src/bfd/auth.ts';
import type { BfdAuthConfig, BfdConfig, BfdEvent } from '../../src/bfd/contract.ts';
import { bfdCounters, bfdDeadline, createBfd, stepBfd } from '../../src/bfd/session.ts';
import { bfdStatus } from '../../src/bfd/status.ts';
import { type BfdPacket, BFD_STATES, decodeBfd, isBfdFault } from '../../src/wire/bfd.ts';
import { OURS, decoded } from './lone.ts';
import { seeded } from './simulation.ts';

const u32 = fc.oneof(fc.constantFrom(0, 1, 1_000_000, 0xffffffff), fc.nat({ max: 2_000_000 }));
const auths: fc.Arbitrary<BfdAuthConfig> = fc.record({
  type: fc.constantFrom('simplePassword', 'keyedMd5', 'meticulousMd5', 'keyedSha1', 'meticulousSha1'),
  keys: fc.constant([{ keyId: 1, password: Uint8Array.of(1, 2, 3) }]),
});
const configs: fc.Arbitrary<BfdConfig> = fc.record(
  {
    transmitMs: fc.integer({ min: 10, max: 60_000 }),
    receiveMs: fc.integer({ min: 10, max: 60_000 }),
    multiplier: fc.integer({ min: 1, max: 255 }),
    passive: fc.boolean(),
    echoReceiveMs: fc.constantFrom(0, 50),
    echoTransmitMs: fc.integer({ min: 10, max: 60_000 }),
    controlPlaneIndependent: fc.boolean(),
    auth: auths,
  },
  { requiredKeys: ['transmitMs', 'receiveMs', 'multiplier', 'passive', 'echoReceiveMs'] },
);
const packets: fc.Arbitrary<BfdPacket> = fc.record({
  diag: fc.nat({ max: 31 }),
  state: fc.constantFrom(...BFD_STATES),
  poll: fc.boolean(),
  final: fc.boolean(),
  controlPlaneIndependent: fc.boolean(),
  demand: fc.boolean(),
  detectMult: fc.integer({ min: 1, max: 255 }),
  myDiscriminator: fc.integer({ min: 1, max: 3 }),
  yourDiscriminator: fc.constant(OURS),
  desiredMinTxUs: u32,
  requiredMinRxUs: u32,
  requiredMinEchoRxUs: u32,
});

type Move =
  | { readonly type: 'hear'; readonly packet: BfdPacket; readonly signed: boolean }
  | { readonly type: 'echo'; readonly bytes: Uint8Array | undefined }
  | { readonly type: 'pass'; readonly ms: number }
  | { readonly type: 'event'; readonly event: BfdEvent };

const moves: fc.Arbitrary<Move> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constant('hear' as const), packet: packets, signed: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('echo' as const), bytes: fc.option(fc.uint8Array({ maxLength: 40 }), { nil: undefined }) }),
  },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 5000 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('event' as const),
      event: fc.oneof<fc.Arbitrary<BfdEvent>[]>(
        fc.constant({ type: 'start' }),
        fc.constant({ type: 'stop' }),
        fc.constant({ type: 'tick' }),
        fc.record({ type: fc.constant('configure' as const), config: configs }),
      ),
    }),
  },
);

function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const part of Object.values(value)) freeze(part);
  return value;
}

/** Plays the moves to a session, and looks at everything that comes out. */
class Watched {
  state;
  now = instant(0);
  sequence = 0;
  lastEcho: Uint8Array | undefined;
  readonly faults: string[] = [];
  readonly random;

  constructor(config: BfdConfig, seed: number) {
    this.random = seeded(seed);
    this.state = freeze(createBfd(config, { discriminator: OURS }));
  }

  play(move: Move): void {
    if (move.type === 'event') this.step(move.event);
    else if (move.type === 'echo') this.step({ type: 'echoReturned', bytes: move.bytes ?? this.lastEcho ?? new Uint8Array() });
    else if (move.type === 'pass') this.pass(move.ms);
    else {
      this.sequence += 1;
      const { auth } = this.state.config;
      const bytes = signedBfd(
        auth !== undefined && move.signed ? auth : { type: 'keyedMd5', keys: [{ keyId: 9, password: Uint8Array.of(9) }] },
        move.packet,
        this.sequence,
      );
      const packet = auth === undefined && move.signed ? move.packet : decoded(bytes);
      this.step({ type: 'packet', packet, bytes });
    }
  }

  pass(ms: number): void {
    const end = instant(this.now + ms);
    for (let steps = 0; ; steps++) {
      const deadline = bfdDeadline(this.state);
      if (deadline === undefined || deadline > end) break;
      // The shortest interval is 10 ms, less a quarter, for echo and for control packets, and some more for what expires.
      if (steps > ms + 10) {
        this.faults.push('the deadline stands still');
        return;
      }
      if (deadline > this.now) this.now = deadline;
      this.step({ type: 'tick' });
    }
    this.now = end;
  }

  step(event: BfdEvent): void {
    const before = this.state;
    const [state, effects] = stepBfd(before, event, { now: this.now, random: this.random });
    this.state = freeze(state);
    const controls: BfdPacket[] = [];
    const reports: string[] = [];
    for (const effect of effects) {
      if (effect.type === 'report') reports.push(JSON.stringify(effect.status));
      else if (effect.type === 'send' && effect.kind === 'echo') this.lastEcho = effect.bytes;
      else if (effect.type === 'send') controls.push(decoded(effect.bytes));
    }
    for (const packet of controls) this.#look(packet);
    // One answer and one of our own at most, whatever comes.
    this.#must(controls.length <= 2, 'too many packets');
    this.#must(event.type === 'packet' || !controls.some(({ final }) => final), 'an answer to nothing');
    this.#must(bfdCounters(state).packetsSent - bfdCounters(before).packetsSent === controls.length, 'packetsSent');
    const status = JSON.stringify(bfdStatus(state));
    this.#must(reports.join() === (JSON.stringify(bfdStatus(before)) === status ? '' : status), 'reports');
    this.#invariants();
  }

  /** RFC 5880 §6.5, §6.8.7, §6.8.3. */
  #look(packet: BfdPacket): void {
    const { state, remote, config } = this.state;
    this.#must(!(packet.poll && packet.final), 'Poll and Final');
    this.#must(packet.myDiscriminator === OURS && packet.yourDiscriminator === remote.discriminator, 'discriminators');
    this.#must(packet.state === state && !packet.demand, 'state');
    this.#must(packet.auth?.type === config.auth?.type, 'authentication');
    this.#must(packet.state === 'Up' || packet.desiredMinTxUs >= 1_000_000, 'fast without being Up');
  }

  #invariants(): void {
    const { state, remote, heardAt, echo, verdict, config, silent, nextAt } = this.state;
    this.#must((heardAt === undefined) === (remote.discriminator === 0), 'heard, but not known');
    this.#must(state === 'Up' || echo === undefined, 'echo packets without being Up');
    this.#must(state !== 'Up' || verdict === 'Up', 'verdict of Up');
    this.#must(state !== 'AdminDown' || verdict === 'Unknown', 'verdict of AdminDown');
    this.#must(remote.discriminator !== 0 || state === 'Down' || state === 'AdminDown', 'up with nobody');
    const isMute = silent || (config.passive && remote.discriminator === 0);
    this.#must(!isMute || nextAt === undefined, 'speaks unasked');
    this.#must([bfdDeadline(this.state) ?? 0, bfdStatus(this.state).transmitMs].every(Number.isFinite), 'no number');
  }

  #must(isSo: boolean, what: string): void {
    if (!isSo) this.faults.push(what);
  }
}

describe('any sequence of events', () => {
  it('throws nowhere, sends nothing wrong, and leaves old states as they were', () => {
    fc.assert(
      fc.property(configs, fc.array(moves, { maxLength: 40 }), fc.nat(), (config, sequence, seed) => {
        const session = new Watched(config, seed);
        session.step({ type: 'start' });
        for (const move of sequence) session.play(move);
        expect(session.faults).toEqual([]);
      }),
      { numRuns: 400 },
    );
  });
  it('arbitrary bytes are dropped by the codec or by the session', () => {
    fc.assert(
      fc.property(configs, fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 10 }), (config, datagrams) => {
        const session = new Watched(config, 1);
        session.step({ type: 'start' });
        for (const bytes of datagrams) {
          const packet = decodeBfd(bytes);
          if (!isBfdFault(packet)) session.step({ type: 'packet', packet, bytes });
          session.step({ type: 'echoReturned', bytes });
        }
        expect(session.faults).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});
