import { peerCounters } from '../src/bgp/peer.ts';
import type { PeerStatus } from '../src/bgp/peerContract.ts';
import { oversizedCount } from '../src/bgp/ribCounts.ts';
import type { BgpPeer } from './bgpPeer.ts';
import { wallTime } from './clock.ts';
import type { PeerReport, WireProblem } from './report.ts';
import type { Neighbour } from './sessionConfig.ts';

export function reportPeer({ neighbour, state, status, desired }: BgpPeer): PeerReport {
  const { lastError } = status;
  return {
    name: neighbour.name,
    address: neighbour.config.peerAddress,
    ...(neighbour.socket.scope === undefined ? {} : { interface: neighbour.socket.scope }),
    port: neighbour.config.peerPort,
    state: status.state,
    since: wallTime(status.since),
    ...(status.peerAsn === undefined ? {} : { asn: status.peerAsn }),
    families: status.families ?? [],
    ...(lastError === undefined ? {} : { lastError: { at: wallTime(lastError.at), text: errorText(lastError, neighbour) } }),
    counters: peerCounters(state),
    desired,
  };
}

function errorText({ direction, name, text }: NonNullable<PeerStatus['lastError']>, { socket }: Neighbour): string {
  // The kernel drops in silence: from here a router that is too far looks like one that is down.
  const cause = name === 'ConnectTimeout' ? unansweredBecause(socket) : text;
  const said = cause === undefined ? '' : `: ${cause}`;
  return direction === 'local' ? `${name}${said}` : `${direction} ${name}${said}`;
}

function unansweredBecause({ minTtl, ttl }: Neighbour['socket']): string | undefined {
  if (minTtl !== undefined) return `answers with a TTL below ${minTtl} are dropped`;
  return ttl === 1 ? 'a router more than one hop away needs ebgpMultiHop' : undefined;
}

/** What this neighbour keeps from being carried out. */
export function peerProblems({ neighbour, status, tooFar, state }: BgpPeer): WireProblem[] {
  const { name: peer, socket } = neighbour;
  const problems = status.unannounced.map((family): WireProblem => ({ reason: 'NoNextHop', peer, family }));
  const prefixes = oversizedCount(state.rib);
  if (prefixes > 0) problems.push({ reason: 'AttributesTooLong', peer, prefixes, limit: state.rib.session?.maxMessage ?? 0 });
  if (tooFar !== undefined && socket.minTtl !== undefined) problems.push({ reason: 'RouterTooFar', peer, ...tooFar, least: socket.minTtl });
  return problems;
}
