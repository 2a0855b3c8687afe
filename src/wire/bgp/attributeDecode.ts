import { type Ip, ipFromBytes } from '../../net/ip.ts';
import { Reader } from '../cursor.ts';
import { type AsSegment, decodeSegments } from './asPath.ts';
import { type Attribute, Flag, type KnownAttribute, type LargeCommunity, type Origin, type UpdateContext } from './attribute.ts';
import { attributeFlags, attributeName } from './attribute.ts';
import { UpdateError } from './iana.ts';
import { type FaultAction, failUpdate } from './malformed.ts';
import { decodeMpReach, decodeMpUnreach } from './mpNlri.ts';

/** One attribute as it lies in the message. */
export interface RawAttribute {
  readonly flags: number;
  readonly code: number;
  /** With its header. */
  readonly whole: Uint8Array;
  readonly value: Uint8Array;
}

/** What RFC 7606 §7 says about a malformed attribute of each kind; the rest are `treat-as-withdraw`. */
const ACTIONS: Partial<Record<KnownAttribute['type'], FaultAction>> = {
  atomicAggregate: 'attribute-discard',
  aggregator: 'attribute-discard',
  mpReach: 'session-reset',
  mpUnreach: 'session-reset',
  // RFC 6793 §6.
  as4Path: 'attribute-discard',
  as4Aggregator: 'attribute-discard',
};

/** Attributes that mean nothing from another AS, and are dropped unread (RFC 7606 §7.5, §7.9, §7.10). */
const INTERNAL_ONLY: ReadonlySet<string> = new Set(['localPref', 'originatorId', 'clusterList']);

/** Fails with the action of RFC 7606; an attribute that is unknown here is kept as it is. */
export function decodeAttribute(raw: RawAttribute, context: UpdateContext): Attribute {
  const type = attributeName(raw.code);
  const bits = raw.flags & (Flag.optional | Flag.transitive);
  if (type === undefined) {
    // RFC 4271 §6.3. Unknown optional ones never hurt, whatever is in them.
    if ((bits & Flag.optional) === 0) failUpdate(UpdateError.unrecognizedWellKnown, 'session-reset', raw.whole);
    return { type: 'unknown', flags: raw.flags & ~Flag.extendedLength, code: raw.code, value: raw.value.slice() };
  }
  // RFC 7606 §3 c.
  if (bits !== attributeFlags(type)) failUpdate(UpdateError.flags, 'treat-as-withdraw', raw.whole);
  if (context.ebgp && INTERNAL_ONLY.has(type)) failUpdate(UpdateError.optional, 'attribute-discard', raw.whole);
  const fault = new Fault(type, raw.whole);
  const body = new Reader(raw.value, () => fault.length());
  const attribute = DECODERS[type](body, fault, context);
  if (body.left > 0) fault.length();
  return attribute;
}

class Fault {
  readonly action: FaultAction;
  readonly whole: Uint8Array;
  readonly #type: KnownAttribute['type'];

  constructor(type: KnownAttribute['type'], whole: Uint8Array) {
    this.action = ACTIONS[type] ?? 'treat-as-withdraw';
    this.whole = whole;
    this.#type = type;
  }

  length(): never {
    if (this.#type === 'asPath') return this.value(UpdateError.malformedAsPath);
    if (this.#type === 'mpReach' || this.#type === 'mpUnreach') return this.value(UpdateError.optional);
    return this.value(UpdateError.length);
  }

  value(subcode: (typeof UpdateError)[keyof typeof UpdateError]): never {
    return failUpdate(subcode, this.action, subcode === UpdateError.malformedAsPath ? undefined : this.whole);
  }
}

type Decode = (body: Reader, fault: Fault, context: UpdateContext) => Attribute;

const DECODERS: Readonly<Record<KnownAttribute['type'], Decode>> = {
  origin: (body, fault) => ({ type: 'origin', origin: ORIGINS[body.u8()] ?? fault.value(UpdateError.invalidOrigin) }),
  asPath: (body, fault, context) => ({ type: 'asPath', segments: decodeAsPath(body, fault, context) }),
  nextHop: (body, fault) => ({ type: 'nextHop', nextHop: decodeNextHop(body, fault) }),
  med: (body) => ({ type: 'med', med: body.u32() }),
  localPref: (body) => ({ type: 'localPref', localPref: body.u32() }),
  atomicAggregate: () => ({ type: 'atomicAggregate' }),
  aggregator: (body, fault, context) => ({ type: 'aggregator', ...decodeAggregator(body, fault, context.as4) }),
  communities: (body, fault) => ({ type: 'communities', communities: several(body, fault, 4, () => body.u32()) }),
  originatorId: (body) => ({ type: 'originatorId', originatorId: address(body) }),
  clusterList: (body, fault) => ({ type: 'clusterList', clusterIds: several(body, fault, 4, () => address(body)) }),
  mpReach: (body, fault, context) => decodeMpReach(body, fault.whole, context),
  mpUnreach: (body, fault, context) => decodeMpUnreach(body, fault.whole, context),
  extendedCommunities: (body, fault) => ({
    type: 'extendedCommunities',
    communities: several(body, fault, 8, () => hex(body.take(8))),
  }),
  as4Path: (body, fault) => ({ type: 'as4Path', segments: decodeSegments(body, 4) ?? fault.value(UpdateError.optional) }),
  as4Aggregator: (body, fault) => ({ type: 'as4Aggregator', ...decodeAggregator(body, fault, true) }),
  ipv6ExtendedCommunities: (body, fault) => ({
    type: 'ipv6ExtendedCommunities',
    communities: several(body, fault, 20, () => hex(body.take(20))),
  }),
  largeCommunities: (body, fault) => ({
    type: 'largeCommunities',
    communities: several(body, fault, 12, (): LargeCommunity => [body.u32(), body.u32(), body.u32()]),
  }),
  onlyToCustomer: (body) => ({ type: 'onlyToCustomer', asn: body.u32() }),
};

const ORIGINS: Readonly<Record<number, Origin>> = { 0: 'igp', 1: 'egp', 2: 'incomplete' };

function decodeAsPath(body: Reader, fault: Fault, context: UpdateContext): AsSegment[] {
  const segments = decodeSegments(body, context.as4 ? 4 : 2) ?? fault.value(UpdateError.malformedAsPath);
  // RFC 5065 §5: confederation segments do not leave a confederation, and we are in none.
  if (context.ebgp && segments.some((segment) => segment.kind.startsWith('confed'))) fault.value(UpdateError.malformedAsPath);
  return segments;
}

/** RFC 4271 §6.3: syntactically a host address, so no 0.x, 127.x, and nothing from 224.0.0.0 on. */
function decodeNextHop(body: Reader, fault: Fault): Ip {
  const bytes = body.take(4);
  const first = bytes[0] ?? 0;
  if (first === 0 || first === 127 || first >= 224) fault.value(UpdateError.invalidNextHop);
  return ipFromBytes(bytes);
}

function decodeAggregator(body: Reader, fault: Fault, as4: boolean): { readonly asn: number; readonly address: Ip } {
  const asn = as4 ? body.u32() : body.u16();
  const found = { asn, address: address(body) };
  if (body.left > 0) fault.length();
  // RFC 7607 §2.
  return asn === 0 ? fault.value(UpdateError.optional) : found;
}

function address(body: Reader): Ip {
  return ipFromBytes(body.take(4));
}

/** RFC 7606 §7.8, RFC 8092 §6: the length has to be a non-zero multiple of one entry's. */
function several<T>(body: Reader, fault: Fault, size: number, one: () => T): T[] {
  if (body.left === 0 || body.left % size !== 0) fault.length();
  const found: T[] = [];
  while (body.left > 0) found.push(one());
  return found;
}

function hex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += (byte < 16 ? '0' : '') + byte.toString(16);
  return text;
}
