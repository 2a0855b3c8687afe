import type { z } from 'zod';
import type { bfdProfileSpec } from '../api/bfdProfile.ts';
import type { BfdAuth, BfdProfile } from './config.ts';
import type { Fault } from './fault.ts';
import type { ConfigObject } from './object.ts';
import type { Recipe } from './place.ts';
import { type Secrets, secretPassword } from './secret.ts';

type Spec = z.output<typeof bfdProfileSpec>;

const KINDS = {
  SimplePassword: { type: 'simplePassword', longest: 16 },
  KeyedMD5: { type: 'keyedMd5', longest: 16 },
  MeticulousKeyedMD5: { type: 'meticulousMd5', longest: 16 },
  KeyedSHA1: { type: 'keyedSha1', longest: 20 },
  MeticulousKeyedSHA1: { type: 'meticulousSha1', longest: 20 },
} as const;

interface Auth {
  readonly auth?: BfdAuth;
  readonly faults: readonly Fault[];
}

/** @param secrets absent where they are not read: the profile is then judged by the rest */
function buildAuth(auth: Spec['auth'], secrets: Secrets | undefined): Auth {
  if (auth === undefined || secrets === undefined) return { faults: [] };
  const { name } = auth.passwordSecret;
  // RFC 5880 §4.2 to §4.4.
  const { type, longest } = KINDS[auth.type];
  const taker = { what: auth.type, longest };
  const { value: password, faults } = secretPassword(name, secrets.get(name), 'spec.auth.passwordSecret.name', taker);
  return password === undefined ? { faults } : { auth: { type, keyId: auth.keyID, password }, faults };
}

/** MetalLB's defaults. @param object a BFDProfile */
function buildBfdProfile(
  object: ConfigObject<unknown>,
  spec: Spec,
  secrets: Secrets | undefined,
): { readonly value: BfdProfile; readonly faults: readonly Fault[] } {
  const { auth, faults } = buildAuth(spec.auth, secrets);
  const value: BfdProfile = {
    name: object.ref.name,
    receiveIntervalMs: spec.receiveInterval ?? 300,
    transmitIntervalMs: spec.transmitInterval ?? 300,
    detectMultiplier: spec.detectMultiplier ?? 3,
    echoIntervalMs: spec.echoInterval ?? 50,
    echoMode: spec.echoMode ?? false,
    passiveMode: spec.passiveMode ?? false,
    minimumTtl: spec.minimumTtl ?? 254,
    ...(auth === undefined ? {} : { auth }),
  };
  return { value, faults };
}

export function bfdProfileRecipe(secrets: Secrets | undefined): Recipe<Spec, BfdProfile> {
  return { build: (object, spec) => buildBfdProfile(object, spec, secrets) };
}
