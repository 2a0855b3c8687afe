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

export function refusedPassword(...found: Parameters<typeof fault>): Password {
  return { value: undefined, faults: [fault(...found)] };
}

/** @param path of the field that names it */
export function secretPassword(name: string, secret: SecretView | undefined, path: string): Password {
  if (secret === undefined) return refusedPassword('UnknownReference', path, `there is no Secret ${name}`);
  if (secret.type !== 'kubernetes.io/basic-auth')
    return refusedPassword('InvalidSecret', path, `Secret ${name} is of type ${secret.type}, not kubernetes.io/basic-auth`);
  if (secret.password === undefined) return refusedPassword('InvalidSecret', path, `Secret ${name} has no key password`);
  return { value: secret.password, faults: [] };
}
