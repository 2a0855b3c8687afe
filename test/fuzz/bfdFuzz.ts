import type { BfdAuthConfig, BfdConfig, BfdEvent } from '../../src/bfd/contract.ts';
import type { BfdSessionState } from '../../src/bfd/draft.ts';
import { signedBfd } from '../../src/bfd/auth.ts';
import { bfdCounters, bfdDeadline, createBfd, stepBfd } from '../../src/bfd/session.ts';
import { instant } from '../../src/machine.ts';
import { BFD_DIGEST, BFD_STATES, type BfdPacket, decodeBfd, encodeBfd, isBfdFault } from '../../src/wire/bfd.ts';
import { Wrong, type Tally } from './bgpFuzz.ts';
import { scramble } from './bytes.ts';
import type { Random } from './random.ts';

const OURS = 0x1234;
const THEIRS = 0x8765;
const AUTH_TYPES = ['simplePassword', ...(Object.keys(BFD_DIGEST) as (keyof typeof BFD_DIGEST)[])] as const;
const INTERVALS_US = [0, 1, 10_000, 50_000, 1_000_000, 0x7fff_ffff, 0xffff_ffff];

function anyConfig(random: Random): BfdConfig {
  const auth: BfdAuthConfig = { type: random.pick(AUTH_TYPES), keys: [{ keyId: 1, password: Uint8Array.of(1, 2, 3) }] };
  return {
    transmitMs: random.pick([10, 50, 300]),
    receiveMs: random.pick([10, 50, 300]),
    multiplier: 1 + random.below(10),
    passive: random.chance(0.3),
    echoReceiveMs: random.pick([0, 50]),
    ...(random.chance(0.3) && { echoTransmitMs: 50 }),
    ...(random.chance(0.4) && { auth }),
  };
}

function anyPacket(random: Random, { auth }: BfdConfig, sequence: number): Uint8Array {
  const packet: BfdPacket = {
    diag: random.below(32),
    state: random.pick([...BFD_STATES, 'Init', 'Up', 'Up', 'Up']),
    poll: random.chance(0.2),
    final: random.chance(0.2),
    controlPlaneIndependent: random.chance(0.1),
    demand: random.chance(0.1),
    detectMult: random.pick([1, 3, 255]),
    myDiscriminator: random.chance(0.95) ? THEIRS : 1 + random.below(0xffff_fffe),
    yourDiscriminator: random.chance(0.8) ? OURS : random.below(2),
    desiredMinTxUs: random.pick(INTERVALS_US),
    requiredMinRxUs: random.pick(INTERVALS_US),
    requiredMinEchoRxUs: random.pick(INTERVALS_US),
  };
  const isSigned = auth !== undefined && random.chance(0.9);
  const number = random.chance(0.9) ? sequence : random.below(0xffff_ffff);
  const bytes = isSigned ? signedBfd(auth, packet, number) : encodeBfd(packet);
  return random.chance(0.5) ? bytes : Uint8Array.from(scramble(random, [...bytes], 0));
}

class Session {
  state: BfdSessionState;
  now = 1000;
  readonly #random: Random;

  constructor(config: BfdConfig, random: Random) {
    this.state = createBfd(config, { discriminator: OURS });
    this.#random = random;
    this.step({ type: 'start' });
  }

  step(event: BfdEvent): void {
    const before = bfdCounters(this.state);
    const [state, effects] = stepBfd(this.state, event, { now: instant(this.now), random: () => this.#random.next() });
    this.state = state;
    const sent = effects.filter((effect) => effect.type === 'send' && effect.kind === 'control');
    if (effects.length > 6) throw new Wrong(`${effects.length} effects of ${event.type}`);
    for (const effect of sent)
      if (effect.type === 'send' && isBfdFault(decodeBfd(effect.bytes))) throw new Wrong('we sent what nobody can read');
    const after = bfdCounters(state);
    if (after.packetsSent !== before.packetsSent + sent.length) throw new Wrong('packetsSent');
    const drops = effects.filter(({ type }) => type === 'drop').length;
    const heard = event.type === 'packet' ? 1 - drops : 0;
    if (after.packetsReceived !== before.packetsReceived + heard)
      throw new Wrong(`packetsReceived is not ${before.packetsReceived + heard}`);
  }

  /** Every tick leads on: nobody can make us spin. */
  pass(ms: number): void {
    const end = this.now + ms;
    for (let ticks = 0; ; ticks++) {
      const at = bfdDeadline(this.state);
      if (at === undefined || at > end) break;
      if (ticks > ms * 2 + 10) throw new Wrong(`${ticks} ticks in ${ms} ms`);
      this.now = Math.max(this.now, at);
      this.step({ type: 'tick' });
    }
    this.now = end;
  }
}

/** One BFD session from beginning to end. */
export function fuzzBfd(random: Random, tally: Tally): void {
  const config = anyConfig(random);
  const session = new Session(config, random);
  tally.sessions++;
  for (let count = 1 + random.below(60); count > 0; count--) {
    const bytes = anyPacket(random, config, 100 - count);
    const started = performance.now();
    const packet = decodeBfd(bytes);
    if (!isBfdFault(packet)) session.step({ type: 'packet', packet, bytes });
    tally.worstMs = Math.max(tally.worstMs, performance.now() - started);
    tally.messages++;
    tally.states[`BFD ${session.state.state}`] = (tally.states[`BFD ${session.state.state}`] ?? 0) + 1;
    if (random.chance(0.1)) session.pass(random.below(200));
    if (random.chance(0.05)) session.step({ type: 'echoReturned', bytes: Uint8Array.from(random.bytes(random.below(40))) });
    if (random.chance(0.01)) session.step({ type: random.pick(['stop', 'start'] as const) });
  }
}
