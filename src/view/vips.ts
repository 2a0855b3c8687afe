import type { RouteSet } from '../announce/plan.ts';
import type { Ip } from '../net/ip.ts';
import type { Cluster } from './cluster.ts';
import type { Judge } from './judgement.ts';
import { isHandled } from './situation.ts';
import type { Reach } from './verdict.ts';

export interface VipRow {
  readonly vip: string;
  readonly service: string;
  readonly protocol: 'bgp' | 'layer2' | '';
  /** That have it on the wire; in layer 2 the owner. */
  readonly nodes: readonly string[];
  /** Others that are to announce it and do not. */
  readonly missing: readonly string[];
  /** Not before this; RFC 3339. Layer 2: since when its owner answers. BGP: since when the sessions and the address have been there. */
  readonly since?: string;
}

/** Every address of every Service, once for each protocol; in order of Services. */
export function vipRows(cluster: Cluster, judge: Judge): VipRow[] {
  const services = cluster.world.services.filter((service) => isHandled(cluster, service) && service.ingress.length > 0);
  return services
    .toSorted((a, b) => (a.key < b.key ? -1 : 1))
    .flatMap((service) => {
      const { reaches } = judge.judge(service);
      return service.ingress.flatMap((vip) =>
        rowsOf(
          vip,
          service.key,
          reaches.find(({ address }) => address === vip),
        ),
      );
    });
}

function rowsOf(vip: Ip, service: string, reach: Reach | undefined): VipRow[] {
  const rows = reach === undefined ? [] : [...ownedRow(vip, service, reach), ...routedRow(vip, service, reach)];
  return rows.length > 0 ? rows : [{ vip, service, protocol: '', nodes: [], missing: [] }];
}

function ownedRow(vip: Ip, service: string, { layer2: { holders } }: Reach): VipRow[] {
  if (holders.length === 0) return [];
  const [since] = holders.flatMap((holder) => holder.since ?? []).toSorted();
  const nodes = holders.filter(({ onWire }) => onWire).map(({ node }) => node);
  const missing = holders.filter(({ onWire }) => !onWire).map(({ node }) => node);
  return [{ vip, service, protocol: 'layer2', nodes, missing, ...(since === undefined ? {} : { since }) }];
}

function routedRow(vip: Ip, service: string, { bgp: { up, down, deaf, since } }: Reach): VipRow[] {
  const missing = [...down, ...deaf].toSorted();
  if (up.length + missing.length === 0) return [];
  return [{ vip, service, protocol: 'bgp', nodes: up, missing, ...(since === undefined ? {} : { since }) }];
}

export interface RouteRow {
  readonly prefix: string;
  readonly node: string;
  readonly peer: string;
  /** What the operator asked for beside the prefix: `localPref 200, community 65000:1`. */
  readonly attributes: readonly string[];
  /** `announced`, or the state of a session that is not up. */
  readonly state: string;
}

/** Every prefix of every node's plan, for every session that it goes to. */
export function routeRows({ plans }: Cluster, { sessions }: Judge): RouteRow[] {
  const rows = plans().all.flatMap(({ plan }) =>
    plan.peers.flatMap(({ name, routes }) => {
      const own = sessions.filter(({ node, peer }) => node === plan.node && peer === name);
      const states = own.map(({ up, state, cause }) => (up ? 'announced' : (cause?.reason ?? state)));
      const state = states.includes('announced') ? 'announced' : (states[0] ?? 'Missing');
      return routes.flatMap((set) => {
        const attributes = attributeTexts(set);
        return set.prefixes.map((prefix): RouteRow => ({ prefix, node: plan.node, peer: name, attributes, state }));
      });
    }),
  );
  return rows.toSorted((a, b) => compare(a.prefix, b.prefix) || compare(a.node, b.node) || compare(a.peer, b.peer));
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

export function attributeTexts({ attributes }: RouteSet): string[] {
  const { localPref, med, asPathPrepend, origin, communities, largeCommunities, extendedCommunities, linkBandwidth } = attributes;
  return [
    ...given('localPref', localPref),
    ...given('med', med),
    ...given('prepend', asPathPrepend),
    ...given('origin', origin),
    ...communities.map((community) => `community ${community >>> 16}:${community & 0xffff}`),
    ...largeCommunities.map((community) => `large ${community.join(':')}`),
    ...(extendedCommunities ?? []).map((community) => `extended ${community}`),
    ...given('bandwidth', linkBandwidth?.bytesPerSecond),
  ];
}

function given(name: string, value: string | number | undefined): string[] {
  return value === undefined ? [] : [`${name} ${value}`];
}
