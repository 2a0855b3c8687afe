import { ANNOTATION_PREFIXES } from '../cluster/project.ts';
import type { ServiceView } from '../cluster/service.ts';
import { type Family, type Ip, ipFamily, parseIp } from '../net/ip.ts';
import type { Refusal } from './refusal.ts';

/** The pool that the first address came from; written by the controller, read under every prefix. */
export const ALLOCATED_FROM_POOL = 'heraldlb.io/ip-allocated-from-pool';

export type AnnotationName = 'address-pool' | 'loadBalancerIPs' | 'allow-shared-ip' | 'ip-allocated-from-pool';

/** What a Service asks for, after the checks that need no pool. */
export interface Request {
  /** Families that it must or should have, the primary one first; never empty. */
  readonly families: readonly Family[];
  /** One address per entry of `families`, sorted IPv4 first; absent when it does not matter which. */
  readonly addresses?: readonly Ip[];
  /** Only from this pool, whatever its autoAssign says. */
  readonly pool?: string;
  /** With PreferDualStack the second family may be missing. */
  readonly needsAll: boolean;
}

function keysOf(name: AnnotationName): readonly string[] {
  return ANNOTATION_PREFIXES.map((prefix) => prefix + name);
}

const KEYS: Readonly<Record<AnnotationName, readonly string[]>> = {
  'address-pool': keysOf('address-pool'),
  loadBalancerIPs: keysOf('loadBalancerIPs'),
  'allow-shared-ip': keysOf('allow-shared-ip'),
  'ip-allocated-from-pool': keysOf('ip-allocated-from-pool'),
};

/** Under whichever prefix it stands first, ours before MetalLB's. */
export function annotation({ annotations }: ServiceView, name: AnnotationName): string | undefined {
  for (const key of KEYS[name]) {
    const value = annotations[key];
    if (value !== undefined) return value;
  }
  return undefined;
}

/** The keys under MetalLB's first, deprecated prefix that this Service still uses. */
export function deprecatedAnnotations(service: ServiceView): string[] {
  return Object.keys(service.annotations).filter(
    (key) => key.startsWith(ANNOTATION_PREFIXES[2]) && !key.endsWith('/ip-allocated-from-pool'),
  );
}

export function readRequest(service: ServiceView): Request | Refusal {
  const families = familiesOf(service.clusterIPs);
  if (families.length === 0) return { reason: 'NoClusterIP' };
  if (service.ipFamilyPolicy === 'RequireDualStack' && families.length < 2) return { reason: 'DualStackNeedsTwoClusterIPs' };
  const addresses = readAddresses(service);
  if (addresses !== undefined && 'reason' in addresses) return addresses;
  if (addresses !== undefined && !sameFamilies(addresses, families))
    return { reason: 'FamilyMismatch', requested: addresses.map(ipFamily), service: families };
  const pool = annotation(service, 'address-pool')?.trim() || undefined;
  return {
    families,
    needsAll: service.ipFamilyPolicy !== 'PreferDualStack',
    ...(addresses === undefined ? {} : { addresses }),
    ...(pool === undefined ? {} : { pool }),
  };
}

const ONE: Readonly<Record<Family, readonly Family[]>> = { ipv4: ['ipv4'], ipv6: ['ipv6'] };

function familiesOf([first, ...others]: readonly Ip[]): readonly Family[] {
  if (first === undefined) return [];
  const primary = ipFamily(first);
  return others.length === 0 ? ONE[primary] : [...new Set([primary, ...others.map(ipFamily)])];
}

const BY_FAMILY = (a: Ip, b: Ip): number => (ipFamily(a) < ipFamily(b) ? -1 : 1);

function readAddresses(service: ServiceView): readonly Ip[] | Refusal | undefined {
  const field = 'metadata.annotations loadBalancerIPs';
  const value = annotation(service, 'loadBalancerIPs')?.trim() || undefined;
  const fromSpec = service.loadBalancerIP?.trim() || undefined;
  if (value !== undefined && fromSpec !== undefined)
    return { reason: 'InvalidRequest', field, value, detail: 'spec.loadBalancerIP is set as well; use one of the two' };
  if (value === undefined && fromSpec === undefined) return undefined;
  if (fromSpec !== undefined) {
    const ip = parseIp(fromSpec);
    return ip === undefined ? invalid('spec.loadBalancerIP', fromSpec, 'it is no IP address') : [ip];
  }
  return parseList(field, value ?? '');
}

function parseList(field: string, value: string): readonly Ip[] | Refusal {
  const ips = value.split(',').map(parseIp);
  const good = ips.filter((ip) => ip !== undefined);
  if (good.length < ips.length) return invalid(field, value, 'not every entry is an IP address');
  if (new Set(good.map(ipFamily)).size < good.length) return invalid(field, value, 'it may name one address of each IP family');
  return good.sort(BY_FAMILY);
}

function invalid(field: string, value: string, detail: string): Refusal {
  return { reason: 'InvalidRequest', field, value, detail };
}

function sameFamilies(addresses: readonly Ip[], families: readonly Family[]): boolean {
  return addresses.length === families.length && addresses.every((ip) => families.includes(ipFamily(ip)));
}
