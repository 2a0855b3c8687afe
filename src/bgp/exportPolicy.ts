import { type Family, type Ip, isLinkLocal } from '../net/ip.ts';
import type { AsSegment } from '../wire/bgp/asPath.ts';
import type { Attribute } from '../wire/bgp/attribute.ts';
import { AS_TRANS } from '../wire/bgp/iana.ts';
import type { Negotiated } from './negotiate.ts';
import { ourAsn } from './offer.ts';
import type { NextHops, RouteAttributes, SessionConfig } from './session.ts';

/** What a session does to every route that leaves through it. */
export interface ExportPolicy {
  readonly asn: number;
  readonly ebgp: boolean;
  readonly as4: boolean;
  /** RFC 9234 §5: our own AS number goes along with routes to customers and peers. */
  readonly onlyToCustomer: boolean;
  /** Next hops by family; a family that is missing here cannot be announced. */
  readonly nextHops: Readonly<Partial<Record<Family, readonly Ip[]>>>;
}

/** RFC 4271 §5.1.5 asks for the attribute on internal sessions; this is every router's default. */
const DEFAULT_LOCAL_PREF = 100;

/** @param local our end of the connection; @param others the addresses beside it on its interface */
export function exportPolicy(config: SessionConfig, negotiated: Negotiated, local: Ip, others: NextHops = {}): ExportPolicy {
  const nextHops: Partial<Record<Family, readonly Ip[]>> = {};
  for (const family of negotiated.families) {
    const found = nextHopsOf(family, { ...beside(local, others, negotiated), ...own(local), ...config.nextHop }, negotiated, local);
    if (found.length > 0) nextHops[family] = found;
  }
  const { role } = config;
  const onlyToCustomer = negotiated.ebgp && (role === 'provider' || role === 'peer' || role === 'rsServer');
  return { asn: ourAsn(config), ebgp: negotiated.ebgp, as4: negotiated.as4, onlyToCustomer, nextHops };
}

/** The address the peer already talks to is the best next hop of its own family (RFC 4271 §5.1.3). */
function own(local: Ip): NextHops {
  if (!local.includes(':')) return { ipv4: local };
  return isLinkLocal(local) ? { ipv6LinkLocal: local } : { ipv6: local };
}

/** Where the session has link-local addresses alone, the router need not have an IPv4 address on this link (RFC 8950 §4). */
function beside(local: Ip, { ipv4, ...others }: NextHops, negotiated: Negotiated): NextHops {
  const unnumbered = local.includes(':') && isLinkLocal(local) && negotiated.extendedNextHop;
  return unnumbered || ipv4 === undefined ? others : { ...others, ipv4 };
}

function nextHopsOf(family: Family, known: NextHops, negotiated: Negotiated, local: Ip): Ip[] {
  if (family === 'ipv4' && known.ipv4 !== undefined) return [known.ipv4];
  if (family === 'ipv4' && !negotiated.extendedNextHop) return [];
  // RFC 2545 §3: the link-local address goes along where the session itself has it. Alone it stands in both places.
  if (known.ipv6 !== undefined) return known.ipv6LinkLocal === local ? [known.ipv6, local] : [known.ipv6];
  return known.ipv6LinkLocal === undefined ? [] : [known.ipv6LinkLocal, known.ipv6LinkLocal];
}

/** @returns the attributes of a route beside its next hop, in the order of their codes (RFC 4271 §5). */
export function exportAttributes(route: RouteAttributes, policy: ExportPolicy): Attribute[] {
  const path = asPath(route, policy);
  const attributes: Attribute[] = [
    { type: 'origin', origin: route.origin ?? 'igp' },
    { type: 'asPath', segments: path },
  ];
  if (route.med !== undefined) attributes.push({ type: 'med', med: route.med });
  // RFC 4271 §5.1.5: never to another AS.
  if (!policy.ebgp) attributes.push({ type: 'localPref', localPref: route.localPref ?? DEFAULT_LOCAL_PREF });
  if (route.communities.length > 0) attributes.push({ type: 'communities', communities: sorted(route.communities) });
  const extended = [...(route.extendedCommunities ?? []), ...linkBandwidth(route, policy)];
  if (extended.length > 0) attributes.push({ type: 'extendedCommunities', communities: [...new Set(extended)].sort() });
  // RFC 6793 §4.2.2: for a peer that reads AS_TRANS in AS_PATH the truth goes along.
  if (hidesAsn(policy)) attributes.push({ type: 'as4Path', segments: path });
  if (route.largeCommunities.length > 0) attributes.push({ type: 'largeCommunities', communities: sortedLarge(route.largeCommunities) });
  if (policy.onlyToCustomer) attributes.push({ type: 'onlyToCustomer', asn: policy.asn });
  return attributes;
}

/** The AS number has two octets in it (draft-ietf-idr-link-bandwidth §2), the bandwidth is an IEEE float in bytes per second. */
function linkBandwidth({ linkBandwidth: weight }: RouteAttributes, { asn }: ExportPolicy): string[] {
  if (weight === undefined) return [];
  const view = new DataView(new ArrayBuffer(8));
  view.setUint8(0, weight.transitive ? 0x00 : 0x40);
  view.setUint8(1, 0x04);
  view.setUint16(2, asn > 0xffff ? AS_TRANS : asn);
  view.setFloat32(4, weight.bytesPerSecond);
  return [Array.from(new Uint8Array(view.buffer), (byte) => byte.toString(16).padStart(2, '0')).join('')];
}

function hidesAsn(policy: ExportPolicy): boolean {
  return policy.ebgp && !policy.as4 && policy.asn > 0xffff;
}

/** RFC 4271 §5.1.2: empty inside our AS, where prepending would read as a loop. */
function asPath(route: RouteAttributes, policy: ExportPolicy): AsSegment[] {
  if (!policy.ebgp) return [];
  return [{ kind: 'sequence', asns: Array.from({ length: 1 + (route.asPathPrepend ?? 0) }, () => policy.asn) }];
}

function sorted(communities: readonly number[]): number[] {
  return [...new Set(communities)].sort((a, b) => a - b);
}

/** RFC 8092 §3: sorted, each once. */
function sortedLarge(communities: RouteAttributes['largeCommunities']): RouteAttributes['largeCommunities'] {
  const unique = new Map(communities.map((community) => [community.join(':'), community]));
  return [...unique.values()].sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]);
}
