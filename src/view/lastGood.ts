import type { ServiceView } from '../cluster/service.ts';
import type { Problem } from '../config/problem.ts';
import { problemCause } from './cause.ts';
import type { Holder } from './holders.ts';
import type { Spread } from './routed.ts';
import type { SessionView } from './sessions.ts';
import type { Situation } from './situation.ts';
import type { Judgement } from './verdict.ts';

const NOWHERE: Spread = { up: [], down: [], deaf: [], peers: [], reached: new Map(), sessions: 0, causes: [] };

/**
 * An object that became bad goes on in its last good version, which only the programs that run remember. That it is in force shows in what
 * the nodes announce although nothing that is written asks for it.
 */
export function lastGood(
  { states }: Situation,
  errors: readonly Problem[],
  service: ServiceView,
  sessions: readonly SessionView[],
): Judgement | undefined {
  if (errors.length === 0) return undefined;
  const causes = errors.map(problemCause);
  const claimed = service.ingress.flatMap((address) => {
    const holders = [...states.values()].flatMap(({ node, claims }) =>
      claims
        .filter(({ ip, services }) => ip === address && services.includes(service.key))
        .map(({ since, interfaces }): Holder => ({ node, onWire: true, since, interfaces: interfaces ?? [] })),
    );
    return holders.length === 0 ? [] : [{ address, bgp: NOWHERE, layer2: { holders, causes: [] } }];
  });
  if (claimed.length > 0) return { state: 'degraded', causes, reaches: claimed };
  // Routes are only counted: more of them than what is written makes can only be those of such an object.
  const surplus: readonly Pick<SessionView, 'node' | 'peer'>[] = [
    ...sessions.filter(({ up, routes, planned }) => up && planned !== undefined && routes > planned),
    ...sessionsOfBadPeers(states, errors),
  ];
  if (surplus.length === 0) return undefined;
  const up = [...new Set(surplus.map(({ node }) => node))];
  const reached = new Map(up.map((node) => [node, surplus.filter((session) => session.node === node).map(({ peer }) => peer)]));
  const bgp: Spread = { ...NOWHERE, up, reached, peers: [...new Set(surplus.map(({ peer }) => peer))], sessions: surplus.length };
  return {
    state: 'degraded',
    causes,
    reaches: service.ingress.map((address) => ({ address, bgp, layer2: { holders: [], causes: [] } })),
  };
}

/** A BGPPeer that became bad has no session that is planned, and its last good version has one with routes. */
function sessionsOfBadPeers(states: Situation['states'], errors: readonly Problem[]): Pick<SessionView, 'node' | 'peer'>[] {
  const bad = new Set(errors.flatMap(({ object: { kind, name } }) => (kind === 'BGPPeer' ? [name] : [])));
  if (bad.size === 0) return [];
  return [...states.values()].flatMap(({ node, sessions }) =>
    sessions.flatMap(({ peer: report, state, routes = 0 }) => {
      const peer = report.split('@')[0] ?? report;
      return bad.has(peer) && state === 'Established' && routes > 0 ? [{ node, peer }] : [];
    }),
  );
}
