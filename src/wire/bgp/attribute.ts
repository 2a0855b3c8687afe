import type { Ip } from '../../net/ip.ts';
import type { AsSegment } from './asPath.ts';
import { AttributeCode } from './iana.ts';
import type { NlriRun } from './nlri.ts';

/** RFC 4271 §4.3: one path attribute of an UPDATE. */
export type Attribute =
  | { readonly type: 'origin'; readonly origin: Origin }
  | { readonly type: 'asPath'; readonly segments: readonly AsSegment[] }
  | { readonly type: 'nextHop'; readonly nextHop: Ip }
  | { readonly type: 'med'; readonly med: number }
  | { readonly type: 'localPref'; readonly localPref: number }
  | { readonly type: 'atomicAggregate' }
  | { readonly type: 'aggregator' | 'as4Aggregator'; readonly asn: number; readonly address: Ip }
  /** RFC 1997. */
  | { readonly type: 'communities'; readonly communities: readonly number[] }
  | { readonly type: 'originatorId'; readonly originatorId: Ip }
  | { readonly type: 'clusterList'; readonly clusterIds: readonly Ip[] }
  | MpReach
  | MpUnreach
  /** RFC 4360: sixteen hex digits each. RFC 5701: forty. */
  | { readonly type: 'extendedCommunities' | 'ipv6ExtendedCommunities'; readonly communities: readonly string[] }
  /** RFC 6793 §3. */
  | { readonly type: 'as4Path'; readonly segments: readonly AsSegment[] }
  /** RFC 8092. */
  | { readonly type: 'largeCommunities'; readonly communities: readonly LargeCommunity[] }
  /** RFC 9234 §5. */
  | { readonly type: 'onlyToCustomer'; readonly asn: number }
  /** `flags` as received, without the extended-length bit. */
  | { readonly type: 'unknown'; readonly flags: number; readonly code: number; readonly value: Uint8Array };

export type Origin = 'igp' | 'egp' | 'incomplete';
export type LargeCommunity = readonly [global: number, local1: number, local2: number];

/** RFC 4760 §3. `nlri` is absent for a family that this speaker does not know; its routes are then unread. */
export interface MpReach {
  readonly type: 'mpReach';
  readonly afi: number;
  readonly safi: number;
  /** One, or a global and a link-local IPv6 address (RFC 2545 §3). Empty for a family that this speaker does not know. */
  readonly nextHops: readonly Ip[];
  readonly nlri?: NlriRun;
}

/** RFC 4760 §4. */
export interface MpUnreach {
  readonly type: 'mpUnreach';
  readonly afi: number;
  readonly safi: number;
  readonly nlri?: NlriRun;
}

/** What the other end and the session make of the bytes of an UPDATE. */
export interface UpdateContext {
  /** AS numbers have four bytes (RFC 6793 was negotiated). */
  readonly as4: boolean;
  readonly ebgp: boolean;
  /** Families in which the peer puts path identifiers (RFC 7911). */
  readonly addPath: readonly ('ipv4' | 'ipv6')[];
}

export const Flag = { optional: 0x80, transitive: 0x40, partial: 0x20, extendedLength: 0x10 } as const;

const WELL_KNOWN = Flag.transitive;
const TRANSITIVE = Flag.optional | Flag.transitive;
const NON_TRANSITIVE = Flag.optional;

/** What the Optional and Transitive bits of each attribute have to be. */
const FLAGS: Readonly<Record<KnownAttribute['type'], number>> = {
  origin: WELL_KNOWN,
  asPath: WELL_KNOWN,
  nextHop: WELL_KNOWN,
  med: NON_TRANSITIVE,
  localPref: WELL_KNOWN,
  atomicAggregate: WELL_KNOWN,
  aggregator: TRANSITIVE,
  communities: TRANSITIVE,
  originatorId: NON_TRANSITIVE,
  clusterList: NON_TRANSITIVE,
  mpReach: NON_TRANSITIVE,
  mpUnreach: NON_TRANSITIVE,
  extendedCommunities: TRANSITIVE,
  as4Path: TRANSITIVE,
  as4Aggregator: TRANSITIVE,
  ipv6ExtendedCommunities: TRANSITIVE,
  largeCommunities: TRANSITIVE,
  onlyToCustomer: TRANSITIVE,
};

export type KnownAttribute = Exclude<Attribute, { readonly type: 'unknown' }>;

const NAMES: ReadonlyMap<number, KnownAttribute['type']> = new Map(
  (Object.keys(AttributeCode) as KnownAttribute['type'][]).map((name) => [AttributeCode[name], name]),
);

/** @returns undefined for a code that is unknown here. */
export function attributeName(code: number): KnownAttribute['type'] | undefined {
  return NAMES.get(code);
}

export function attributeFlags(attribute: KnownAttribute['type']): number {
  return FLAGS[attribute];
}
