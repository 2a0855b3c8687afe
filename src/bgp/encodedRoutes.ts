import { type Family, addressBits } from '../net/ip.ts';
import type { Attribute } from '../wire/bgp/attribute.ts';
import { encodeAttribute } from '../wire/bgp/attributeEncode.ts';
import { afiSafiOf } from '../wire/bgp/family.ts';
import { MAX_EXTENDED_MESSAGE } from '../wire/bgp/iana.ts';
import { Writer } from '../wire/cursor.ts';
import { type ExportPolicy, exportAttributes } from './exportPolicy.ts';
import type { RouteAttributes } from './session.ts';

const KEYS = new WeakMap<RouteAttributes, string>();

/** Equal exactly when two routes look the same on any session. */
export function attributesKey(attributes: RouteAttributes): string {
  const known = KEYS.get(attributes) ?? keyOf(attributes);
  KEYS.set(attributes, known);
  return known;
}

function keyOf(attributes: RouteAttributes): string {
  const { origin, localPref, med, asPathPrepend, communities, largeCommunities, extendedCommunities, linkBandwidth } = attributes;
  return JSON.stringify([
    origin ?? 'igp',
    localPref ?? null,
    med ?? null,
    asPathPrepend ?? 0,
    [...communities].sort((a, b) => a - b),
    largeCommunities.map((community) => community.join(':')).sort(),
    [...(extendedCommunities ?? [])].sort(),
    linkBandwidth === undefined ? null : [linkBandwidth.bytesPerSecond, linkBandwidth.transitive],
  ]);
}

/** Of an envelope in a session. */
export function envelopeKey(attributes: RouteAttributes, family: Family): string {
  return `${family} ${attributesKey(attributes)}`;
}

/** What stands around the prefixes in every UPDATE of one attribute set and family. */
export interface Envelope {
  /** Prefixes go into the NLRI field of RFC 4271; else into MP_REACH_NLRI. */
  readonly classic: boolean;
  /** MP_REACH_NLRI up to its prefixes, its length left open; empty when classic. */
  readonly mpHead: Uint8Array;
  readonly attributes: Uint8Array;
}

/** @returns undefined when this node has no next hop for the family. */
export function makeEnvelope(route: RouteAttributes, family: Family, policy: ExportPolicy): Envelope | undefined {
  const nextHops = policy.nextHops[family];
  const [nextHop] = nextHops ?? [];
  if (nextHops === undefined || nextHop === undefined) return undefined;
  const classic = isClassic(family, policy);
  const attributes: Attribute[] = exportAttributes(route, policy);
  if (classic) attributes.splice(2, 0, { type: 'nextHop', nextHop });
  const encoded = encodeAll(attributes, mostBytes(route), policy.as4);
  if (classic) return { classic, mpHead: new Uint8Array(0), attributes: encoded };
  const head = new Writer(new Uint8Array(64));
  encodeAttribute(head, { type: 'mpReach', ...afiSafiOf(family), nextHops }, policy.as4);
  return { classic, mpHead: extendedLength(head.written()), attributes: encoded };
}

/** What no message can hold, and no length of an attribute can say, is as long as it is. */
function encodeAll(attributes: readonly Attribute[], most: number, as4: boolean): Uint8Array {
  const bytes = new Uint8Array(most);
  if (most > MAX_EXTENDED_MESSAGE) return bytes;
  const writer = new Writer(bytes);
  for (const attribute of attributes) encodeAttribute(writer, attribute, as4);
  return writer.written().slice();
}

/** Communities of several advertisements come together in one route, so that there is no limit to them. */
function mostBytes({ asPathPrepend = 0, communities, extendedCommunities = [], largeCommunities }: RouteAttributes): number {
  return 256 + 9 * asPathPrepend + 4 * communities.length + 8 * extendedCommunities.length + 12 * largeCommunities.length;
}

/** Rewrites the header of a short attribute into the form with a two-byte length, which will hold any number of prefixes. */
function extendedLength(attribute: Uint8Array): Uint8Array {
  const long = new Uint8Array(attribute.length + 1);
  long.set([(attribute[0] ?? 0) | 0x10, attribute[1] ?? 0]);
  long.set(attribute.subarray(3), 4);
  return long;
}

/** IPv4 with an IPv4 next hop stays where RFC 4271 has it; everything else needs RFC 4760. */
export function isClassic(family: Family, policy: ExportPolicy): boolean {
  return family === 'ipv4' && policy.nextHops.ipv4?.[0]?.includes(':') === false;
}

/** The longest prefix on the wire. */
export function maxPrefixBytes(family: Family, addPath: boolean): number {
  return 1 + addressBits(family) / 8 + (addPath ? 4 : 0);
}
