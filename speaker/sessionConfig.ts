import type { PeerPlan, PeerSession } from '../src/announce/plan.ts';
import type { GracefulRestartConfig, SessionConfig } from '../src/bgp/session.ts';
import type { DialOptions } from './hands.ts';
import type { WireProblem } from './report.ts';

/** RFC 4724 §3: how long routers shall keep the routes of a speaker that is away. An upgrade with an image pull fits in. */
const RESTART_TIME_S = 120;

/** One neighbour of the plan as the peer machine and the sockets want it. */
export interface Neighbour {
  readonly name: string;
  readonly config: SessionConfig;
  readonly socket: Pick<DialOptions, 'password' | 'device'>;
  readonly gracefulRestart: boolean;
}

export function neighbourOf({ name, session }: PeerPlan): Neighbour | WireProblem {
  if (session.address === undefined) return { reason: 'UnsupportedPeer', peer: name, field: 'interface' };
  const config: SessionConfig = {
    myAsn: session.myAsn,
    peerAsn: session.peerAsn,
    peerAddress: session.address,
    peerPort: session.port,
    routerId: session.routerId,
    holdTimeMs: session.holdTimeMs,
    keepaliveTimeMs: session.keepaliveTimeMs,
    families: session.families,
    passive: session.passive ?? false,
    ebgpMultiHop: session.ebgpMultiHop,
    ...optional('localAsn', session.localAsn),
    ...optional('sourceAddress', session.sourceAddress),
    ...optional('connectRetryMs', session.connectTimeMs),
    ...optional('delayOpenMs', session.delayOpenMs),
    ...optional('role', session.role),
    ...optional('addPath', session.addPath),
    ...optional('extendedMessages', session.extendedMessages),
    ...(session.gracefulRestart ? { gracefulRestart: gracefulRestartOf(session) } : {}),
  };
  return { name, config, socket: socketOf(session), gracefulRestart: session.gracefulRestart };
}

function gracefulRestartOf({ restartTimeSeconds, longLivedStaleSeconds }: PeerSession): GracefulRestartConfig {
  return { restartTimeSeconds: restartTimeSeconds ?? RESTART_TIME_S, ...optional('longLivedStaleSeconds', longLivedStaleSeconds) };
}

function socketOf(session: PeerSession): Neighbour['socket'] {
  return { ...optional('password', session.password), ...optional('device', session.vrf) };
}

function optional<K extends string, V>(key: K, value: V | undefined): { [key in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [key in K]?: V });
}
