import { type Family, type Ip, ipFromBytes, writeIp } from '../../net/ip.ts';
import type { Reader, Writer } from '../cursor.ts';
import type { MpReach, MpUnreach, UpdateContext } from './attribute.ts';
import { familyOf } from './family.ts';
import { UpdateError } from './iana.ts';
import { failUpdate } from './malformed.ts';
import { type NlriRun, scanNlri } from './nlri.ts';

/*
 * RFC 4760 §3 and §4. A fault in either attribute leaves it unknown which routes it spoke of, so that the session has to
 * go (RFC 7606 §5.3, §7.11). `whole` is the attribute with its header, for the NOTIFICATION.
 *
 *     MP_REACH_NLRI    AFI (2)  SAFI (1)  length of next hop (1)  next hop  reserved (1)  NLRI
 *     MP_UNREACH_NLRI  AFI (2)  SAFI (1)  withdrawn routes
 */

export function decodeMpReach(body: Reader, whole: Uint8Array, context: UpdateContext): MpReach {
  const afi = body.u16();
  const safi = body.u8();
  const nextHop = body.take(body.u8());
  body.u8();
  const family = familyOf(afi, safi);
  if (family === undefined) {
    body.rest();
    return { type: 'mpReach', afi, safi, nextHops: [] };
  }
  const nextHops = decodeNextHops(nextHop, family) ?? failOptional(whole);
  return { type: 'mpReach', afi, safi, nextHops, nlri: runOf(body, family, context) ?? failOptional(whole) };
}

export function decodeMpUnreach(body: Reader, whole: Uint8Array, context: UpdateContext): MpUnreach {
  const afi = body.u16();
  const safi = body.u8();
  const family = familyOf(afi, safi);
  if (family === undefined) {
    body.rest();
    return { type: 'mpUnreach', afi, safi };
  }
  return { type: 'mpUnreach', afi, safi, nlri: runOf(body, family, context) ?? failOptional(whole) };
}

function runOf(body: Reader, family: Family, context: UpdateContext): NlriRun | undefined {
  return scanNlri(body.rest(), family, context.addPath.includes(family));
}

function failOptional(whole: Uint8Array): never {
  return failUpdate(UpdateError.optional, 'session-reset', whole);
}

/** Lengths as RFC 4760 §3, RFC 2545 §3 and RFC 8950 §3 allow them. */
function decodeNextHops(bytes: Uint8Array, family: Family): Ip[] | undefined {
  if (bytes.length === 4 && family === 'ipv4') return [ipFromBytes(bytes)];
  if (bytes.length === 16) return [ipFromBytes(bytes)];
  if (bytes.length === 32) return [ipFromBytes(bytes, 0, 16), ipFromBytes(bytes, 16, 16)];
  return undefined;
}

export function encodeMpReach(writer: Writer, attribute: MpReach): void {
  writer.u16(attribute.afi);
  writer.u8(attribute.safi);
  const lengthAt = writer.skip(1);
  for (const nextHop of attribute.nextHops) writeIp(nextHop, writer.bytes, writer.skip(nextHop.includes(':') ? 16 : 4));
  writer.bytes[lengthAt] = writer.offset - lengthAt - 1;
  writer.u8(0);
  if (attribute.nlri !== undefined) writer.raw(attribute.nlri.bytes);
}

export function encodeMpUnreach(writer: Writer, attribute: MpUnreach): void {
  writer.u16(attribute.afi);
  writer.u8(attribute.safi);
  if (attribute.nlri !== undefined) writer.raw(attribute.nlri.bytes);
}
