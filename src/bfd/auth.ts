import { md5, sha1 } from '@noble/hashes/legacy.js';
import { BFD_DIGEST, BFD_DIGEST_AT, type BfdDigestType, type BfdPacket, encodeBfd } from '../wire/bfd.ts';
import type { BfdAuthConfig, BfdDrop, BfdKey } from './contract.ts';

const TURN = 2 ** 32;
/** RFC 5880 §6.7.3: so many times the detection multiplier may a sequence number be ahead. */
const WINDOW = 3;
/** The byte of a packet that says how long it is. */
const LENGTH_AT = 3;

/** `sequence`: what to remember as bfd.RcvAuthSeq; undefined where there are none. */
export type AuthVerdict = { readonly drop: BfdDrop } | { readonly sequence: number | undefined };

/**
 * RFC 5880 §6.7.2 to §6.7.4.
 * @param known bfd.RcvAuthSeq; undefined: bfd.AuthSeqKnown is 0. Unlike §6.7.3 has it, nothing is learnt from a packet whose digest
 * is wrong: anybody could stop a session with one.
 */
export function checkAuth(config: BfdAuthConfig | undefined, packet: BfdPacket, bytes: Uint8Array, known: number | undefined): AuthVerdict {
  const { auth } = packet;
  if (auth === undefined)
    return config === undefined || config.unsigned !== undefined ? { sequence: undefined } : { drop: 'BfdAuthMissing' };
  if (config === undefined) return { drop: 'BfdAuthUnexpected' };
  if (auth.type !== config.type) return { drop: 'BfdAuthMismatch' };
  // Two of which one takes the place of the other may have the same number.
  const keys = config.keys.filter(({ keyId }) => keyId === auth.keyId);
  return keys.length === 0 ? { drop: 'BfdAuthKeyUnknown' } : checkWith(keys, packet, auth, bytes, known);
}

function checkWith(
  keys: readonly BfdKey[],
  { detectMult }: BfdPacket,
  auth: NonNullable<BfdPacket['auth']>,
  bytes: Uint8Array,
  known: number | undefined,
): AuthVerdict {
  if (auth.type === 'simplePassword')
    return keys.some(({ password }) => sameBytes(auth.password, password)) ? { sequence: undefined } : { drop: 'BfdAuthWrong' };
  const { type, sequence, digest } = auth;
  if (known !== undefined && !isInWindow(sequence, known, detectMult, isMeticulous(type))) return { drop: 'BfdAuthSequence' };
  const isSigned = keys.some(({ password }) => sameBytes(digest, digestOf(type, bytes.slice(0, bytes[LENGTH_AT]), password)));
  return isSigned ? { sequence } : { drop: 'BfdAuthWrong' };
}

function isMeticulous(type: BfdDigestType): boolean {
  return type === 'meticulousMd5' || type === 'meticulousSha1';
}

/** RFC 5880 §6.7.3: circular; a meticulous one must have grown. */
function isInWindow(sequence: number, known: number, detectMult: number, mustGrow: boolean): boolean {
  const ahead = (sequence - known + TURN) % TURN;
  return ahead >= (mustGrow ? 1 : 0) && ahead <= WINDOW * detectMult;
}

/** RFC 5880 §6.7.3: it grows with every packet of any kind, so that none can be played again. */
export function nextSequence(sequence: number): number {
  return (sequence + 1) % TURN;
}

/** @param sequence bfd.XmitAuthSeq */
export function signedBfd(config: BfdAuthConfig, packet: BfdPacket, sequence: number): Uint8Array {
  const [key] = config.keys;
  if (key === undefined) throw new RangeError('authentication without a key');
  const { keyId, password } = key;
  const { type } = config;
  if (type === 'simplePassword') return encodeBfd({ ...packet, auth: { type, keyId, password } });
  const digest = new Uint8Array(BFD_DIGEST[type].digestLength);
  const bytes = encodeBfd({ ...packet, auth: { type, keyId, sequence, digest } });
  bytes.set(digestOf(type, bytes.slice(), password), BFD_DIGEST_AT);
  return bytes;
}

/**
 * RFC 5880 §4.3, §4.4: over the whole packet with the key, filled up with zeros, in the place of the digest.
 * @param packet is written into
 */
function digestOf(type: BfdDigestType, packet: Uint8Array, password: Uint8Array): Uint8Array {
  const { digestLength } = BFD_DIGEST[type];
  packet.fill(0, BFD_DIGEST_AT, BFD_DIGEST_AT + digestLength);
  packet.set(password.subarray(0, digestLength), BFD_DIGEST_AT);
  return digestLength === BFD_DIGEST.keyedMd5.digestLength ? md5(packet) : sha1(packet);
}

/** In the same time wherever they differ. */
function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return difference === 0;
}
