import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkAuth, signedBfd } from '../../src/bfd/auth.ts';
import type { BfdAuthConfig, BfdDrop, BfdKey } from '../../src/bfd/contract.ts';
import { bfdCounters } from '../../src/bfd/session.ts';
import { type BfdDigestType, BFD_DIGEST, encodeBfd } from '../../src/wire/bfd.ts';
import { Lone, THEIR_PACKET, decoded } from './lone.ts';

const DIGESTS = Object.keys(BFD_DIGEST) as BfdDigestType[];
const TYPES = ['simplePassword', ...DIGESTS] as const;
const isMeticulous = (type: string): boolean => type.startsWith('meticulous');

function key(keyId: number, text: string): BfdKey {
  return { keyId, password: new TextEncoder().encode(text) };
}

function config(type: BfdAuthConfig['type'], ...keys: BfdKey[]): BfdAuthConfig {
  return { type, keys: keys.length === 0 ? [key(5, 'heraldkey')] : keys };
}

/** A session that is Up and has heard the sequence number 1000 last. */
function upWith(type: BfdAuthConfig['type'], ...keys: BfdKey[]): Lone {
  const auth = config(type, ...keys);
  const lone = new Lone({ auth }).start();
  lone.hear({ state: 'Down' }, { config: auth, sequence: 997 });
  lone.hear({ state: 'Init' }, { config: auth, sequence: 998 });
  lone.hear({ state: 'Up', final: true }, { config: auth, sequence: 999 });
  lone.hear({ state: 'Up' }, { config: auth, sequence: 1000 });
  expect(lone.status.state).toBe('Up');
  expect(lone.drops).toEqual([]);
  return lone;
}

function vector(name: string): Uint8Array {
  const [, ...lines] = readFileSync(new URL(`../vectors/bfd/${name}.hex`, import.meta.url), 'utf8').split('\n');
  return Uint8Array.from(Buffer.from(lines.join('').replaceAll(/\s/g, ''), 'hex'));
}

describe('golden vectors', () => {
  it.each(DIGESTS)('§6.7.3, §6.7.4: %s is signed and believed', (type) => {
    const bytes = vector(type);
    const packet = decoded(bytes);
    expect(signedBfd(config(type), packet, 0x01020304)).toEqual(bytes);
    expect(checkAuth(config(type), packet, bytes, undefined)).toEqual({ sequence: 0x01020304 });
    expect(checkAuth(config(type, key(5, 'heraldkez')), packet, bytes, undefined)).toEqual({ drop: 'BfdAuthWrong' });
  });
  it('§6.7.2: the password', () => {
    const bytes = vector('simplePassword');
    expect(checkAuth(config('simplePassword', key(7, 'secret')), decoded(bytes), bytes, undefined)).toEqual({ sequence: undefined });
    expect(signedBfd(config('simplePassword', key(7, 'secret')), { ...decoded(bytes) }, 1)).toEqual(bytes);
  });
});

describe('what we send', () => {
  it.each(DIGESTS)('%s: the sequence number begins anywhere and grows with every packet', (type) => {
    const lone = new Lone({ auth: config(type) });
    lone.random = () => 0.75;
    lone.start().pass(5000);
    const numbers = lone.take().map(({ packet }) => (packet.auth?.type === type ? packet.auth.sequence : undefined));
    const first = 0.75 * 2 ** 32;
    expect(numbers.length).toBeGreaterThan(4);
    expect(numbers).toEqual(numbers.map((_, index) => first + index));
  });
  it('the sequence number is circular', () => {
    const lone = new Lone({ auth: config('keyedMd5') });
    lone.random = () => 1 - 2 ** -33;
    lone.start().pass(1000);
    expect(lone.take().map(({ packet }) => packet.auth)).toMatchObject([{ sequence: 0xffffffff }, { sequence: 0 }]);
  });
  it.each(DIGESTS)('%s: the digest is that of another implementation, over the packet with the padded key', (type) => {
    const { digestLength } = BFD_DIGEST[type];
    for (const text of ['a', 'sixteen bytes ok', 'twenty bytes it is..'.slice(0, digestLength)]) {
      const bytes = signedBfd(config(type, key(255, text)), { ...THEIR_PACKET, state: 'Up', poll: true }, 0xffffffff);
      const input = Buffer.from(bytes);
      input.fill(0, 32);
      input.write(text, 32);
      const name = digestLength === 16 ? 'md5' : 'sha1';
      expect(Buffer.from(bytes.subarray(32)).toString('hex')).toBe(createHash(name).update(input).digest('hex'));
    }
  });
});

/** What else than a believed packet may come, with what it is dropped for. */
const WRONG: readonly (readonly [what: string, peer: BfdAuthConfig | undefined, drop: BfdDrop])[] = [
  ['without authentication', undefined, 'BfdAuthMissing'],
  ['with another key', config('keyedSha1', key(5, 'heraldkez')), 'BfdAuthWrong'],
  ['with a shorter key', config('keyedSha1', key(5, 'heraldke')), 'BfdAuthWrong'],
  ['with an unknown key number', config('keyedSha1', key(6, 'heraldkey')), 'BfdAuthKeyUnknown'],
  ['with a password', config('simplePassword'), 'BfdAuthMismatch'],
  ['with another digest', config('keyedMd5'), 'BfdAuthMismatch'],
  ['with the meticulous kind', config('meticulousSha1'), 'BfdAuthMismatch'],
];

describe('§6.8.6: what is not believed', () => {
  it.each(WRONG)('keyed SHA1, and a packet %s', (_what, peer, drop) => {
    const lone = upWith('keyedSha1');
    const before = { ...lone.state, counters: undefined };
    lone.take();
    lone.hear({ state: 'Down', poll: true, myDiscriminator: 77 }, peer && { config: peer, sequence: 1001 });
    expect(lone.drops).toEqual([drop]);
    expect(lone.take()).toEqual([]);
    expect({ ...lone.state, counters: undefined }).toEqual(before);
    expect(bfdCounters(lone.state).drops).toEqual({ [drop]: 1 });
  });
  it('does not keep the session up', () => {
    const lone = upWith('keyedSha1');
    for (let i = 0; i < 4; i++) lone.pass(40).hear({ state: 'Up' });
    expect(lone.status.state).toBe('Down');
  });
  it('authentication that we do not have', () => {
    const lone = new Lone().up().hear({ state: 'Down' }, { config: config('keyedMd5'), sequence: 1 });
    expect(lone.drops).toEqual(['BfdAuthUnexpected']);
    expect(lone.status.state).toBe('Up');
  });
  it.each([
    ['another password', key(5, 'heraldkez'), 'BfdAuthWrong'],
    ['a longer password', key(5, 'heraldkey1'), 'BfdAuthWrong'],
    ['a shorter password', key(5, 'heraldke'), 'BfdAuthWrong'],
    ['another number', key(4, 'heraldkey'), 'BfdAuthKeyUnknown'],
  ])('§6.7.2: %s', (_what, wrong, drop) => {
    const lone = upWith('simplePassword').hear({ state: 'Down' }, { config: config('simplePassword', wrong), sequence: 0 });
    expect(lone.drops).toEqual([drop]);
    expect(lone.status.state).toBe('Up');
  });
  it.each(DIGESTS)('%s: any changed byte', (type) => {
    const auth = config(type);
    const bytes = signedBfd(auth, { ...THEIR_PACKET, state: 'Up' }, 1001);
    // Version, length, flags and the authentication header have their own rules; of the rest each byte counts.
    for (const at of [0, 4, 11, 12, 19, 20, 23, 32, bytes.length - 1]) {
      const changed = bytes.slice();
      changed[at] = (changed[at] ?? 0) ^ 0x01;
      expect(checkAuth(auth, decoded(changed), changed, 1000), `byte ${at}`).toEqual({ drop: 'BfdAuthWrong' });
    }
    expect(checkAuth(auth, decoded(bytes), bytes, 1000)).toEqual({ sequence: 1001 });
  });
  it('what stands behind the packet in the datagram does not matter', () => {
    const auth = config('keyedSha1');
    const bytes = Uint8Array.of(...signedBfd(auth, THEIR_PACKET, 1), 1, 2, 3);
    expect(checkAuth(auth, decoded(bytes), bytes, undefined)).toEqual({ sequence: 1 });
  });
});

/** Ahead of the last one by so much, with a multiplier of 3: plain kind, meticulous kind. */
const AHEAD: readonly (readonly [ahead: number, plain: boolean, meticulous: boolean])[] = [
  [0, true, false],
  [1, true, true],
  [9, true, true],
  [10, false, false],
  [2 ** 31, false, false],
  [-1, false, false],
  [-1000, false, false],
];

describe.each(DIGESTS)('§6.7.3, §6.7.4: sequence numbers of %s', (type) => {
  it.each(AHEAD)('%d ahead: plain %s, meticulous %s', (ahead, plain, meticulous) => {
    const isTaken = isMeticulous(type) ? meticulous : plain;
    const lone = upWith(type).hear({ state: 'Up', diag: 9 }, { config: config(type), sequence: (1000 + ahead) >>> 0 });
    expect(lone.drops).toEqual(isTaken ? [] : ['BfdAuthSequence']);
    expect(lone.status.remoteDiag).toBe(isTaken ? 9 : 0);
  });
  it('may be ahead by three times the multiplier in the packet', () => {
    const sent = { config: config(type), sequence: 1015 };
    expect(upWith(type).hear({ state: 'Up', detectMult: 5 }, sent).drops).toEqual([]);
    expect(upWith(type).hear({ state: 'Up', detectMult: 4 }, sent).drops).toEqual(['BfdAuthSequence']);
  });
  it('are circular', () => {
    const auth = config(type);
    const lone = new Lone({ auth }).start();
    for (const sequence of [0xfffffffe, 0xffffffff, 0, 1]) lone.hear({ state: 'Down' }, { config: auth, sequence });
    expect(lone.drops).toEqual([]);
    lone.hear({ state: 'Down' }, { config: auth, sequence: 0xffffffff });
    expect(lone.drops).toEqual(['BfdAuthSequence']);
  });
  it('a forged packet does not move the window', () => {
    const lone = upWith(type);
    lone.hear({ state: 'Up' }, { config: config(type, key(5, 'guess')), sequence: 1009 });
    lone.hear({ state: 'Up' }, { config: config(type), sequence: 1001 });
    expect(lone.drops).toEqual(['BfdAuthWrong']);
  });
  it('nor does one at the beginning', () => {
    const auth = config(type);
    const lone = new Lone({ auth }).start();
    lone.hear({ state: 'Down' }, { config: config(type, key(5, 'guess')), sequence: 5_000_000 });
    lone.hear({ state: 'Down' }, { config: auth, sequence: 1 });
    expect(lone.status.state).toBe('Init');
  });
  it('§6.8.1: a peer that begins anew is believed after twice the detection time', () => {
    const restarted = { config: config(type), sequence: 5 };
    const lone = upWith(type).pass(299).hear({ state: 'Down', yourDiscriminator: 0 }, restarted);
    expect(lone.drops).toEqual(['BfdAuthSequence']);
    lone.pass(1).hear({ state: 'Down', yourDiscriminator: 0 }, restarted);
    expect(lone.drops).toHaveLength(1);
    expect(lone.status.state).toBe('Init');
  });
  it('nor does one that took its leave wait longer to begin anew', () => {
    const restarted = { config: config(type), sequence: 5 };
    const lone = upWith(type);
    for (const sequence of [1001, 1002]) lone.hear({ state: 'AdminDown', desiredMinTxUs: 1_000_000 }, { config: config(type), sequence });
    lone.pass(299).hear({ state: 'Down', yourDiscriminator: 0 }, restarted);
    expect(lone.drops).toEqual(['BfdAuthSequence']);
    lone.pass(1).hear({ state: 'Down', yourDiscriminator: 0 }, restarted);
    expect(lone.drops).toHaveLength(1);
    expect(lone.status.state).toBe('Init');
  });
});

describe('keys', () => {
  it.each(TYPES)('%s: any key of the list is taken, the first one signs', (type) => {
    const lone = upWith(type, key(5, 'heraldkey'), key(6, 'the next one'));
    lone.hear({ state: 'Up', diag: 9 }, { config: config(type, key(6, 'the next one')), sequence: 1001 });
    expect(lone.drops).toEqual([]);
    expect(lone.status.remoteDiag).toBe(9);
    expect(lone.pass(50).last.auth?.keyId).toBe(5);
  });
  it.each(TYPES)('%s: of two that have one number each is taken', (type) => {
    const lone = upWith(type, key(5, 'heraldkey'), key(5, 'the next one'));
    lone.hear({ state: 'Up', diag: 9 }, { config: config(type, key(5, 'the next one')), sequence: 1001 });
    expect([lone.drops, lone.status.remoteDiag]).toEqual([[], 9]);
    lone.hear({ state: 'Up', diag: 8 }, { config: config(type, key(5, 'a third one')), sequence: 1002 });
    expect([lone.drops, lone.status.remoteDiag]).toEqual([['BfdAuthWrong'], 9]);
  });
  it.each(['taken', 'sent'] as const)(
    'RFC 5880 §6.7.1: packets without one are %s as well, while signing is switched on or off',
    (unsigned) => {
      const auth = { ...config('meticulousSha1'), unsigned };
      const lone = new Lone({ auth }).start();
      lone.hear({ state: 'Down' }).hear({ state: 'Init' }, { config: config('meticulousSha1'), sequence: 7 });
      lone.hear({ state: 'Up', final: true }).hear({ state: 'Up' }, { config: config('meticulousSha1'), sequence: 8 });
      expect([lone.drops, lone.status.state]).toEqual([[], 'Up']);
      expect(lone.last.auth?.type).toBe(unsigned === 'sent' ? undefined : 'meticulousSha1');
      lone.hear({ state: 'Up' }, { config: config('meticulousSha1'), sequence: 8 });
      lone.hear({ state: 'Up' }, { config: config('meticulousSha1', key(5, 'another')), sequence: 9 });
      expect(lone.drops).toEqual(['BfdAuthSequence', 'BfdAuthWrong']);
    },
  );
  it('are changed while the session is Up', () => {
    const lone = upWith('keyedSha1');
    const both = config('keyedSha1', key(6, 'the next one'), key(5, 'heraldkey'));
    lone.configure({ auth: both }).pass(50);
    expect(lone.last.auth?.keyId).toBe(6);
    lone.hear({ state: 'Up' }, { config: config('keyedSha1'), sequence: 1001 });
    lone.hear({ state: 'Up' }, { config: config('keyedSha1', key(6, 'the next one')), sequence: 1002 });
    expect(lone.drops).toEqual([]);
    expect(lone.status.state).toBe('Up');
  });
  it('another configuration of them begins with any sequence number', () => {
    const auth = config('meticulousMd5');
    const lone = upWith('keyedSha1').configure({ auth }).hear({ state: 'Up' }, { config: auth, sequence: 7 });
    expect(lone.drops).toEqual([]);
  });
  describe('where they wait for the peer', () => {
    const old = { config: config('meticulousSha1') };
    const next = { config: config('meticulousSha1', key(5, 'the next one')) };
    const waiting = (): Lone => {
      const lone = upWith('meticulousSha1').configure({ auth: next.config, waitsForKey: true }).pass(50);
      expect([lone.status.isKeyAwaited, signs(lone, old)]).toEqual([true, true]);
      return lone;
    };
    const signs = ({ sent }: Lone, { config: auth }: typeof old): boolean => {
      const { packet, bytes } = sent.at(-1)!;
      return !('drop' in checkAuth(auth, packet, bytes, undefined));
    };

    it('the old one goes on until the peer has signed with the new one, with whatever number, which is answered at once', () => {
      const lone = waiting().hear({ state: 'Up' }, { ...old, sequence: 1001 });
      lone.take();
      lone.hear({ state: 'Up' }, { ...next, sequence: 7 });
      expect(lone.take()).toHaveLength(1);
      lone.pass(50).hear({ state: 'Up' }, { ...next, sequence: 8 });
      expect([lone.drops, lone.status.isKeyAwaited, signs(lone, next), lone.status.state]).toEqual([[], undefined, true, 'Up']);
      lone.hear({ state: 'Up' }, { ...old, sequence: 9 }).hear({ state: 'Up' }, { ...next, sequence: 7 });
      expect(lone.drops).toEqual(['BfdAuthWrong', 'BfdAuthSequence']);
      expect(bfdCounters(lone.state).timesDown).toBe(0);
    });
    it('neither a third one nor a packet of the past is believed meanwhile', () => {
      const lone = waiting().hear({ state: 'Down' }, { ...old, sequence: 1000 });
      lone.hear({ state: 'Down' }, { config: config('meticulousSha1', key(5, 'a guess')), sequence: 1001 });
      expect([lone.drops, lone.status.state]).toEqual([['BfdAuthWrong', 'BfdAuthWrong'], 'Up']);
    });
    it.each([
      ['the silence of the peer', (lone: Lone) => lone.pass(150)],
      ['the word of the peer', (lone: Lone) => lone.hear({ state: 'Down' }, { ...old, sequence: 1001 })],
      ['our own word', (lone: Lone) => (lone.step({ type: 'stop' }), lone)],
    ])('with %s nothing but the new one counts', (_what, end) => {
      const lone = end(waiting());
      lone.hear({ state: 'Down' }, { ...old, sequence: 1002 });
      expect([lone.drops, lone.status.isKeyAwaited, signs(lone, next)]).toEqual([['BfdAuthWrong'], undefined, true]);
    });
    it('a change that is taken back is none', () => {
      const lone = waiting().configure({ auth: config('meticulousSha1') });
      lone.hear({ state: 'Up' }, { ...next, sequence: 1001 }).hear({ state: 'Up' }, { ...old, sequence: 1000 });
      expect([lone.drops, lone.status.isKeyAwaited]).toEqual([['BfdAuthWrong', 'BfdAuthSequence'], undefined]);
    });
    it('nor is authentication that the peer does not have an end', () => {
      const lone = new Lone().up().configure({ auth: next.config, waitsForKey: true });
      lone.passHearing(1000, 50, { state: 'Up' });
      expect([lone.drops, lone.status.state]).toEqual([[], 'Up']);
      lone.hear({ state: 'Up' }, { ...next, sequence: 7 }).hear({ state: 'Up' });
      expect([lone.drops, lone.status.state]).toEqual([['BfdAuthMissing'], 'Up']);
    });
  });
  it('none at all is a mistake of the caller', () => {
    expect(() => signedBfd({ type: 'keyedMd5', keys: [] }, THEIR_PACKET, 1)).toThrow(RangeError);
  });
});

describe('properties', () => {
  const auths = fc.record({
    type: fc.constantFrom(...TYPES),
    keys: fc.tuple(fc.record({ keyId: fc.nat({ max: 255 }), password: fc.uint8Array({ minLength: 1, maxLength: 16 }) })),
  });
  it('what one side signs the other believes, and nobody with another key', () => {
    fc.assert(
      fc.property(auths, fc.nat({ max: 0xffffffff }), fc.uint8Array({ minLength: 1, maxLength: 16 }), (auth, sequence, other) => {
        const bytes = signedBfd(auth, THEIR_PACKET, sequence);
        expect(checkAuth(auth, decoded(bytes), bytes, undefined)).not.toHaveProperty('drop');
        const [mine] = auth.keys;
        const padded = (password: Uint8Array): string => Buffer.concat([password, new Uint8Array(16)], 16).toString('hex');
        if (padded(mine.password) === padded(other)) return;
        const theirs = { ...auth, keys: [{ ...mine, password: other }] };
        expect(checkAuth(theirs, decoded(bytes), bytes, undefined)).toEqual({ drop: 'BfdAuthWrong' });
      }),
      { numRuns: 500 },
    );
  });
  it('nothing that is unsigned is believed', () => {
    const bytes = encodeBfd(THEIR_PACKET);
    for (const type of TYPES) expect(checkAuth(config(type), decoded(bytes), bytes, undefined)).toEqual({ drop: 'BfdAuthMissing' });
  });
});
