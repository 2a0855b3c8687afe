import type { PeerPlan, PeerSession } from '../src/announce/plan.ts';
import type { GracefulRestartConfig, SessionConfig } from '../src/bgp/session.ts';
import { isLinkLocal } from '../src/net/ip.ts';
import type { Prefix } from '../src/net/prefix.ts';
import type { DialOptions } from './hands.ts';
import type { WireProblem } from './report.ts';

/** RFC 4724 §3: how long routers shall keep the routes of a speaker that is away. An upgrade with an image pull fits in. */
const RESTART_TIME_S = 120;

/** Of the kernel, for TCP MD5 and TCP-AO. */
const MAX_KEY_BYTES = 80;

/** One neighbour of the plan as the peer machine and the sockets want it. */
export interface Neighbour {
  readonly name: string;
  readonly config: SessionConfig;
  readonly socket: Pick<DialOptions, 'password' | 'device' | 'scope' | 'minTtl' | 'ttl' | 'tcpAo'>;
  readonly gracefulRestart: boolean;
  /** One of the routers of this prefix. */
  readonly range?: Prefix;
}

export function neighbourOf({ name, session }: PeerPlan): Neighbour | WireProblem {
  if (session.address === undefined) return { reason: 'UnsupportedPeer', peer: name, field: 'an address' };
  const problem = keyProblem(name, session);
  if (problem !== undefined) return problem;
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
  return {
    name,
    config,
    socket: socketOf(session),
    gracefulRestart: session.gracefulRestart,
    ...optional('range', session.listenRange),
  };
}

function gracefulRestartOf({ restartTimeSeconds, longLivedStaleSeconds }: PeerSession): GracefulRestartConfig {
  return { restartTimeSeconds: restartTimeSeconds ?? RESTART_TIME_S, ...optional('longLivedStaleSeconds', longLivedStaleSeconds) };
}

/** What no socket would take: it must not come to a session without the key. */
function keyProblem(peer: string, { password, tcpAo }: PeerSession): WireProblem | undefined {
  if (password === undefined) return tcpAo === undefined ? undefined : { reason: 'NoKey', peer };
  const bytes = new TextEncoder().encode(password).length;
  return bytes > MAX_KEY_BYTES ? { reason: 'PasswordTooLong', peer, bytes } : undefined;
}

/** What is said to a router of another AS does not get past the link, unless it is said to be further away. */
function isNextDoor({ myAsn, localAsn, peerAsn, ebgpMultiHop, ttlSecurityHops }: PeerSession): boolean {
  const internal = peerAsn === 'internal' || peerAsn === (localAsn ?? myAsn);
  return !internal && !ebgpMultiHop && ttlSecurityHops === undefined;
}

function socketOf(session: PeerSession): Neighbour['socket'] {
  const { address, password, vrf, interface: scope, ttlSecurityHops, tcpAo } = session;
  return {
    ...optional('device', vrf),
    ...(address !== undefined && isLinkLocal(address) ? optional('scope', scope) : {}),
    // RFC 5082 §3: sent with 255, and each router on the way takes one.
    ...(ttlSecurityHops === undefined ? {} : { minTtl: 256 - ttlSecurityHops }),
    ...(isNextDoor(session) ? { ttl: 1 } : {}),
    ...(tcpAo === undefined ? optional('password', password) : { tcpAo: { ...tcpAo, key: password ?? '' } }),
  };
}

function optional<K extends string, V>(key: K, value: V | undefined): { [key in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [key in K]?: V });
}
