import { type Fault, fault } from './fault.ts';

/** A Secret as far as a session needs it. */
export interface SecretView {
  readonly type: string;
  readonly password?: string;
  /** Believed and not used: only the mesh of speakers has such a thing. */
  readonly accepted?: string;
}

/** By name. */
export type Secrets = ReadonlyMap<string, SecretView>;

export interface Password {
  readonly value: string | undefined;
  readonly faults: readonly Fault[];
}

/** Whether a Secret is why: nobody but the speakers reads them, so nobody else tells. */
export function isOfSecret({ reason, path }: Pick<Fault, 'reason' | 'path'>): boolean {
  return reason === 'InvalidSecret' || path.startsWith('spec.passwordSecret') || path.startsWith('spec.auth.passwordSecret');
}

export function refusedPassword(...found: Parameters<typeof fault>): Password {
  return { value: undefined, faults: [fault(...found)] };
}

/** What takes the password, and how many bytes of it. */
export interface Taker {
  readonly what: string;
  readonly longest: number;
}

/** @param path of the field that names it */
export function secretPassword(name: string, secret: SecretView | undefined, path: string, { what, longest }: Taker): Password {
  if (secret === undefined) return refusedPassword('UnknownReference', path, `there is no Secret ${name}`);
  if (secret.type !== 'kubernetes.io/basic-auth')
    return refusedPassword('InvalidSecret', path, `Secret ${name} is of type ${secret.type}, not kubernetes.io/basic-auth`);
  if (secret.password === undefined) return refusedPassword('InvalidSecret', path, `Secret ${name} has no key password`);
  const length = octetsOf(secret.password);
  if (length === 0 || length > longest)
    return refusedPassword('InvalidSecret', path, `the password of Secret ${name} has ${length} bytes; ${what} takes 1 to ${longest}`);
  return { value: secret.password, faults: [] };
}

/** In UTF-8. */
function octetsOf(text: string): number {
  return Array.from(text, sizeOf).reduce((sum, each) => sum + each, 0);
}

function sizeOf(character: string): number {
  const point = character.codePointAt(0) ?? 0;
  if (point < 0x80) return 1;
  if (point < 0x800) return 2;
  return point < 0x10000 ? 3 : 4;
}
