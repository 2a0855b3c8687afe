import { Reader, Writer } from './cursor.ts';

/*
 * RFC 5880 §4.1, version 1
 *  0 1 2 3 4 5 6 7 0 1 2 3 4 5 6 7 0 1 2 3 4 5 6 7 0 1 2 3 4 5 6 7
 * +-----+---------+---+-+-+-+-+-+-+---------------+---------------+
 * |Vers |  Diag   |Sta|P|F|C|A|D|M|  Detect Mult  |    Length     |
 * | My Discriminator                                              |
 * | Your Discriminator                                            |
 * | Desired Min TX Interval, microseconds                         |
 * | Required Min RX Interval, microseconds                        |
 * | Required Min Echo RX Interval, microseconds                   |
 * | Authentication section, when A is set                         |
 */
export interface BfdPacket {
  /** 0..31; see BFD_DIAG. */
  readonly diag: number;
  readonly state: BfdState;
  readonly poll: boolean;
  readonly final: boolean;
  readonly controlPlaneIndependent: boolean;
  readonly demand: boolean;
  /** 1..255 */
  readonly detectMult: number;
  /** Never 0. */
  readonly myDiscriminator: number;
  /** 0: not known yet. */
  readonly yourDiscriminator: number;
  readonly desiredMinTxUs: number;
  readonly requiredMinRxUs: number;
  readonly requiredMinEchoRxUs: number;
  readonly auth?: BfdAuth;
}

/** In the order of their codes. */
export const BFD_STATES = ['AdminDown', 'Down', 'Init', 'Up'] as const;
export type BfdState = (typeof BFD_STATES)[number];

export const BFD_DIAG = {
  none: 0,
  detectionTimeExpired: 1,
  echoFailed: 2,
  neighborSignaledDown: 3,
  forwardingPlaneReset: 4,
  pathDown: 5,
  concatenatedPathDown: 6,
  adminDown: 7,
  reverseConcatenatedPathDown: 8,
} as const;

/** Codes of RFC 5880 §4.1; `digestLength` in bytes, as in §4.3 and §4.4. */
export const BFD_DIGEST = {
  keyedMd5: { code: 2, digestLength: 16 },
  meticulousMd5: { code: 3, digestLength: 16 },
  keyedSha1: { code: 4, digestLength: 20 },
  meticulousSha1: { code: 5, digestLength: 20 },
} as const;
export type BfdDigestType = keyof typeof BFD_DIGEST;

export type BfdAuth =
  /** 1..16 bytes. */
  | { readonly type: 'simplePassword'; readonly keyId: number; readonly password: Uint8Array }
  | { readonly type: BfdDigestType; readonly keyId: number; readonly sequence: number; readonly digest: Uint8Array };

/** Why bytes are no packet to believe: the rules of RFC 5880 §6.8.6 that need no session. `found` stands as in the packet. */
export type BfdFault =
  | { readonly reason: 'BfdTooShort'; readonly length: number }
  | { readonly reason: 'BfdVersion'; readonly found: number }
  | { readonly reason: 'BfdLengthTooSmall'; readonly found: number; readonly wanted: number }
  | { readonly reason: 'BfdLengthBeyondPayload'; readonly found: number; readonly left: number }
  | { readonly reason: 'BfdDetectMultZero' }
  | { readonly reason: 'BfdMultipoint' }
  | { readonly reason: 'BfdMyDiscriminatorZero' }
  | { readonly reason: 'BfdYourDiscriminatorZero'; readonly state: BfdState }
  | { readonly reason: 'BfdAuthType'; readonly found: number }
  | { readonly reason: 'BfdAuthLength'; readonly found: number; readonly left: number };

export const BFD_LENGTH = 24;
const VERSION = 1;
const POLL = 0x20;
const FINAL = 0x10;
const INDEPENDENT = 0x08;
const AUTHENTICATED = 0x04;
const DEMAND = 0x02;
const MULTIPOINT = 0x01;
const SIMPLE_PASSWORD = 1;
/** Type, length and key ID stand before the password. */
const PASSWORD_AT = 3;
const PASSWORD_MAX = 16;
/** Type, length, key ID, reserved and sequence number stand before the digest. */
const DIGEST_AT = 8;
/** Where the digest begins in a packet. */
export const BFD_DIGEST_AT = BFD_LENGTH + DIGEST_AT;

export function isBfdFault(value: object): value is BfdFault {
  return 'reason' in value;
}

function neverShort(): never {
  throw new RangeError('lengths were checked before');
}

/** In the order of the rules of RFC 5880 §6.8.6. */
function headerFault(bytes: Uint8Array): BfdFault | undefined {
  const [first = 0, second = 0, detectMult = 0, length = 0] = bytes;
  if (bytes.length < BFD_LENGTH) return { reason: 'BfdTooShort', length: bytes.length };
  if (first >> 5 !== VERSION) return { reason: 'BfdVersion', found: first >> 5 };
  const wanted = (second & AUTHENTICATED) === 0 ? BFD_LENGTH : BFD_LENGTH + 2;
  if (length < wanted) return { reason: 'BfdLengthTooSmall', found: length, wanted };
  if (length > bytes.length) return { reason: 'BfdLengthBeyondPayload', found: length, left: bytes.length };
  if (detectMult === 0) return { reason: 'BfdDetectMultZero' };
  if ((second & MULTIPOINT) !== 0) return { reason: 'BfdMultipoint' };
  return undefined;
}

function decodeAuth(reader: Reader): BfdAuth | BfdFault {
  const left = reader.left;
  const code = reader.u8();
  const length = reader.u8();
  const wrong: BfdFault = { reason: 'BfdAuthLength', found: length, left };
  if (length > left) return wrong;
  if (code === SIMPLE_PASSWORD) {
    if (length <= PASSWORD_AT || length > PASSWORD_AT + PASSWORD_MAX) return wrong;
    return { type: 'simplePassword', keyId: reader.u8(), password: reader.take(length - PASSWORD_AT) };
  }
  for (const type of Object.keys(BFD_DIGEST) as BfdDigestType[]) {
    const { code: known, digestLength } = BFD_DIGEST[type];
    if (known !== code) continue;
    if (length !== DIGEST_AT + digestLength) return wrong;
    const keyId = reader.u8();
    // Reserved: ignored on receipt.
    reader.take(1);
    return { type, keyId, sequence: reader.u32(), digest: reader.take(digestLength) };
  }
  return { reason: 'BfdAuthType', found: code };
}

/** Throws for no bytes whatever. Views in the result share `bytes`; what follows the Length field's end is ignored. */
export function decodeBfd(bytes: Uint8Array): BfdPacket | BfdFault {
  const fault = headerFault(bytes);
  if (fault !== undefined) return fault;
  const reader = new Reader(bytes, neverShort, 0, bytes[3]);
  const diag = reader.u8() & 0x1f;
  const flags = reader.u8();
  const state = BFD_STATES[flags >> 6] ?? 'AdminDown';
  const detectMult = reader.u8();
  reader.take(1);
  const myDiscriminator = reader.u32();
  if (myDiscriminator === 0) return { reason: 'BfdMyDiscriminatorZero' };
  const yourDiscriminator = reader.u32();
  if (yourDiscriminator === 0 && (state === 'Init' || state === 'Up')) return { reason: 'BfdYourDiscriminatorZero', state };
  const packet: BfdPacket = {
    diag,
    state,
    poll: (flags & POLL) !== 0,
    final: (flags & FINAL) !== 0,
    controlPlaneIndependent: (flags & INDEPENDENT) !== 0,
    demand: (flags & DEMAND) !== 0,
    detectMult,
    myDiscriminator,
    yourDiscriminator,
    desiredMinTxUs: reader.u32(),
    requiredMinRxUs: reader.u32(),
    requiredMinEchoRxUs: reader.u32(),
  };
  if ((flags & AUTHENTICATED) === 0) return packet;
  const auth = decodeAuth(reader);
  return isBfdFault(auth) ? auth : { ...packet, auth };
}

function authLength(auth: BfdAuth | undefined): number {
  if (auth === undefined) return 0;
  return auth.type === 'simplePassword' ? PASSWORD_AT + auth.password.length : DIGEST_AT + auth.digest.length;
}

function flagsOf(packet: BfdPacket): number {
  return (
    (packet.poll ? POLL : 0) |
    (packet.final ? FINAL : 0) |
    (packet.controlPlaneIndependent ? INDEPENDENT : 0) |
    (packet.auth === undefined ? 0 : AUTHENTICATED) |
    (packet.demand ? DEMAND : 0)
  );
}

/** @param packet the digest of its authentication section is written as it is */
export function encodeBfd(packet: BfdPacket): Uint8Array {
  const { auth } = packet;
  const length = BFD_LENGTH + authLength(auth);
  const writer = new Writer(new Uint8Array(length));
  writer.u8((VERSION << 5) | packet.diag);
  writer.u8((BFD_STATES.indexOf(packet.state) << 6) | flagsOf(packet));
  writer.u8(packet.detectMult);
  writer.u8(length);
  writer.u32(packet.myDiscriminator);
  writer.u32(packet.yourDiscriminator);
  writer.u32(packet.desiredMinTxUs);
  writer.u32(packet.requiredMinRxUs);
  writer.u32(packet.requiredMinEchoRxUs);
  if (auth === undefined) return writer.bytes;
  writer.u8(auth.type === 'simplePassword' ? SIMPLE_PASSWORD : BFD_DIGEST[auth.type].code);
  writer.u8(authLength(auth));
  writer.u8(auth.keyId);
  if (auth.type === 'simplePassword') {
    writer.raw(auth.password);
    return writer.bytes;
  }
  writer.u8(0);
  writer.u32(auth.sequence);
  writer.raw(auth.digest);
  return writer.bytes;
}
