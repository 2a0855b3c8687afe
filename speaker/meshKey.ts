import { createHash } from 'node:crypto';
import type { BfdAuthConfig } from '../src/bfd/contract.ts';
import { noteOf } from '../src/bfd/note.ts';
import type { SecretView } from '../src/config/secret.ts';
import type { BfdPacket } from '../src/wire/bfd.ts';
import type { MeshKey } from './channel.ts';

/** A Secret in the namespace of the configuration, whose key signs what speakers say to each other. */
export const MESH_SECRET = 'heraldlb-mesh';
/** RFC 5880 §4.4: a key of SHA1 has up to 20 bytes. */
const KEY_LENGTH = 20;

/**
 * Of `password`, which signs, and `accepted`, which is believed as well: so a key is changed without two speakers that do not believe each other.
 * An empty `accepted` stands for packets without a signature; without a `password` nothing is signed.
 */
export function meshKeyOf(secret: SecretView | undefined): MeshKey | undefined {
  const [own, other] = [keyOf(secret?.password), keyOf(secret?.accepted)];
  if (own === undefined) return other === undefined ? undefined : { ...other, unsigned: 'sent' };
  if (other !== undefined) return { ...own, other };
  return secret?.accepted === '' ? { ...own, unsigned: 'taken' } : own;
}

/** The number comes from the key itself: two that are different are told apart without anybody numbering them. */
function keyOf(password: string | undefined): MeshKey | undefined {
  if (password === undefined || password === '') return undefined;
  const digest = createHash('sha256').update(password).digest();
  return { keyId: digest[0] ?? 0, password: digest.toString('base64').slice(0, KEY_LENGTH) };
}

/** @returns undefined: nothing is signed, and nothing signed is believed */
export function meshAuth(key: MeshKey | undefined): BfdAuthConfig | undefined {
  if (key === undefined) return undefined;
  const { keyId, password, other, unsigned } = key;
  const keys = [{ keyId, password }, ...(other === undefined ? [] : [other])];
  const encoder = new TextEncoder();
  return {
    type: 'meticulousSha1',
    keys: keys.map((each) => ({ keyId: each.keyId, password: encoder.encode(each.password) })),
    ...(unsigned === undefined ? {} : { unsigned }),
  };
}

/** Whether a packet bears a signature that can be looked at. */
export function isSigned({ auth }: BfdPacket, config: BfdAuthConfig | undefined): boolean {
  return auth !== undefined && config !== undefined;
}

/** @returns what a packet that was believed has behind it */
export function meshNoteOf(datagram: Uint8Array, { auth }: BfdPacket, config: BfdAuthConfig | undefined): Uint8Array | undefined {
  if (auth === undefined) return noteOf(datagram, undefined);
  for (const { keyId, password } of config?.keys ?? []) {
    const note = keyId === auth.keyId ? noteOf(datagram, password) : undefined;
    if (note !== undefined) return note;
  }
  return undefined;
}
