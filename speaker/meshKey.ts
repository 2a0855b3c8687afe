import { createHash } from 'node:crypto';
import type { SecretView } from '../src/config/secret.ts';
import type { MeshKey } from './channel.ts';

/** A Secret in the namespace of the configuration, whose `password` signs what speakers say to each other. */
export const MESH_SECRET = 'heraldlb-mesh';
/** RFC 5880 §4.4: a key of SHA1 has up to 20 bytes. */
const KEY_LENGTH = 20;

/** The number comes from the key itself: two that are different are told apart without anybody numbering them. */
export function meshKeyOf(secret: SecretView | undefined): MeshKey | undefined {
  const password = secret?.password;
  if (password === undefined || password === '') return undefined;
  const digest = createHash('sha256').update(password).digest();
  return { keyId: digest[0] ?? 0, password: digest.toString('base64').slice(0, KEY_LENGTH) };
}
