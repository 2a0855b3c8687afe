import type { BfdStatus } from './contract.ts';
import { type BfdSessionState, agreedReceiveUs, agreedTransmitUs, detectionUs, isKeyAwaited, isOnDemand } from './draft.ts';
import { milliseconds } from './timing.ts';

export function bfdStatus(session: BfdSessionState): BfdStatus {
  const { state, verdict, since, localDiag, remote, echo, lastDown } = session;
  const isUnwanted = isOnDemand(session) || remote.requiredMinRxUs === 0;
  const detection = detectionUs(session);
  return {
    state,
    verdict,
    since,
    localDiag,
    remoteState: remote.state,
    remoteDiag: remote.diag,
    remoteDiscriminator: remote.discriminator,
    remoteDemand: remote.demand,
    remoteControlPlaneIndependent: remote.controlPlaneIndependent,
    transmitMs: isUnwanted ? 0 : milliseconds(agreedTransmitUs(session)),
    ...(detection === undefined ? {} : { receiveMs: milliseconds(agreedReceiveUs(session)), detectionMs: milliseconds(detection) }),
    ...(echo === undefined ? {} : { echoMs: milliseconds(echo.intervalUs) }),
    ...(lastDown === undefined ? {} : { lastDown }),
    ...(isKeyAwaited(session) ? { isKeyAwaited: true as const } : {}),
  };
}

/** Whether `bfdStatus` says something new. Most steps change none of what it is made of, and that is seen by identity. */
export function hasNews(before: BfdSessionState, now: BfdSessionState): boolean {
  const isUntouched =
    before.remote === now.remote &&
    before.pacing === now.pacing &&
    before.since === now.since &&
    before.state === now.state &&
    before.verdict === now.verdict &&
    before.localDiag === now.localDiag &&
    isKeyAwaited(before) === isKeyAwaited(now) &&
    before.echo?.intervalUs === now.echo?.intervalUs;
  if (isUntouched) return false;
  const old = bfdStatus(before);
  const status = bfdStatus(now);
  const names = new Set([...Object.keys(old), ...Object.keys(status)]) as Set<keyof BfdStatus>;
  return [...names].some((name) => old[name] !== status[name]);
}
