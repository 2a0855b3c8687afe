import { ANNOTATION_PREFIXES } from '../cluster/project.ts';
import type { ServiceView } from '../cluster/service.ts';
import { parseRetention } from '../config/addressClaims.ts';
import type { Retention } from '../config/config.ts';
import { type Family, type Ip, ipFamily, ipFromBytes, ipToBytes, parseIp } from '../net/ip.ts';
import type { Refusal } from './refusal.ts';

/** The pool that the first address came from; written by the controller, read under every prefix. */
export const ALLOCATED_FROM_POOL = 'heraldlb.io/ip-allocated-from-pool';

export type AnnotationName = 'address-pool' | 'loadBalancerIPs' | 'allow-shared-ip' | 'ip-allocated-from-pool';

/** What MetalLB does not have stands under our prefix only. */
const ADDRESS_CLAIM = 'heraldlb.io/address-claim';
const ADDRESS_POOLS = 'heraldlb.io/address-pools';
const PER_FAMILY = 'heraldlb.io/addresses-per-family';

/** A Service may have so many addresses of one family. */
export const MAX_PER_FAMILY = 8;

/** What a Service asks for, after the checks that need no pool. */
export interface Request {
  /** Families that it must or should have, the primary one first; never empty. */
  readonly families: readonly Family[];
  /** One address per entry of `families` and share, sorted IPv4 first; absent when it does not matter which. */
  readonly addresses?: readonly Ip[];
  /** Only from this pool, whatever its autoAssign says. */
  readonly pool?: string;
  /** One share from each of these pools. */
  readonly pools?: readonly string[];
  /** Addresses of each family, 1 or more; as many as there are `pools`. */
  readonly shares: number;
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

/** Most Services have none that mean something here. */
function hasAnnotations({ annotations }: ServiceView): boolean {
  for (const _ in annotations) return true;
  return false;
}

/** Under whichever prefix it stands first, ours before MetalLB's. */
export function annotation(service: ServiceView, name: AnnotationName): string | undefined {
  if (!hasAnnotations(service)) return undefined;
  for (const key of KEYS[name]) {
    const value = service.annotations[key];
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
  const places = readPlaces(service);
  if ('reason' in places) return places;
  const addresses = readAddresses(service, places.shares);
  if (addresses !== undefined && 'reason' in addresses) return addresses;
  if (addresses !== undefined && !sameFamilies(addresses, families, places.shares))
    return { reason: 'FamilyMismatch', requested: addresses.map(ipFamily), service: families };
  const wrong = refuseRetention(service.annotations[ADDRESS_CLAIM]);
  if (wrong !== undefined) return wrong;
  const needsAll = service.ipFamilyPolicy !== 'PreferDualStack';
  return addresses === undefined ? { families, needsAll, ...places } : { families, needsAll, addresses, ...places };
}

function refuseRetention(value: string | undefined): Refusal | undefined {
  if (value === undefined || parseRetention(value) !== undefined) return undefined;
  return invalid(`metadata.annotations ${ADDRESS_CLAIM}`, value, 'it is neither "keep", nor "none", nor a duration such as 24h');
}

/** What becomes of the Service's addresses after it, as far as it says so itself; undefined: that is up to the pool. */
export function retentionOf(service: ServiceView): Retention | 'none' | undefined {
  const value = service.annotations[ADDRESS_CLAIM];
  return value === undefined ? undefined : (parseRetention(value) ?? 'none');
}

const ONE_SHARE = { shares: 1 } as const;

type Places = Pick<Request, 'pool' | 'pools' | 'shares'>;

function readPlaces(service: ServiceView): Places | Refusal {
  if (!hasAnnotations(service)) return ONE_SHARE;
  const pool = annotation(service, 'address-pool')?.trim() || undefined;
  const list = service.annotations[ADDRESS_POOLS]?.trim() || undefined;
  const number = service.annotations[PER_FAMILY]?.trim() || undefined;
  if (list !== undefined) return readPools(list, pool, number);
  const shares = number === undefined ? ONE_SHARE : readShares(number);
  return pool === undefined || 'reason' in shares ? shares : { pool, ...shares };
}

function readShares(number: string): Places | Refusal {
  const shares = /^\d+$/.test(number) ? Number(number) : 0;
  if (shares >= 1 && shares <= MAX_PER_FAMILY) return { shares };
  return invalid(`metadata.annotations ${PER_FAMILY}`, number, `it is no number from 1 to ${MAX_PER_FAMILY}`);
}

function readPools(list: string, pool: string | undefined, number: string | undefined): Places | Refusal {
  const field = `metadata.annotations ${ADDRESS_POOLS}`;
  if (pool !== undefined) return invalid(field, list, 'it cannot be combined with address-pool');
  if (number !== undefined) return invalid(field, list, `it cannot be combined with ${PER_FAMILY}`);
  const pools = list.split(',').map((name) => name.trim());
  const isList = !pools.includes('') && new Set(pools).size === pools.length && pools.length <= MAX_PER_FAMILY;
  return isList ? { pools, shares: pools.length } : invalid(field, list, `it is no list of up to ${MAX_PER_FAMILY} different pools`);
}

const ONE: Readonly<Record<Family, readonly Family[]>> = { ipv4: ['ipv4'], ipv6: ['ipv6'] };

function familiesOf([first, ...others]: readonly Ip[]): readonly Family[] {
  if (first === undefined) return [];
  const primary = ipFamily(first);
  return others.length === 0 ? ONE[primary] : [...new Set([primary, ...others.map(ipFamily)])];
}

/** IPv4 first; a stable sort leaves the order within a family. */
export function byFamily(a: Ip, b: Ip): number {
  return Number(a.includes(':')) - Number(b.includes(':'));
}

function readAddresses(service: ServiceView, shares: number): readonly Ip[] | Refusal | undefined {
  const field = 'metadata.annotations loadBalancerIPs';
  const value = annotation(service, 'loadBalancerIPs')?.trim() || undefined;
  const fromSpec = service.loadBalancerIP?.trim() || undefined;
  if (value !== undefined && fromSpec !== undefined)
    return { reason: 'InvalidRequest', field, value, detail: 'spec.loadBalancerIP is set as well; use one of the two' };
  if (value === undefined && fromSpec === undefined) return undefined;
  if (fromSpec !== undefined) {
    const ip = requestedIp(fromSpec);
    return ip === undefined ? invalid('spec.loadBalancerIP', fromSpec, 'it is no IP address') : [ip];
  }
  return parseList(field, value ?? '', shares);
}

/** No pool has IPv4-mapped addresses (RFC 4291 §2.5.5.2): who writes one means the IPv4 address, as MetalLB reads it. */
function requestedIp(text: string): Ip | undefined {
  const ip = parseIp(text);
  const mapped = ip === undefined ? undefined : /^::ffff:([0-9a-f]+):([0-9a-f]+)$/.exec(ip);
  return mapped === null || mapped === undefined ? ip : ipFromBytes(ipToBytes(ip as Ip), 12, 4);
}

function parseList(field: string, value: string, shares: number): readonly Ip[] | Refusal {
  const ips = value.split(',').map(requestedIp);
  const good = ips.filter((ip) => ip !== undefined);
  if (good.length < ips.length) return invalid(field, value, 'not every entry is an IP address');
  if (new Set(good).size < good.length) return invalid(field, value, 'it names an address twice');
  const most = Math.max(...(['ipv4', 'ipv6'] as const).map((family) => good.filter((ip) => ipFamily(ip) === family).length));
  if (most > shares)
    return invalid(
      field,
      value,
      shares === 1 ? 'it may name one address of each IP family' : `it may name ${shares} addresses of each IP family`,
    );
  return good.sort(byFamily);
}

function invalid(field: string, value: string, detail: string): Refusal {
  return { reason: 'InvalidRequest', field, value, detail };
}

function sameFamilies(addresses: readonly Ip[], families: readonly Family[], shares: number): boolean {
  return addresses.length === families.length * shares && addresses.every((ip) => families.includes(ipFamily(ip)));
}
