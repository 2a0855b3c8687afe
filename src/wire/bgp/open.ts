import { type Ip, ipFromBytes, writeIp } from '../../net/ip.ts';
import { type Reader, type Writer } from '../cursor.ts';
import { type Capability, decodeCapabilities, encodeCapability } from './capability.ts';
import { BGP_VERSION, OpenError } from './iana.ts';
import { failOpen, openTooShort } from './malformed.ts';

/**
 * RFC 4271 §4.2, RFC 9072 §2.
 *
 *     version (1)  My Autonomous System (2)  Hold Time (2)  BGP Identifier (4)
 *     optional parameters length (1) [255 (1) extended length (2)]  { type (1) length (1 or 2) value }
 */
export interface Open {
  readonly type: 'open';
  /** The two-octet field; AS_TRANS when the real number does not fit and stands in the capability (RFC 6793 §4.2.2). */
  readonly asn: number;
  readonly holdTimeSeconds: number;
  readonly routerId: Ip;
  readonly capabilities: readonly Capability[];
}

const CAPABILITIES_PARAMETER = 2;
const EXTENDED_LENGTH = 255;

/** @param reader the body of the message */
export function decodeOpen(reader: Reader): Open {
  // RFC 4271 §6.2: the data is the largest version that we support.
  if (reader.u8() !== BGP_VERSION) failOpen(OpenError.unsupportedVersion, Uint8Array.of(0, BGP_VERSION));
  const asn = reader.u16();
  const holdTimeSeconds = reader.u16();
  const id = reader.take(4);
  // RFC 7607 §2, RFC 4271 §6.2 and RFC 6286 §2.1.
  if (asn === 0) failOpen(OpenError.badPeerAs);
  if (holdTimeSeconds === 1 || holdTimeSeconds === 2) failOpen(OpenError.unacceptableHoldTime);
  if (id.every((byte) => byte === 0)) failOpen(OpenError.badIdentifier, id);
  return { type: 'open', asn, holdTimeSeconds, routerId: ipFromBytes(id), capabilities: decodeParameters(reader) };
}

function decodeParameters(reader: Reader): Capability[] {
  let length = reader.u8();
  // RFC 9072 §2: the parameter type 255 in the first place, not the length, says that the extended form follows.
  const extended = length !== 0 && reader.left > 0 && reader.bytes[reader.offset] === EXTENDED_LENGTH;
  if (extended) {
    reader.u8();
    length = reader.u16();
  }
  if (length !== reader.left) failOpen(OpenError.unspecific);
  const capabilities: Capability[] = [];
  while (reader.left > 0) {
    const type = reader.u8();
    const body = reader.sub(extended ? reader.u16() : reader.u8(), openTooShort);
    if (type !== CAPABILITIES_PARAMETER) failOpen(OpenError.unsupportedParameter);
    capabilities.push(...decodeCapabilities(body));
  }
  return capabilities;
}

/** All capabilities go into one parameter (RFC 5492 §4). */
export function encodeOpen(writer: Writer, open: Open): void {
  writer.u8(BGP_VERSION);
  writer.u16(open.asn);
  writer.u16(open.holdTimeSeconds);
  writeIp(open.routerId, writer.bytes, writer.skip(4));
  if (open.capabilities.length === 0) {
    writer.u8(0);
    return;
  }
  const start = writer.offset;
  encodeParameters(writer, open.capabilities, false);
  const length = writer.offset - start - 1;
  if (length <= 254) {
    writer.bytes[start] = length;
    return;
  }
  writer.offset = start;
  encodeParameters(writer, open.capabilities, true);
}

function encodeParameters(writer: Writer, capabilities: readonly Capability[], extended: boolean): void {
  writer.u8(extended ? EXTENDED_LENGTH : 0);
  if (extended) {
    writer.u8(EXTENDED_LENGTH);
    writer.skip(2);
  }
  const start = writer.offset;
  writer.u8(CAPABILITIES_PARAMETER);
  const lengthAt = writer.skip(extended ? 2 : 1);
  const bodyAt = writer.offset;
  for (const capability of capabilities) encodeCapability(writer, capability);
  if (extended) {
    writer.setU16(lengthAt, writer.offset - bodyAt);
    writer.setU16(start - 2, writer.offset - start);
  } else writer.bytes[lengthAt] = writer.offset - bodyAt;
}
