import type { Family } from '../net/ip.ts';
import { afiSafiOf } from '../wire/bgp/family.ts';
import { AttributeCode, HEADER_LENGTH, MessageType, RefreshSubtype } from '../wire/bgp/iana.ts';
import { encodeMessage, writeHeader } from '../wire/bgp/message.ts';
import { type NlriRun, encodeNlri, nlriLength } from '../wire/bgp/nlri.ts';
import { Writer } from '../wire/cursor.ts';
import { type Envelope, maxPrefixBytes } from './encodedRoutes.ts';

/** Messages as they are being put together. */
export interface Packing {
  readonly chunks: Uint8Array[];
  bytes: number;
  messages: number;
  /** Of these, UPDATEs. */
  updates: number;
}

/** Something to be said between routes: End-of-RIB (RFC 4724), the bounds of a refresh (RFC 7313), or nothing (`done`). */
export interface Marker {
  readonly kind: 'endOfRib' | 'begin' | 'end' | 'done';
  readonly family: Family;
}

/** What is left of one run, and how it is to be sent. */
export interface RunJob {
  readonly nlri: NlriRun;
  /** Offset in the bytes of the run, at the start of a prefix. */
  readonly from: number;
  /** Absent: the prefixes are withdrawn. */
  readonly envelope: Envelope | undefined;
  readonly classic: boolean;
  readonly maxMessage: number;
}

/** Withdrawn routes length and total path attribute length. */
const LENGTHS = 4;
/** Flags, code, two bytes of length, AFI and SAFI. */
const MP_UNREACH_HEAD = 7;

/** Packs as much of a run as the limits allow, and one message at least. */
export function writeRun(packing: Packing, job: RunJob, maxBytes: number, maxMessages: number): { bytes: number; prefixes: number } {
  const { nlri } = job;
  const overhead = HEADER_LENGTH + LENGTHS + fixedBytes(job);
  const room = job.maxMessage - overhead;
  const least = maxPrefixBytes(nlri.family, nlri.addPath);
  // RFC 4271 §9.2: such a route is not advertised, and what was said of it before is not true any more.
  if (room < least) return writeRun(packing, { ...job, envelope: undefined }, maxBytes, maxMessages);
  const count = Math.min(
    Math.ceil((nlri.bytes.length - job.from) / (room - least + 1)),
    Math.max(1, Math.ceil((maxBytes - packing.bytes) / job.maxMessage)),
    maxMessages - packing.messages,
  );
  const writer = new Writer(new Uint8Array(Math.min(count * job.maxMessage, nlri.bytes.length - job.from + count * overhead)));
  let at = job.from;
  let prefixes = 0;
  for (let i = 0; i < count && at < nlri.bytes.length; i++) {
    const chunk = nextChunk(job, at, room);
    writeUpdate(writer, job, nlri.bytes.subarray(at, chunk.end));
    at = chunk.end;
    prefixes += chunk.prefixes;
    packing.messages++;
    packing.updates++;
  }
  push(packing, writer.written());
  return { bytes: at - job.from, prefixes };
}

/** Whether attributes leave room for a single prefix. */
export function hasRoom(
  envelope: Envelope,
  family: Family,
  session: { readonly maxMessage: number; readonly addPath: readonly Family[] },
): boolean {
  const fixed = HEADER_LENGTH + LENGTHS + fixedBytes({ envelope, classic: envelope.classic });
  return session.maxMessage - fixed >= maxPrefixBytes(family, session.addPath.includes(family));
}

function fixedBytes({ envelope, classic }: Pick<RunJob, 'envelope' | 'classic'>): number {
  if (envelope !== undefined) return envelope.mpHead.length + envelope.attributes.length;
  return classic ? 0 : MP_UNREACH_HEAD;
}

function nextChunk({ nlri }: RunJob, from: number, room: number): { readonly end: number; readonly prefixes: number } {
  const limit = Math.min(nlri.bytes.length, from + room);
  if (nlri.stride !== undefined) {
    const prefixes = Math.floor((limit - from) / nlri.stride);
    return { end: from + prefixes * nlri.stride, prefixes };
  }
  let end = from;
  let prefixes = 0;
  for (;;) {
    if (end >= nlri.bytes.length) break;
    const next = end + nlriLength(nlri.bytes, end, nlri.addPath);
    if (next > limit) break;
    end = next;
    prefixes++;
  }
  return { end, prefixes };
}

function writeUpdate(writer: Writer, job: RunJob, nlri: Uint8Array): void {
  const start = writer.offset;
  writeHeader(writer, MessageType.update);
  const { envelope, classic } = job;
  if (envelope === undefined && classic) {
    writer.u16(nlri.length);
    writer.raw(nlri);
    writer.u16(0);
  } else if (envelope === undefined) {
    writeMpUnreach(writer, job.nlri.family, nlri);
  } else {
    writer.u16(0);
    writer.u16(envelope.mpHead.length + envelope.attributes.length + (classic ? 0 : nlri.length));
    // RFC 7606 §5.1: MP_REACH_NLRI comes first.
    if (!classic) writeMpReach(writer, envelope.mpHead, nlri);
    writer.raw(envelope.attributes);
    if (classic) writer.raw(nlri);
  }
  writer.setU16(start + 16, writer.offset - start);
}

function writeMpReach(writer: Writer, head: Uint8Array, nlri: Uint8Array): void {
  const at = writer.offset;
  writer.raw(head);
  writer.setU16(at + 2, head.length - 4 + nlri.length);
  writer.raw(nlri);
}

function writeMpUnreach(writer: Writer, family: Family, nlri: Uint8Array): void {
  const { afi, safi } = afiSafiOf(family);
  writer.u16(0);
  writer.u16(MP_UNREACH_HEAD + nlri.length);
  writer.u8(0x90);
  writer.u8(AttributeCode.mpUnreach);
  writer.u16(3 + nlri.length);
  writer.u16(afi);
  writer.u8(safi);
  writer.raw(nlri);
}

export function writeMarker(packing: Packing, marker: Marker): void {
  if (marker.kind === 'done') return;
  const family = afiSafiOf(marker.family);
  packing.messages++;
  if (marker.kind !== 'endOfRib') {
    push(packing, encodeMessage({ type: 'routeRefresh', subtype: RefreshSubtype[marker.kind], ...family }));
    return;
  }
  packing.updates++;
  const empty = encodeNlri([], marker.family);
  // RFC 4724 §2 has the empty UPDATE for IPv4 unicast, whatever carries its routes.
  const attributes = marker.family === 'ipv4' ? [] : [{ type: 'mpUnreach', ...family, nlri: empty } as const];
  const none = encodeNlri([], 'ipv4');
  push(packing, encodeMessage({ type: 'update', withdrawn: none, attributes, nlri: none, faults: [] }, true, new Uint8Array(64)));
}

function push(packing: Packing, bytes: Uint8Array): void {
  packing.chunks.push(bytes);
  packing.bytes += bytes.length;
}
