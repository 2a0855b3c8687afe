import { HEADER_LENGTH } from './iana.ts';
import type { Malformed } from './malformed.ts';
import { isMalformed } from './malformed.ts';
import { decodeHeader } from './message.ts';

/**
 * Cuts a byte stream into messages. It is a mutable value that its connection owns. At most one message is ever kept
 * (4,096 bytes, or 65,535 with RFC 8654), and every byte is copied at most twice, even when each comes alone.
 */
export interface Framer {
  extended: boolean;
  /** The beginning of a message, from earlier chunks. */
  kept: Uint8Array;
  keptLength: number;
  /** Length of the message in `kept`; 0 until its header is complete. */
  expected: number;
  chunk: Uint8Array;
  at: number;
}

const NOTHING = new Uint8Array(0);

export function createFramer(): Framer {
  return { extended: false, kept: NOTHING, keptLength: 0, expected: 0, chunk: NOTHING, at: 0 };
}

/** Hands over the next chunk. Call only after {@link nextMessage} has returned undefined. */
export function feedFramer(framer: Framer, chunk: Uint8Array): void {
  framer.chunk = chunk;
  framer.at = 0;
}

/**
 * @returns the next whole message, a view that is good until the next {@link feedFramer}; undefined when more bytes are
 * needed; Malformed when the header is wrong, after which the stream has no meaning any more.
 */
export function nextMessage(framer: Framer): Uint8Array | Malformed | undefined {
  return framer.keptLength > 0 ? continueKept(framer) : fromChunk(framer);
}

function fromChunk(framer: Framer): Uint8Array | Malformed | undefined {
  const { chunk, at } = framer;
  const left = chunk.length - at;
  if (left === 0) return release(framer);
  const length = left < HEADER_LENGTH ? 0 : decodeHeader(chunk, at, framer.extended);
  if (typeof length !== 'number') return length;
  if (length !== 0 && left >= length) {
    framer.at = at + length;
    return chunk.subarray(at, at + length);
  }
  framer.kept = new Uint8Array(length === 0 ? HEADER_LENGTH : length);
  framer.kept.set(chunk.subarray(at));
  framer.keptLength = left;
  framer.expected = length;
  return release(framer);
}

function continueKept(framer: Framer): Uint8Array | Malformed | undefined {
  if (framer.expected === 0) {
    fill(framer, HEADER_LENGTH);
    if (framer.keptLength < HEADER_LENGTH) return release(framer);
    const length = decodeHeader(framer.kept, 0, framer.extended);
    if (isMalformedLength(length)) return length;
    const whole = new Uint8Array(length);
    whole.set(framer.kept);
    framer.kept = whole;
    framer.expected = length;
  }
  fill(framer, framer.expected);
  if (framer.keptLength < framer.expected) return release(framer);
  const message = framer.kept;
  framer.kept = NOTHING;
  framer.keptLength = 0;
  framer.expected = 0;
  return message;
}

function isMalformedLength(length: number | Malformed): length is Malformed {
  return typeof length === 'object' && isMalformed(length);
}

function fill(framer: Framer, upTo: number): void {
  const count = Math.min(upTo - framer.keptLength, framer.chunk.length - framer.at);
  framer.kept.set(framer.chunk.subarray(framer.at, framer.at + count), framer.keptLength);
  framer.keptLength += count;
  framer.at += count;
}

/** Lets go of a chunk that has been read to its end, which belongs to the caller. */
function release(framer: Framer): undefined {
  framer.chunk = NOTHING;
  framer.at = 0;
  return undefined;
}
