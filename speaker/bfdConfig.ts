import type { BfdAuthConfig, BfdConfig } from '../src/bfd/contract.ts';
import type { BfdTarget } from './bfdTargets.ts';

/** @param echoes the peer's echo packets can be sent back */
export function configOf(
  { profile, multihop, auth = authOf(profile.auth), waitsForKey, upDiag, downDiag, call, note }: BfdTarget,
  echoes: boolean,
): BfdConfig {
  return {
    transmitMs: profile.transmitIntervalMs,
    receiveMs: profile.receiveIntervalMs,
    multiplier: profile.detectMultiplier,
    passive: profile.passiveMode,
    // RFC 5883 §3.
    echoReceiveMs: echoes && !multihop && profile.echoMode ? profile.echoIntervalMs : 0,
    ...(auth === undefined ? {} : { auth }),
    ...(waitsForKey === undefined ? {} : { waitsForKey }),
    ...(upDiag === undefined ? {} : { upDiag }),
    ...(downDiag === undefined ? {} : { downDiag }),
    ...(call === undefined ? {} : { call }),
    ...(note === undefined ? {} : { note }),
  };
}

function authOf(auth: BfdTarget['profile']['auth']): BfdAuthConfig | undefined {
  if (auth === undefined) return undefined;
  const { type, keyId, password } = auth;
  return { type, keys: [{ keyId, password: new TextEncoder().encode(password) }] };
}
