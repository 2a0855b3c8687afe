import type { Family, Ip } from './ip.ts';

/** One way of a host to everywhere: 0.0.0.0/0 or ::/0 by a gateway. A route with several next hops is as many of these. */
export interface DefaultRoute {
  /** Of what is routed; the gateway of IPv4 may have an IPv6 address. */
  readonly family: Family;
  readonly gateway: Ip;
  /** Of the interface. */
  readonly index: number;
  /** The host takes the route with the lowest one. */
  readonly metric: number;
  /** RFC 4191 §2.2, of routers that advertise themselves; decides between equal metrics. */
  readonly preference: 'high' | 'medium' | 'low';
  /** Number of the routing table: the main one has 254. */
  readonly table: number;
}

const RANK = { high: 0, medium: 1, low: 2 } as const;

/**
 * The gateway that stands for the host's router. Of gateways that are as good as each other it is the one it was before, else the
 * first by its address: it must not change by chance.
 */
export function chooseGateway(routes: readonly DefaultRoute[], before: DefaultRoute | undefined): DefaultRoute | undefined {
  const sorted = routes.toSorted(
    (a, b) => a.metric - b.metric || RANK[a.preference] - RANK[b.preference] || order(a.gateway, b.gateway) || a.index - b.index,
  );
  const [first] = sorted;
  if (first === undefined) return undefined;
  const kept = sorted.find((route) => before !== undefined && isSameGateway(route, before));
  return kept !== undefined && kept.metric === first.metric && kept.preference === first.preference ? kept : first;
}

export function isSameGateway(a: DefaultRoute, b: DefaultRoute): boolean {
  return a.gateway === b.gateway && a.index === b.index;
}

function order(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
