import { type Ip, writeIp } from '../../net/ip.ts';
import type { Writer } from '../cursor.ts';
import { encodeAsn, encodeSegments } from './asPath.ts';
import { type Attribute, Flag, type KnownAttribute, attributeFlags } from './attribute.ts';
import { AttributeCode } from './iana.ts';
import { encodeMpReach, encodeMpUnreach } from './mpNlri.ts';

const ORIGINS = { igp: 0, egp: 1, incomplete: 2 } as const;

/** Writes one attribute, with the short header where it will do. @param as4 four-byte AS numbers (RFC 6793) */
export function encodeAttribute(writer: Writer, attribute: Attribute, as4: boolean): void {
  const flags = attribute.type === 'unknown' ? attribute.flags : attributeFlags(attribute.type);
  const start = writer.offset;
  writer.u8(flags);
  writer.u8(attribute.type === 'unknown' ? attribute.code : AttributeCode[attribute.type]);
  const lengthAt = writer.skip(1);
  if (attribute.type === 'unknown') writer.raw(attribute.value);
  else encodeValue(writer, attribute, as4);
  const length = writer.offset - lengthAt - 1;
  if (length <= 255) {
    writer.bytes[lengthAt] = length;
    return;
  }
  writer.skip(1);
  writer.bytes.copyWithin(lengthAt + 2, lengthAt + 1, writer.offset - 1);
  writer.bytes[start] = flags | Flag.extendedLength;
  writer.setU16(lengthAt, length);
}

type Encoders = {
  readonly [Type in KnownAttribute['type']]: (writer: Writer, attribute: KnownAttribute & { readonly type: Type }, as4: boolean) => void;
};

const ENCODERS: Encoders = {
  origin: (writer, { origin }) => writer.u8(ORIGINS[origin]),
  asPath: (writer, { segments }, as4) => encodeSegments(writer, segments, as4 ? 4 : 2),
  nextHop: (writer, { nextHop }) => encodeIp4(writer, nextHop),
  med: (writer, { med }) => writer.u32(med),
  localPref: (writer, { localPref }) => writer.u32(localPref),
  atomicAggregate: () => undefined,
  aggregator: (writer, { asn, address }, as4) => {
    encodeAsn(writer, asn, as4 ? 4 : 2);
    encodeIp4(writer, address);
  },
  communities: (writer, { communities }) => {
    for (const community of communities) writer.u32(community);
  },
  originatorId: (writer, { originatorId }) => encodeIp4(writer, originatorId),
  clusterList: (writer, { clusterIds }) => {
    for (const id of clusterIds) encodeIp4(writer, id);
  },
  mpReach: encodeMpReach,
  mpUnreach: encodeMpUnreach,
  extendedCommunities: (writer, { communities }) => encodeHex(writer, communities),
  as4Path: (writer, { segments }) => encodeSegments(writer, segments, 4),
  as4Aggregator: (writer, { asn, address }) => {
    writer.u32(asn);
    encodeIp4(writer, address);
  },
  ipv6ExtendedCommunities: (writer, { communities }) => encodeHex(writer, communities),
  largeCommunities: (writer, { communities }) => {
    for (const part of communities.flat()) writer.u32(part);
  },
  onlyToCustomer: (writer, { asn }) => writer.u32(asn),
};

function encodeValue(writer: Writer, attribute: KnownAttribute, as4: boolean): void {
  // The table pairs each type with its own encoder, which the compiler cannot follow through an index.
  const encode = ENCODERS[attribute.type] as (writer: Writer, attribute: KnownAttribute, as4: boolean) => void;
  encode(writer, attribute, as4);
}

function encodeIp4(writer: Writer, ip: Ip): void {
  writeIp(ip, writer.bytes, writer.skip(4));
}

function encodeHex(writer: Writer, communities: readonly string[]): void {
  for (const community of communities) writer.raw(unhex(community));
}

function unhex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(i * 2, i * 2 + 2), 16);
  return bytes;
}
