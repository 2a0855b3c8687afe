import { describe, expect, it } from 'vitest';
import { signedBfd } from '../../src/bfd/auth.ts';
import type { BfdAuthConfig } from '../../src/bfd/contract.ts';
import type { BfdSessionState } from '../../src/bfd/draft.ts';
import { bfdDeadline, createBfd, stepBfd } from '../../src/bfd/session.ts';
import { after, instant } from '../../src/machine.ts';
import { type BfdDigestType, type BfdPacket, BFD_DIGEST, BFD_STATES, decodeBfd, encodeBfd, isBfdFault } from '../../src/wire/bfd.ts';
import { CONFIG, OURS, THEIRS, THEIR_PACKET } from './lone.ts';
import { seeded } from './simulation.ts';

/** `make fuzz` asks whether anything breaks; this asks whether anything is believed that must not be. */
const MESSAGES = 12_000;
const SEED = 1;

const AUTHS: readonly (BfdAuthConfig | undefined)[] = [
  undefined,
  ...(['simplePassword', ...(Object.keys(BFD_DIGEST) as BfdDigestType[])] as const).map((type) => ({
    type,
    keys: [{ keyId: 5, password: Uint8Array.of(104, 101, 114, 97, 108, 100) }],
  })),
];
const EDGES = [0, 1, 2, 0x18, 0x1a, 0x30, 0x34, 0x7f, 0x80, 0xc4, 0xfe, 0xff];

/** Bytes that were packets once. */
class Mutator {
  readonly random: () => number;
  #sequence = 0;
  readonly #recent: Uint8Array[] = [];

  constructor(seed: number) {
    this.random = seeded(seed);
  }

  below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  pick<T>(of: readonly T[]): T {
    return of[this.below(of.length)] as T;
  }

  #interval(): number {
    return this.pick([0, 1, 10_000, 50_000, 1_000_000, 0xffffffff, this.below(2 ** 32)]);
  }

  packet(): BfdPacket {
    return {
      ...THEIR_PACKET,
      diag: this.below(32),
      state: this.pick(BFD_STATES),
      poll: this.random() < 0.2,
      final: this.random() < 0.2,
      demand: this.random() < 0.1,
      detectMult: this.pick([1, 3, 3, 255]),
      myDiscriminator: this.random() < 0.9 ? THEIRS : this.below(2 ** 32),
      yourDiscriminator: this.random() < 0.9 ? OURS : 0,
      desiredMinTxUs: this.#interval(),
      requiredMinRxUs: this.#interval(),
      requiredMinEchoRxUs: this.#interval(),
    };
  }

  /** Half of them as the peer would have sent them. */
  datagram(auth: BfdAuthConfig | undefined): { readonly bytes: Uint8Array; readonly isGenuine: boolean } {
    const replayed = this.#recent[this.below(64)];
    if (replayed !== undefined && this.random() < 0.1) return { bytes: this.mutate(replayed), isGenuine: false };
    const signer = this.random() < 0.9 ? auth : this.pick(AUTHS);
    this.#sequence = (this.#sequence + this.pick([0, 1, 1, 1, 1, 1, 1, 1, 2, 5, 1000])) % 2 ** 32;
    const bytes = signer === undefined ? encodeBfd(this.packet()) : signedBfd(signer, this.packet(), this.#sequence);
    this.#recent[this.below(64)] = bytes;
    if (this.random() < 0.5) return { bytes, isGenuine: signer === auth };
    return { bytes: this.mutate(bytes), isGenuine: false };
  }

  mutate(original: Uint8Array): Uint8Array {
    let bytes: Uint8Array = original.slice();
    for (let i = 1 + this.below(4); i > 0; i--) bytes = this.#once(bytes);
    return bytes;
  }

  #once(bytes: Uint8Array): Uint8Array {
    const at = this.below(bytes.length);
    switch (this.below(7)) {
      case 0:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << this.below(8));
        return bytes;
      case 1:
        bytes[at] = this.pick(EDGES);
        return bytes;
      // The fields that say how long something is, and what.
      case 2:
        bytes[this.pick([0, 1, 2, 3, 24, 25, 26])] = this.random() < 0.5 ? this.pick(EDGES) : bytes.length;
        return bytes;
      case 3:
        return bytes.slice(0, at);
      case 4:
        return Uint8Array.of(...bytes, ...Array.from({ length: this.below(40) }, () => this.below(256)));
      case 5:
        bytes.fill(this.pick([0, 0xff]), at, at + this.below(8));
        return bytes;
      default:
        bytes.copyWithin(at, this.below(bytes.length));
        return bytes;
    }
  }
}

/** Nothing but the counters is another than before; what was not touched is the same object. */
function isUntouched(before: BfdSessionState, now: BfdSessionState): boolean {
  const names = Object.keys(now) as (keyof BfdSessionState)[];
  return names.every((name) => name === 'counters' || before[name] === now[name]);
}

describe('mutated packets', () => {
  it.each(AUTHS.map((auth) => [auth?.type ?? 'none', auth] as const))('authentication %s', (_type, auth) => {
    const mutator = new Mutator(SEED);
    let session = createBfd({ ...CONFIG, echoTransmitMs: 50, ...(auth === undefined ? {} : { auth }) }, { discriminator: OURS });
    let now = instant(0);
    const seen = { fault: 0, dropped: 0, taken: 0, ups: 0 };
    const wrong: string[] = [];
    const context = (): { now: typeof now; random: () => number } => ({ now, random: mutator.random });
    [session] = stepBfd(session, { type: 'start' }, context());
    for (let i = 0; i < MESSAGES / AUTHS.length; i++) {
      const { bytes, isGenuine } = mutator.datagram(auth);
      const packet = decodeBfd(bytes);
      if (isBfdFault(packet)) {
        seen.fault += 1;
        continue;
      }
      if (JSON.stringify(decodeBfd(encodeBfd(packet))) !== JSON.stringify(packet))
        wrong.push(`encoded otherwise: ${Buffer.from(bytes).toString('hex')}`);
      now = after(now, mutator.pick([0, 1, 20, 20, 60, 2000]));
      if ((bfdDeadline(session) ?? Infinity) <= now) [session] = stepBfd(session, { type: 'tick' }, context());
      const [next, effects] = stepBfd(session, { type: 'packet', packet, bytes }, context());
      const isDropped = effects.some(({ type }) => type === 'drop');
      seen[isDropped ? 'dropped' : 'taken'] += 1;
      if (isDropped && !isUntouched(session, next)) wrong.push(`dropped with a trace: ${Buffer.from(bytes).toString('hex')}`);
      // A mutation behind the packet, or in what is reserved, leaves it genuine; with a digest nothing else does.
      const isSealed = auth !== undefined && auth.type !== 'simplePassword';
      if (isSealed && !isGenuine && !isDropped && !isSignedWell(auth, packet, bytes))
        wrong.push(`believed: ${Buffer.from(bytes).toString('hex')}`);
      session = next;
    }
    expect(wrong).toEqual([]);
    seen.ups = session.counters.timesUp;
    // The random packets have been everywhere, or they have shown nothing.
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(0);
    expect(Object.keys(session.counters.drops).length).toBeLessThanOrEqual(8);
  });
});

function isSignedWell(auth: BfdAuthConfig, packet: BfdPacket, bytes: Uint8Array): boolean {
  if (packet.auth === undefined || packet.auth.type === 'simplePassword') return false;
  const { auth: section, ...rest } = packet;
  const again = decodeBfd(signedBfd(auth, rest, section.sequence));
  // The reserved byte and what is longer than it has to be are covered by the digest, and are not written by us.
  return !isBfdFault(again) && (JSON.stringify(again.auth) === JSON.stringify(section) || bytes[27] !== 0 || (bytes[3] ?? 0) > 52);
}
