import type { Reader, Writer } from '../cursor.ts';
import { AS_TRANS } from './iana.ts';

/** RFC 4271 §4.3 b, RFC 5065 §3. */
export interface AsSegment {
  readonly kind: SegmentKind;
  readonly asns: readonly number[];
}

export type SegmentKind = 'set' | 'sequence' | 'confedSequence' | 'confedSet';

const KINDS: Readonly<Record<number, SegmentKind>> = { 1: 'set', 2: 'sequence', 3: 'confedSequence', 4: 'confedSet' };
const NUMBERS: Readonly<Record<SegmentKind, number>> = { set: 1, sequence: 2, confedSequence: 3, confedSet: 4 };

/** A segment counts its members in one byte. */
const MAX_SEGMENT = 255;

/**
 * @param width bytes per AS number: 4 between speakers of RFC 6793, else 2
 * @returns undefined when malformed in the sense of RFC 7606 §7.2, or with AS 0 in it (RFC 7607 §2); short reads are the reader's to answer.
 */
export function decodeSegments(reader: Reader, width: 2 | 4): AsSegment[] | undefined {
  const segments: AsSegment[] = [];
  while (reader.left > 0) {
    const kind = KINDS[reader.u8()];
    const count = reader.u8();
    if (kind === undefined || count === 0) return undefined;
    const body = reader.sub(count * width);
    const asns: number[] = [];
    while (body.left > 0) asns.push(width === 4 ? body.u32() : body.u16());
    if (asns.includes(0)) return undefined;
    segments.push({ kind, asns });
  }
  return segments;
}

export function encodeSegments(writer: Writer, segments: readonly AsSegment[], width: 2 | 4): void {
  for (const segment of segments) {
    for (let from = 0; from < segment.asns.length; from += MAX_SEGMENT) {
      const asns = segment.asns.slice(from, from + MAX_SEGMENT);
      writer.u8(NUMBERS[segment.kind]);
      writer.u8(asns.length);
      for (const asn of asns) encodeAsn(writer, asn, width);
    }
  }
}

/** RFC 6793 §4.2.2: a number that has no two-byte form is shown as AS_TRANS. */
export function encodeAsn(writer: Writer, asn: number, width: 2 | 4): void {
  if (width === 4) writer.u32(asn);
  else writer.u16(asn > 0xffff ? AS_TRANS : asn);
}
