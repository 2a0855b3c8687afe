import { type Reader, type Writer } from '../cursor.ts';
import type { AfiSafi } from './family.ts';
import { CapabilityCode } from './iana.ts';
import { openTooShort } from './malformed.ts';

/** RFC 5492. What an OPEN says its sender can do. */
export type Capability =
  /** RFC 4760 §8. */
  | ({ readonly type: 'multiprotocol' } & AfiSafi)
  /** RFC 2918 §2. */
  | { readonly type: 'routeRefresh' }
  /** RFC 8950 §4. */
  | { readonly type: 'extendedNextHop'; readonly entries: readonly (AfiSafi & { readonly nextHopAfi: number })[] }
  /** RFC 8654 §3. */
  | { readonly type: 'extendedMessage' }
  /** RFC 9234 §4.1. */
  | { readonly type: 'role'; readonly role: number }
  | GracefulRestartCapability
  /** RFC 6793 §3. */
  | { readonly type: 'fourOctetAs'; readonly asn: number }
  /** RFC 7911 §4. `mode` 1: receive, 2: send, 3: both. */
  | { readonly type: 'addPath'; readonly entries: readonly (AfiSafi & { readonly mode: number })[] }
  /** RFC 7313 §3.1. */
  | { readonly type: 'enhancedRouteRefresh' }
  /** RFC 9494 §4.1. */
  | {
      readonly type: 'longLivedGracefulRestart';
      readonly families: readonly (AfiSafi & { readonly forwarding: boolean; readonly staleSeconds: number })[];
    }
  | { readonly type: 'unknown'; readonly code: number; readonly value: Uint8Array };

/** RFC 4724 §3; `notification` is the N bit of RFC 8538 §2. */
export interface GracefulRestartCapability {
  readonly type: 'gracefulRestart';
  readonly restarting: boolean;
  readonly notification: boolean;
  /** 0..4095 */
  readonly timeSeconds: number;
  readonly families: readonly (AfiSafi & { readonly forwarding: boolean })[];
}

/** Reads capabilities to the end of `reader`. One that is recognised but has a wrong length makes the OPEN malformed. */
export function decodeCapabilities(reader: Reader): Capability[] {
  const found: Capability[] = [];
  while (reader.left > 0) {
    const code = reader.u8();
    const body = reader.sub(reader.u8(), openTooShort);
    found.push(decodeCapability(code, body));
    // Whatever a decoder left over does not belong to the capability as it is defined.
    if (body.left > 0) openTooShort(0, body.left);
  }
  return found;
}

function decodeCapability(code: number, body: Reader): Capability {
  switch (code) {
    case CapabilityCode.multiprotocol:
      return { type: 'multiprotocol', afi: body.u16(), safi: (body.u8(), body.u8()) };
    case CapabilityCode.routeRefresh:
    case CapabilityCode.extendedMessage:
    case CapabilityCode.enhancedRouteRefresh:
      // Their presence is all they say; a length other than zero is no reason to refuse a peer.
      body.rest();
      return { type: FLAGS[code] };
    case CapabilityCode.role:
      return { type: 'role', role: body.u8() };
    case CapabilityCode.fourOctetAs:
      return { type: 'fourOctetAs', asn: body.u32() };
    case CapabilityCode.gracefulRestart:
      return decodeGracefulRestart(body);
    case CapabilityCode.extendedNextHop:
    case CapabilityCode.addPath:
    case CapabilityCode.longLivedGracefulRestart:
      return decodeEntries(code, body);
    default:
      return { type: 'unknown', code, value: body.rest().slice() };
  }
}

const FLAGS = {
  [CapabilityCode.routeRefresh]: 'routeRefresh',
  [CapabilityCode.extendedMessage]: 'extendedMessage',
  [CapabilityCode.enhancedRouteRefresh]: 'enhancedRouteRefresh',
} as const;

function decodeGracefulRestart(body: Reader): Capability {
  const head = body.u16();
  const families = entries(body, () => ({ afi: body.u16(), safi: body.u8(), forwarding: (body.u8() & 0x80) !== 0 }));
  return {
    type: 'gracefulRestart',
    restarting: (head & 0x8000) !== 0,
    notification: (head & 0x4000) !== 0,
    timeSeconds: head & 0x0fff,
    families,
  };
}

function decodeEntries(code: 5 | 69 | 71, body: Reader): Capability {
  switch (code) {
    case CapabilityCode.extendedNextHop:
      return {
        type: 'extendedNextHop',
        entries: entries(body, () => ({ afi: body.u16(), safi: body.u16(), nextHopAfi: body.u16() })),
      };
    case CapabilityCode.addPath:
      return { type: 'addPath', entries: entries(body, () => ({ afi: body.u16(), safi: body.u8(), mode: body.u8() })) };
    case CapabilityCode.longLivedGracefulRestart:
      return {
        type: 'longLivedGracefulRestart',
        families: entries(body, () => ({
          afi: body.u16(),
          safi: body.u8(),
          forwarding: (body.u8() & 0x80) !== 0,
          staleSeconds: body.u24(),
        })),
      };
  }
}

function entries<T>(body: Reader, one: () => T): T[] {
  const found: T[] = [];
  while (body.left > 0) found.push(one());
  return found;
}

export function encodeCapability(writer: Writer, capability: Capability): void {
  writer.u8(capability.type === 'unknown' ? capability.code : CapabilityCode[capability.type]);
  const lengthAt = writer.skip(1);
  // The table pairs each type with its own encoder, which the compiler cannot follow through an index.
  const encode = ENCODERS[capability.type] as (writer: Writer, capability: Capability) => void;
  encode(writer, capability);
  writer.bytes[lengthAt] = writer.offset - lengthAt - 1;
}

type Encoders = {
  readonly [Type in Capability['type']]: (writer: Writer, capability: Capability & { readonly type: Type }) => void;
};

const ENCODERS: Encoders = {
  multiprotocol: (writer, { afi, safi }) => {
    writer.u16(afi);
    writer.u16(safi);
  },
  routeRefresh: () => undefined,
  extendedMessage: () => undefined,
  enhancedRouteRefresh: () => undefined,
  role: (writer, { role }) => writer.u8(role),
  fourOctetAs: (writer, { asn }) => writer.u32(asn),
  extendedNextHop: (writer, capability) => {
    for (const { afi, safi, nextHopAfi } of capability.entries) {
      writer.u16(afi);
      writer.u16(safi);
      writer.u16(nextHopAfi);
    }
  },
  addPath: (writer, capability) => {
    for (const entry of capability.entries) encodeFamily(writer, entry, entry.mode);
  },
  gracefulRestart: (writer, capability) => {
    writer.u16((capability.restarting ? 0x8000 : 0) | (capability.notification ? 0x4000 : 0) | capability.timeSeconds);
    for (const family of capability.families) encodeFamily(writer, family, family.forwarding ? 0x80 : 0);
  },
  longLivedGracefulRestart: (writer, { families }) => {
    for (const family of families) {
      encodeFamily(writer, family, family.forwarding ? 0x80 : 0);
      writer.u24(family.staleSeconds);
    }
  },
  unknown: (writer, { value }) => writer.raw(value),
};

function encodeFamily(writer: Writer, family: AfiSafi, flags: number): void {
  writer.u16(family.afi);
  writer.u8(family.safi);
  writer.u8(flags);
}
