import { type ServiceKey, type ServiceView, serviceKey } from '../../src/cluster/service.ts';
import type { AddressClaim } from '../../src/config/addressClaims.ts';
import type { Pool, PoolAllocation } from '../../src/config/config.ts';
import type { Snapshot } from '../../src/ipam/allocator.ts';
import type { Assignment } from '../../src/ipam/assignment.ts';
import { type AddressPlan } from '../../src/ipam/plan.ts';
import { type Block, parseBlock } from '../../src/net/block.ts';
import { type Ip, ipFamily, parseIp } from '../../src/net/ip.ts';

export function ip(text: string): Ip {
  const parsed = parseIp(text);
  if (parsed === undefined) throw new Error(`not an address: ${text}`);
  return parsed;
}

export function block(text: string): Block {
  const parsed = parseBlock(text);
  if (typeof parsed === 'string') throw new Error(`${text}: ${parsed}`);
  return parsed;
}

export function pool(name: string, addresses: string | readonly string[], options: Partial<Omit<Pool, 'name' | 'blocks'>> = {}): Pool {
  const blocks = (typeof addresses === 'string' ? [addresses] : addresses).map(block);
  return { name, labels: {}, blocks, autoAssign: true, avoidBuggyIPs: false, ...options };
}

export function allocation(options: Partial<PoolAllocation> = {}): PoolAllocation {
  return { priority: 0, namespaces: [], namespaceSelectors: [], serviceSelectors: [], ...options };
}

export function claim(
  name: string,
  claimant: string | undefined,
  addresses: readonly string[],
  options: Partial<AddressClaim> = {},
): AddressClaim {
  return {
    name,
    uid: `uid-${name}`,
    creationTimestamp: '2026-01-01T00:00:00Z',
    addresses: addresses.map(ip),
    insists: true,
    managed: false,
    ...(claimant === undefined ? {} : { service: claimant as ServiceKey }),
    ...options,
  };
}

type ServiceOptions = Partial<Omit<ServiceView, 'ingress' | 'clusterIPs'>> & {
  readonly ingress?: readonly string[];
  readonly clusterIPs?: readonly string[];
};

let serial = 0;

export function service(name: string, { ingress = [], clusterIPs = ['10.96.0.9'], ...options }: ServiceOptions = {}): ServiceView {
  const namespace = options.namespace ?? 'default';
  const cluster = clusterIPs.map(ip);
  return {
    key: serviceKey(namespace, name),
    namespace,
    name,
    uid: `uid-${namespace}-${name}`,
    resourceVersion: String(++serial),
    generation: 1,
    deleting: false,
    creationTimestamp: '2026-01-01T00:00:00Z',
    type: 'LoadBalancer',
    labels: {},
    annotations: {},
    ipFamilies: cluster.map(ipFamily),
    ipFamilyPolicy: 'SingleStack',
    clusterIPs: cluster,
    externalTrafficPolicy: 'Cluster',
    ports: [{ protocol: 'TCP', port: 80 }],
    selector: { app: name },
    ingress: ingress.map(ip),
    conditions: [],
    ...options,
  };
}

export const DUAL = { clusterIPs: ['10.96.0.9', 'fd00::9'], ipFamilyPolicy: 'PreferDualStack' } as const;
export const DUAL_REQUIRED = { ...DUAL, ipFamilyPolicy: 'RequireDualStack' } as const;

export function snapshot(pools: readonly Pool[], services: readonly ServiceView[], options: Partial<Snapshot> = {}): Snapshot {
  const namespaces = options.namespaces ?? [{ name: 'default', labels: {} }];
  return { config: { pools }, services, ...options, namespaces };
}

/** What the controller does with an assignment, as far as the next plan can see it. */
export function written(view: ServiceView, assignment: Assignment | undefined): ServiceView {
  if (assignment === undefined) return view;
  const { 'heraldlb.io/ip-allocated-from-pool': _old, ...annotations } = view.annotations;
  return {
    ...view,
    resourceVersion: String(++serial),
    ingress: assignment.ingress,
    annotations: assignment.pool === undefined ? annotations : { ...annotations, 'heraldlb.io/ip-allocated-from-pool': assignment.pool },
  };
}

export function apply(before: Snapshot, plan: AddressPlan): Snapshot {
  return { ...before, services: before.services.map((view) => written(view, plan.assignments.get(view.key))) };
}

export function find(plan: AddressPlan, name: string, namespace = 'default'): Assignment {
  const assignment = plan.assignments.get(serviceKey(namespace, name));
  if (assignment === undefined) throw new Error(`${namespace}/${name} has no assignment`);
  return assignment;
}
