import { type OnShort, Reader, Writer } from '../cursor.ts';
import type { UpdateContext } from './attribute.ts';
import { HEADER_LENGTH, HeaderError, MAX_EXTENDED_MESSAGE, MAX_MESSAGE, MessageType } from './iana.ts';
import { type Malformed, attempt, failHeader, openTooShort } from './malformed.ts';
import { type Notification, decodeNotification, encodeNotification } from './notification.ts';
import { type Open, decodeOpen, encodeOpen } from './open.ts';
import { type RouteRefresh, decodeRouteRefresh, encodeRouteRefresh } from './routeRefresh.ts';
import { type Update, decodeUpdate, encodeUpdate, updateTooShort } from './update.ts';

export type Message = Open | Update | Notification | Keepalive | RouteRefresh;

export interface Keepalive {
  readonly type: 'keepalive';
}

export interface MessageContext extends UpdateContext {
  /** Messages may have more than 4,096 bytes (RFC 8654). */
  readonly extended: boolean;
}

/** RFC 4271 §6.1, RFC 2918 §3. */
const MIN_LENGTHS: Readonly<Record<number, number>> = { 1: 29, 2: 23, 3: 21, 4: HEADER_LENGTH, 5: 23 };

const LENGTH_AT = 16;
const TYPE_AT = 18;

/**
 * Checks a header (RFC 4271 §4.1, §6.1): marker (16, all ones), length (2), type (1).
 * @param bytes holds at least the 19 bytes from `at` on
 * @returns the length of the whole message
 */
export function decodeHeader(bytes: Uint8Array, at: number, extended: boolean): number | Malformed {
  return attempt(() => headerLength(bytes, at, extended));
}

function headerLength(bytes: Uint8Array, at: number, extended: boolean): number {
  for (let i = 0; i < LENGTH_AT; i++) if (bytes[at + i] !== 0xff) failHeader(HeaderError.notSynchronized);
  const field = bytes.subarray(at + LENGTH_AT, at + LENGTH_AT + 2);
  const length = ((field[0] ?? 0) << 8) | (field[1] ?? 0);
  const type = bytes[at + TYPE_AT] ?? 0;
  // A length outside all bounds makes even the type doubtful, so it is looked at first.
  if (length < HEADER_LENGTH || (length > MAX_MESSAGE && !extended)) failHeader(HeaderError.badLength, field);
  const least = MIN_LENGTHS[type];
  if (least === undefined) failHeader(HeaderError.badType, Uint8Array.of(type));
  if (length < least || length > greatest(type)) failHeader(HeaderError.badLength, field);
  return length;
}

/** RFC 8654 §4: OPEN and KEEPALIVE stay small. */
function greatest(type: number): number {
  if (type === MessageType.keepalive) return HEADER_LENGTH;
  return type === MessageType.open ? MAX_MESSAGE : MAX_EXTENDED_MESSAGE;
}

/**
 * Decodes one whole message; never throws, whatever the bytes. An UPDATE that RFC 7606 does not answer with a reset comes
 * back as an Update with `faults`. Parts of the result may be views of `bytes`.
 */
export function decodeMessage(bytes: Uint8Array, context: MessageContext): Message | Malformed {
  return attempt(() => {
    if (bytes.length < HEADER_LENGTH) failHeader(HeaderError.badLength, bytes.subarray(LENGTH_AT, LENGTH_AT + 2));
    const length = headerLength(bytes, 0, context.extended);
    if (length !== bytes.length) failHeader(HeaderError.badLength, bytes.subarray(LENGTH_AT, LENGTH_AT + 2));
    return decodeBody(bytes, context);
  });
}

function decodeBody(bytes: Uint8Array, context: MessageContext): Message {
  const body = (onShort: OnShort): Reader => new Reader(bytes, onShort, HEADER_LENGTH);
  const badLength = (): never => failHeader(HeaderError.badLength, bytes.subarray(LENGTH_AT, LENGTH_AT + 2));
  switch (bytes[TYPE_AT] ?? 0) {
    case MessageType.open:
      return decodeOpen(body(openTooShort));
    case MessageType.update:
      return decodeUpdate(body(updateTooShort), context);
    case MessageType.notification:
      return decodeNotification(body(badLength));
    case MessageType.routeRefresh:
      return decodeRouteRefresh(body(badLength), bytes);
    default:
      return { type: 'keepalive' };
  }
}

/**
 * Encodes one message. Throws RangeError when it does not fit into `room` (a caller's bug).
 * @param as4 four-byte AS numbers in an UPDATE (RFC 6793)
 * @param room the bytes to write into; the result is a view of them
 */
export function encodeMessage(message: Message, as4 = true, room: Uint8Array = new Uint8Array(roomFor(message))): Uint8Array {
  const writer = new Writer(room);
  writeHeader(writer, MessageType[message.type]);
  switch (message.type) {
    case 'open':
      encodeOpen(writer, message);
      break;
    case 'update':
      encodeUpdate(writer, message, as4);
      break;
    case 'notification':
      encodeNotification(writer, message);
      break;
    case 'routeRefresh':
      encodeRouteRefresh(writer, message);
      break;
    case 'keepalive':
  }
  writer.setU16(LENGTH_AT, writer.offset);
  return writer.written();
}

function roomFor(message: Message): number {
  if (message.type === 'update') return MAX_EXTENDED_MESSAGE;
  return message.type === 'keepalive' || message.type === 'routeRefresh' ? 64 : MAX_MESSAGE;
}

/** Leaves the length to be filled in, 16 bytes behind the start. */
export function writeHeader(writer: Writer, type: number): void {
  const start = writer.skip(HEADER_LENGTH);
  writer.bytes.fill(0xff, start, start + LENGTH_AT);
  writer.setU16(start + LENGTH_AT, 0);
  writer.bytes[start + TYPE_AT] = type;
}
