import { readFileSync, readdirSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type BfdAuth,
  type BfdDigestType,
  type BfdPacket,
  BFD_DIGEST,
  BFD_STATES,
  decodeBfd,
  encodeBfd,
  isBfdFault,
} from '../../src/wire/bfd.ts';

const FOLDER = new URL('../vectors/bfd/', import.meta.url);

function readVector(name: string): Uint8Array {
  const [provenance, ...lines] = readFileSync(new URL(`${name}.hex`, FOLDER), 'utf8').split('\n');
  if (provenance?.startsWith('#') !== true) throw new Error(`${name} does not say where it comes from`);
  return hex(lines.join(''));
}

function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));
}

const PLAIN: BfdPacket = {
  diag: 0,
  state: 'Down',
  poll: false,
  final: false,
  controlPlaneIndependent: false,
  demand: false,
  detectMult: 3,
  myDiscriminator: 1,
  yourDiscriminator: 0,
  desiredMinTxUs: 1_000_000,
  requiredMinRxUs: 300_000,
  requiredMinEchoRxUs: 0,
};

function digested(type: BfdDigestType, digest: string): BfdPacket {
  const both = { desiredMinTxUs: 300_000, requiredMinRxUs: 300_000, myDiscriminator: 0x11, yourDiscriminator: 0x22 };
  return { ...PLAIN, ...both, state: 'Up', auth: { type, keyId: 5, sequence: 0x01020304, digest: hex(digest) } };
}

const tail = (name: string, length: number): string => Buffer.from(readVector(name).subarray(-length)).toString('hex');
const VECTORS: Readonly<Record<string, BfdPacket>> = {
  downPlain: PLAIN,
  upPoll: {
    ...PLAIN,
    state: 'Up',
    poll: true,
    controlPlaneIndependent: true,
    detectMult: 5,
    myDiscriminator: 0xdeadbeef,
    yourDiscriminator: 0x0a0b0c0d,
    desiredMinTxUs: 50_000,
    requiredMinRxUs: 50_000,
  },
  finalDemandEcho: {
    ...PLAIN,
    diag: 31,
    state: 'Init',
    final: true,
    demand: true,
    detectMult: 255,
    myDiscriminator: 0xffffffff,
    yourDiscriminator: 1,
    desiredMinTxUs: 0xffffffff,
    requiredMinRxUs: 0,
    requiredMinEchoRxUs: 50_000,
  },
  adminDown: { ...PLAIN, diag: 7, state: 'AdminDown', myDiscriminator: 2, yourDiscriminator: 1 },
  simplePassword: { ...PLAIN, auth: { type: 'simplePassword', keyId: 7, password: hex('736563726574') } },
  keyedMd5: digested('keyedMd5', tail('keyedMd5', 16)),
  meticulousMd5: digested('meticulousMd5', tail('meticulousMd5', 16)),
  keyedSha1: digested('keyedSha1', tail('keyedSha1', 20)),
  meticulousSha1: digested('meticulousSha1', tail('meticulousSha1', 20)),
};

describe('golden vectors', () => {
  it('has a packet for every file', () => {
    expect(Object.keys(VECTORS).toSorted()).toEqual(
      readdirSync(FOLDER)
        .map((file) => file.replace('.hex', ''))
        .toSorted(),
    );
  });
  it.each(Object.entries(VECTORS))('decodes and encodes %s', (name, packet) => {
    expect(decodeBfd(readVector(name))).toEqual(packet);
    expect(encodeBfd(packet)).toEqual(readVector(name));
  });
});

/** The rest of a packet after its first four bytes: discriminators 1 and 2, three intervals. */
const REST = '00000001 00000002 000f4240 000493e0 00000000';
const MD5 = `01020304 ${'00'.repeat(16)}`;
const MALFORMED: readonly (readonly [rule: string, bytes: string, fault: object])[] = [
  ['no bytes', '', { reason: 'BfdTooShort', length: 0 }],
  ['one byte', '20', { reason: 'BfdTooShort', length: 1 }],
  ['four bytes', '20c00318', { reason: 'BfdTooShort', length: 4 }],
  ['one byte missing', `20c00318 ${REST.slice(0, -2)}`, { reason: 'BfdTooShort', length: 23 }],
  ['§6.8.6 version 0', `00c00318 ${REST}`, { reason: 'BfdVersion', found: 0 }],
  ['§6.8.6 version 2', `40c00318 ${REST}`, { reason: 'BfdVersion', found: 2 }],
  ['§6.8.6 version 7', `e0c00318 ${REST}`, { reason: 'BfdVersion', found: 7 }],
  ['§6.8.6 version before length', `00c00300 ${REST}`, { reason: 'BfdVersion', found: 0 }],
  ['§6.8.6 length 0', `20c00300 ${REST}`, { reason: 'BfdLengthTooSmall', found: 0, wanted: 24 }],
  ['§6.8.6 length 23', `20c00317 ${REST}`, { reason: 'BfdLengthTooSmall', found: 23, wanted: 24 }],
  ['§6.8.6 length 24 with A', `20c40318 ${REST}`, { reason: 'BfdLengthTooSmall', found: 24, wanted: 26 }],
  ['§6.8.6 length 25 with A', `20c40319 ${REST} 01`, { reason: 'BfdLengthTooSmall', found: 25, wanted: 26 }],
  ['§6.8.6 length 25 of 24', `20c00319 ${REST}`, { reason: 'BfdLengthBeyondPayload', found: 25, left: 24 }],
  ['§6.8.6 length 255 of 24', `20c003ff ${REST}`, { reason: 'BfdLengthBeyondPayload', found: 255, left: 24 }],
  [
    '§6.8.6 length 48 of 47 with A',
    `20c40330 ${REST} 02180500 01020304 ${'00'.repeat(15)}`,
    { reason: 'BfdLengthBeyondPayload', found: 48, left: 47 },
  ],
  ['§6.8.6 length before detect mult', `20c00019 ${REST}`, { reason: 'BfdLengthBeyondPayload', found: 25, left: 24 }],
  ['§6.8.6 detect mult 0', `20c00018 ${REST}`, { reason: 'BfdDetectMultZero' }],
  ['§6.8.6 detect mult before multipoint', `20c10018 ${REST}`, { reason: 'BfdDetectMultZero' }],
  ['§6.8.6 multipoint', `20c10318 ${REST}`, { reason: 'BfdMultipoint' }],
  ['§6.8.6 multipoint in Down', `20410318 ${REST}`, { reason: 'BfdMultipoint' }],
  ['§6.8.6 my discriminator 0', `20c00318 00000000 00000002 000f4240 000493e0 00000000`, { reason: 'BfdMyDiscriminatorZero' }],
  ['§6.8.6 both discriminators 0', `20c00318 00000000 00000000 000f4240 000493e0 00000000`, { reason: 'BfdMyDiscriminatorZero' }],
  [
    '§6.8.6 your discriminator 0 in Init',
    `20800318 00000001 00000000 000f4240 000493e0 00000000`,
    { reason: 'BfdYourDiscriminatorZero', state: 'Init' },
  ],
  [
    '§6.8.6 your discriminator 0 in Up',
    `20c00318 00000001 00000000 000f4240 000493e0 00000000`,
    { reason: 'BfdYourDiscriminatorZero', state: 'Up' },
  ],
  ['§4.1 auth type 0', `20c4031a ${REST} 0002`, { reason: 'BfdAuthType', found: 0 }],
  ['§4.1 auth type 6', `20c4031a ${REST} 0602`, { reason: 'BfdAuthType', found: 6 }],
  ['§4.1 auth type 255', `20c4031a ${REST} ff02`, { reason: 'BfdAuthType', found: 255 }],
  ['§4.2 auth length beyond the packet', `20c4031c ${REST} 01050161`, { reason: 'BfdAuthLength', found: 5, left: 4 }],
  ['§4.2 auth length 0', `20c4031c ${REST} 01000161`, { reason: 'BfdAuthLength', found: 0, left: 4 }],
  ['§4.2 auth length 2', `20c4031a ${REST} 0102`, { reason: 'BfdAuthLength', found: 2, left: 2 }],
  ['§4.2 empty password', `20c4031b ${REST} 010307`, { reason: 'BfdAuthLength', found: 3, left: 3 }],
  ['§4.2 password of 17', `20c4032c ${REST} 011401 ${'61'.repeat(17)}`, { reason: 'BfdAuthLength', found: 20, left: 20 }],
  ['§6.7.3 MD5 length 23', `20c40330 ${REST} 02170500 ${MD5}`, { reason: 'BfdAuthLength', found: 23, left: 24 }],
  ['§6.7.3 MD5 length 25', `20c40331 ${REST} 02190500 ${MD5} 00`, { reason: 'BfdAuthLength', found: 25, left: 25 }],
  ['§6.7.3 MD5 with the length of SHA1', `20c40334 ${REST} 021c0500 ${MD5} 00000000`, { reason: 'BfdAuthLength', found: 28, left: 28 }],
  ['§6.7.3 meticulous MD5 length 2', `20c4031a ${REST} 0302`, { reason: 'BfdAuthLength', found: 2, left: 2 }],
  [
    '§6.7.3 meticulous MD5 cut short',
    `20c4032f ${REST} 03180500 01020304 ${'00'.repeat(15)}`,
    { reason: 'BfdAuthLength', found: 24, left: 23 },
  ],
  ['§6.7.4 SHA1 with the length of MD5', `20c40330 ${REST} 04180500 ${MD5}`, { reason: 'BfdAuthLength', found: 24, left: 24 }],
  ['§6.7.4 SHA1 length 27', `20c40334 ${REST} 041b0500 ${MD5} 00000000`, { reason: 'BfdAuthLength', found: 27, left: 28 }],
  ['§6.7.4 meticulous SHA1 length 255', `20c40334 ${REST} 05ff0500 ${MD5} 00000000`, { reason: 'BfdAuthLength', found: 255, left: 28 }],
  ['§6.7.4 meticulous SHA1 length 0', `20c40334 ${REST} 05000500 ${MD5} 00000000`, { reason: 'BfdAuthLength', found: 0, left: 28 }],
];

describe('what is no packet', () => {
  it.each(MALFORMED)('%s', (_rule, bytes, fault) => {
    expect(decodeBfd(hex(bytes))).toEqual(fault);
  });
  it.each(['AdminDown', 'Down'] as const)('§6.8.6 takes a your discriminator of 0 in %s', (state) => {
    expect(decodeBfd(encodeBfd({ ...PLAIN, state }))).toEqual({ ...PLAIN, state });
  });
  it('ignores what follows the Length field, and the reserved byte', () => {
    expect(decodeBfd(hex(`20400318 00000001 00000000 000f4240 000493e0 00000000 ffffff`))).toEqual(PLAIN);
    const bytes = readVector('keyedMd5');
    bytes[27] = 0xff;
    expect(decodeBfd(bytes)).toEqual(VECTORS['keyedMd5']);
  });
});

const u8 = fc.integer({ min: 0, max: 255 });
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const id = fc.integer({ min: 1, max: 0xffffffff });
const auth: fc.Arbitrary<BfdAuth> = fc.oneof(
  fc.record({ type: fc.constant('simplePassword' as const), keyId: u8, password: fc.uint8Array({ minLength: 1, maxLength: 16 }) }),
  ...(Object.keys(BFD_DIGEST) as BfdDigestType[]).map((type) => {
    const { digestLength } = BFD_DIGEST[type];
    const digest = fc.uint8Array({ minLength: digestLength, maxLength: digestLength });
    return fc.record({ type: fc.constant(type), keyId: u8, sequence: u32, digest });
  }),
);
const packets: fc.Arbitrary<BfdPacket> = fc.record(
  {
    diag: fc.integer({ min: 0, max: 31 }),
    state: fc.constantFrom(...BFD_STATES),
    poll: fc.boolean(),
    final: fc.boolean(),
    controlPlaneIndependent: fc.boolean(),
    demand: fc.boolean(),
    detectMult: fc.integer({ min: 1, max: 255 }),
    myDiscriminator: id,
    yourDiscriminator: id,
    desiredMinTxUs: u32,
    requiredMinRxUs: u32,
    requiredMinEchoRxUs: u32,
    auth,
  },
  {
    requiredKeys: [
      'diag',
      'state',
      'poll',
      'final',
      'controlPlaneIndependent',
      'demand',
      'detectMult',
      'myDiscriminator',
      'yourDiscriminator',
      'desiredMinTxUs',
      'requiredMinRxUs',
      'requiredMinEchoRxUs',
    ],
  },
);

describe('properties', () => {
  it('decodes what it encodes', () => {
    fc.assert(
      fc.property(packets, (packet) => {
        expect(decodeBfd(encodeBfd(packet))).toEqual(packet);
      }),
      { numRuns: 2000 },
    );
  });
  it('throws for no bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        expect(typeof decodeBfd(bytes)).toBe('object');
      }),
      { numRuns: 5000 },
    );
  });
  it('throws for no valid packet with changed bytes, and what it takes it writes back alike', () => {
    const change = fc.array(fc.tuple(fc.nat({ max: 60 }), u8), { maxLength: 4 });
    fc.assert(
      fc.property(packets, change, fc.nat({ max: 60 }), (packet, changes, cut) => {
        const bytes = encodeBfd(packet).slice(0, 24 + cut);
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        const decoded = decodeBfd(bytes);
        expect(isBfdFault(decoded) ? decoded : decodeBfd(encodeBfd(decoded))).toEqual(decoded);
      }),
      { numRuns: 5000 },
    );
  });
});
