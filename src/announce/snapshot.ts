import type { EndpointSliceView, EndpointView } from '../cluster/endpoints.ts';
import type { NodeView } from '../cluster/node.ts';
import type { ServiceKey, ServiceView } from '../cluster/service.ts';
import { type Config, type Pool } from '../config/config.ts';
import { blockContains } from '../net/block.ts';
import type { Ip } from '../net/ip.ts';

/** What a speaker knows of the cluster when it plans. */
export interface AnnounceSnapshot {
  readonly config: Config;
  readonly services: readonly ServiceView[];
  readonly slices: readonly EndpointSliceView[];
  readonly nodes: readonly NodeView[];
  /** Absent: Services without a class; else exactly this class. */
  readonly loadBalancerClass?: string;
}

/** Which nodes have an endpoint that takes traffic for a Service. */
export interface ServingEndpoints {
  readonly anywhere: boolean;
  readonly nodes: ReadonlySet<string>;
}

const NONE: ServingEndpoints = { anywhere: false, nodes: new Set() };

/** The snapshot with the look-ups that a plan needs, made once per plan. */
export interface IndexedSnapshot {
  readonly config: Config;
  readonly services: readonly ServiceView[];
  readonly nodes: readonly NodeView[];
  readonly serving: (service: ServiceKey) => ServingEndpoints;
  readonly poolOf: (ip: Ip) => Pool | undefined;
  /** Every handled Service that has this address, sorted. */
  readonly sharers: (ip: Ip) => readonly ServiceKey[];
}

export function indexSnapshot(snapshot: AnnounceSnapshot): IndexedSnapshot {
  const services = snapshot.services
    .filter((service) => isHandled(service, snapshot.loadBalancerClass))
    .toSorted((a, b) => (a.key < b.key ? -1 : 1));
  const serving = indexServing(snapshot.slices);
  const sharers = indexSharers(services);
  const pools = new Map<Ip, Pool | undefined>();
  const poolOf = (ip: Ip): Pool | undefined => {
    if (!pools.has(ip)) pools.set(ip, findPool(snapshot.config.pools, ip));
    return pools.get(ip);
  };
  return {
    config: snapshot.config,
    services,
    nodes: snapshot.nodes.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    serving: (service) => serving.get(service) ?? NONE,
    poolOf,
    sharers: (ip) => sharers.get(ip) ?? [],
  };
}

function isHandled(service: ServiceView, loadBalancerClass: string | undefined): boolean {
  return service.type === 'LoadBalancer' && !service.deleting && service.loadBalancerClass === loadBalancerClass;
}

function findPool(pools: readonly Pool[], ip: Ip): Pool | undefined {
  return pools.find((pool) => pool.blocks.some((block) => blockContains(block, ip)));
}

function indexServing(slices: readonly EndpointSliceView[]): Map<ServiceKey, ServingEndpoints> {
  const found = new Map<ServiceKey, { anywhere: boolean; nodes: Set<string> }>();
  for (const slice of slices) {
    for (const endpoint of slice.endpoints.filter(takesTraffic)) {
      const entry = found.get(slice.service) ?? { anywhere: true, nodes: new Set<string>() };
      if (endpoint.nodeName !== undefined) entry.nodes.add(endpoint.nodeName);
      found.set(slice.service, entry);
    }
  }
  return found;
}

/** As kube-proxy decides: a ready endpoint, or one that is terminating and still serving (KEP-1669). */
function takesTraffic(endpoint: EndpointView): boolean {
  return endpoint.ready || endpoint.serving;
}

function indexSharers(services: readonly ServiceView[]): Map<Ip, ServiceKey[]> {
  const sharers = new Map<Ip, ServiceKey[]>();
  for (const service of services) {
    for (const ip of service.ingress) {
      const list = sharers.get(ip);
      if (list === undefined) sharers.set(ip, [service.key]);
      else list.push(service.key);
    }
  }
  return sharers;
}
