import { type Instant, instant } from '../../src/machine.ts';
import { signedBfd } from '../../src/bfd/auth.ts';
import type { BfdAuthConfig, BfdConfig, BfdDrop, BfdEvent, BfdStatus } from '../../src/bfd/contract.ts';
import type { BfdSessionState } from '../../src/bfd/draft.ts';
import { bfdDeadline, createBfd, stepBfd } from '../../src/bfd/session.ts';
import { bfdStatus } from '../../src/bfd/status.ts';
import { type BfdPacket, decodeBfd, encodeBfd, isBfdFault } from '../../src/wire/bfd.ts';

export const OURS = 0x0a0a0a0a;
export const THEIRS = 0x0b0b0b0b;

export const CONFIG: BfdConfig = { transmitMs: 50, receiveMs: 50, multiplier: 3, passive: false, echoReceiveMs: 0 };

/** What a peer with the same configuration says before it knows us. */
export const THEIR_PACKET: BfdPacket = {
  diag: 0,
  state: 'Down',
  poll: false,
  final: false,
  controlPlaneIndependent: false,
  demand: false,
  detectMult: 3,
  myDiscriminator: THEIRS,
  yourDiscriminator: OURS,
  desiredMinTxUs: 50_000,
  requiredMinRxUs: 50_000,
  requiredMinEchoRxUs: 0,
};

export interface Sent {
  readonly at: number;
  readonly packet: BfdPacket;
  readonly bytes: Uint8Array;
}

export function decoded(bytes: Uint8Array): BfdPacket {
  const packet = decodeBfd(bytes);
  if (isBfdFault(packet)) throw new Error(`it sent what is no packet: ${packet.reason}`);
  return packet;
}

/** One session whose peer is the test. Time passes only by `until`. */
export class Lone {
  state: BfdSessionState;
  now: Instant = instant(1000);
  /** Without jitter. */
  random: () => number = () => 1 - Number.EPSILON;
  readonly sent: Sent[] = [];
  readonly echoes: { readonly at: number; readonly bytes: Uint8Array }[] = [];
  readonly drops: BfdDrop[] = [];
  readonly reports: BfdStatus[] = [];

  constructor(change: Partial<BfdConfig> = {}) {
    this.state = createBfd({ ...CONFIG, ...change }, { discriminator: OURS });
  }

  step(event: BfdEvent): void {
    const [state, effects] = stepBfd(this.state, event, { now: this.now, random: this.random });
    this.state = state;
    for (const effect of effects) {
      if (effect.type === 'drop') this.drops.push(effect.reason);
      else if (effect.type === 'report') this.reports.push(effect.status);
      else if (effect.kind === 'echo') this.echoes.push({ at: this.now, bytes: effect.bytes });
      else this.sent.push({ at: this.now, packet: decoded(effect.bytes), bytes: effect.bytes });
    }
  }

  start(): this {
    this.step({ type: 'start' });
    return this;
  }

  /** Lets `ms` pass, with a tick at every deadline. */
  pass(ms: number): this {
    const end = instant(this.now + ms);
    for (let steps = 0; ; steps++) {
      if (steps > 100_000) throw new Error('the deadline does not move');
      const deadline = bfdDeadline(this.state);
      if (deadline === undefined || deadline > end) break;
      if (deadline > this.now) this.now = deadline;
      this.step({ type: 'tick' });
    }
    this.now = end;
    return this;
  }

  hear(change: Partial<BfdPacket> = {}, auth?: { readonly config: BfdAuthConfig; readonly sequence: number }): this {
    const packet = { ...THEIR_PACKET, ...change };
    this.hearBytes(auth === undefined ? encodeBfd(packet) : signedBfd(auth.config, packet, auth.sequence));
    return this;
  }

  hearBytes(bytes: Uint8Array): void {
    this.step({ type: 'packet', packet: decoded(bytes), bytes });
  }

  /** Lets `ms` pass while the peer goes on saying the same every `everyMs`. */
  passHearing(ms: number, everyMs: number, change: Partial<BfdPacket> = {}): this {
    for (let passed = 0; passed < ms; passed += everyMs) this.pass(everyMs).hear(change);
    return this;
  }

  /** Up, with the poll sequence answered. */
  up(change: Partial<BfdPacket> = {}): this {
    this.start();
    this.hear({ ...change, state: 'Down' }).hear({ ...change, state: 'Init' });
    this.pass(0);
    this.hear({ ...change, state: 'Up', final: true }).hear({ ...change, state: 'Up' });
    return this;
  }

  configure(change: Partial<BfdConfig>): this {
    this.step({ type: 'configure', config: { ...this.state.config, ...change } });
    return this;
  }

  get status(): BfdStatus {
    return bfdStatus(this.state);
  }

  get last(): BfdPacket {
    const last = this.sent.at(-1);
    if (last === undefined) throw new Error('it has sent nothing');
    return last.packet;
  }

  /** What was sent since the last call. */
  take(): Sent[] {
    return this.sent.splice(0);
  }
}
